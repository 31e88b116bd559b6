//! Is the sandbox as strict, as slow and as faulty as the real one?

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kabari::clock::Stopwatch;
use kabari::sandbox::{Change, Dispatched, Outbox, Sandbox, SandboxSettings};
use kabari::secret::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const NUMBER: &str = "6281234567890";
const PATIENCE: Duration = Duration::from_secs(20);

/// A sandbox on a port of its own, gone with the test.
struct Running {
    sandbox: Sandbox,
    base: String,
    client: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

async fn start(settings: SandboxSettings) -> Running {
    let sandbox = Sandbox::new(settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = sandbox.clone();
    tokio::spawn(async move {
        let _ = served.serve(listener, async move { drop(stopped.await) }).await;
    });
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    Running { sandbox, base, client, _stop: stop }
}

async fn fast() -> Running {
    start(SandboxSettings { speed: 1000.0, ..Default::default() }).await
}

async fn failing(faults: &[&str]) -> Running {
    let faults = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    start(SandboxSettings { speed: 1000.0, faults, ..Default::default() }).await
}

impl Running {
    fn outbox(&self) -> Outbox {
        self.sandbox.outbox()
    }

    fn document(&self) -> Value {
        json!({"instanceName": "jakarta_store", "number": NUMBER, "type": "document",
            "mediaUrl": format!("{}/media/sample/invoice.pdf", self.base),
            "fileName": "Invoice-1.pdf", "mimetype": "application/pdf", "message": "*Paid*"})
    }

    async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<(u16, String)> {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth("any");
        let response = request.json(body).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    async fn post_media(&self, body: &Value) -> (u16, String) {
        self.try_post("/api/v1/send/media", body).await.unwrap()
    }

    async fn post_text(&self, message: &str) -> reqwest::Result<(u16, String)> {
        let body = json!({"instanceName": "a", "number": NUMBER, "message": message});
        self.try_post("/api/v1/send/text", &body).await
    }
}

#[tokio::test]
async fn a_page_under_a_foreign_name_reads_nothing() {
    let running = fast().await;
    for (host, status) in [("localhost:9091", 200), ("127.0.0.1", 200), ("evil.example", 421)] {
        let url = format!("{}/sandbox/messages", running.base);
        let answer = running.client.get(url).header("host", host).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn the_documented_request_is_accepted_fetched_and_dispatched() {
    let running = fast().await;
    let (status, body) = running.post_media(&running.document()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({"status": "success", "message":
            "Media processed and dispatched through the cloud instance infrastructure"})
    );
    let dispatched = running.outbox().dispatched();
    let [message] = dispatched.as_slice() else { panic!("{dispatched:?}") };
    assert_eq!(message.number.expose(), NUMBER);
    assert_eq!(message.html, "<b>Paid</b>");
    let media = message.media.as_ref().unwrap();
    assert_eq!(media.magic, Some("application/pdf"));
    assert_eq!(media.content_type.as_deref(), Some("application/pdf"));
    let served = running.client.get(format!("{}/sandbox/media/1", running.base)).send().await;
    let served = served.unwrap();
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    assert_eq!(served.bytes().await.unwrap().len(), media.size);
    assert_eq!(message.notes, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_token_nothing_is_read_and_a_set_token_must_be_that_one() {
    let running = start(SandboxSettings {
        speed: 1000.0,
        token: Some(Secret::new("right")),
        ..Default::default()
    })
    .await;
    let url = format!("{}/api/v1/send/text", running.base);
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"}).to_string();
    for (header, status) in [
        (None, 401),
        (Some("Bearer "), 401),
        (Some("Basic right"), 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer right"), 200),
        (Some("bearer right"), 200),
    ] {
        let mut request = running.client.post(&url).header("content-type", "application/json");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{header:?}");
    }
    let answer = running.client.post(&url).body("{").send().await.unwrap();
    assert_eq!(answer.status(), 401, "the token comes before the JSON");
    assert_eq!(running.outbox().counters().refused, 5);
}

#[tokio::test]
async fn what_is_not_documented_is_refused_with_400_and_named() {
    let running = fast().await;
    for (change, named) in [
        (json!({"caption": "x"}), "caption"),
        (json!({"delay": "1000"}), "delay"),
        (json!({"number": "+62 812"}), "number"),
        (json!({"number": 6_281_234_567_890_u64}), "number"),
        (json!({"type": "sticker"}), "sticker"),
        (json!({"mediaUrl": "ftp://x.example/a"}), "mediaUrl"),
        (json!({"instanceName": ""}), "instanceName"),
    ] {
        let mut body = running.document();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = running.post_media(&body).await;
        assert_eq!(status, 400, "{change}");
        assert!(answer.contains(named), "{change}: {answer}");
    }
    assert!(running.outbox().dispatched().is_empty());
    assert_eq!(running.outbox().counters().refused, 7);
}

#[tokio::test]
async fn a_delay_is_waited_and_divided_by_the_speed() {
    let running = start(SandboxSettings { speed: 10.0, ..Default::default() }).await;
    let mut body = running.document();
    for (delay, at_least, at_most) in
        [(Some(2000), 200, 2000), (Some(0), 0, 300), (None, 300, 3000)]
    {
        body["delay"] = json!(delay.unwrap_or(0));
        if delay.is_none() {
            body.as_object_mut().unwrap().remove("delay");
        }
        let watch = Stopwatch::start();
        assert_eq!(running.post_media(&body).await.0, 200);
        let took = watch.elapsed().as_millis();
        assert!(took >= at_least && took < at_most, "{delay:?}: {took} ms");
    }
}

#[tokio::test]
async fn media_that_cannot_be_fetched_or_is_of_another_kind_fails_like_an_engine() {
    let running = fast().await;
    for (kind, path, expected) in [
        ("document", "/media/sample/nothing.pdf", "status code 404"),
        ("image", "/media/sample/nothing.png", "status code 404"),
        ("image", "/media/sample/invoice.pdf", "unsupported image format"),
        ("audio", "/media/sample/release.png", "Unsupported media type for audio"),
    ] {
        let mut body = running.document();
        body["type"] = json!(kind);
        body["mediaUrl"] = json!(format!("{}{path}", running.base));
        let (status, answer) = running.post_media(&body).await;
        assert_eq!(status, 500);
        assert!(answer.contains(expected), "{kind} {path}: {answer}");
    }
    let mut body = running.document();
    body["mediaUrl"] = json!("http://127.0.0.1:1/a.pdf");
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 500);
    assert!(answer.contains("Failed to fetch stream from http://127.0.0.1:1/a.pdf"), "{answer}");
    assert!(running.outbox().dispatched().is_empty());
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_not_sent() {
    let running = fast().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
        let block = vec![0xff; 1 << 20];
        for _ in 0..7 {
            if stream.write_all(&block).await.is_err() {
                return;
            }
        }
    });
    let mut body = running.document();
    body["type"] = json!("image");
    body["mediaUrl"] = json!(format!("http://{address}/big.jpg"));
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 500);
    assert!(answer.contains("too large"), "{answer}");
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_to_a_paid_invoice() {
    let running = fast().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let target = format!("{}/media/sample/invoice.pdf", running.base);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    });
    let mut body = running.document();
    body["mediaUrl"] = json!(format!("http://{address}/invoice"));
    assert_eq!(running.post_media(&body).await.0, 200);
}

#[tokio::test]
async fn each_fault_answers_as_it_says() {
    for (fault, status, text, dispatched) in [
        ("disconnect", 400, "Connection Closed", 0),
        ("qr", 422, "Scan the QR code", 0),
        ("unknown-instance", 404, "does not exist", 0),
        ("unknown-number", 400, "not registered", 0),
        ("429", 429, "too many", 0),
        ("463", 400, "463", 0),
        ("463-later", 200, "success", 1),
        ("503", 503, "Unavailable", 0),
        ("500", 500, "Internal Server Error", 0),
        ("502", 502, "<html>", 0),
        ("504", 504, "<html>", 0),
        ("200-false", 200, "\"success\":false", 0),
        ("200-html", 200, "<html>", 0),
        ("dispatch-then-502", 502, "<html>", 1),
        ("dispatch-then-504", 504, "<html>", 1),
        ("slow-drip", 200, "success", 1),
        ("twice", 200, "success", 2),
    ] {
        let running = failing(&[fault]).await;
        let (is_status, body) = running.post_text("m").await.unwrap();
        assert_eq!(is_status, status, "{fault}: {body}");
        assert!(body.contains(text), "{fault}: {body}");
        assert_eq!(running.outbox().dispatched().len(), dispatched, "{fault}");
        assert!(!body.contains(NUMBER), "{fault}: {body}");
    }
}

#[tokio::test]
async fn faults_that_break_the_connection_leave_the_message_dispatched() {
    for fault in ["reset", "truncated"] {
        let running = failing(&[fault]).await;
        let error = running.post_text("m").await.unwrap_err();
        assert!(!error.is_timeout() && !error.is_connect(), "{fault}: {error:?}");
        assert_eq!(running.outbox().dispatched().len(), 1, "{fault}");
        assert_eq!(running.outbox().requests()[0].status, None, "{fault}");
    }
}

#[tokio::test]
async fn a_call_that_hangs_gets_no_answer_and_goes_out_only_if_the_fault_says_so() {
    for (fault, dispatched) in [("hang", 0), ("dispatch-then-hang", 1)] {
        let running = failing(&[fault]).await;
        let mut changes = running.outbox().subscribe();
        let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"});
        let url = format!("{}/api/v1/send/text", running.base);
        let call = running.client.post(url).bearer_auth("any").json(&body).send();
        tokio::select! {
            answer = call => panic!("{fault}: {answer:?}"),
            () = until(&mut changes, |change| {
                matches!(change, Change::Request(request) if request.reason.is_some())
            }) => {}
        }
        assert_eq!(running.outbox().dispatched().len(), dispatched, "{fault}");
    }
}

async fn until(
    changes: &mut tokio::sync::broadcast::Receiver<Change>,
    is_it: impl Fn(&Change) -> bool,
) {
    let found = async { while !is_it(&changes.recv().await.unwrap()) {} };
    tokio::time::timeout(PATIENCE, found).await.unwrap();
}

#[tokio::test]
async fn a_retry_after_is_given_only_if_asked_for() {
    let running = failing(&["429:7*1", "429*1"]).await;
    let url = format!("{}/api/v1/send/text", running.base);
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"});
    let call = || running.client.post(&url).bearer_auth("any").json(&body).send();
    assert_eq!(call().await.unwrap().headers()["retry-after"], "7");
    assert!(call().await.unwrap().headers().get("retry-after").is_none());
    assert_eq!(call().await.unwrap().status(), 200);
}

#[tokio::test]
async fn faults_are_set_and_cleared_at_run_time_and_aim_at_one_number() {
    let running = fast().await;
    let url = format!("{}/sandbox/faults", running.base);
    let set = |spec: Value| running.client.post(&url).json(&json!({"fail": spec})).send();
    let answer = set(json!(["qr@elsewhere", format!("504@{NUMBER}")])).await.unwrap();
    let listed: Value = answer.json().await.unwrap();
    assert_eq!(listed, json!({"faults": ["qr@elsewhere", "504@62812••••7890"]}));
    assert_eq!(running.post_text("m").await.unwrap().0, 504);
    let answer = set(json!("50")).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("there is no fault `50`"));
    running.client.delete(&url).send().await.unwrap();
    assert_eq!(running.post_text("m").await.unwrap().0, 200);
}

#[tokio::test]
async fn errors_come_in_many_shapes() {
    let running = failing(&["500"]).await;
    let mut shapes = Vec::new();
    for _ in 0..6 {
        shapes.push(running.post_text("m").await.unwrap().1);
    }
    shapes.sort();
    shapes.dedup();
    assert_eq!(shapes.len(), 6, "{shapes:#?}");
}

#[tokio::test]
async fn a_message_goes_out_though_the_client_went_away() {
    let running = start(SandboxSettings { speed: 10.0, ..Default::default() }).await;
    let mut changes = running.outbox().subscribe();
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"}).to_string();
    let address = running.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/send/text HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer t\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(
        &mut changes,
        |change| matches!(change, Change::Request(request) if request.to.is_some()),
    )
    .await;
    drop(stream);
    assert!(running.outbox().dispatched().is_empty(), "it is still typing");
    until(&mut changes, |change| matches!(change, Change::Dispatched(_))).await;
}

#[tokio::test]
async fn sound_has_no_caption_and_the_page_says_so() {
    let running = fast().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/ogg\r\ncontent-length: 40\r\n\r\n";
        let mut answer = head.as_bytes().to_vec();
        answer.extend(b"OggS\x00\x02");
        answer.resize(head.len() + 40, 0);
        let _ = stream.write_all(&answer).await;
    });
    let body = json!({"instanceName": "a", "number": NUMBER, "type": "audio",
        "mediaUrl": format!("http://{address}/a.ogg"), "message": "hello"});
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 200, "{answer}");
    let dispatched = running.outbox().dispatched();
    assert_eq!((dispatched[0].message.clone(), dispatched[0].html.as_str()), (None, ""));
    assert!(dispatched[0].notes[0].contains("audio has no caption"));
}

#[tokio::test]
async fn the_page_allows_no_foreign_script_and_shows_messages_escaped_and_numbers_masked() {
    let running = fast().await;
    running.post_text("<img src=x onerror=alert(1)> *b*").await.unwrap();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
    ] {
        let answer = running.client.get(format!("{}{path}", running.base)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], content_type);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = answer.text().await.unwrap();
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{path}");
        assert!(!text.contains(" style=\"") && !text.contains("onclick"), "{path}");
    }
    let url = format!("{}/sandbox/messages", running.base);
    let text = running.client.get(url).send().await.unwrap().text().await.unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["dispatched"][0]["html"], "&lt;img src=x onerror=alert(1)&gt; <b>b</b>");
    assert!(!text.contains(NUMBER), "{text}");
    assert!(text.contains("+62812••••7890"));
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let running = fast().await;
    let url = format!("{}/sandbox/events", running.base);
    let mut events = running.client.get(url).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: reload"));
    running.post_text("*hello*").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("\"dispatched\":{") {
        seen.push_str(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()));
    }
    assert!(seen.contains("<b>hello</b>"), "{seen}");
}

#[tokio::test]
async fn only_the_last_500_messages_are_remembered() {
    let running = Arc::new(start(SandboxSettings { speed: 1e9, ..Default::default() }).await);
    for batch in 0..52 {
        let calls = (0..10).map(|_| running.post_text("m"));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.unwrap().0, 200, "{batch}");
        }
    }
    let outbox = running.outbox();
    assert_eq!(outbox.counters().dispatched, 520);
    assert_eq!((outbox.dispatched().len(), outbox.requests().len()), (500, 500));
    assert_eq!(outbox.dispatched().last().map(|last: &Arc<Dispatched>| last.id), Some(520));
}

#[tokio::test]
async fn samples_answer_head_and_get_with_a_fixed_type() {
    let running = fast().await;
    for (name, content_type) in [("invoice.pdf", "application/pdf"), ("release.png", "image/png")] {
        let url = format!("{}/media/sample/{name}", running.base);
        let head = running.client.head(&url).send().await.unwrap();
        let get = running.client.get(&url).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
        assert_eq!(get.headers()["content-type"], content_type);
        assert_eq!(get.headers()["x-content-type-options"], "nosniff");
        let disposition = get.headers()["content-disposition"].to_str().unwrap();
        assert_eq!(disposition, format!("inline; filename=\"{name}\""));
    }
}

/// What the browser printed; `None` where there is none. It gets a minute.
fn browser(arguments: &[&str]) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("timeout")
        .args(["-k", "5", "60", "chromium"])
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .output()
        .ok()?;
    // 127 is `timeout` saying that there is no such program.
    (output.status.code() != Some(127)).then(|| String::from_utf8_lossy(&output.stdout).into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_a_bold_caption_and_a_document_with_name_and_size() {
    let running = fast().await;
    let size = kabari::media::sample("invoice.pdf").unwrap().bytes.len();
    running.post_media(&running.document()).await;
    let page = format!("{}/?still", running.base);
    let dom = tokio::task::spawn_blocking(move || {
        browser(&["--virtual-time-budget=3000", "--dump-dom", &page])
    });
    let Some(dom) = dom.await.unwrap() else {
        println!("SKIPPED: chromium is not here, so no browser has looked at the sandbox's page");
        return;
    };
    assert!(dom.contains("<div class=\"words\"><b>Paid</b></div>"), "{dom}");
    assert!(dom.contains("<div class=\"name\">Invoice-1.pdf</div>"), "{dom}");
    let shown = format!("{} kB · PDF · application/pdf", (size + 500) / 1000);
    assert!(dom.contains(&shown), "{shown} in {dom}");
    assert!(dom.contains("+62812••••7890"), "{dom}");
}
