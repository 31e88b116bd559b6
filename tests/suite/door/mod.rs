//! Who gets through the door, how many of them, from where and packed how; and what the others and
//! the log are told.

mod addresses;
mod limits;
mod packed;
mod told;
mod twice;
mod rotation;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use kabari::expr::Surroundings;
use kabari::model::{Network, Networks};
use kabari::pipeline::{Defaults, Pipeline};
use kabari::receive::{Door, Proxies, Receiver, Settings};
use kabari::sources::{Source, SourceSettings};
use kabari::store::{EventFilter, EventRow, OpenOptions, SqliteStore, Store};
use kabari::telemetry::Metrics;
use kabari::verify::Outgoing;
use tokio::sync::Mutex as Turn;

use crate::receive::{Answer, exchange, listen};

const NOON: i64 = 1_764_000_000;
const SECRET: &str = "a secret of the warung";
/// What a warung's row says beside its limits.
const ROW: &str = r#"secret: a secret of the warung, kind: "{{ event.kind }}", id: none, verify: { hmac: { header: X-Sum } }"#;

static NOW: AtomicI64 = AtomicI64::new(NOON);
/// The clock is one for all: whoever sets it is alone.
static CLOCK: Turn<()> = Turn::const_new(());

fn now() -> Timestamp {
    Timestamp::from_second(NOW.load(Ordering::SeqCst)).expect("a time")
}

/// A listener with one source, `warung`, on a real socket and a real disk.
struct House {
    address: SocketAddr,
    source: Arc<ArcSwap<Pipeline>>,
    store: Arc<SqliteStore>,
    metrics: Arc<Metrics>,
    _directory: tempfile::TempDir,
    _stop: tokio::sync::oneshot::Sender<()>,
}

fn source(row: &str) -> Source {
    let settings: SourceSettings = serde_yaml::from_str(&format!("{{ {row} }}")).expect("settings");
    match Source::build("warung", &settings) {
        Ok((source, _)) => source,
        Err(faults) => panic!("{faults:#?}"),
    }
}

impl House {
    /// Of a source with this row, behind these proxies.
    async fn of(source: Source, proxies: &[&str], settings: Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("kabari.db");
        let store =
            Arc::new(SqliteStore::open_with(&path, OpenOptions::default()).expect("a store"));
        let metrics = Arc::new(Metrics::default());
        let around = Surroundings {
            vars: serde_json::json!({}),
            amounts: None,
            timezone: jiff::tz::TimeZone::UTC,
            country: None,
        };
        let defaults = Defaults { instance: "jakarta".to_owned(), ..Defaults::default() };
        let pipeline = Pipeline::new(vec![(source, around)], Vec::new(), defaults);
        let pipeline = Arc::new(ArcSwap::from_pointee(pipeline));
        let proxies = proxies.iter().map(|it| Network::parse(it).expect("a network")).collect();
        let receiver = Receiver::new(pipeline.clone(), store.clone(), metrics.clone(), settings)
            .with_clock(now)
            .behind(Proxies::new(Networks::new(proxies)));
        let (address, stop, _) = listen(Door::new(receiver)).await;
        Self { address, source: pipeline, store, metrics, _directory: directory, _stop: stop }
    }

    async fn with(row: &str) -> Self {
        Self::of(source(&format!("{ROW}, {row}")), &[], Settings::default()).await
    }

    /// A body, signed, with more headers.
    fn signed(&self, body: &[u8], headers: &[(&str, &str)]) -> Outgoing {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = Outgoing::post("warung", body, now()).with_headers(headers);
        let pipeline = self.source.load();
        pipeline.source("warung").expect("it").sign(request, None).expect("signed")
    }

    async fn send(&self, request: &Outgoing) -> Answer {
        exchange(self.address, &written(request)).await
    }

    async fn recorded(&self) -> Vec<EventRow> {
        self.store.events(EventFilter::default()).await.expect("events").rows
    }

    #[track_caller]
    fn counts(&self, line: &str) {
        let page = self.metrics.text();
        assert!(page.lines().any(|have| have == line), "{line}\n{page}");
    }
}

/// A request as it goes over the wire.
fn written(request: &Outgoing) -> Vec<u8> {
    let Outgoing { method, target, headers, body, .. } = request;
    let mut bytes =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        write!(bytes, "{name}: {value}\r\n").expect("written");
    }
    write!(bytes, "Content-Length: {}\r\n\r\n", body.len()).expect("written");
    bytes.extend_from_slice(body);
    bytes
}

/// The same with another signature of the right shape.
fn forged(request: &Outgoing) -> Outgoing {
    let mut forged = request.clone();
    forged.put_header("X-Sum", &"0".repeat(64));
    forged
}

/// What is logged on this thread as long as it lives.
struct Page {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Clone)]
struct Pen(Arc<Mutex<Vec<u8>>>);

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn open() -> Self {
        crate::support::listen();
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let pen = Pen(Arc::clone(&written));
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || pen.clone())
            .finish();
        Self { written, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).expect("text")
    }
}
