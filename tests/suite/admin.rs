//! What do the admin pages show and refuse?

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use kabari::admin::{Admin, router};
use kabari::model::{
    Content, Controls, Event, EventId, Headers, Kind, Message, MessageId, Origin, Policy,
    Readiness, Recipient, State,
};
use kabari::secret::Secret;
use kabari::store::{Recorded, SqliteStore, Store};
use kabari::telemetry::Metrics;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::receive::{Answer, exchange, listen, pipeline};

const NUMBER: &str = "6281234567890";
const EVENT: EventId = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));

/// The floor above: remembers what it was asked for.
struct Floor {
    asked: Mutex<Vec<String>>,
    ready: bool,
}

#[async_trait]
impl Controls for Floor {
    async fn reload(&self) -> Result<String, String> {
        if self.ready { Ok("2 rules".to_owned()) } else { Err("rules.yaml:3:1: bad".to_owned()) }
    }

    async fn pause(&self, instance: &str) -> bool {
        self.asked.lock().unwrap().push(format!("pause {instance}"));
        instance == "jakarta"
    }

    async fn resume(&self, instance: &str) -> bool {
        self.asked.lock().unwrap().push(format!("resume {instance}"));
        instance == "jakarta"
    }

    async fn readiness(&self) -> Readiness {
        Readiness {
            ready: self.ready,
            store: "ok".to_owned(),
            rules: "ok".to_owned(),
            reconciled: Vec::new(),
            lanes: vec![("medan".to_owned(), "session".to_owned())],
        }
    }
}

struct Office {
    address: SocketAddr,
    store: Arc<SqliteStore>,
    floor: Arc<Floor>,
    _stop: oneshot::Sender<()>,
    _directory: tempfile::TempDir,
}

async fn office(token: Option<&str>, ready: bool) -> Office {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(&directory.path().join("kabari.db")).expect("a store");
    let store = Arc::new(store);
    let floor = Arc::new(Floor { asked: Mutex::default(), ready });
    let admin = Admin::new(
        Arc::new(ArcSwap::from_pointee(pipeline())),
        store.clone(),
        Arc::new(Metrics::default()),
        floor.clone(),
        token.map(Secret::new),
    );
    let admin = admin.with_clock(|| "2026-01-02T12:00:00Z".parse().expect("a time"));
    let (address, stop, _) = listen(router(Arc::new(admin))).await;
    Office { address, store, floor, _stop: stop, _directory: directory }
}

impl Office {
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            request.push_str("Host: localhost\r\n");
        }
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        let length = body.len();
        let request = format!("{request}Content-Length: {length}\r\n\r\n{body}");
        exchange(self.address, request.as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(&format!("POST {path}"), &[], "").await
    }

    /// One event with one message for each of these states.
    async fn furnish(&self, states: &[State]) -> Vec<MessageId> {
        self.furnish_with(states, "push", "your invoice").await
    }

    async fn furnish_with(&self, states: &[State], kind: &str, text: &str) -> Vec<MessageId> {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let event = Event {
            id: EVENT,
            source: "github".to_owned(),
            kind: kind.to_owned(),
            provider_id: Some("d-1".to_owned()),
            digest: None,
            received_at: at,
            headers: Headers(vec![("x-github-event".to_owned(), "push".to_owned())]),
            body: Bytes::from_static(br#"{"phone":"6281234567890"}"#),
        };
        let messages: Vec<_> =
            (0..).zip(states).map(|(n, state)| message(n, *state, text, at)).collect();
        let ids = messages.iter().map(|message| message.id).collect();
        let recorded = self.store.record(event, messages).await.expect("recorded");
        assert!(matches!(recorded, Recorded::New { .. }));
        ids
    }
}

fn message(send: u16, state: State, text: &str, at: Timestamp) -> Message {
    Message {
        id: MessageId::derive(EVENT, "tell", send, 0, NUMBER),
        event: EVENT,
        source: "github".to_owned(),
        origin: Origin { rule: "tell".to_owned(), send, element: 0 },
        instance: "jakarta".to_owned(),
        recipient: Recipient::person(NUMBER),
        content: Some(Content {
            kind: Kind::Document,
            media_url: Some("https://x.example/a.pdf".to_owned()),
            message: Some(text.to_owned()),
            file_name: Some("a.pdf".to_owned()),
            mimetype: None,
            delay: Some(1200),
        }),
        state,
        reason: None,
        detail: None,
        attempts: 0,
        created_at: at,
        due_at: at,
        policy: Policy::default(),
        terms: kabari::model::Terms::default(),
    }
}

#[tokio::test]
async fn a_message_is_shown_as_it_is_sent_and_its_number_only_on_request() {
    let office = office(None, true).await;
    let ids = office.furnish(&[State::Waiting]).await;
    let list = office.get("/api/messages").await.json();
    let expected = json!([{
        "id": ids[0].to_string(),
        "event": EVENT.to_string(),
        "source": "github",
        "rule": "tell",
        "instance": "jakarta",
        "state": "waiting",
        "reason": null,
        "detail": null,
        "attempts": 0,
        "created_at": "2026-01-02T03:04:05Z",
        "due_at": "2026-01-02T03:04:05Z",
        "request": {
            "instanceName": "jakarta",
            "number": "62812••••7890",
            "type": "document",
            "mediaUrl": "https://x.example/a.pdf",
            "message": "your invoice",
            "fileName": "a.pdf",
            "delay": 1200,
        },
    }]);
    assert_eq!(list, expected);
    let full = office.get("/api/messages?full=true").await.json();
    assert_eq!(full[0]["request"]["number"], NUMBER);
    let one = office.get(&format!("/api/messages/{}", ids[0])).await.json();
    assert_eq!(one["history"], json!([]));
}

#[tokio::test]
async fn nothing_shows_a_whole_number_unless_it_is_asked_to() {
    let office = office(None, true).await;
    let ids = office.furnish(&[State::Waiting, State::Failed, State::Skipped]).await;
    let message = format!("/api/messages/{}", ids[0]);
    let event = format!("/api/events/{EVENT}");
    for path in ["/", "/metrics", "/api/overview", "/api/messages", "/api/events", &message, &event]
    {
        let answer = office.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.contains(NUMBER), "{path}: {answer:?}");
    }
    let full = office.get(&format!("{event}?full=true")).await.json();
    assert_eq!(full["body"]["phone"], NUMBER);
}

#[tokio::test]
async fn lists_are_filtered_and_a_wrong_filter_says_so() {
    let office = office(None, true).await;
    office.furnish(&[State::Waiting, State::Failed, State::Uncertain]).await;
    for (filter, rows) in [
        ("", 3),
        ("?state=failed", 1),
        ("?rule=tell&source=github", 3),
        ("?rule=other", 0),
        ("?number=%2B62%20812-3456-7890", 3),
        ("?number=6281234567891", 0),
        ("?limit=2", 2),
        ("?limit=all", 3),
        (&format!("?event={EVENT}"), 3),
    ] {
        let list = office.get(&format!("/api/messages{filter}")).await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(rows), "{filter}: {list}");
    }
    for wrong in ["?state=lost", "?limit=many", "?colour=red", "?event=1"] {
        let answer = office.get(&format!("/api/messages{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    }
    let events = office.get("/api/events?source=github&kind=push").await.json();
    assert_eq!((&events[0]["messages"], &events[0]["provider_id"]), (&json!(3), &json!("d-1")));
}

#[tokio::test]
async fn a_person_makes_only_legal_moves() {
    let office = office(None, true).await;
    let states = [State::Failed, State::Uncertain, State::Waiting, State::Sent, State::Uncertain];
    let ids = office.furnish(&states).await;
    let path = |n: usize, wish: &str| format!("/api/messages/{}/{wish}", ids[n]);
    for (n, wish, status, state) in [
        (0, "retry", 200, "waiting"),
        (1, "mark-sent", 200, "sent"),
        (2, "cancel", 200, "cancelled"),
        (4, "retry", 200, "waiting"),
        (3, "retry", 409, "sent"),
        (3, "cancel", 409, "sent"),
        (0, "mark-sent", 409, "waiting"),
        (2, "retry", 409, "cancelled"),
    ] {
        let answer = office.post(&path(n, wish)).await;
        assert_eq!(answer.status, status, "{n} {wish}: {answer:?}");
        assert_eq!(answer.json()["state"], state, "{n} {wish}");
    }
    assert_eq!(office.post(&path(0, "explode")).await.status, 404);
    assert_eq!(office.post("/api/messages/nonsense/retry").await.status, 404);
    let unknown = format!("/api/messages/{}/retry", Uuid::from_u128(1));
    assert_eq!(office.post(&unknown).await.status, 404);
}

#[tokio::test]
async fn a_message_by_hand_is_recorded_like_any_other() {
    let office = office(None, true).await;
    let send = async |headers: &[&str], body: &str| {
        let mut all = vec!["Content-Type: application/json"];
        all.extend(headers);
        office.ask("POST /api/send", &all, body).await
    };
    let body = r#"{"number":"+62 812-3456-7890","message":"hello"}"#;
    let told = send(&[], body).await;
    assert_eq!(told.status, 200, "{told:?}");
    let id = told.json()["message"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let (message, _) = office.store.message(id).await.unwrap().expect("the message");
    assert_eq!((message.state, message.instance.as_str()), (State::Waiting, "jakarta"));
    assert_eq!(message.recipient, Recipient::person(NUMBER));
    assert_eq!((message.source.as_str(), message.origin.rule.as_str()), ("by hand", "by hand"));

    let key = ["Idempotency-Key: once"];
    let first = send(&key, body).await.json();
    let second = send(&key, body).await.json();
    assert_eq!((&second["duplicate"], &second["event"]), (&json!(true), &first["event"]));

    for wrong in [r#"{"number":"12","message":"x"}"#, r#"{"number":"+6281234567890"}"#, "{"] {
        let answer = send(&[], wrong).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn the_floor_above_is_told_what_was_asked() {
    let office = office(None, true).await;
    assert_eq!(office.post("/api/lanes/jakarta/pause").await.status, 200);
    assert_eq!(office.post("/api/lanes/jakarta/resume").await.status, 200);
    assert_eq!(office.post("/api/lanes/nowhere/pause").await.status, 404);
    assert_eq!(office.post("/api/lanes/jakarta/explode").await.status, 404);
    let asked = office.floor.asked.lock().unwrap().clone();
    assert_eq!(asked, ["pause jakarta", "resume jakarta", "pause nowhere"]);
    assert_eq!(office.post("/api/reload").await.json()["report"], "2 rules");
    let refused = self::office(None, false).await.post("/api/reload").await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["report"], "rules.yaml:3:1: bad");
}

#[tokio::test]
async fn health_needs_no_login_and_a_stopped_lane_is_no_failure() {
    let office = office(Some("s3cret"), true).await;
    assert_eq!(office.get("/healthz").await.status, 200);
    let ready = office.ask("GET /readyz", &["Host: kabari.example"], "").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["stopped_lanes"], json!({"medan": "session"}));
    assert_eq!(self::office(None, false).await.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn with_a_token_nothing_else_is_shown_without_it() {
    let office = office(Some("s3cret"), true).await;
    let paths =
        ["GET /", "GET /metrics", "GET /api/overview", "POST /api/reload", "POST /api/send"];
    for line in paths {
        let refused = office.ask(line, &[], "").await;
        assert_eq!(refused.status, 401, "{line}");
        assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
        let wrong = office.ask(line, &["Authorization: Bearer s3cre"], "").await;
        assert_eq!(wrong.status, 401, "{line}");
    }
    // "anyone:s3cret"
    for header in ["Authorization: Bearer s3cret", "Authorization: Basic YW55b25lOnMzY3JldA=="] {
        let shown = office.ask("GET /api/overview", &["Host: kabari.example", header], "").await;
        assert_eq!(shown.status, 200, "{header}");
    }
}

#[tokio::test]
async fn whoever_guesses_tokens_is_soon_not_listened_to() {
    let office = office(Some("s3cret"), true).await;
    let get = async |header: &str| office.ask("GET /api/overview", &[header], "").await;
    for _ in 0..100 {
        assert_eq!(office.get("/").await.status, 401, "to ask for a login is no guess");
    }
    for guess in 0..20 {
        assert_eq!(get(&format!("Authorization: Bearer {guess}")).await.status, 401);
    }
    for header in ["Authorization: Bearer guess", "Authorization: Bearer s3cret"] {
        let refused = get(header).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("20")), "{header}");
    }
    assert_eq!(office.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn without_a_token_neither_foreign_names_nor_foreign_pages_get_in() {
    let office = office(None, true).await;
    let rebound = office.ask("GET /api/messages", &["Host: evil.example"], "").await;
    assert_eq!(rebound.status, 403);
    let foreign = ["Origin: https://evil.example"];
    assert_eq!(office.ask("POST /api/reload", &foreign, "").await.status, 403);
    let own = ["Host: localhost:9090", "Origin: http://localhost:9090"];
    assert_eq!(office.ask("POST /api/reload", &own, "").await.status, 200);
    // A proxy in front that puts its own Host: the browser's word counts.
    let proxied = ["Origin: https://kabari.example", "Sec-Fetch-Site: same-origin"];
    assert_eq!(office.ask("POST /api/reload", &proxied, "").await.status, 200);
    for site in ["cross-site", "same-site"] {
        let foreign = format!("Sec-Fetch-Site: {site}");
        assert_eq!(office.ask("POST /api/reload", &[&foreign], "").await.status, 403, "{site}");
    }
}

#[tokio::test]
async fn the_dashboard_runs_under_a_strict_policy() {
    let office = office(None, true).await;
    let page = office.get("/").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.body.contains("style=") && !page.body.contains("onclick"), "inline code");
    for path in ["/dashboard.js", "/dashboard.css"] {
        assert!(page.body.contains(path));
        assert_eq!(office.get(path).await.status, 200);
    }
    let script = office.get("/dashboard.js").await.body;
    assert!(!script.contains("innerHTML"), "what a sender wrote is never markup");
}

#[tokio::test]
async fn the_overview_shows_what_needs_a_person_and_every_lane() {
    let office = office(None, true).await;
    office.furnish(&[State::Failed, State::Uncertain, State::Waiting, State::Skipped]).await;
    let overview = office.get("/api/overview").await.json();
    assert_eq!(overview["counts"]["waiting"], 1, "{overview}");
    let mut needing: Vec<&str> = overview["needs_person"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|message| message["state"].as_str())
        .collect();
    needing.sort_unstable();
    assert_eq!(needing, ["failed", "uncertain"]);
    let lanes: Vec<&Value> = overview["lanes"].as_array().expect("a list").iter().collect();
    let names: Vec<_> = lanes.iter().filter_map(|lane| lane["instance"].as_str()).collect();
    assert_eq!(names, ["jakarta", "medan"]);
    let metrics = office.get("/metrics").await;
    assert!(metrics.body.contains(r#"kabari_messages{state="failed"} 1"#), "{metrics:?}");
    assert!(metrics.header("content-type").is_some_and(|kind| kind.contains("openmetrics")));
}

#[test]
fn what_is_shown_is_what_wachat_is_sent() {
    for kind in [Kind::Text, Kind::Image, Kind::Video, Kind::Document, Kind::Audio] {
        let text = kind == Kind::Text;
        let content = Content {
            kind,
            media_url: (!text).then(|| "https://x.example/a".to_owned()),
            message: Some("hello".to_owned()),
            file_name: (!text).then(|| "a.pdf".to_owned()),
            mimetype: None,
            delay: Some(5),
        };
        let shown = Value::Object(content.request_fields("jakarta", NUMBER));
        assert_eq!(shown, kabari::wachat::request("jakarta", NUMBER, &content).1);
    }
}

/// What a browser makes of the dashboard, where there is one.
fn browse(address: SocketAddr) -> Option<String> {
    let profile = tempfile::tempdir().expect("a directory");
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let dumped = names.iter().find_map(|name| {
        let mut browser = std::process::Command::new("timeout");
        browser.args(["60", name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]);
        browser.args(["--no-first-run", "--disable-background-networking"]);
        browser.args([
            "--disable-component-update",
            "--disable-sync",
            "--virtual-time-budget=2500",
        ]);
        browser.arg(format!("--user-data-dir={}", profile.path().display()));
        browser.args(["--dump-dom", &format!("http://{address}/")]);
        browser.output().ok().filter(|output| output.status.success())
    });
    if dumped.is_none() {
        println!("SKIPPED: no browser looks at the dashboard; install chromium");
    }
    dumped.map(|output| String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_what_a_sender_wrote_as_text() {
    const MARKUP: &str = "<img src=x onerror=document.title='owned'><b id=bold>&amp;";
    let office = office(None, true).await;
    office.furnish_with(&[State::Waiting, State::Uncertain], MARKUP, MARKUP).await;
    let address = office.address;
    let looking = tokio::task::spawn_blocking(move || browse(address));
    let Some(page) = looking.await.expect("a look") else { return };
    let shown = "&lt;img src=x onerror=document.title='owned'&gt;&lt;b id=bold&gt;&amp;amp;";
    assert_eq!(page.matches(&format!(">{shown}</td>")).count(), 1, "the event's kind: {page}");
    assert_eq!(page.matches(&format!(": {shown}</td>")).count(), 2, "the messages: {page}");
    assert!(!page.contains("<img") && !page.contains("<b id"), "{page}");
    assert!(page.contains("<title>kabari</title>") && page.contains("It was sent"), "{page}");
}
