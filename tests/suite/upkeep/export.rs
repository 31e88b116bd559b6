//! Is everything in the export, once, the oldest first, and discreet unless asked otherwise?

use kabari::model::{Event, EventId};
use kabari::store::{SqliteStore, Store};
use serde_json::Value;

use super::{ANNA, BUDI, ends, json, push, run};
use crate::process::home;
use crate::support::kabari::Home;
use crate::support::world::World;

fn lines(home: &Home, words: &[&str]) -> Vec<Value> {
    let said = ends(home, &[&["export"], words].concat(), 0);
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_messages_are_lines_while_serve_runs_and_numbers_are_masked() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    push(&kabari, ANNA, "one").await;
    push(&kabari, BUDI, "two").await;
    let all = lines(&home, &[]);
    let types: Vec<&str> = all.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["event", "event", "message", "message"]);
    assert_eq!(all[2]["request"]["message"], "one");
    assert_eq!(all[0]["id"], all[2]["event"]);
    let text = ends(&home, &["export"], 0);
    assert!(!text.contains(ANNA) && !text.contains("\"body\""), "{text}");
    let full = lines(&home, &["--full"]);
    assert_eq!(
        (&full[0]["body"]["to"], &full[2]["request"]["number"]),
        (&ANNA.into(), &ANNA.into())
    );
    // The same filters as those of lists.
    assert_eq!(lines(&home, &["--number", "+62 898-7654-3210"]).len(), 1);
    assert_eq!(lines(&home, &["--only", "events"]).len(), 2);
    assert_eq!(lines(&home, &["--source", "stripe"]).len(), 0);
    assert_eq!(lines(&home, &["--until", "2020-01-01"]).len(), 0);
    assert_eq!(kabari.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_are_all_there_in_their_order() {
    let world = World::start().await;
    let home = home(&world);
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for n in 1..=1000_u128 {
        let event = Event {
            provider_id: Some(n.to_string()),
            ..Event::new(
                EventId(uuid::Uuid::from_u128(n)),
                "github",
                "push",
                "2026-01-01T00:00:00Z".parse().unwrap(),
                "{}",
            )
        };
        store.record(event, vec![]).await.unwrap();
    }
    let all = lines(&home, &[]);
    let ids: Vec<String> =
        all.iter().map(|it| it["provider_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (1..=1000).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_counted_and_all_others_are_there() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    for text in ["one", "two", "three"] {
        push(&kabari, ANNA, text).await;
    }
    assert_eq!(kabari.stop().await, Some(0));
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    raw.execute_batch(
        "UPDATE messages SET content = '{' WHERE seq = 2;
         UPDATE events SET content = x'01' WHERE seq IN (1, 3)",
    )
    .unwrap();
    let output = run(&home, &["export"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    let left: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = left.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["event", "message", "message"]);
    assert_eq!(left[2]["request"]["message"], "three");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("3 rows cannot be read") && said.contains("the first: event "), "{said}");
    let listed = json(&home, &["messages", "list"], 1);
    let texts: Vec<&Value> =
        listed.as_array().unwrap().iter().map(|it| &it["request"]["message"]).collect();
    assert_eq!(texts, ["three", "one"]);
    let said = ends(&home, &["messages", "list"], 1);
    assert!(said.contains("1 row cannot be read") && said.contains("broken content"), "{said}");
    // The pages show what can be shown.
    let kabari = home.start().await;
    for page in ["/api/messages", "/api/overview"] {
        let answer = kabari.page(page).await;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        assert!(answer.body.contains("three"), "{page}: {answer:?}");
    }
    kabari.says(0, &["in a list 1 row cannot be read"]).await;
    assert_eq!(kabari.stop().await, Some(0));
}
