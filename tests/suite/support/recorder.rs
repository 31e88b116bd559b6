//! What reached Wachat, call by call? A gateway that keeps everything and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::sync::watch;

use super::kabari::PATIENCE;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

impl Call {
    /// A field that is a text.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or("")
    }
}

/// How a call is answered, given how many came before it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Accepted, after this time.
    After(Duration),
    /// Never.
    Hang,
}

type Choose = dyn Fn(usize) -> Manner + Send + Sync;

/// A Wachat that listens on this machine until it is dropped.
pub(crate) struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    calls: Mutex<Vec<Call>>,
    count: watch::Sender<usize>,
    choose: Mutex<Box<Choose>>,
}

impl Recorder {
    /// Opens one that accepts everything at once.
    pub(crate) async fn open() -> Self {
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            count: watch::channel(0).0,
            choose: Mutex::new(Box::new(|_| Manner::After(Duration::ZERO))),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, server }
    }

    /// Its address, for `wachat.base_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on calls are answered like this.
    pub(crate) fn behave(&self, choose: impl Fn(usize) -> Manner + Send + Sync + 'static) {
        *self.shared.choose.lock().unwrap() = Box::new(choose);
    }

    /// The calls so far, in the order in which they came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Waits until there were so many calls.
    pub(crate) async fn reaches(&self, count: usize) {
        let mut seen = self.shared.count.subscribe();
        let enough = tokio::time::timeout(PATIENCE, seen.wait_for(|&seen| seen >= count)).await;
        assert!(enough.is_ok(), "{} of {count} calls came", self.calls().len());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let before = {
        let mut calls = shared.calls.lock().unwrap();
        calls.push(Call {
            path: uri.path().to_owned(),
            authorization: header("authorization").to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        });
        calls.len() - 1
    };
    shared.count.send_modify(|count| *count = before + 1);
    let manner = shared.choose.lock().unwrap()(before);
    match manner {
        Manner::After(time) => tokio::time::sleep(time).await,
        Manner::Hang => std::future::pending().await,
    }
    let accepted = r#"{"success":true,"message":"processed and dispatched"}"#;
    (StatusCode::OK, accepted.to_owned())
}
