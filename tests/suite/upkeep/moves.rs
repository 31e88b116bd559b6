//! Can many messages be set right at once, and only those that are meant?

use serde_json::json;

use super::{ANNA, BUDI, ends, json, push, states, until};
use crate::process::{RULES, home};
use crate::support::kabari::{Home, Kabari};
use crate::support::world::{Behave, World};

/// Six messages: two to each fate.
const TEXTS: [(&str, &str); 6] = [
    (ANNA, "failed a"),
    (BUDI, "failed b"),
    (ANNA, "lost a"),
    (BUDI, "lost b"),
    (ANNA, "sent a"),
    (BUDI, "sent b"),
];

async fn started(world: &World) -> (Home, Kabari) {
    let home = home(world);
    let kabari = home.start().await;
    for (to, text) in TEXTS {
        let behave = match text.split_once(' ') {
            Some(("failed", _)) => Behave::answer(413, ""),
            Some(("lost", _)) => Behave::close(),
            _ => Behave::send(),
        };
        world.next(1, behave);
        push(&kabari, to, text).await;
        let fate = if text.starts_with("lost") { "uncertain" } else { &text[..text.len() - 2] };
        becomes(&home, text, fate).await;
    }
    (home, kabari)
}

async fn becomes(home: &Home, text: &str, state: &str) {
    let wanted = (text.to_owned(), state.to_owned());
    until(home, &format!("{text} {state}"), |all| all.contains(&wanted)).await;
}

fn state(home: &Home, text: &str) -> String {
    states(home).into_iter().find(|it| it.0 == text).unwrap().1
}

fn id(home: &Home, text: &str) -> String {
    let all = tokio::task::block_in_place(|| home.list(&["messages", "list"]));
    let found = all.iter().find(|it| it["request"]["message"] == text).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_goes_out_again_by_filter_with_and_without_a_running_serve() {
    for running in [true, false] {
        let world = World::start().await;
        let (home, kabari) = started(&world).await;
        let asked = world.seen().asked.len();
        let kabari = if running {
            Some(kabari)
        } else {
            assert_eq!(kabari.stop().await, Some(0));
            None
        };
        // Shown first: nothing happens.
        let before = states(&home);
        let shown = ends(&home, &["messages", "retry", "--rule", "people", "--dry-run"], 0);
        assert!(shown.contains("would be done with 2 messages"), "{shown}");
        assert!(!shown.contains(ANNA), "{shown}");
        assert_eq!(states(&home), before);
        // Only those of this number, and of what is uncertain nothing.
        let done = json(&home, &["messages", "retry", "--number", "+62 812-3456-7890"], 0);
        assert_eq!(done, json!({"verb": "retry", "dry_run": false, "done": 1, "refused": []}));
        let done = ends(&home, &["messages", "retry", "--all"], 0);
        assert!(done.contains("retry: done with 1 message"), "{done}");
        let kabari = match kabari {
            Some(kabari) => kabari,
            None => home.start().await,
        };
        becomes(&home, "failed a", "sent").await;
        becomes(&home, "failed b", "sent").await;
        assert_eq!(world.seen().asked.len(), asked + 2, "running: {running}");
        assert_eq!(state(&home, "lost a"), "uncertain");
        // Those that may have arrived, by their own word.
        ends(&home, &["messages", "mark-sent", "--number", BUDI], 0);
        ends(&home, &["messages", "resend", "--source", "github"], 0);
        becomes(&home, "lost a", "sent").await;
        assert_eq!(world.seen().asked.len(), asked + 3);
        assert_eq!(kabari.stop().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_not_legal_is_refused_and_the_exit_code_says_so() {
    let world = World::start().await;
    let (home, kabari) = started(&world).await;
    let (sent, lost) = (id(&home, "sent a"), id(&home, "lost a"));
    let done = json(&home, &["messages", "cancel", &sent, &lost], 1);
    assert_eq!(done["done"], 1);
    assert_eq!(done["refused"], json!([{"id": sent, "state": "sent"}]));
    let unknown = "01999999-0000-8000-8000-000000000000";
    let said = ends(&home, &["messages", "resend", unknown], 1);
    assert!(said.contains("no such message"), "{said}");
    let said = ends(&home, &["messages", "resend", "--dry-run", &sent], 1);
    assert!(said.contains("0 messages, not possible with 1"), "{said}");
    let none = json(&home, &["messages", "retry", "--until", "2020-01-01"], 0);
    assert_eq!(none["done"], 0);
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_not_retried_once_another_message_of_its_key_was_sent() {
    let world = World::start().await;
    let home = home(&world);
    let rules = RULES.replacen("    kind: push\n", "    kind: push\n    dedupe: all\n", 1);
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    let kabari = home.start().await;
    world.next(1, Behave::answer(413, ""));
    push(&kabari, ANNA, "failed a").await;
    becomes(&home, "failed a", "failed").await;
    push(&kabari, ANNA, "sent a").await;
    becomes(&home, "sent a", "sent").await;
    let (failed, sent) = (id(&home, "failed a"), id(&home, "sent a"));
    let refused = json!([{"id": failed, "state": "failed", "by": sent, "by_state": "sent"}]);
    let one = kabari.order(&format!("/api/messages/{failed}/retry")).await;
    assert_eq!(one.status, 409, "{one:?}");
    assert!(one.body.contains(&sent) && one.body.contains("dedupe key"), "{one:?}");
    assert_eq!(json(&home, &["messages", "retry", "--all"], 1)["refused"], refused);
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(json(&home, &["messages", "retry", &failed], 1)["refused"], refused);
    let said = ends(&home, &["messages", "retry", &failed], 1);
    let part = format!("not possible, message {sent} has the same `dedupe` key and is sent");
    assert!(said.contains(&part), "{said}");
    assert_eq!(state(&home, "failed a"), "failed");
}

#[test]
fn what_is_meant_must_be_said() {
    let home = Home::new("wachat: { token: t, instance: i }\nrules: []\n");
    let id = "01999999-0000-8000-8000-000000000000";
    for (words, part) in [
        (&["messages", "retry"][..], "--all"),
        (&["messages", "cancel", "--dry-run"], "--all"),
        (&["messages", "retry", id, "--rule", "x"], "not by both"),
        (&["messages", "resend", "--state", "failed"], "resend is for messages that are uncertain"),
        (&["messages", "retry", "--since", "yesterday"], "how long ago"),
        (&["messages", "retry", "--state", "lost"], "possible values"),
    ] {
        let output = home.run(words);
        let said = super::said(&output);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_move_too_many_or_nothing_known_is_refused() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    let admin = kabari.page("/api/messages?limit=1").await;
    assert_eq!(admin.status, 200);
    let ids = vec!["01999999-0000-8000-8000-000000000000"; 501];
    let many = kabari.order_json("/api/messages/retry", &json!({"ids": ids})).await;
    assert_eq!(many.status, 400, "{many:?}");
    let odd = kabari.order_json("/api/messages/explode", &json!({"ids": []})).await;
    assert_eq!(odd.status, 404);
    let some = kabari.order_json("/api/messages/retry", &json!({"ids": &ids[..2]})).await;
    assert_eq!(some.json()["results"][1]["result"], "unknown", "{some:?}");
    assert_eq!(kabari.stop().await, Some(0));
}
