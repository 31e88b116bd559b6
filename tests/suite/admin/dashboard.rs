//! What do people see?

use kabari::model::State;
use serde_json::Value;

use super::office;
use crate::support::browser::dom;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_what_a_sender_wrote_as_text() {
    const MARKUP: &str = "<img src=x onerror=document.title='owned'><b id=bold>&amp;";
    let office = office(None, true).await;
    office.furnish_with(&[State::Waiting, State::Uncertain], MARKUP, MARKUP).await;
    let Some(page) = dom(format!("http://{}/", office.address), Some(2500)).await else { return };
    let shown = "&lt;img src=x onerror=document.title='owned'&gt;&lt;b id=bold&gt;&amp;amp;";
    assert_eq!(page.matches(&format!(">{shown}</td>")).count(), 1, "the event's kind: {page}");
    assert_eq!(page.matches(&format!(": {shown}</td>")).count(), 2, "the messages: {page}");
    assert!(!page.contains("<img") && !page.contains("<b id"), "{page}");
    let shadow = r#"role="status">Nothing goes out (<code>defaults.mode: shadow</code>)</p>"#;
    assert!(page.contains(shadow), "{page}");
    assert!(page.contains("<title>kabari</title>") && page.contains("It was sent"), "{page}");
}
