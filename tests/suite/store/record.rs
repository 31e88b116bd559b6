//! Is what was acknowledged there, whole, and once?

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kabari::model::{Digest, Event, EventId, Message, State};
use kabari::store::{EventFilter, MessageFilter, Recorded, SharedStore, StoreError};

use super::{ANN, BEN, Place, all, at, event, message, record_for, unmade};

const ONE_WAITING: Recorded = Recorded::New { waiting: 1 };

pub(super) async fn an_event_and_its_messages_come_back_as_they_were(place: &Place) {
    let made = vec![message(1, ANN), Message { event: event(1).id, ..unmade(2) }];
    {
        let store = place.open();
        assert_eq!(store.record(event(1), made.clone()).await.unwrap(), ONE_WAITING);
    }
    let store = place.open();
    let back = store.event(event(1).id).await.unwrap().unwrap();
    assert_eq!(format!("{back:?}"), format!("{:?}", event(1)));
    assert_eq!(all(&*store).await, made);
    let rows = store.events(EventFilter::default()).await.unwrap().rows;
    assert_eq!((rows.len(), rows[0].messages, rows[0].received_at), (1, 2, at(0)));
    assert!(store.event(event(9).id).await.unwrap().is_none());
}

pub(super) async fn a_second_delivery_is_a_duplicate_also_after_reopening(place: &Place) {
    let again = Event { id: event(2).id, ..event(1) };
    let duplicate = Recorded::Duplicate { event: event(1).id };
    {
        let store = place.open();
        assert_eq!(store.record(event(1), vec![]).await.unwrap(), Recorded::New { waiting: 0 });
        assert_eq!(store.record(again.clone(), vec![]).await.unwrap(), duplicate);
    }
    let store = place.open();
    assert_eq!(store.record(again.clone(), vec![]).await.unwrap(), duplicate);
    let of_another = Event { source: "bank".to_owned(), ..again };
    assert!(matches!(store.record(of_another, vec![]).await.unwrap(), Recorded::New { .. }));
}

pub(super) async fn what_was_signed_once_is_a_duplicate_under_every_other_id(place: &Place) {
    let signed = |bytes: u8, never_repeats| Some(Digest { bytes: [bytes; 16], never_repeats });
    let event = |n, digest| Event { digest, ..event(n) };
    let first = Recorded::Duplicate { event: event(1, None).id };
    let new = |recorded| matches!(recorded, Recorded::New { .. });
    {
        let store = place.open();
        assert!(new(store.record(event(1, signed(1, true)), vec![]).await.unwrap()));
    }
    let store = place.open();
    let record = async |event: Event| store.record(event, vec![]).await.unwrap();
    assert_eq!(record(event(2, signed(1, true))).await, first);
    assert_eq!(record(event(3, signed(1, false))).await, first, "as another kind");
    assert!(new(record(event(4, signed(2, false))).await));
    assert!(new(record(event(5, signed(2, false))).await), "a kind that may repeat");
    let of_another = Event { source: "bank".to_owned(), ..event(6, signed(1, true)) };
    assert!(new(record(of_another).await));
}

pub(super) async fn of_many_deliveries_at_the_same_moment_exactly_one_is_new(place: &Place) {
    let store = place.open();
    let deliveries = (1..=100_u128).map(|n| {
        let store = Arc::clone(&store);
        let event = Event { provider_id: Some("the same".to_owned()), ..event(n) };
        tokio::spawn(async move { (event.id, store.record(event, vec![message(n, ANN)]).await) })
    });
    let mut new = Vec::new();
    let mut named = HashSet::new();
    for delivery in deliveries.collect::<Vec<_>>() {
        match delivery.await.unwrap() {
            (id, Ok(Recorded::New { .. })) => new.push(id),
            (_, Ok(Recorded::Duplicate { event })) => drop(named.insert(event)),
            (_, Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!(new.len(), 1);
    assert_eq!(named, HashSet::from([new[0]]), "duplicates name the first");
    assert_eq!(all(&*store).await.len(), 1);
}

/// More than any backend keeps in memory before it sorts them into place: looked for while that is
/// half done, and when it is. Not round numbers.
pub(super) async fn each_of_many_thousands_is_recognised_before_and_after_reopening(place: &Place) {
    const HALF: u128 = 25_013;
    const MANY: u128 = 36_007;
    /// Records them all, many at a time, under ids of our own that no other round has, and counts
    /// those that are new.
    async fn record_all(store: &SharedStore, round: u128, numbers: RangeInclusive<u128>) -> usize {
        let mut new = 0;
        let ours = |n: u128| EventId(uuid::Uuid::from_u128((round << 64) | n));
        for some in numbers.collect::<Vec<_>>().chunks(500) {
            let records = some.iter().map(|n| Event { id: ours(*n), ..event(*n) });
            let records = records.map(|event| store.record(event, vec![]));
            for recorded in futures_util::future::join_all(records).await {
                new += usize::from(recorded.unwrap() == Recorded::New { waiting: 0 });
            }
        }
        new
    }
    let store = place.open();
    assert_eq!(record_all(&store, 0, 1..=HALF).await, 25_013);
    assert_eq!(record_all(&store, 1, 1..=HALF).await, 0);
    drop(store);
    let store = place.open();
    assert_eq!(record_all(&store, 2, 1..=HALF).await, 0, "after reopening");
    assert_eq!(record_all(&store, 3, HALF + 1..=MANY).await, 10_994);
    drop(store);
    let store = place.open();
    assert_eq!(record_all(&store, 4, 1..=MANY).await, 0, "when all is in its place");
    let first = store.record(Event { id: event(0).id, ..event(1) }, vec![]).await.unwrap();
    assert_eq!(first, Recorded::Duplicate { event: event(1).id }, "the first is named");
}

pub(super) async fn events_without_an_id_are_never_duplicates(place: &Place) {
    let store = place.open();
    for n in 1..=2 {
        let event = Event { provider_id: None, ..event(n) };
        assert_eq!(store.record(event, vec![message(n, ANN)]).await.unwrap(), ONE_WAITING);
    }
}

pub(super) async fn a_duplicate_adds_no_messages(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    store.record(event(1), vec![message(1, BEN)]).await.unwrap();
    assert_eq!(all(&*store).await, [message(1, ANN)]);
}

pub(super) async fn an_event_is_not_kept_without_its_messages(place: &Place) {
    let store = place.open();
    // Waiting, and nothing to send: no room makes such a thing, and the store refuses it.
    let hollow = Message { content: None, ..message(1, BEN) };
    let refused = store.record(event(1), vec![message(1, ANN), hollow]).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    assert!(store.event(event(1).id).await.unwrap().is_none());
    assert_eq!(all(&*store).await, []);
    assert_eq!(store.record(event(1), vec![message(1, ANN)]).await.unwrap(), ONE_WAITING);
}

pub(super) async fn messages_added_twice_are_there_once(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let more = vec![message(1, ANN), message(1, BEN)];
    assert_eq!(store.add_messages(more.clone()).await.unwrap(), 1);
    assert_eq!(store.add_messages(more.clone()).await.unwrap(), 0);
    assert_eq!(all(&*store).await, more);
}

pub(super) async fn a_message_without_an_event_is_refused_and_its_neighbours_are_kept(
    place: &Place,
) {
    let store = place.open();
    let tasks = (1..=40_u128).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            if n % 4 == 0 {
                let orphan = store.add_messages(vec![message(n, ANN)]).await;
                assert!(matches!(orphan, Err(StoreError::Broken(_))), "{orphan:?}");
            } else {
                assert_eq!(
                    store.record(event(n), vec![message(n, ANN)]).await.unwrap(),
                    ONE_WAITING
                );
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(all(&*store).await.len(), 30);
}

pub(super) async fn a_large_body_comes_back(place: &Place) {
    let store = place.open();
    let body = bytes::Bytes::from(format!("[{}0]", "12345,".repeat(200_000)));
    store.record(Event { body: body.clone(), ..event(1) }, vec![]).await.unwrap();
    assert_eq!(store.event(event(1).id).await.unwrap().unwrap().body, body);
}

pub(super) async fn a_caller_that_gives_up_does_not_stop_the_commit(place: &Place) {
    let store = place.open();
    {
        let mut recording = std::pin::pin!(store.record(event(1), vec![message(1, ANN)]));
        // Asked once, which queues it, and never again.
        let _ = futures_util::poll!(&mut recording);
    }
    // What is queued behind it is answered after it.
    store.ping().await.unwrap();
    assert_eq!(all(&*store).await, [message(1, ANN)]);
}

pub(super) async fn lists_are_filtered_and_newest_first(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN, ANN]).await;
    let other = Event { source: "bank".to_owned(), kind: "paid".to_owned(), ..event(4) };
    let skipped = Message { source: "bank".to_owned(), state: State::Skipped, ..message(4, BEN) };
    store.record(other, vec![skipped]).await.unwrap();

    let found = |filter: MessageFilter| async {
        let messages = store.messages(filter).await.unwrap().rows;
        messages.iter().map(|message| message.event.0.as_u128()).collect::<Vec<_>>()
    };
    let none = MessageFilter::default;
    assert_eq!(found(none()).await, [4, 3, 2, 1]);
    assert_eq!(found(MessageFilter { limit: Some(2), ..none() }).await, [4, 3]);
    assert_eq!(found(MessageFilter { number: Some(ANN.to_owned()), ..none() }).await, [3, 1]);
    assert_eq!(found(MessageFilter { source: Some("bank".to_owned()), ..none() }).await, [4]);
    assert_eq!(found(MessageFilter { state: Some(State::Waiting), ..none() }).await, [3, 2, 1]);
    assert_eq!(found(MessageFilter { state: Some(State::Skipped), ..none() }).await, [4]);
    assert_eq!(found(MessageFilter { state: Some(State::Sent), ..none() }).await, [0; 0]);
    assert_eq!(found(MessageFilter { event: Some(event(2).id), ..none() }).await, [2]);
    assert_eq!(found(MessageFilter { rule: Some("paid".to_owned()), ..none() }).await.len(), 4);
    let hostile = Some("' OR 1=1 --".to_owned());
    assert_eq!(found(MessageFilter { rule: hostile, ..none() }).await, [0; 0]);

    let filter = EventFilter {
        kind: Some("order.paid".to_owned()),
        limit: Some(2),
        ..EventFilter::default()
    };
    let events = store.events(filter).await.unwrap().rows;
    let ids: Vec<EventId> = events.iter().map(|row| row.id).collect();
    assert_eq!(ids, [event(3).id, event(2).id]);
    let filter = EventFilter { source: Some("bank".to_owned()), ..EventFilter::default() };
    assert_eq!(store.events(filter).await.unwrap().rows.len(), 1);
}

pub(super) async fn it_can_say_that_it_writes(place: &Place) {
    place.open().ping().await.unwrap();
    // Twice: what it writes must not be what the next opening stumbles over.
    place.open().ping().await.unwrap();
}
