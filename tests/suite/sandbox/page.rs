//! What does the page show, and to whom?

use std::process::Command;

use serde_json::Value;

use super::{NUMBER, fast};

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
