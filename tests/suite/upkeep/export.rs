//! Is everything in the export, once, the oldest first, and discreet unless asked otherwise?

use kabari::model::{Event, EventId};
use kabari::store::{SqliteStore, Store};
use serde_json::Value;

use super::{ANNA, BUDI, ends, push};
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
