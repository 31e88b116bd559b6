//! Do many events become one message, and is none of them lost?

use kabari::model::{Content, Event, Group, Message, Reason, Rest, State, Terms, Throttle};
use kabari::store::{GatheredTo, Gathering, Moved, Outcome, Store};

use super::{ANN, Place, all, at, claim, event, message, state_of};

fn group(max: u32) -> Terms {
    let (key, template) = ("k".into(), "{}".into());
    let group = Group { key, wait_s: 60, interval_s: 300, max, template };
    Terms { group: Some(group), ..Terms::default() }
}

pub(super) fn keyed(key: &str) -> Terms {
    let group = Group { key: key.to_owned(), ..group(20).group.unwrap() };
    Terms { group: Some(group), ..Terms::default() }
}

/// Event `n` at this second, with one message of these terms.
async fn record(store: &dyn Store, n: u128, second: i64, terms: Terms) {
    let (created_at, due_at) = (at(second), at(second));
    let made = Message { created_at, due_at, terms, ..message(n, ANN) };
    store.record(event(n), vec![made]).await.unwrap();
}

async fn due(store: &dyn Store, second: i64) -> Vec<Gathering> {
    store.gatherings(at(second), GatheredTo::default(), 9).await.unwrap()
}

fn events_of(gathering: &Gathering) -> Vec<u128> {
    gathering.events.iter().map(|event| event.id.0.as_u128()).collect()
}

fn filled(words: &str) -> Outcome {
    let content = message(1, ANN).content.unwrap();
    Outcome::Made(Content { message: Some(words.into()), ..content })
}

pub(super) async fn events_with_one_key_become_one_message_when_it_is_due(place: &Place) {
    {
        let store = place.open();
        for (n, second) in [(1, 0), (2, 10), (3, 59)] {
            record(&*store, n, second, group(20)).await;
        }
        assert_eq!(all(&*store).await.len(), 1);
        assert!(claim(&*store, 1000, 9).await.is_empty(), "not before it is filled");
        assert_eq!(store.next_gathering().await.unwrap(), Some(at(60)));
        assert!(due(&*store, 59).await.is_empty());
    }
    let store = place.open();
    let found = due(&*store, 60).await;
    assert_eq!(found.len(), 1);
    assert_eq!(events_of(&found[0]), [1, 2, 3]);
    assert!(store.close_gathering(&found[0], filled("three"), None, at(61)).await.unwrap());
    assert!(due(&*store, 9999).await.is_empty());
    let claimed = claim(&*store, 61, 9).await;
    assert_eq!(claimed[0].message.content.as_ref().unwrap().message.as_deref(), Some("three"));
    assert_eq!(claimed[0].age.as_secs(), 0, "its clock begins when it is closed");
}

pub(super) async fn a_full_group_is_due_at_once_and_the_next_event_begins_another(place: &Place) {
    let store = place.open();
    record(&*store, 1, 0, group(2)).await;
    record(&*store, 2, 5, group(2)).await;
    let found = due(&*store, 5).await;
    assert_eq!(events_of(&found[0]), [1, 2]);
    let unmade = Outcome::Unmade { reason: Reason::Render, detail: "why".into() };
    assert!(store.close_gathering(&found[0], unmade, None, at(5)).await.unwrap());
    assert_eq!(state_of(&*store, 1, ANN).await, State::Failed);
    record(&*store, 3, 6, group(2)).await;
    assert_eq!(all(&*store).await.len(), 2);
}

pub(super) async fn of_a_group_that_could_not_be_filled_nothing_is_left_to_be_sent(place: &Place) {
    let store = place.open();
    record(&*store, 1, 0, group(20)).await;
    record(&*store, 2, 5, group(20)).await;
    let found = due(&*store, 60).await;
    let unmade = Outcome::Unmade { reason: Reason::Render, detail: "why".into() };
    assert!(store.close_gathering(&found[0], unmade, None, at(60)).await.unwrap());
    let moved = store.move_by_hand(message(1, ANN).id, State::Waiting, at(61)).await.unwrap();
    assert_eq!(moved, Moved::Unmade { event: event(1).id });
    assert!(claim(&*store, 99, 9).await.is_empty());
    assert!(all(&*store).await[0].content.is_none());
}

pub(super) async fn after_a_group_the_next_one_waits_for_its_interval(place: &Place) {
    let store = place.open();
    record(&*store, 1, 0, group(20)).await;
    let found = due(&*store, 60).await;
    store.close_gathering(&found[0], filled("one"), None, at(60)).await.unwrap();
    record(&*store, 2, 70, group(20)).await;
    assert_eq!(store.next_gathering().await.unwrap(), Some(at(360)));
    let found = due(&*store, 360).await;
    store.close_gathering(&found[0], filled("two"), None, at(360)).await.unwrap();
    record(&*store, 3, 900, group(20)).await;
    assert_eq!(store.next_gathering().await.unwrap(), Some(at(960)), "long after: as at first");
}

pub(super) async fn a_group_is_forgotten_when_its_interval_is_over_and_no_sooner(place: &Place) {
    let kept = || -> i64 {
        let raw = rusqlite::Connection::open(place.file()).unwrap();
        let count = raw.query_row("SELECT count(*) FROM gatherings", [], |row| row.get(0));
        count.unwrap()
    };
    let store = place.open();
    for n in 1..=9 {
        record(&*store, n, 0, keyed(&n.to_string())).await;
    }
    for found in due(&*store, 60).await {
        store.close_gathering(&found, filled("it"), None, at(60)).await.unwrap();
    }
    record(&*store, 11, 358, keyed("other")).await;
    assert_eq!(kept(), 10, "each of these may begin anew");
    record(&*store, 12, 359, keyed("9")).await;
    assert_eq!(store.next_gathering().await.unwrap(), Some(at(418)));
    for n in 13..=14 {
        record(&*store, n, 360, keyed("other")).await;
    }
    assert_eq!(kept(), 2, "those that are open");
    let found = due(&*store, 419).await;
    assert_eq!(found.iter().map(events_of).collect::<Vec<_>>(), [vec![11, 13, 14], vec![12]]);
}

pub(super) async fn an_event_that_joins_while_a_group_is_filled_is_not_lost(place: &Place) {
    let store = place.open();
    record(&*store, 1, 0, group(20)).await;
    let found = due(&*store, 60).await;
    // It was made a moment before, and is kept only now.
    record(&*store, 2, 59, group(20)).await;
    assert!(!store.close_gathering(&found[0], filled("one"), None, at(60)).await.unwrap());
    let found = due(&*store, 60).await;
    assert_eq!(events_of(&found[0]), [1, 2]);
    assert!(store.close_gathering(&found[0], filled("two"), None, at(60)).await.unwrap());
    assert_eq!(claim(&*store, 60, 9).await.len(), 1);
}

pub(super) async fn a_group_that_is_due_takes_no_more_and_the_next_one_waits_for_its_interval(
    place: &Place,
) {
    let store = place.open();
    for (key, max, first) in [("few", 20, 1..=1), ("full", 3, 1..=3)] {
        let begin = i64::from(max) * 1000;
        let of = |n: u128| u128::from(max) * 1000 + n;
        let terms = || {
            let group = Group { key: key.to_owned(), ..group(max).group.unwrap() };
            Terms { group: Some(group), ..Terms::default() }
        };
        for n in first.clone() {
            record(&*store, of(n), begin + if key == "few" { 0 } else { 60 }, terms()).await;
        }
        let found = due(&*store, begin + 60).await;
        for n in 100..150 {
            record(&*store, of(n), begin + 60, terms()).await;
        }
        assert_eq!(events_of(&found[0]), first.map(of).collect::<Vec<_>>());
        let closed = store.close_gathering(&found[0], filled("one"), None, at(begin + 61)).await;
        assert!(closed.unwrap(), "although more came");
        assert_eq!(store.next_gathering().await.unwrap(), Some(at(begin + 360)));
        let found = due(&*store, begin + 360).await;
        assert_eq!(events_of(&found[0]), (100..150).map(of).collect::<Vec<_>>());
        let closed = store.close_gathering(&found[0], filled("two"), None, at(begin + 360)).await;
        assert!(closed.unwrap());
        assert!(due(&*store, begin + 9999).await.is_empty());
    }
    assert_eq!(all(&*store).await.len(), 4);
}

pub(super) async fn a_group_that_cannot_be_read_keeps_no_other_from_being_closed(place: &Place) {
    let store = place.open();
    for (n, key) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        record(&*store, n, 0, keyed(key)).await;
    }
    let raw = rusqlite::Connection::open(place.file()).unwrap();
    let harm = |sql: &str| assert_eq!(raw.execute(sql, []).unwrap(), 1);
    harm("UPDATE events SET content = x'01020304' WHERE seq = 1");
    harm("DELETE FROM gathered WHERE message = 2");
    store.move_by_hand(message(3, ANN).id, State::Cancelled, at(1)).await.unwrap();
    harm("UPDATE events SET content = x'01020304' WHERE seq = 3");
    let found = due(&*store, 60).await;
    assert_eq!(found.len(), 3, "who is cancelled is not looked at");
    let of = |n: u128| found.iter().find(|it| it.message == message(n, ANN).id).unwrap();
    assert!(of(1).unreadable.is_some());
    assert!(of(2).unreadable.is_some(), "a message of nothing");
    assert_eq!((events_of(of(4)), &of(4).unreadable), (vec![4], &None));
    for gathering in &found {
        let unmade = Outcome::Unmade { reason: Reason::Render, detail: "why".into() };
        assert!(store.close_gathering(gathering, unmade, None, at(60)).await.unwrap());
    }
    assert_eq!(state_of(&*store, 1, ANN).await, State::Failed);
    assert_eq!(store.next_gathering().await.unwrap(), None, "nothing is left to be looked at");
}

pub(super) async fn a_group_whose_message_was_cancelled_takes_no_more_events(place: &Place) {
    let store = place.open();
    record(&*store, 1, 0, group(20)).await;
    store.move_by_hand(message(1, ANN).id, State::Cancelled, at(1)).await.unwrap();
    record(&*store, 2, 2, group(20)).await;
    let found = due(&*store, 99).await;
    assert_eq!(found.len(), 1);
    assert_eq!(events_of(&found[0]), [2]);
    assert_eq!(state_of(&*store, 1, ANN).await, State::Cancelled);
}

pub(super) async fn from_a_group_that_was_forgotten_the_next_one_keeps_no_distance(place: &Place) {
    let store = place.open_with(&place.secrets).unwrap();
    record(&store, 1, 0, group(2)).await;
    store.purge(ANN, false, &mut |_| {}).await.unwrap();
    record(&store, 2, 2, group(2)).await;
    record(&store, 3, 3, group(2)).await;
    let found = due(&store, 3).await;
    assert_eq!(found.len(), 1, "nothing went, so it is due as soon as it is full");
    assert_eq!(events_of(&found[0]), [2, 3]);
}

pub(super) async fn the_rest_over_a_limit_becomes_one_message_when_there_is_room(place: &Place) {
    let store = place.open();
    let (key, template) = ("k".to_owned(), "{}".to_owned());
    let terms = Terms {
        throttle: Some(Throttle { key, limit: 2, per_s: 60, rest: Rest::Group, template }),
        ..Terms::default()
    };
    for (n, second) in [(1, 0), (2, 1), (3, 2), (4, 3), (5, 50)] {
        record(&*store, n, second, terms.clone()).await;
    }
    assert_eq!(all(&*store).await.len(), 3);
    assert!(due(&*store, 59).await.is_empty());
    let found = due(&*store, 60).await;
    assert_eq!(events_of(&found[0]), [3, 4, 5]);
}

pub(super) async fn large_groups_are_read_one_after_another(place: &Place) {
    let store = place.open();
    for n in 1..=5 {
        let body = format!(r#"{{"n":"{}"}}"#, "x".repeat(9 << 20));
        let (made, event) = (message(n, ANN), Event { body: body.into(), ..event(n) });
        let made = Message { terms: keyed(&n.to_string()), ..made };
        store.record(event, vec![made]).await.unwrap();
    }
    let (mut from, mut read) = (GatheredTo::default(), Vec::new());
    loop {
        let page = store.gatherings(at(99), from, 9).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.at;
        read.push(page.iter().flat_map(events_of).collect::<Vec<_>>());
    }
    assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1], "{read:?}");
    let mut all = read.concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5]);
}
