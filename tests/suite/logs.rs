//! Does the log have one line for each event and each attempt, with everything that is looked for?

use serde_json::{Value, json};

use crate::process::{SECRET, home};
use crate::support::world::{Behave, World};

const ANNA: &str = "6281234567890";

/// The lines that say something of this event.
fn lines_of(log: &str, event: &Value) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    lines.filter(|line| line["event"] == *event).collect()
}

/// These fields of a line; `null` for one that is not there.
fn picked(line: &Value, fields: &[&str]) -> Value {
    fields.iter().map(|field| line[*field].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_and_each_attempt_is_one_line_that_names_all_it_is_about() {
    let world = World::start().await;
    world.next(1, Behave::answer(503, "{}"));
    let home = home(&world);
    let kabari = home.start().await;
    let body = format!(r#"{{"to":"{ANNA}","text":"hello"}}"#);
    let event = |answer: crate::support::kabari::Answer| answer.json()["event"].clone();
    let pushed = event(kabari.post_github(SECRET, "push", "1", &body).await.unwrap());
    let again = event(kabari.post_github(SECRET, "push", "1", &body).await.unwrap());
    assert_eq!(pushed, again);
    let other = event(kabari.post_github(SECRET, "watch", "2", "{}").await.unwrap());
    world.until("both attempts", |seen| seen.asked.len() == 2).await;
    let log = kabari.log.clone();
    assert_eq!(kabari.stop().await, Some(0));
    let log = log.text();

    let told = ["source", "kind", "rules", "messages", "outcome"];
    let attempted =
        ["source", "kind", "rule", "instance", "number", "fate", "state", "status", "attempt"];
    let said: Vec<Value> = lines_of(&log, &pushed)
        .iter()
        .map(|line| picked(line, if line["fate"].is_null() { &told } else { &attempted }))
        .collect();
    let attempt = |fate: &str, state: &str, status: u16, number: u32| {
        json!(["github", "push", "people", "one", "62812••••7890", fate, state, status, number])
    };
    for expected in [
        json!(["github", "push", "people", 1, "accepted"]),
        json!(["github", "push", "people", 0, "duplicate"]),
        attempt("retry", "waiting", 503, 1),
        attempt("sent", "sent", 200, 2),
    ] {
        assert_eq!(said.iter().filter(|line| **line == expected).count(), 1, "{expected}: {log}");
    }
    assert_eq!(said.len(), 4, "{log}");
    for line in lines_of(&log, &pushed).iter().filter(|line| !line["fate"].is_null()) {
        assert!(line["message_id"].is_string() && line["took_ms"].is_u64(), "{line}");
    }
    let said: Vec<Value> = lines_of(&log, &other).iter().map(|line| picked(line, &told)).collect();
    assert_eq!(said, [json!(["github", "watch", "", 0, "accepted"])], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_message_failed_is_one_word_in_the_log_the_metrics_the_api_and_the_list() {
    let world = World::start().await;
    for body in [
        r#"{"error":"number not on whatsapp"}"#,
        r#"{"error":"unsupported media"}"#,
        r#"{"error":"field `number` is missing"}"#,
    ] {
        world.next(1, Behave::answer(400, body));
    }
    let home = home(&world);
    let kabari = home.start().await;
    for n in 1..=4 {
        let body = format!(r#"{{"to":"628123456780{n}","text":"hello"}}"#);
        let id = n.to_string();
        assert_eq!(kabari.post_github(SECRET, "push", &id, &body).await.unwrap().status, 200);
    }
    // What became of the third is in the commit that takes the fourth.
    world.until("the fourth attempt", |seen| seen.asked.len() == 4).await;
    let of_api = kabari.page("/api/messages?state=failed").await.json();
    let of_api = of_api.as_array().expect("a list");
    let metrics = kabari.page("/metrics").await.body;
    let log = kabari.log.clone();
    assert_eq!(kabari.stop().await, Some(0));
    let log: Vec<Value> =
        log.text().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let listed = home.list(&["messages", "list"]);
    let mut words: Vec<&str> = Vec::new();
    for message in of_api {
        let (id, reason) = (&message["id"], message["reason"].as_str().expect("a reason"));
        let in_log = log.iter().find(|it| it["message_id"] == *id && !it["fate"].is_null());
        assert_eq!(in_log.map(|it| &it["reason"]), Some(&message["reason"]), "{log:?}");
        let in_list = listed.iter().find(|it| it["id"] == *id).map(|it| &it["reason"]);
        assert_eq!(in_list, Some(&message["reason"]));
        let label = format!(r#"fate="failed",reason="{reason}"}} 1"#);
        assert!(metrics.contains(&label), "{label}: {metrics}");
        words.push(reason);
    }
    words.sort_unstable();
    assert_eq!(words, ["bad request", "media", "recipient"]);
}
