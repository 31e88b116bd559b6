//! Do events of before go through today's rules, shown first, and is nobody messaged twice?

use serde_json::{Value, json};

use super::{ANNA, BUDI, ends, json, push, states};
use crate::process::{RULES, home};
use crate::support::kabari::{Home, Kabari};
use crate::support::world::World;

/// One more message of each push, to the team.
fn more_rules() -> String {
    format!(
        "{RULES}  - name: team\n    source: github\n    kind: push\n    \
         send: {{ number: \"6285555555555\", message: \"team: {{{{ event.text }}}}\" }}\n"
    )
}

async fn pushed(world: &World) -> (Home, Kabari) {
    let home = home(world);
    let kabari = home.start().await;
    push(&kabari, ANNA, "one").await;
    push(&kabari, BUDI, "two").await;
    world.until("both sent", |seen| seen.dispatched.len() == 2).await;
    (home, kabari)
}

fn fits(shown: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let messages = shown["events"].as_array().unwrap().iter().flat_map(|event| {
        event["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(move |it| (text(&it["rule"]), text(&it["fits"])))
    });
    messages.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_new_rule_makes_of_old_events_is_shown_and_then_made_once() {
    for running in [true, false] {
        let world = World::start().await;
        let (home, kabari) = pushed(&world).await;
        std::fs::write(home.path("rules.yaml"), more_rules()).unwrap();
        let kabari = if running {
            assert_eq!(kabari.order("/api/reload").await.status, 200);
            Some(kabari)
        } else {
            assert_eq!(kabari.stop().await, Some(0));
            None
        };
        let words = ["events", "replay", "--source", "github", "--since", "1h"];
        let shown = ends(&home, &[&words[..], &["--dry-run"]].concat(), 0);
        assert!(shown.contains("2 events: 2 new messages; 2 are there"), "{shown}");
        assert!(shown.contains("team: one") && !shown.contains("6285555555555"), "{shown}");
        assert!(shown.find("team: one") < shown.find("team: two"), "the oldest first: {shown}");
        let asked = ends(&home, &words, 1);
        assert!(asked.contains("add --yes to make these 2 messages"), "{asked}");
        assert_eq!(states(&home).len(), 2, "nothing was made yet");
        let made = json(&home, &[&words[..], &["--yes"]].concat(), 0);
        assert_eq!((&made["new"], &made["made"]), (&json!(2), &json!(2)), "running: {running}");
        let again = json(&home, &[&words[..], &["--yes"]].concat(), 0);
        assert_eq!((&again["new"], &again["made"]), (&json!(0), &json!(0)));
        assert_eq!(again["dry_run"], false, "nothing was left to be done, and nothing was a try");
        let kabari = match kabari {
            Some(kabari) => kabari,
            None => home.start().await,
        };
        world.until("the team's", |seen| seen.dispatched.len() == 4).await;
        assert_eq!(kabari.stop().await, Some(0));
        assert_eq!(world.seen().texts_to("6285555555555"), ["team: one", "team: two"]);
        assert_eq!(world.seen().texts_to(ANNA), ["one"]);
        world.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_says_again_sends_what_was_sent() {
    let world = World::start().await;
    let (home, kabari) = pushed(&world).await;
    let events = json(&home, &["events", "list"], 0);
    let id = events[1]["id"].as_str().unwrap();
    let none = ends(&home, &["events", "replay", id, "--yes"], 0);
    assert!(none.contains("1 event: 0 new messages; 1 are there"), "{none}");
    let made = json(&home, &["events", "replay", id, "--again", "--yes"], 0);
    assert_eq!(made["made"], 1, "{made}");
    world.until("the second", |seen| seen.dispatched.len() == 3).await;
    assert_eq!(world.seen().texts_to(ANNA), ["one", "one"]);
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_todays_rules_make_otherwise_or_not_at_all_stays_as_it_is() {
    let world = World::start().await;
    let (home, kabari) = pushed(&world).await;
    assert_eq!(kabari.stop().await, Some(0));
    let other =
        RULES.replacen("message: \"{{ event.text }}\"", "message: \"New: {{ event.text }}\"", 1);
    std::fs::write(home.path("rules.yaml"), &other).unwrap();
    let shown = json(&home, &["events", "replay", "--all", "--dry-run"], 0);
    let all = |word: &str| {
        [("people".to_owned(), word.to_owned()), ("people".to_owned(), word.to_owned())]
    };
    assert_eq!(fits(&shown), all("otherwise"));
    let text = home.run(&["events", "replay", "--all", "--dry-run"]);
    let text = String::from_utf8(text.stdout).unwrap();
    let pair = "sent, today another  one\n  today: New: one\n";
    assert!(text.contains(pair), "what is there and what it would be: {text}");
    std::fs::write(home.path("rules.yaml"), other.replace("kind: push", "kind: fork")).unwrap();
    let shown = json(&home, &["events", "replay", "--all", "--dry-run"], 0);
    assert_eq!(fits(&shown), all("gone"));
    let before = states(&home);
    ends(&home, &["events", "replay", "--all", "--yes"], 0);
    assert_eq!(states(&home), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_part_of_a_group_is_not_new() {
    let world = World::start().await;
    let rules =
        RULES.replacen("    kind: push\n", "    kind: push\n    group: { key: x, wait: 1h }\n", 1);
    let home = home(&world);
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    let kabari = home.start().await;
    push(&kabari, ANNA, "one").await;
    push(&kabari, ANNA, "two").await;
    let shown = json(&home, &["events", "replay", "--all", "--dry-run"], 0);
    assert_eq!(shown["new"], 0, "{shown}");
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_could_not_be_rendered_is_made_whole_by_a_replay_and_once() {
    let world = World::start().await;
    let grouped = "    kind: push\n    group: { key: x, max: 2, interval: 1s }\n    \
                   or: { number: \"6285555555555\", message: \"instead\" }\n";
    let rules = RULES.replacen("    kind: push\n", grouped, 1);
    let with = |second: &str| {
        let words = format!(
            "message: \"{{{{ events[0].event.text }}}}{{% if events | length > 1 %}} {{{{ {second} }}}}{{% endif %}}\""
        );
        rules.replacen("message: \"{{ event.text }}\"", &words, 1)
    };
    let home = home(&world);
    std::fs::write(home.path("rules.yaml"), with("events[1].event.nothing.more")).unwrap();
    let kabari = home.start().await;
    push(&kabari, ANNA, "one").await;
    push(&kabari, ANNA, "two").await;
    world.until("what is sent instead", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(kabari.stop().await, Some(0));
    std::fs::write(home.path("rules.yaml"), with("events[1].event.text")).unwrap();
    let words = ["events", "replay", "--all", "--yes"];
    assert_eq!(json(&home, &words, 0)["made"], 1);
    assert_eq!(json(&home, &words, 0)["made"], 0);
    let kabari = home.start().await;
    world.until("the group", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(json(&home, &words, 0)["made"], 0);
    assert_eq!(world.seen().texts_to(ANNA), ["one two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_one_message_however_many_events_it_has() {
    let world = World::start().await;
    let group = "    kind: push\n    group: { key: x, wait: 1s, interval: 1s, max: 3 }\n";
    let home = home(&world);
    std::fs::write(home.path("rules.yaml"), RULES.replacen("    kind: push\n", group, 1)).unwrap();
    let kabari = home.start().await;
    for text in ["one", "two", "three"] {
        push(&kabari, ANNA, text).await;
    }
    world.until("the group", |seen| seen.dispatched.len() == 1).await;
    let shown = ends(&home, &["events", "replay", "--all", "--dry-run"], 0);
    let there = "3 events: 0 new messages; 3 are there, 0 would be others today";
    assert!(shown.contains(there), "{shown}");
    let shown = ends(&home, &["events", "replay", "--all", "--again", "--yes"], 0);
    let said = "3 events: 1 new message (2 more become part of them);";
    assert!(shown.contains(said) && shown.contains("1 message made"), "{shown}");
    world.until("the group again", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_events_of_a_group_are_replayed_into_as_few_messages_as_it_allows() {
    for running in [true, false] {
        let world = World::start().await;
        let group = "    kind: push\n    group: { key: x, wait: 1h, interval: 1h, max: 99 }\n";
        let home = home(&world);
        std::fs::write(home.path("rules.yaml"), RULES.replacen("    kind: push\n", group, 1))
            .unwrap();
        let kabari = home.start().await;
        for n in 0..120 {
            push(&kabari, ANNA, &n.to_string()).await;
        }
        let kabari = if running {
            Some(kabari)
        } else {
            assert_eq!(kabari.stop().await, Some(0));
            None
        };
        let words = ["events", "replay", "--all", "--again"];
        let shown = ends(&home, &[&words[..], &["--dry-run"]].concat(), 0);
        let said = "120 events: 2 new messages (118 more become part of them);";
        assert!(shown.contains(said), "running: {running}: {shown}");
        // The group that is open takes them in.
        let (before, told) =
            (states(&home).len(), json(&home, &[&words[..], &["--yes"]].concat(), 0));
        assert_eq!((&told["new"], &told["made"]), (&json!(2), &json!(0)), "running: {running}");
        assert_eq!(states(&home).len(), before);
        if let Some(kabari) = kabari {
            assert_eq!(kabari.stop().await, Some(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_replayed_says_why() {
    let world = World::start().await;
    let (home, kabari) = pushed(&world).await;
    let unknown = "01999999-0000-7000-8000-000000000000";
    let shown = ends(&home, &["events", "replay", unknown, "--dry-run"], 0);
    assert!(shown.contains("no such event"), "{shown}");
    assert_eq!(kabari.stop().await, Some(0));
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    raw.execute("UPDATE events SET content = x''", []).unwrap();
    let shown = ends(&home, &["events", "replay", "--all", "--dry-run"], 0);
    assert!(shown.contains("kept no longer"), "{shown}");
    ends(&home, &["events", "replay"], 2);
    ends(&home, &["events", "replay", unknown, "--source", "github"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_is_named_and_all_others_are_replayed() {
    for running in [true, false] {
        let world = World::start().await;
        let (home, kabari) = pushed(&world).await;
        push(&kabari, ANNA, "three").await;
        world.until("all sent", |seen| seen.dispatched.len() == 3).await;
        let second = home.list(&["events", "list"])[1]["id"].as_str().unwrap().to_owned();
        let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
        raw.execute_batch("UPDATE events SET content = x'01' WHERE seq = 2").unwrap();
        std::fs::write(home.path("rules.yaml"), more_rules()).unwrap();
        let kabari = if running {
            assert_eq!(kabari.order("/api/reload").await.status, 200);
            Some(kabari)
        } else {
            assert_eq!(kabari.stop().await, Some(0));
            None
        };
        let said = ends(&home, &["events", "replay", "--all", "--yes"], 1);
        for part in ["3 events: 2 new messages", "2 messages made", "broken content"] {
            assert!(said.contains(part), "running: {running}: {part}: {said}");
        }
        let which = format!("first: event {second}");
        assert!(said.contains("1 row cannot be read") && said.contains(&which), "{which}: {said}");
        let again = json(&home, &["events", "replay", "--all", "--yes"], 1);
        assert_eq!((&again["new"], &again["events"][1]["unreadable"]), (&json!(0), &json!(true)));
        drop(kabari);
        let texts = states(&home).into_iter().filter(|it| it.0.starts_with("team: "));
        let texts: Vec<String> = texts.map(|it| it.0).collect();
        assert_eq!(texts, ["team: one", "team: three"]);
    }
}
