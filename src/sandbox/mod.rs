//! A Wachat look-alike for people without an account.
//!
//! It takes the documented requests and no others, fetches the media, waits like the real one, can
//! be told to fail, and shows on its page what a person would have received. It has no part in
//! sending: kabari speaks to it as it does to Wachat.

mod request;
mod fault;
mod answer;
mod fetch;
mod outbox;
mod world;
mod send;
mod page;
mod guard;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use fault::{FAULT_HELP, FAULTS_MAX, Fault, FaultError, FaultSpec};
pub use fetch::{FETCH_TIMEOUT, REDIRECTS_MAX};
pub use outbox::{
    Change, Chat, Counters, Dispatched, KEPT_MAX, Media, Outbox, PREVIEW_MAX, PREVIEWS_MAX,
    Request, RequestState,
};
pub use request::DELAY_MAX_MS;

use crate::media;
use crate::secret::Secret;
use crate::wachat::{MEDIA_PATH, TEXT_PATH};
use answer::HangUp;
use world::World;

/// The largest body of a call, in bytes.
const BODY_MAX: usize = 1024 * 1024;
/// How long open connections may go on once the sandbox is to stop.
const STOP_GRACE: Duration = Duration::from_millis(500);
/// How many connections are open at a time; others wait.
const CONNECTIONS_MAX: usize = 1024;

/// How the sandbox behaves.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// How many times faster than the real one it waits; 1 is real.
    pub speed: f64,
    /// The token that is asked for; `None` takes any that is not empty.
    pub token: Option<Secret>,
    /// The faults to begin with.
    pub faults: Vec<FaultSpec>,
    /// Whether images and documents that are not on this machine are replaced by samples, so that
    /// nothing is fetched from the network.
    pub stand_ins: bool,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self { speed: 1.0, token: None, faults: Vec::new(), stand_ins: false }
    }
}

/// A sandbox: a handle; clones are the same one.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<World>);

impl Sandbox {
    /// Makes a sandbox.
    ///
    /// # Errors
    /// A speed that is not above 0, too many faults, or no HTTP client.
    pub fn new(settings: SandboxSettings) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(World::new(settings)?)))
    }

    /// What was asked and what went out.
    pub fn outbox(&self) -> Outbox {
        self.0.outbox.clone()
    }

    /// Fails so from now on.
    ///
    /// # Errors
    /// [`FaultError::Full`].
    pub fn fail(&self, spec: FaultSpec) -> Result<(), FaultError> {
        self.0.faults().add(spec)
    }

    /// Every route, by who calls it.
    fn router(&self) -> Router {
        Router::new()
            // Whoever sends.
            .route(MEDIA_PATH, post(send::send_media))
            .route(TEXT_PATH, post(send::send_text))
            // The page.
            .route("/", get(page::html))
            .route("/page.js", get(page::script))
            .route("/page.css", get(page::style))
            .route("/sandbox/messages", get(page::messages))
            .route("/sandbox/counters", get(page::counters))
            .route("/sandbox/events", get(page::events))
            .route("/sandbox/media/{id}", get(page::media))
            // Tests and curious people.
            .route(
                "/sandbox/faults",
                get(page::faults).post(page::add_faults).delete(page::clear_faults),
            )
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(Arc::clone(&self.0))
            .merge(media::sample_routes())
    }

    /// Serves until `shutdown` is ready; calls under way get half a second.
    ///
    /// # Errors
    /// The listener has no address. A connection that cannot be accepted is waited out.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        self.0.fetcher.listens_at(address);
        let mut router = self.router();
        if address.ip().is_loopback() {
            router = router.layer(middleware::from_fn(guard::only_for_this_machine));
        }
        let connections = TaskTracker::new();
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = async {
                let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
                listener.accept().await.map(|(stream, _)| (stream, place))
            };
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, place)) => {
                    let (router, stop) = (router.clone(), self.0.stop.clone());
                    connections.spawn(async move {
                        converse(stream, router, stop).await;
                        drop(place);
                    });
                }
                // Mostly too many open files: others must close first.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        self.0.stop.cancel();
        connections.close();
        let _ = tokio::time::timeout(2 * STOP_GRACE, connections.wait()).await;
        Ok(())
    }
}

/// One connection. A response that says so is not sent: the connection closes instead.
async fn converse(
    stream: tokio::net::TcpStream,
    router: Router,
    stop: tokio_util::sync::CancellationToken,
) {
    let handlers = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = handlers.call(request.map(Body::new));
        async move {
            let Ok(response) = answer.await;
            if response.extensions().get::<HangUp>().is_some() {
                return Err(std::io::Error::other("the sandbox hangs up"));
            }
            Ok(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How a connection ends is the client's affair.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(STOP_GRACE, connection).await;
}
