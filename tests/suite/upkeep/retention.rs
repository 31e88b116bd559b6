//! Does a running `serve` remove what has had its time, and hear at once of another time?

use jiff::SignedDuration;
use kabari::clock;
use kabari::model::{Event, EventId};
use kabari::store::{SqliteStore, Store};

use super::{ANNA, ends, json, push};
use crate::process::{RULES, home};
use crate::support::kabari::Home;
use crate::support::world::World;

/// A store with an event of long ago, and one after it.
async fn with_an_old_event(home: &Home) {
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for n in 1..=2 {
        let event = Event {
            provider_id: Some(format!("old {n}")),
            ..Event::new(
                EventId(uuid::Uuid::from_u128(n)),
                "github",
                "push",
                "2020-01-01T00:00:00Z".parse().unwrap(),
                "{}",
            )
        };
        store.record(event, vec![]).await.unwrap();
    }
}

fn events(home: &Home) -> usize {
    tokio::task::block_in_place(|| home.list(&["events", "list"])).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_had_its_time_goes_while_serve_runs_and_is_counted() {
    let world = World::start().await;
    let home = home(&world);
    let rules = |retention: &str| format!("{RULES}\nretention: {{ {retention} }}\n");
    std::fs::write(home.path("rules.yaml"), rules("events: forever, messages: forever")).unwrap();
    with_an_old_event(&home).await;
    let kabari = home.start().await;
    push(&kabari, ANNA, "new").await;
    assert!(kabari.log().contains("bodies of events forever"), "{}", kabari.log());
    assert_eq!(events(&home), 3);
    std::fs::write(home.path("rules.yaml"), rules("events: 30d")).unwrap();
    let answer = kabari.order("/api/reload").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    kabari.says(0, &["removed what has had its time"]).await;
    assert_eq!(events(&home), 1);
    let page = kabari.page("/metrics").await.body;
    assert!(page.contains("kabari_pruned_total{what=\"events\"} 2"), "{page}");
    let used = page.lines().find(|line| line.starts_with("kabari_store_bytes{part=\"used\"}"));
    assert!(used.is_some_and(|line| !line.ends_with(" 0")), "{page}");
    assert_eq!(kabari.stop().await, Some(0));
}

/// What is in the store came before.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_clock_that_was_set_back_says_so_and_one_with_the_right_time_does_not() {
    let world = World::start().await;
    for (ahead, is_told) in [(0, false), (7200, true)] {
        let home = home(&world);
        let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
        let then = clock::now().checked_add(SignedDuration::from_secs(ahead)).unwrap();
        let id = EventId(uuid::Uuid::from_u128(1));
        store.record(Event::new(id, "github", "push", then, "{}"), vec![]).await.unwrap();
        drop(store);
        let kabari = home.start().await;
        push(&kabari, ANNA, "new").await;
        if is_told {
            kabari.says(0, &["the system's clock was set back by 1h 59m"]).await;
        }
        assert_eq!(kabari.log().contains("set back"), is_told, "{}", kabari.log());
        assert_eq!(kabari.stop().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_body_is_gone_says_so() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    push(&kabari, ANNA, "new").await;
    assert_eq!(kabari.stop().await, Some(0));
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    raw.execute("UPDATE events SET content = x''", []).unwrap();
    let listed = json(&home, &["events", "list"], 0);
    let id = listed[0]["id"].as_str().unwrap();
    let said = ends(&home, &["explain", "--event", id], 1);
    assert!(said.contains("kept no longer"), "{said}");
    let said = ends(&home, &["events", "show", id], 0);
    assert!(said.contains("kept no longer"), "{said}");
}
