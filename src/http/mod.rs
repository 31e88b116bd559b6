//! How does kabari speak HTTP? One listener loop for all: patience, no panics, an end; and one way to
//! begin a client.

mod seats;
mod retry_after;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::http::seats::Seats;

pub use retry_after::retry_after;

/// How long a client may take over one request's headers, and how long a connection may rest
/// between two requests.
pub const HEADER_TIME: Duration = Duration::from_secs(30);
/// How much of one request's head is read, in bytes (hyper may take up to twice as much). Senders of
/// webhooks need 2 KiB.
const HEADERS_MAX: usize = 64 << 10;
/// How long requests under way may take to end once the listener is closed.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be taken: files are used up, most likely.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Whoever answers the requests that come to a listener.
pub trait Responder: Clone + Send + Sync + 'static {
    /// The answer to one request from this client.
    fn respond(
        &self,
        request: Request<Body>,
        client: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A handler finds its client's address in `ConnectInfo<SocketAddr>`.
impl Responder for Router {
    async fn respond(&self, mut request: Request<Body>, client: SocketAddr) -> Response<Body> {
        request.extensions_mut().insert(ConnectInfo(client));
        let Ok(response) = TowerToHyperService::new(self.clone()).call(request).await;
        response
    }
}

/// Answers whatever comes to `listener` until `shutdown` is done; then takes nothing new and returns
/// when all answers are given, after [`GRACE`] at the latest.
///
/// A connection more than the machine can hold, or than one address may have, is closed at once.
/// A responder that panics answers 500.
pub async fn serve(
    listener: TcpListener,
    responder: impl Responder,
    shutdown: impl Future<Output = ()>,
) {
    let seats = Seats::of_this_machine();
    let graceful = GracefulShutdown::new();
    // Dropped at the end, and with it whatever has not ended by then.
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, client)) => {
                let Some(seat) = seats.take(client.ip()) else { continue };
                let served = graceful.watch(connection(stream, client, responder.clone()));
                connections.spawn(async move {
                    // How a connection ends is its client's business.
                    let _ = served.await;
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be taken");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

/// One connection, HTTP/1.1 with keep-alive.
fn connection(
    stream: TcpStream,
    client: SocketAddr,
    responder: impl Responder,
) -> impl GracefulConnection<Error = hyper::Error> + Send {
    // Where it cannot be set, answers are late and nothing else.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let responder = responder.clone();
        let answer = async move { responder.respond(request.map(Body::new), client).await };
        // What a panic leaves behind is this request's alone.
        let answer = AssertUnwindSafe(answer).catch_unwind();
        answer.map(|answered| Ok::<_, Infallible>(answered.unwrap_or_else(|_| panicked())))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        // Who has said all may close its half and still wants its answer.
        .half_close(true)
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
}

/// A client to be finished: TLS by rustls with ring, no redirects, no proxy, and this time-out.
///
/// Redirects would carry tokens along, and what a proxy answers cannot be told from what the other
/// side answers.
pub fn client(timeout: Duration) -> reqwest::ClientBuilder {
    // Only the first call in the process can succeed, and any later one finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("kabari/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
}

/// Whether a `Host` (RFC 9110, 7.2) names this machine and nothing that a stranger's DNS decides.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A JSON answer.
pub fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The panic's text stays out of the answer and the log: it may quote what was sent. Where it
/// happened is printed by the panic itself.
fn panicked() -> Response<Body> {
    tracing::error!("a request made kabari panic: this is a bug, please report it");
    json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"internal"}"#)
}
