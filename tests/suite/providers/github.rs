//! Does every example of every GitHub event give the right messages or none?

use serde_json::{Value, json};

use super::{GITHUB_SECRET, GROUP, MEDIA, ONCALL, TEXT, calls_to, home, pretty_assert, sent};
use crate::support::signer::Signer;
use crate::support::world::World;

/// What must come of a GitHub event: path and body of each call, in order.
fn expected_of(event: &str, body: &Value) -> Vec<(&'static str, Value)> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let group = |message: String| json!({ "instanceName": "ops_phone", "number": GROUP, "message": message });
    match event {
        "workflow_run"
            if text("/action") == "completed"
                && ["success", "failure"].contains(&text("/workflow_run/conclusion")) =>
        {
            let message = format!(
                "*{}* {} on {}: {}",
                text("/repository/full_name"),
                text("/workflow_run/conclusion"),
                text("/workflow_run/head_branch"),
                text("/workflow_run/html_url"),
            );
            vec![(TEXT, group(message))]
        }
        "issues" if text("/action") == "opened" => {
            let message = format!(
                "#{} {} by {}",
                body["issue"]["number"],
                text("/issue/title"),
                text("/sender/login")
            );
            ONCALL.map(|number| (TEXT, to(number, &message))).to_vec()
        }
        "release"
            if ["published", "released"].contains(&text("/action"))
                && body["release"]["draft"] == false
                && body["repository"]["private"] == false =>
        {
            let picture = format!("https://pictures.example/{}.png", body["release"]["id"]);
            let message =
                format!("Release {} of {}", text("/release/tag_name"), text("/repository/name"));
            let mut call = group(message);
            call["type"] = json!("image");
            call["mediaUrl"] = json!(picture);
            call["mimetype"] = json!("image/png");
            call["delay"] = json!(1200);
            vec![(MEDIA, call)]
        }
        "push" => {
            let default = format!("refs/heads/{}", text("/repository/default_branch"));
            if body["deleted"] != false || text("/ref") != default {
                return Vec::new();
            }
            let first_line = text("/head_commit/message").lines().next().unwrap_or("");
            vec![(TEXT, group(format!("{}: {first_line}", text("/pusher/name"))))]
        }
        "pull_request"
            if !["labeled", "unlabeled"].contains(&text("/action"))
                && body["pull_request"]["draft"] == false
                && body["pull_request"]["additions"].as_u64() > Some(0)
                && body["pull_request"].get("merged_by") == Some(&Value::Null) =>
        {
            let message = format!("{}: {}", text("/action"), text("/pull_request/title"));
            vec![(TEXT, to(ONCALL[0], &message))]
        }
        "star" if text("/starred_at").starts_with("20") => {
            let mut call = to(ONCALL[1], text("/sender/login"));
            call["type"] = json!("document");
            call["mediaUrl"] = json!("https://files.example/stars.pdf");
            call["fileName"] = json!("stars.pdf");
            call["mimetype"] = json!("application/pdf");
            vec![(MEDIA, call)]
        }
        _ => Vec::new(),
    }
}

fn to(number: &str, message: &str) -> Value {
    json!({ "instanceName": "jakarta_store", "number": number, "message": message })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_every_github_event_gives_the_right_messages_or_none() {
    let Some(mut signer) = Signer::start() else { return };
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;

    let mut expected: Vec<(&str, Value)> = Vec::new();
    let examples = signer.examples();
    assert!(examples.len() > 300, "{} examples", examples.len());
    for (number, example) in examples.iter().enumerate() {
        let signature = signer.github(GITHUB_SECRET, &example.body);
        let delivery = format!("00000000-0000-4000-8000-{number:012}");
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", &*example.event),
            ("x-github-delivery", &*delivery),
            ("x-hub-signature-256", &*signature),
        ];
        let answer = kabari.post("github", &headers, example.body.clone()).await.unwrap();
        let place = format!("{} ({number}): {answer:?}", example.event);
        assert_eq!(answer.status, 200, "{place}");
        let due = expected_of(&example.event, &serde_json::from_str(&example.body).unwrap());
        assert_eq!(answer.json()["messages"], due.len(), "{place}");
        expected.extend(due);
    }
    assert!(expected.len() > 20, "the rules fit only {} times", expected.len());

    sent(&world, expected.len()).await;
    assert_eq!(kabari.stop().await, Some(0));
    let calls = world.seen().asked;
    assert_eq!(calls.len(), expected.len());
    world.assert_clean();
    for number in [GROUP, ONCALL[0], ONCALL[1]] {
        let due: Vec<(&str, &Value)> = expected
            .iter()
            .filter(|(_, body)| body["number"] == number)
            .map(|(path, body)| (*path, body))
            .collect();
        assert!(!due.is_empty(), "{number}");
        pretty_assert(&calls_to(&calls, number), &due);
    }
    assert_eq!(home.list(&["events", "list"]).len(), examples.len());
}
