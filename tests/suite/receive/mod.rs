//! What is a sender answered?

mod recorded;
mod refused;
mod connections;
mod odd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use kabari::expr::{Names, Surroundings};
use kabari::http;
use kabari::pipeline::{Defaults, Pipeline, Rule};
use kabari::receive::{Door, Receiver, Settings};
use kabari::render::Send;
use kabari::rules::{Matcher, Pattern};
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings};
use kabari::store::{EventFilter, OpenOptions, SqliteStore, Store};
use kabari::telemetry::Metrics;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const SECRET: &str = "It's a Secret to Everybody";

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener of the real kind on a real socket, with a store on a real disk.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

/// One answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Two rules for GitHub: one message for a push to main, one more that cannot be made.
pub(crate) fn pipeline() -> Pipeline {
    let settings =
        SourceSettings { secret: Some(Secret::new(SECRET)), ..SourceSettings::default() };
    let (source, _) = Source::build("github", &settings).expect("a source");
    let around = Surroundings {
        vars: json!({}),
        amounts: None,
        timezone: jiff::tz::TimeZone::UTC,
        country: None,
    };
    let defaults = Defaults { instance: "jakarta".to_owned(), ..Defaults::default() };
    let rules = vec![
        rule("tell", &json!({"number": "6281234567890", "message": "pushed {{ event.ref }}"})),
        rule("broken", &json!({"number": "6281234567891", "message": "{{ event.nothing.here }}"})),
    ];
    Pipeline::new(vec![(source, around)], rules, defaults)
}

fn rule(name: &str, send: &Value) -> (Matcher, Rule) {
    let settings = serde_json::from_value(send.clone()).expect("a send");
    let matcher = Matcher {
        source: "github".to_owned(),
        kinds: vec!["push".to_owned()],
        pattern: Pattern::default(),
        when: None,
    };
    let rule = Rule {
        names: Names::default(),
        each: None,
        name: name.to_owned(),
        sends: vec![Send::compile(&settings).expect("a send")],
        attempts_max: 3,
        age_max_s: 3600,
        on_uncertain: None,
        delivery: std::sync::Arc::default(),
    };
    (matcher, rule)
}

pub(crate) async fn house(settings: Settings) -> House {
    house_with(settings, OpenOptions::default()).await
}

async fn house_with(settings: Settings, options: OpenOptions) -> House {
    let directory = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::open_with(&directory.path().join("kabari.db"), options).expect("a store");
    let store = Arc::new(store);
    let metrics = Arc::new(Metrics::default());
    let pipeline = Arc::new(ArcSwap::from_pointee(pipeline()));
    let receiver = Receiver::new(pipeline, store.clone(), metrics.clone(), settings);
    let receiver = receiver.with_clock(noon);
    let (address, stop, served) = listen(Door::new(receiver)).await;
    House { address, store, metrics, stop: Some(stop), served, _directory: directory }
}

fn noon() -> jiff::Timestamp {
    "2026-01-02T12:00:00Z".parse().expect("a time")
}

/// Serves on a free port until told to stop.
pub(crate) async fn listen(
    responder: impl http::Responder,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    (address, stop, tokio::spawn(http::serve(listener, responder, shutdown)))
}

/// A push, as GitHub sends it.
pub(crate) fn push(delivery: &str, body: &[u8]) -> Vec<u8> {
    push_signed(delivery, body, &signature(SECRET, body))
}

pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) fn push_signed(delivery: &str, body: &[u8], signature: &str) -> Vec<u8> {
    let mut request = format!(
        "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Event: push\r\n\
         X-GitHub-Delivery: {delivery}\r\nX-Hub-Signature-256: {signature}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Writes a whole request and reads the whole answer.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request).await.expect("written");
    answer(stream).await
}

async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let read = tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
    // A refusal may close before all of the request was read, which resets after the answer.
    assert!(read.is_ok() || !bytes.is_empty(), "{read:?}");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Asks again until the answer is as wanted: for what another connection must have done first.
async fn until(address: SocketAddr, request: &[u8], status: u16) -> Answer {
    let asking = async {
        loop {
            let answer = exchange(address, request).await;
            if answer.status == status {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the answer in time")
}

impl House {
    pub(crate) async fn ask(&self, request: &[u8]) -> Answer {
        exchange(self.address, request).await
    }

    pub(crate) async fn event_count(&self) -> usize {
        self.store.events(EventFilter::default()).await.expect("events").rows.len()
    }
}

pub(crate) const BODY: &[u8] = br#"{"ref":"refs/heads/main"}"#;
