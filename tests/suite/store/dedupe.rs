//! Who has a `dedupe` key after a person has put a message back into line?

use std::time::Duration;

use kabari::model::{Dedupe, Group, Reason, State, Terms};
use kabari::store::{GatheredTo, Moved, Moves, Outcome, Retention, Round, Store};

use super::terms::{record, with_terms};
use super::{ANN, BEN, Place, at, claim_one, event, message, settle, state_of, unmade};

const DAY: i64 = 86_400;

fn once(days: u64) -> Terms {
    let dedupe = Dedupe { key: "a".into(), within_s: days * 86_400 };
    Terms { dedupe: Some(dedupe), ..Terms::default() }
}

/// Message `n` has the key, and ends so.
async fn ended(store: &dyn Store, n: u128, second: i64, state: State) {
    assert_eq!(record(store, with_terms(n, second, ANN, once(30))).await, 1);
    let claimed = claim_one(store, second).await;
    assert_eq!(claimed.message.id, message(n, ANN).id);
    assert!(settle(store, claimed, state).await);
}

async fn retry(store: &dyn Store, n: u128, second: i64) -> Moved {
    store.move_by_hand(message(n, ANN).id, State::Waiting, at(second)).await.unwrap()
}

pub(super) async fn a_message_that_is_retried_takes_its_key_back_from_one_that_failed(
    place: &Place,
) {
    let store = place.open();
    for n in 1..=3 {
        ended(&*store, n, 0, State::Failed).await;
    }
    drop(store);
    let store = place.open();
    assert_eq!(retry(&*store, 1, 5).await, Moved::Done);
    assert_eq!(record(&*store, with_terms(4, 6, ANN, once(30))).await, 0);
    let fourth = store.message(message(4, ANN).id).await.unwrap().unwrap().0;
    assert_eq!((fourth.state, fourth.reason), (State::Skipped, Some(Reason::Duplicate)));
    assert!(fourth.detail.unwrap().contains(&message(1, ANN).id.to_string()));
    // The other two lost theirs to it.
    let by = Some(message(1, ANN).id);
    assert_eq!(retry(&*store, 2, 7).await, Moved::Held { by, state: State::Waiting });
    let claimed = claim_one(&*store, 8).await;
    settle(&*store, claimed, State::Failed).await;
    assert_eq!(retry(&*store, 3, 9).await, Moved::Done);
    let by = Some(message(3, ANN).id);
    for n in [1, 2] {
        assert_eq!(retry(&*store, n, 10).await, Moved::Held { by, state: State::Waiting });
    }
}

pub(super) async fn a_message_whose_key_another_one_has_is_not_retried(place: &Place) {
    let store = place.open();
    ended(&*store, 1, 0, State::Failed).await;
    ended(&*store, 2, 0, State::Uncertain).await;
    let by = Some(message(2, ANN).id);
    assert_eq!(retry(&*store, 1, 5).await, Moved::Held { by, state: State::Uncertain });
    assert_eq!(state_of(&*store, 1, ANN).await, State::Failed);
    store.move_by_hand(message(2, ANN).id, State::Cancelled, at(6)).await.unwrap();
    assert_eq!(retry(&*store, 1, 7).await, Moved::Done, "the other one is not sent");
}

pub(super) async fn a_key_is_not_given_back_for_as_long_as_what_was_sent_is_remembered(
    place: &Place,
) {
    let store = place.open();
    // The one that failed is younger: it is still there when the other one has had its time.
    ended(&*store, 1, 5 * DAY, State::Failed).await;
    ended(&*store, 2, 0, State::Sent).await;
    record(&*store, with_terms(3, 0, BEN, Terms::default())).await;
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    let retention = Retention { events: days(1), messages: days(10), size: None };
    for _ in 0..2 {
        let mut round = Some(Round::default());
        while let Some(from) = round {
            round = store.prune(retention, at(12 * DAY), from).await.unwrap().next;
        }
    }
    assert!(store.message(message(2, ANN).id).await.unwrap().is_none());
    let held = Moved::Held { by: None, state: State::Sent };
    assert_eq!(retry(&*store, 1, 29 * DAY).await, held);
    assert_eq!(retry(&*store, 1, 31 * DAY).await, Moved::Done, "the key has had its time");
}

/// A group of events 1 to 3 to Ann, each with its key, whose message then failed at Wachat.
async fn a_group_that_failed(store: &dyn Store) {
    for n in 1..=3 {
        let (key, template) = ("k".into(), "{}".into());
        let group = Some(Group { key, wait_s: 60, interval_s: 0, max: 9, template });
        let dedupe = Some(Dedupe { key: n.to_string(), within_s: 86_400 });
        record(store, with_terms(n, 0, ANN, Terms { dedupe, group, ..Terms::default() })).await;
    }
    let due = store.gatherings(at(60), GatheredTo::default(), 9).await.unwrap().remove(0);
    let made = Outcome::Made(message(1, ANN).content.unwrap());
    assert!(store.close_gathering(&due, made, None, at(60)).await.unwrap());
    let claimed = claim_one(store, 60).await;
    assert!(settle(store, claimed, State::Failed).await);
}

/// Not done, since message `n` has the key.
fn held_by(n: u128, state: State) -> Moved {
    Moved::Held { by: Some(message(n, ANN).id), state }
}

/// A message alone with the key of event `of`.
async fn alone(store: &dyn Store, n: u128, of: u128, second: i64) -> usize {
    let dedupe = Some(Dedupe { key: of.to_string(), within_s: 86_400 });
    record(store, with_terms(n, second, ANN, Terms { dedupe, ..Terms::default() })).await
}

pub(super) async fn a_group_that_is_retried_takes_all_its_keys_back_or_none(place: &Place) {
    let store = place.open();
    a_group_that_failed(&*store).await;
    for (n, of) in [(11, 1), (12, 2)] {
        assert_eq!(alone(&*store, n, of, 70).await, 1, "the group was not sent");
    }
    for (n, third) in [(11, 13), (12, 14)] {
        // Of several who have a key of it, it does not matter which is named.
        let held = retry(&*store, 1, 71).await;
        assert!((n..=12).any(|n| held == held_by(n, State::Waiting)), "{n}: {held:?}");
        assert_eq!(alone(&*store, third, 3, 71).await, 1, "it took none, the third neither");
        for n in [n, third] {
            let cancelled = store.move_by_hand(message(n, ANN).id, State::Cancelled, at(71)).await;
            assert_eq!(cancelled.unwrap(), Moved::Done);
        }
    }
    assert_eq!(retry(&*store, 1, 72).await, Moved::Done);
    for of in 1..=3 {
        assert_eq!(alone(&*store, 20 + of, of, 73).await, 0, "key {of} is the group's again");
    }
}

pub(super) async fn what_a_retry_of_many_would_do_is_what_it_does(place: &Place) {
    let store = place.open();
    for n in 31..=33 {
        ended(&*store, n, 0, State::Failed).await;
    }
    a_group_that_failed(&*store).await;
    ended(&*store, 5, 70, State::Failed).await;
    store.record(event(6), vec![unmade(6)]).await.unwrap();
    for (n, of) in [(11, 1), (12, 2)] {
        alone(&*store, n, of, 70).await;
    }
    let claimed = claim_one(&*store, 71).await;
    settle(&*store, claimed, State::Uncertain).await;
    let ids = [5, 31, 32, 99, 6, 1, 11, 12, 5, 33].map(|n| message(n, ANN).id).to_vec();
    let (by_5, not_waiting) = (held_by(5, State::Waiting), Moved::Illegal(State::Waiting));
    let unmade = Moved::Unmade { event: message(6, ANN).event };
    for (from, [of_5, of_11], state_of_11) in [
        (vec![], [Moved::Done; 2], State::Uncertain),
        (vec![State::Failed], [not_waiting; 2], State::Waiting),
    ] {
        let (to, now) = (State::Waiting, at(80));
        let moves = || Moves { ids: ids.clone(), to, from: from.clone(), now };
        let foreseen = store.foresee_moves(moves()).await.unwrap();
        // Of those who have a key of the group either may be named.
        let of_group = foreseen[5];
        let holders = [held_by(11, state_of_11), held_by(12, State::Waiting)];
        assert!(holders.contains(&of_group), "from {from:?}: {of_group:?}");
        let known = [of_5, by_5, by_5, Moved::Unknown, unmade, of_group];
        let expected = [&known[..], &[of_11, not_waiting, not_waiting, by_5]].concat();
        assert_eq!(foreseen, expected, "from {from:?}");
        let foreseen = store.foresee_moves(moves()).await.unwrap();
        assert_eq!(foreseen, expected, "from {from:?}: nothing is done yet");
        assert_eq!(store.move_many(moves()).await.unwrap(), expected, "from {from:?}");
    }
}
