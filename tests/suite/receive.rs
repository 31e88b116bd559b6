//! What is a sender answered?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use kabari::expr::{Names, Surroundings};
use kabari::http;
use kabari::model::{Event, State};
use kabari::pipeline::{Defaults, Pipeline, Rule};
use kabari::receive::{Receiver, Settings, router};
use kabari::render::Send;
use kabari::rules::{Matcher, Pattern};
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings};
use kabari::store::{EventFilter, MessageFilter, OpenOptions, SqliteStore, Store};
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
    served: JoinHandle<std::io::Result<()>>,
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
    let defaults = Defaults { instance: "jakarta".to_owned(), country: None };
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
    let (address, stop, served) = listen(router(Arc::new(receiver))).await;
    House { address, store, metrics, stop: Some(stop), served, _directory: directory }
}

fn noon() -> jiff::Timestamp {
    "2026-01-02T12:00:00Z".parse().expect("a time")
}

/// Serves on a free port until told to stop.
pub(crate) async fn listen(
    router: axum::Router,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    (address, stop, tokio::spawn(http::serve(listener, router, shutdown)))
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
        self.store.events(EventFilter::default()).await.expect("events").len()
    }
}

pub(crate) const BODY: &[u8] = br#"{"ref":"refs/heads/main"}"#;

#[tokio::test]
async fn a_signed_event_is_recorded_before_it_is_answered() {
    let house = house(Settings::default()).await;
    let answer = house.ask(&push("d-1", BODY)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = answer.json();
    assert_eq!(told["messages"], 1, "the broken rule's message does not wait");
    let id = told["event"].as_str().and_then(|id| id.parse().ok()).expect("an event id");
    let event = house.store.event(id).await.expect("a store").expect("the event");
    assert_eq!((event.kind.as_str(), &event.body[..]), ("push", BODY));
    let messages = house.store.messages(MessageFilter::default()).await.expect("messages");
    let mut states: Vec<_> =
        messages.iter().map(|made| (made.origin.rule.as_str(), made.state)).collect();
    states.sort_by_key(|(rule, _)| *rule);
    assert_eq!(states, [("broken", State::Failed), ("tell", State::Waiting)]);
    let page = house.metrics.text();
    for line in [
        r#"kabari_requests_total{source="github",outcome="accepted"} 1"#,
        r#"kabari_secret_matched_total{source="github",position="0"} 1"#,
        r#"kabari_events_total{source="github"} 1"#,
    ] {
        assert!(page.contains(line), "{page}");
    }
}

#[tokio::test]
async fn the_same_event_again_is_a_duplicate_and_names_the_first() {
    let house = house(Settings::default()).await;
    let first = house.ask(&push("d-1", BODY)).await.json();
    let second = house.ask(&push("d-1", BODY)).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.json(), json!({"event": first["event"], "duplicate": true}));
    assert_eq!(house.event_count().await, 1);
}

#[tokio::test]
async fn a_seen_request_sent_again_under_another_id_or_kind_is_a_duplicate() {
    let house = house(Settings::default()).await;
    let text = |delivery: &str, kind: &str, body: &[u8]| {
        let request = String::from_utf8(push(delivery, body)).expect("text");
        request.replace("X-GitHub-Event: push", &format!("X-GitHub-Event: {kind}")).into_bytes()
    };
    let first = house.ask(&push("d-1", BODY)).await.json();
    for (delivery, kind) in [("d-2", "push"), ("d-3", "workflow_dispatch"), ("d-4", "fork")] {
        let again = house.ask(&text(delivery, kind, BODY)).await;
        assert_eq!(again.json(), json!({"event": first["event"], "duplicate": true}), "{kind}");
    }
    let by_hand = br#"{"ref":"refs/heads/main","inputs":null,"workflow":"w.yml"}"#;
    for delivery in ["d-5", "d-6"] {
        let told = house.ask(&text(delivery, "workflow_dispatch", by_hand)).await.json();
        assert_eq!(told["messages"], 0, "two honest ones may be alike: {told}");
    }
    assert_eq!(house.event_count().await, 3);
    let waiting = house.store.messages(MessageFilter::default()).await.expect("messages");
    assert_eq!(waiting.iter().filter(|made| made.state == State::Waiting).count(), 1);
}

#[tokio::test]
async fn of_equal_events_at_the_same_moment_one_is_new() {
    let house = house(Settings::default()).await;
    let request = push("d-1", BODY);
    let answers =
        futures_util::future::join_all((0..30).map(|_| exchange(house.address, &request))).await;
    let (new, duplicate): (Vec<Value>, Vec<Value>) = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()
        })
        .partition(|told| told.get("duplicate").is_none());
    assert_eq!((new.len(), duplicate.len()), (1, 29));
    assert!(duplicate.iter().all(|told| told["event"] == new[0]["event"]));
    assert_eq!(house.event_count().await, 1);
}

#[tokio::test]
async fn what_was_not_signed_so_learns_nothing_and_leaves_nothing() {
    let house = house(Settings::default()).await;
    let good = signature(SECRET, BODY);
    let changed = br#"{"ref":"refs/heads/mail"}"#;
    let unsigned = String::from_utf8(push("d-1", BODY)).unwrap();
    let unsigned = unsigned.replace("X-Hub-Signature-256", "X-Something-Else");
    for request in [
        push_signed("d-1", changed, &good),
        push_signed("d-1", BODY, &signature("another secret", BODY)),
        push_signed("d-1", BODY, "sha256=zz"),
        push_signed("d-1", BODY, ""),
        unsigned.into_bytes(),
    ] {
        let answer = house.ask(&request).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.body, r#"{"error":"signature"}"#);
    }
    assert_eq!(house.event_count().await, 0);
    let page = house.metrics.text();
    for reason in ["mismatch", "malformed", "missing"] {
        let line = format!(r#"kabari_denied_total{{source="github",reason="{reason}"}}"#);
        assert!(page.contains(&line), "{page}");
    }
}

#[tokio::test]
async fn a_verified_body_that_is_no_json_is_kept_and_refused() {
    let house = house(Settings::default()).await;
    let answer = house.ask(&push("d-1", b"{\"ref\": nonsense")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let events = house.store.events(EventFilter::default()).await.expect("events");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, Event::UNREADABLE);
}

#[tokio::test]
async fn only_posts_to_configured_sources_are_answered() {
    let house = house(Settings::default()).await;
    for (line, status) in [
        ("POST /hooks/gitlab", 404),
        ("POST /hooks/", 404),
        ("POST /hooks/github/more", 404),
        ("GET /", 404),
        ("GET /metrics", 404),
        ("GET /hooks/github", 405),
        ("DELETE /hooks/github", 405),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let answer = house.ask(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"), "{line}");
        assert!(answer.body.len() < 40, "{answer:?}");
    }
    assert!(!house.metrics.text().contains("gitlab"), "a stranger cannot make a time series");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_or_when_it_gets_there() {
    let house = house(Settings { body_limit: 1000, ..Settings::default() }).await;
    let head = "POST /hooks/github HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let declared = format!("{head}Content-Length: 1001\r\n\r\n");
    assert_eq!(house.ask(declared.as_bytes()).await.status, 413);
    let chunk = "a".repeat(0x400);
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n400\r\n{chunk}\r\n0\r\n\r\n");
    assert_eq!(house.ask(chunked.as_bytes()).await.status, 413);
    let fits = format!(r#"{{"ref":"{}"}}"#, "a".repeat(1000 - 10));
    assert_eq!(fits.len(), 1000);
    assert_eq!(house.ask(&push("d-1", fits.as_bytes())).await.status, 200);
}

#[tokio::test]
async fn a_sender_that_stops_in_the_middle_is_told_so() {
    let house =
        house(Settings { body_time: Duration::from_millis(50), ..Settings::default() }).await;
    let request = push("d-1", BODY);
    assert_eq!(house.ask(&request[..request.len() - 5]).await.status, 408);
    assert_eq!(house.event_count().await, 0);
}

#[tokio::test]
async fn bodies_share_a_budget_which_whoever_leaves_gives_back() {
    let house = house(Settings { body_budget: 20_000, ..Settings::default() }).await;
    let long = format!(r#"{{"ref":"{}"}}"#, "a".repeat(15_000));
    let quick = format!(r#"{{"ref":"{}"}}"#, "b".repeat(15_000));
    let (slow, quick) = (push("d-slow", long.as_bytes()), push("d-quick", quick.as_bytes()));
    let occupy = async || {
        let mut stream = TcpStream::connect(house.address).await.expect("a connection");
        stream.write_all(&slow[..slow.len() - 100]).await.expect("written");
        stream
    };

    let mut held = occupy().await;
    let refused = until(house.address, &push("d-probe", long.as_bytes()), 503).await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    held.write_all(&slow[slow.len() - 100..]).await.expect("written");
    assert_eq!(answer(held).await.status, 200, "who was there first is served");

    let held = occupy().await;
    until(house.address, &push("d-probe-2", long.as_bytes()), 503).await;
    drop(held);
    assert_eq!(until(house.address, &quick, 200).await.json()["messages"], 1);
}

#[tokio::test]
async fn what_cannot_be_stored_is_never_answered_200() {
    let house = house(Settings::default()).await;
    house.store.set_page_count_max(Some(1)).await.expect("a limit");
    let noise = (0..40_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string());
    let noise = noise.collect::<Vec<_>>().concat();
    let body = format!(r#"{{"ref":"{noise}"}}"#);
    let request = push("d-1", body.as_bytes());
    let answer = house.ask(&request).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("15"));
    assert_eq!(house.event_count().await, 0);
    assert!(house.metrics.text().contains("kabari_store_unavailable_total 1"));
    house.store.set_page_count_max(None).await.expect("no limit");
    assert_eq!(house.ask(&request).await.status, 200, "the sender's next try gets in");
}

#[tokio::test]
async fn a_flood_of_forgeries_is_slowed_and_real_events_pass() {
    let settings = Settings { failures_burst: 3, failures_per_s: 1, ..Settings::default() };
    let house = house(settings).await;
    let forged = push_signed("d-1", BODY, &signature("guess", BODY));
    for status in [401, 401, 401, 429] {
        assert_eq!(house.ask(&forged).await.status, status);
    }
    let slowed = until(house.address, &forged, 429).await;
    assert!(slowed.header("retry-after").is_some());
    assert_eq!(house.ask(&push("d-2", BODY)).await.status, 200);
}

#[tokio::test]
async fn requests_under_way_end_well_when_the_listener_closes() {
    let mut house = house(Settings::default()).await;
    let request = push("d-1", BODY);
    let mut slow = TcpStream::connect(house.address).await.expect("a connection");
    // A first whole request shows that this connection is being served.
    let first = String::from_utf8(push("d-0", BODY)).unwrap().replace("Connection: close\r\n", "");
    slow.write_all(first.as_bytes()).await.expect("written");
    let mut byte = [0_u8; 1];
    slow.read_exact(&mut byte).await.expect("the answer begins");
    slow.write_all(&request[..request.len() - 5]).await.expect("written");
    // Another connection's answer: the server has had its turn with the bytes above.
    assert_eq!(house.ask(&push("d-2", BODY)).await.status, 200);
    house.stop.take().expect("not stopped yet").send(()).expect("a listener");
    slow.write_all(&request[request.len() - 5..]).await.expect("written");
    let mut rest = String::new();
    slow.read_to_string(&mut rest).await.expect("the rest");
    assert_eq!(rest.matches("200 OK").count(), 2, "{rest}");
    let served = tokio::time::timeout(PATIENCE, house.served).await.expect("it ends");
    assert!(matches!(served, Ok(Ok(()))), "{served:?}");
    assert!(TcpStream::connect(house.address).await.is_err());
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_next_one_is_served() {
    async fn bug() -> &'static str {
        panic!("62812345678")
    }
    let router = axum::Router::new()
        .route("/bug", axum::routing::get(bug))
        .route("/", axum::routing::get(async || "fine"));
    let (address, _stop, _served) = listen(router).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, get("/bug").as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, r#"{"error":"internal"}"#));
    assert_eq!(exchange(address, get("/").as_bytes()).await.body, "fine");
}
