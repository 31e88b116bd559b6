//! Can people move messages, legally, and count them?

use kabari::model::{Message, MessageId, Policy, Reason, State};
use kabari::store::{Moved, Store};
use uuid::Uuid;

use super::{
    ANN, BEN, Place, all, at, claim_one, event, message, numbers, record_for, settle, state_of,
    unmade,
};

/// A message of event 1 that came into this state the usual way.
async fn bring_to(store: &dyn Store, state: State) {
    let first = if state == State::Skipped {
        Message { state, reason: Some(Reason::Quiet), ..message(1, ANN) }
    } else {
        message(1, ANN)
    };
    store.record(event(1), vec![first]).await.unwrap();
    match state {
        State::Waiting | State::Skipped => {}
        State::Cancelled => {
            store.move_by_hand(message(1, ANN).id, state, at(0)).await.unwrap();
        }
        State::Sending => drop(claim_one(store, 0).await),
        State::Sent | State::Uncertain | State::Failed => {
            let claimed = claim_one(store, 0).await;
            settle(store, claimed, state).await;
        }
    }
    assert_eq!(state_of(store, 1, ANN).await, state);
}

pub(super) async fn people_make_legal_moves_only(_: &Place) {
    use State::{Cancelled, Failed, Sent, Uncertain, Waiting};
    let legal = [
        (Waiting, Cancelled),
        (Uncertain, Sent),
        (Uncertain, Waiting),
        (Uncertain, Cancelled),
        (Failed, Waiting),
    ];
    for from in State::ALL {
        for to in State::ALL {
            let place = Place::quick_sqlite();
            let store = place.open();
            bring_to(&*store, from).await;
            let moved = store.move_by_hand(message(1, ANN).id, to, at(0)).await.unwrap();
            let (expected, then) = if legal.contains(&(from, to)) {
                (Moved::Done, to)
            } else {
                (Moved::Illegal(from), from)
            };
            assert_eq!(moved, expected, "{from:?} to {to:?}");
            assert_eq!(state_of(&*store, 1, ANN).await, then);
        }
    }
}

pub(super) async fn what_could_not_be_made_cannot_be_retried(place: &Place) {
    let store = place.open();
    store.record(event(1), vec![unmade(1)]).await.unwrap();
    let moved = store.move_by_hand(unmade(1).id, State::Waiting, at(0)).await.unwrap();
    assert_eq!(moved, Moved::Unmade { event: event(1).id });
}

pub(super) async fn an_unknown_message_is_unknown(place: &Place) {
    let store = place.open();
    let id = MessageId(Uuid::from_u128(1));
    assert_eq!(store.move_by_hand(id, State::Waiting, at(0)).await.unwrap(), Moved::Unknown);
    assert!(store.message(id).await.unwrap().is_none());
}

pub(super) async fn a_retry_by_hand_is_due_at_once(place: &Place) {
    let store = place.open();
    let late = Message { due_at: at(500), ..message(1, ANN) };
    store.record(event(1), vec![late]).await.unwrap();
    let claimed = claim_one(&*store, 500).await;
    settle(&*store, claimed, State::Failed).await;
    store.move_by_hand(message(1, ANN).id, State::Waiting, at(90)).await.unwrap();
    let (kept, _) = store.message(message(1, ANN).id).await.unwrap().unwrap();
    assert_eq!((kept.due_at, kept.reason, kept.detail), (at(90), Some(Reason::ByHand), None));
    assert_eq!(numbers(&super::claim(&*store, 90, 9).await), [1]);
}

pub(super) async fn everything_is_counted_by_state(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN, ANN]).await;
    store.record(event(4), vec![unmade(4)]).await.unwrap();
    let claimed = claim_one(&*store, 0).await;
    settle(&*store, claimed, State::Sent).await;
    claim_one(&*store, 0).await;
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.events, 4);
    for (state, count) in [("waiting", 1), ("sending", 1), ("sent", 1), ("failed", 1)] {
        assert_eq!(counts.messages[state], count, "{state}");
    }
    assert_eq!(counts.messages.values().sum::<u64>(), all(&*store).await.len() as u64);
    assert_eq!(counts.messages.len(), State::ALL.len());
}

pub(super) async fn a_retry_by_hand_has_the_attempts_and_the_time_of_the_first(place: &Place) {
    let store = place.open();
    for (n, attempts_max) in [(1, 3), (2, u32::MAX)] {
        let policy = Policy { attempts_max, age_max_s: 60, ..Policy::default() };
        let first = Message { policy, attempts: 2, ..message(n, ANN) };
        store.record(event(n), vec![first]).await.unwrap();
        let claimed = claim_one(&*store, 0).await;
        settle(&*store, claimed, State::Failed).await;
        store.move_by_hand(message(n, ANN).id, State::Waiting, at(1000)).await.unwrap();
        let again = claim_one(&*store, 1000).await;
        let most = attempts_max.saturating_add(3);
        assert_eq!((again.message.policy.attempts_max, again.message.attempts), (most, 4));
        assert_eq!((again.message.policy.age_max_s, again.age.as_secs()), (60, 0));
        settle(&*store, again, State::Sent).await;
    }
}
