//! Is what each provider sends believed, and nothing else? Through the real listener on a real
//! socket, with a clock that is handed in.

mod vectors;
mod rows;
mod presets;
mod edits;
mod mutations;
mod handshakes;
mod custom;
mod traps;
mod same;
mod odd;
mod written;
mod batches;
mod fetched;
mod libraries;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use kabari::expr::Surroundings;
use kabari::pipeline::{Defaults, Pipeline};
use kabari::receive::{Door, Receiver, Settings};
use kabari::secret::Secret;
use kabari::sources::{KeyRing, Offers, Source, SourceSettings};
use kabari::store::{EventFilter, EventRow, OpenOptions, SqliteStore, Store};
use kabari::telemetry::Metrics;
use kabari::verify::Outgoing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::receive::{Answer, listen};

const NOON: i64 = 1_764_000_000;
static NOW: AtomicI64 = AtomicI64::new(NOON);
/// The clock is one for all: whoever sets it is alone.
static CLOCK: Mutex<()> = Mutex::const_new(());

fn now() -> Timestamp {
    Timestamp::from_second(NOW.load(Ordering::SeqCst)).expect("a time")
}

/// A listener whose sources can be exchanged.
struct House {
    address: SocketAddr,
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: Arc<SqliteStore>,
    metrics: Arc<Metrics>,
    offers: Arc<Offers>,
    keys: Arc<KeyRing>,
    _directory: tempfile::TempDir,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl House {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("kabari.db");
        let store =
            Arc::new(SqliteStore::open_with(&path, OpenOptions::default()).expect("a store"));
        let metrics = Arc::new(Metrics::default());
        let pipeline = Arc::new(ArcSwap::from_pointee(pipeline(Vec::new())));
        let receiver = Receiver::new(
            Arc::clone(&pipeline),
            store.clone(),
            metrics.clone(),
            Settings { failures_burst: 1_000_000, ..Settings::default() },
        );
        let offers = Arc::<Offers>::default();
        let keys = Arc::new(KeyRing::new(|| {}));
        let receiver = receiver.with_clock(now).with_offers(Arc::clone(&offers));
        let receiver = receiver.with_keys(Arc::clone(&keys));
        let (address, stop, _) = listen(Door::new(receiver)).await;
        Self { address, pipeline, store, metrics, offers, keys, _directory: directory, _stop: stop }
    }

    /// Serves just this source from now on.
    fn serve(&self, source: Source) {
        self.pipeline.store(Arc::new(pipeline(vec![source])));
    }

    fn source(&self) -> arc_swap::Guard<Arc<Pipeline>> {
        self.pipeline.load()
    }

    async fn send(&self, request: &Outgoing) -> Answer {
        let Outgoing { method, target, headers, body, .. } = request;
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(bytes, "{name}: {value}\r\n");
        }
        let _ = write!(bytes, "Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(&bytes).await.expect("to be heard");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn recorded(&self) -> Vec<EventRow> {
        self.store.events(EventFilter::default()).await.expect("events").rows
    }
}

fn pipeline(sources: Vec<Source>) -> Pipeline {
    let around = || Surroundings {
        vars: serde_json::json!({}),
        amounts: None,
        timezone: jiff::tz::TimeZone::UTC,
        country: None,
    };
    let sources = sources.into_iter().map(|source| (source, around())).collect();
    let defaults = Defaults { instance: "jakarta".to_owned(), ..Defaults::default() };
    Pipeline::new(sources, Vec::new(), defaults)
}

/// A preset with this secret, at this address.
fn settings(preset: &str, secret: &str, url: &str) -> SourceSettings {
    SourceSettings {
        preset: Some(preset.to_owned()),
        secret: Some(Secret::new(secret)),
        url: Some(url.to_owned()),
        ..SourceSettings::default()
    }
}

fn outgoing(preset: &str, body: &[u8]) -> Outgoing {
    Outgoing::post(preset, body, now())
}
