//! How does kabari speak HTTP? One listener loop for all: patience, no panics, an end; and one way to
//! begin a client.

mod seats;
mod retry_after;

use std::any::Any;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum_server::Handle;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

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

/// Answers with `router` whatever comes to `listener` until `shutdown` is done; then takes nothing
/// new and returns when all answers are given, after [`GRACE`] at the latest.
///
/// A connection more than the machine can hold, or than one address may have, is closed at once.
/// A handler finds its client's address in `ConnectInfo<SocketAddr>`. One that panics answers 500.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let router = router.layer(CatchPanicLayer::custom(panicked));
    let handle: Handle<SocketAddr> = Handle::new();
    let mut server = axum_server::Server::from_listener(listener)
        .acceptor(Seats::of_this_machine())
        .handle(handle.clone())
        .http1_only();
    server.http_builder().http1().header_read_timeout(HEADER_TIME).max_buf_size(HEADERS_MAX);
    let serving = server.serve(router.into_make_service_with_connect_info::<SocketAddr>());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = shutdown => {}
    }
    handle.graceful_shutdown(Some(GRACE));
    serving.await
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
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a request made kabari panic: this is a bug, please report it");
    json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"internal"}"#)
}
