//! Does what has had its time go, all else stay, and a second delivery still be recognised?

use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{Dedupe, Event, Group, Message, Reason, State};
use kabari::store::{
    Claim, GatheredTo, MessageFilter, OpenOptions, Pruned, Recorded, Retention, Round, SqliteStore,
    Store, Upkeep,
};
use rusqlite::Connection;

use super::{ANN, BEN, Place, at, claim_one, ended, event, later, message, settle};

const DAY: i64 = 86_400;

fn days(events: u64, messages: u64) -> Retention {
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    Retention { events: days(events), messages: days(messages), size: None }
}

/// Rounds until one finds nothing; what they removed.
async fn prune(store: &dyn Store, retention: Retention, now: Timestamp) -> Pruned {
    let mut total = Pruned::default();
    loop {
        let (mut round, before) = (Round::default(), total);
        loop {
            let pruned = store.prune(retention, now, round).await.unwrap();
            // Whoever comes waits for no more than one such step, whatever the reason for it.
            assert!(pruned.bodies + pruned.events + pruned.messages <= 64, "{pruned:?}");
            total.bodies += pruned.bodies;
            total.events += pruned.events;
            total.messages += pruned.messages;
            match pruned.next {
                Some(next) => round = next,
                None => break,
            }
        }
        if total == before {
            return total;
        }
    }
}

fn removed(bodies: u64, events: u64, messages: u64) -> Pruned {
    Pruned { bodies, events, messages, next: None }
}

/// The n-th event and its message, so many days after the start.
fn on_day(n: u128, day: i64, recipient: &str) -> (Event, Message) {
    let time = at(day * DAY);
    let made = Message { created_at: time, due_at: time, ..message(n, recipient) };
    (Event { received_at: time, ..event(n) }, made)
}

async fn record(store: &dyn Store, (event, message): (Event, Message)) -> Recorded {
    store.record(event, vec![message]).await.unwrap()
}

/// Ends the message that is next in this state.
async fn end(store: &dyn Store, day: i64, state: State) {
    let claimed = claim_one(store, day * DAY).await;
    assert!(settle(store, claimed, state).await);
}

#[tokio::test]
async fn what_is_old_and_done_goes_and_what_is_young_or_undone_stays() {
    let place = Place::sqlite();
    let store = place.open();
    for (n, state) in
        [(1, State::Sent), (2, State::Failed), (3, State::Uncertain), (4, State::Waiting)]
    {
        record(&*store, on_day(n, 0, if n == 4 { BEN } else { ANN })).await;
        if state != State::Waiting {
            let claimed = claim_of(&*store, n).await;
            assert!(store.settle(claimed.lease, ended(&claimed.message, state)).await.unwrap());
        }
    }
    record(&*store, on_day(5, 95, "6285555555555")).await;
    store.record(Event { received_at: at(0), ..event(6) }, vec![]).await.unwrap();
    store.record(Event { received_at: at(96 * DAY), ..event(7) }, vec![]).await.unwrap();
    let pruned = prune(&*store, days(90, 90), at(100 * DAY)).await;
    assert_eq!(pruned, removed(2, 3, 2), "1, 2 and 6 are gone");
    for (n, is_there) in [(1, false), (2, false), (3, true), (4, true), (5, true), (6, false)] {
        let found = store.event(event(n).id).await.unwrap();
        assert_eq!(found.is_some(), is_there, "event {n}");
        if let Some(found) = found {
            assert!(!found.body.is_empty(), "event {n} has its body");
        }
    }
    let left = store.messages(MessageFilter::default()).await.unwrap().rows;
    let states: Vec<State> = left.iter().map(|message| message.state).collect();
    assert_eq!(states, [State::Waiting, State::Waiting, State::Uncertain]);
    assert_eq!(prune(&*store, days(90, 90), at(100 * DAY)).await, removed(0, 0, 0));
}

async fn claim_of(store: &dyn Store, n: u128) -> kabari::store::Claimed {
    let due = claim_one(store, 0).await;
    assert_eq!(due.message.event, event(n).id);
    due
}

#[tokio::test]
async fn a_second_delivery_is_recognised_when_the_body_is_gone_and_also_after_a_restart() {
    let place = Place::sqlite();
    let store = place.open();
    for n in 1..=3 {
        store.record(Event { received_at: at(0), ..event(n) }, vec![]).await.unwrap();
    }
    // Younger than 30 days: the body goes, not what it was.
    assert_eq!(prune(&*store, days(1, 1), at(29 * DAY)).await, removed(3, 0, 0));
    assert!(store.event(event(1).id).await.unwrap().unwrap().body.is_empty());
    let again =
        |n: u128, second: i64| Event { id: event(n + 100).id, received_at: at(second), ..event(n) };
    let known = |recorded| matches!(recorded, Recorded::Duplicate { .. });
    assert!(known(store.record(again(1, 29 * DAY), vec![]).await.unwrap()));
    drop(store);
    let store = place.open();
    assert!(known(store.record(again(2, 29 * DAY), vec![]).await.unwrap()));
    // After 30 days all but the newest goes: the numbers of rows go on from it.
    assert_eq!(prune(&*store, days(1, 1), at(31 * DAY)).await, removed(0, 2, 0));
    assert!(!known(store.record(again(1, 31 * DAY), vec![]).await.unwrap()), "it is new again");
    assert!(known(store.record(again(1, 31 * DAY), vec![]).await.unwrap()), "and is remembered");
    drop(store);
    let store = place.open();
    assert!(known(store.record(again(1, 31 * DAY), vec![]).await.unwrap()), "also after a restart");
}

#[tokio::test]
async fn keys_of_events_that_are_gone_leave_the_index_and_a_new_event_of_that_id_enters_it() {
    let place = Place::quick_sqlite();
    let store = place.open();
    // Enough that a part of them is in the index.
    for part in 0..45_u128 {
        let batch = (0..500).map(|n| {
            (Event { received_at: at(0), body: "1".into(), ..event(part * 500 + n + 1) }, vec![])
        });
        store.record_batch(batch.collect()).await.unwrap();
    }
    let keys = || -> i64 {
        let raw = Connection::open(place.file()).unwrap();
        raw.query_row("SELECT count(*) FROM event_keys", [], |row| row.get(0)).unwrap()
    };
    assert!(4000 < keys(), "{}", keys());
    let pruned = prune(&*store, days(1, 1), at(40 * DAY)).await;
    assert_eq!(pruned.events, 22_499, "all but the newest");
    assert!(keys() < 100, "all but a few that were on their way there: {}", keys());
    let again = Event { received_at: at(40 * DAY), ..event(7) };
    assert!(matches!(store.record(again.clone(), vec![]).await.unwrap(), Recorded::New { .. }));
    let second = Event { id: event(9_999).id, ..again };
    assert!(matches!(store.record(second, vec![]).await.unwrap(), Recorded::Duplicate { .. }));
}

#[tokio::test]
async fn a_dedupe_key_outlives_the_message_that_was_sent_and_not_one_that_failed() {
    let place = Place::sqlite();
    let store = place.open();
    let keyed = |n: u128, day: i64, key: &str| {
        let (event, mut message) = on_day(n, day, ANN);
        let year = 365 * 86_400;
        message.terms.dedupe = Some(Dedupe { key: key.to_owned(), within_s: year });
        (event, message)
    };
    record(&*store, keyed(1, 0, "sent")).await;
    end(&*store, 0, State::Sent).await;
    record(&*store, keyed(2, 0, "failed")).await;
    end(&*store, 0, State::Failed).await;
    record(&*store, on_day(3, 99, BEN)).await;
    assert_eq!(prune(&*store, days(30, 30), at(100 * DAY)).await, removed(2, 2, 2));
    record(&*store, keyed(4, 100, "sent")).await;
    record(&*store, keyed(5, 100, "failed")).await;
    let state = async |n: u128| store.message(message(n, ANN).id).await.unwrap().unwrap().0;
    let again = state(4).await;
    assert_eq!((again.state, again.reason), (State::Skipped, Some(Reason::Duplicate)));
    assert!(again.detail.unwrap().contains("kept no longer"));
    assert_eq!(state(5).await.state, State::Waiting);
}

#[tokio::test]
async fn events_of_an_open_group_keep_their_bodies() {
    let place = Place::sqlite();
    let store = place.open();
    for n in 1..=3 {
        let (event, mut message) = on_day(n, 0, ANN);
        let (key, template) = ("k".to_owned(), String::new());
        message.terms.group =
            Some(Group { key, wait_s: 400 * 86_400, interval_s: 0, max: 99, template });
        record(&*store, (event, message)).await;
    }
    assert_eq!(prune(&*store, days(1, 1), at(100 * DAY)).await, removed(0, 0, 0));
    let due = store.gatherings(at(500 * DAY), GatheredTo::default(), 9).await.unwrap();
    assert_eq!(due[0].events.len(), 3);
    assert!(due[0].events.iter().all(|event| !event.body.is_empty()));
}

/// More than are looked at in one step, and than are taken off a message in one.
const VERY_MANY: u128 = 3000;

#[tokio::test]
async fn an_event_of_very_many_messages_keeps_its_body_until_the_last_of_them_is_done() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let all = (1..=VERY_MANY).map(|n| Message {
        id: message(n, ANN).id,
        state: if n == 2500 { State::Waiting } else { State::Skipped },
        ..on_day(1, 0, ANN).1
    });
    store.record(on_day(1, 0, ANN).0, all.collect()).await.unwrap();
    record(&*store, on_day(VERY_MANY + 1, 99, BEN)).await;
    assert_eq!(prune(&*store, days(30, 30), at(100 * DAY)).await, removed(0, 0, 0));
    store.move_by_hand(message(2500, ANN).id, State::Cancelled, at(99 * DAY)).await.unwrap();
    let all = u64::try_from(VERY_MANY).unwrap();
    assert_eq!(prune(&*store, days(30, 30), at(100 * DAY)).await, removed(1, 1, all));
}

#[tokio::test]
async fn an_event_whose_newest_message_is_of_now_keeps_its_body_however_many_were_done_before() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let made = |n: u128, state| Message { id: message(n, ANN).id, state, ..on_day(1, 0, ANN).1 };
    let all = (1..=VERY_MANY).map(|n| made(n, State::Skipped));
    store.record(on_day(1, 0, ANN).0, all.collect()).await.unwrap();
    record(&*store, on_day(VERY_MANY + 1, 99, BEN)).await;
    // A replay adds another one between any two steps.
    for steps in 0.. {
        let mut round = Some(Round::default());
        for _ in 0..steps {
            let Some(from) = round else { break };
            let pruned = store.prune(days(30, 999), at(100 * DAY), from).await.unwrap();
            round = pruned.next;
        }
        if round.is_none() || store.event(event(1).id).await.unwrap().unwrap().body.is_empty() {
            assert!(2 < steps, "it took several");
            break;
        }
        let new = made(10_000 + steps, State::Waiting);
        store.add_messages(vec![new.clone()]).await.unwrap();
        while let Some(from) = round {
            let pruned = store.prune(days(30, 999), at(100 * DAY), from).await.unwrap();
            assert_eq!(pruned.bodies, 0, "after {steps} steps");
            round = pruned.next;
        }
        store.move_by_hand(new.id, State::Cancelled, at(99 * DAY)).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_was_very_many_events_goes_in_several_steps() {
    let place = Place::quick_sqlite();
    let store = place.open();
    for part in 0..VERY_MANY / 500 {
        let batch = (1..=500).map(|n| {
            let (event, mut message) = on_day(part * 500 + n, 0, ANN);
            let (key, template) = ("k".to_owned(), String::new());
            message.terms.group =
                Some(Group { key, wait_s: 60, interval_s: 0, max: u32::MAX, template });
            (event, vec![message])
        });
        store.record_batch(batch.collect()).await.unwrap();
    }
    store.move_by_hand(message(1, ANN).id, State::Cancelled, at(1)).await.unwrap();
    record(&*store, on_day(VERY_MANY + 1, 99, BEN)).await;
    let all = u64::try_from(VERY_MANY).unwrap();
    assert_eq!(prune(&*store, days(30, 30), at(100 * DAY)).await, removed(all, all, 1));
}

#[tokio::test]
async fn a_store_that_is_too_large_gives_up_its_oldest_bodies_first() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let mut dice = fastrand::Rng::with_seed(1);
    for n in 1..=600 {
        let body: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(20_000).collect();
        let time = later(at(0), i64::try_from(n).unwrap());
        store
            .record(Event { received_at: time, body: body.into(), ..event(n) }, vec![])
            .await
            .unwrap();
    }
    let before = store.size().await.unwrap();
    assert!(12_000_000 < before.used, "{before:?}");
    let size = 6_000_000;
    let retention = Retention { size: Some(size), ..days(90, 90) };
    let pruned = prune(&*store, retention, at(DAY)).await;
    let after = store.size().await.unwrap();
    assert!(after.used <= size && size - 64 * 24_000 < after.used, "{after:?}");
    assert_eq!((pruned.events, pruned.messages), (0, 0), "what came is remembered");
    let has_body =
        async |n: u128| !store.event(event(n).id).await.unwrap().unwrap().body.is_empty();
    assert!(!has_body(1).await && has_body(600).await);
    // The room is used again: the file does not grow.
    for n in 601..=800 {
        store.record(Event { body: vec![7; 9000].into(), ..event(n) }, vec![]).await.unwrap();
    }
    assert!(store.size().await.unwrap().used < before.used);
    let raw = Connection::open(place.file()).unwrap();
    let check: String = raw.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn of_large_bodies_few_go_in_one_step() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let mut dice = fastrand::Rng::with_seed(1);
    for n in 1..=20 {
        let body: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(1 << 20).collect();
        let large = Event { received_at: at(0), body: body.into(), ..event(n) };
        store.record(large, vec![]).await.unwrap();
    }
    let (mut round, mut bodies) = (Some(Round::default()), Vec::new());
    while let Some(from) = round {
        let pruned = store.prune(days(1, 1), at(2 * DAY), from).await.unwrap();
        bodies.extend(Some(pruned.bodies).filter(|bodies| 0 < *bodies));
        round = pruned.next;
    }
    assert_eq!(bodies, [4; 5], "of 1 MiB each");
}

#[tokio::test]
async fn what_comes_waits_for_one_small_step_at_most() {
    let place = Place::quick_sqlite();
    let store = SqliteStore::open_with(&place.file(), OpenOptions::default()).unwrap();
    for n in 1..=1000 {
        record(&store, on_day(n, 0, ANN)).await;
        end(&store, 0, State::Sent).await;
    }
    let (mut round, mut steps, mut n) = (Round::default(), 0, 1000);
    let mut total = 0;
    loop {
        // Both at once, so the one is in the other's way wherever it can be.
        n += 1;
        let coming = record(&store, on_day(n, 100, BEN));
        let (pruned, came) = tokio::join!(store.prune(days(30, 30), at(100 * DAY), round), coming);
        let pruned = pruned.unwrap();
        assert_eq!(came, Recorded::New { waiting: 1 });
        assert!(pruned.messages + pruned.events + pruned.bodies <= 64, "{pruned:?}");
        total += pruned.messages + pruned.bodies;
        steps += 1;
        match pruned.next {
            Some(next) => round = next,
            None => break,
        }
    }
    assert_eq!(
        total, 2000,
        "a body and a message each; the rest of an event is for the next round"
    );
    assert!((32..60).contains(&steps), "{steps} steps");
    let claimed = store.claim(Claim::new("jakarta", 9, at(100 * DAY))).await.unwrap();
    assert_eq!(claimed.taken.len(), 1, "and sending goes on");
}
