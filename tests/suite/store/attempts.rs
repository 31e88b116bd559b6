//! Does an attempt end once, and does a crash in its middle show?

use kabari::model::{Message, Policy, Reason, State};
use kabari::store::{Lease, Settlement, StoreError};

use super::{
    ANN, BEN, Place, all, at, claim, claim_one, ended, event, message, numbers, record_for,
    resent_when_uncertain, settle, state_of,
};

pub(super) async fn a_claim_counts_the_attempt_that_is_to_be_made(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    for attempt in 1..=3 {
        let claimed = claim_one(&*store, 0).await;
        assert_eq!((claimed.message.attempts, claimed.message.state), (attempt, State::Sending));
        settle(&*store, claimed, State::Waiting).await;
    }
}

pub(super) async fn every_attempt_is_kept_with_its_verdict(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let mut made = Vec::new();
    for state in [State::Waiting, State::Waiting, State::Failed] {
        let claimed = claim_one(&*store, 0).await;
        made.push(ended(&claimed.message, state).attempt);
        settle(&*store, claimed, state).await;
    }
    let (message, attempts) = store.message(message(1, ANN).id).await.unwrap().unwrap();
    assert_eq!(attempts, made);
    assert_eq!((message.state, message.attempts), (State::Failed, 3));
    assert_eq!(message.reason, Some(Reason::Recipient));
    assert_eq!(message.detail.as_deref(), Some("in Wachat's words"));
}

pub(super) async fn an_attempt_that_does_not_count_is_given_back(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let mut leases = Vec::new();
    for _ in 0..3 {
        let claimed = claim_one(&*store, 0).await;
        assert_eq!(claimed.message.attempts, 1);
        leases.push(claimed.lease.attempt);
        let settlement = ended(&claimed.message, State::Waiting);
        let settlement = Settlement { counts: false, ..settlement };
        assert!(store.settle(claimed.lease, settlement).await.unwrap());
    }
    let (kept, attempts) = store.message(message(1, ANN).id).await.unwrap().unwrap();
    assert_eq!((kept.attempts, attempts.len()), (0, 3));
    assert!(leases.is_sorted_by(|a, b| a < b), "no lease fits twice: {leases:?}");
}

pub(super) async fn a_lease_is_void_after_the_next_claim(place: &Place) {
    let store = place.open();
    store.record(event(1), vec![resent_when_uncertain(message(1, ANN))]).await.unwrap();
    let old = claim_one(&*store, 0).await;
    store.recover(at(1)).await.unwrap();
    let new = claim_one(&*store, 1).await;
    for state in [State::Sent, State::Failed, State::Waiting, State::Uncertain] {
        let lease = Lease { message: old.lease.message, attempt: old.lease.attempt, share: None };
        assert!(!store.settle(lease, ended(&old.message, state)).await.unwrap());
    }
    assert_eq!(state_of(&*store, 1, ANN).await, State::Sending);
    assert!(settle(&*store, new, State::Sent).await);
}

pub(super) async fn a_late_success_turns_uncertain_into_sent_and_nothing_else_does(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let late = claim_one(&*store, 0).await;
    store.recover(at(1)).await.unwrap();
    for state in [State::Failed, State::Waiting, State::Uncertain] {
        let lease = Lease { message: late.lease.message, attempt: late.lease.attempt, share: None };
        assert!(!store.settle(lease, ended(&late.message, state)).await.unwrap());
    }
    assert_eq!(state_of(&*store, 1, ANN).await, State::Uncertain);
    assert!(settle(&*store, late, State::Sent).await);
    let (kept, attempts) = store.message(message(1, ANN).id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.reason, attempts.len()), (State::Sent, None, 1));
}

pub(super) async fn a_late_answer_does_not_touch_what_a_person_decided(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let late = claim_one(&*store, 0).await;
    store.recover(at(1)).await.unwrap();
    store.move_by_hand(late.message.id, State::Cancelled, at(1)).await.unwrap();
    assert!(!settle(&*store, late, State::Sent).await);
    assert_eq!(state_of(&*store, 1, ANN).await, State::Cancelled);
}

pub(super) async fn recovery_makes_uncertain_what_was_under_way_and_lets_the_next_go(
    place: &Place,
) {
    {
        let store = place.open();
        record_for(&*store, &[ANN, ANN, BEN]).await;
        assert_eq!(claim(&*store, 0, 9).await.len(), 2);
    }
    let store = place.open();
    assert_eq!(store.recover(at(1)).await.unwrap(), 2);
    let states: Vec<_> = all(&*store).await.iter().map(|m| (m.state, m.reason)).collect();
    let interrupted = (State::Uncertain, Some(Reason::Interrupted));
    assert_eq!(states, [interrupted, (State::Waiting, None), interrupted]);
    assert_eq!(store.recover(at(1)).await.unwrap(), 0);
    assert_eq!(numbers(&claim(&*store, 1, 9).await), [2]);
}

pub(super) async fn recovery_sends_again_where_the_rule_says_so(place: &Place) {
    let store = place.open();
    store.record(event(1), vec![resent_when_uncertain(message(1, ANN))]).await.unwrap();
    store.record(event(2), vec![message(2, ANN)]).await.unwrap();
    claim_one(&*store, 0).await;
    assert_eq!(store.recover(at(7)).await.unwrap(), 1);
    let again = claim_one(&*store, 7).await;
    assert_eq!((again.message.event, again.message.attempts), (event(1).id, 2));
    assert_eq!(again.message.reason, Some(Reason::Interrupted));
}

pub(super) async fn recovery_sends_nothing_again_whose_attempts_or_age_are_used_up(place: &Place) {
    let store = place.open();
    let limited = |n, attempts_max, age_max_s| {
        let message = resent_when_uncertain(message(n, &format!("62800000000{n}")));
        Message { policy: Policy { attempts_max, age_max_s, ..message.policy }, ..message }
    };
    for (n, attempts_max, age_max_s) in [(1, 1, 100), (2, 2, 100), (3, 2, 7), (4, u32::MAX, 100)] {
        let mut message = limited(n, attempts_max, age_max_s);
        if n == 4 {
            message.attempts = Policy::RESENT_ATTEMPTS_MAX - 1;
        }
        store.record(event(n), vec![message]).await.unwrap();
    }
    assert_eq!(claim(&*store, 0, 9).await.len(), 4);
    assert_eq!(store.recover(at(7)).await.unwrap(), 4);
    let states: Vec<_> = all(&*store).await.iter().map(|message| message.state).collect();
    let held = State::Uncertain;
    assert_eq!(states, [held, State::Waiting, held, held]);
}

pub(super) async fn an_attempt_cannot_end_as_cancelled(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let claimed = claim_one(&*store, 0).await;
    let refused = store.settle(claimed.lease, ended(&claimed.message, State::Cancelled)).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    assert_eq!(state_of(&*store, 1, ANN).await, State::Sending);
}

pub(super) async fn whatever_may_have_become_due_wakes_those_who_watch(place: &Place) {
    let store = place.open();
    let mut arrivals = store.arrivals();
    let mut woken = || {
        let woken = arrivals.has_changed().unwrap();
        arrivals.mark_unchanged();
        woken
    };
    store.record(event(9), vec![]).await.unwrap();
    assert!(!woken(), "nothing to send");
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    assert!(woken(), "recorded");
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    assert!(!woken(), "a duplicate");
    store.add_messages(vec![message(1, BEN)]).await.unwrap();
    assert!(woken(), "added");
    let claimed = claim_one(&*store, 0).await;
    settle(&*store, claimed, State::Failed).await;
    assert!(woken(), "settled");
    store.move_by_hand(message(1, ANN).id, State::Waiting, at(0)).await.unwrap();
    assert!(woken(), "moved by hand");
}
