//! Does each recipient get its messages one by one and in order?

use kabari::model::{Message, Priority, State, Terms};
use kabari::store::{Case, Claim, LaneState, Moved, Ruling};

use super::terms::{judged, record, told, with_terms};
use super::{
    ANN, BEN, Place, at, claim, claim_one, ended, event, message, numbers, record_for, settle,
    state_of,
};

pub(super) async fn a_recipient_is_taken_once_a_call_and_the_oldest_message_first(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, BEN, ANN, BEN]).await;
    assert_eq!(numbers(&claim(&*store, 0, 10).await), [1, 3]);
}

pub(super) async fn the_next_message_waits_for_the_one_under_way(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, ANN]).await;
    for n in 1..=3 {
        let claimed = claim_one(&*store, 0).await;
        assert_eq!(
            claimed.message,
            Message { state: State::Sending, attempts: 1, ..message(n, ANN) }
        );
        assert_eq!(numbers(&claim(&*store, 0, 10).await), [0; 0]);
        assert!(settle(&*store, claimed, State::Sent).await);
    }
    assert_eq!(numbers(&claim(&*store, 0, 10).await), [0; 0]);
}

pub(super) async fn a_retry_holds_up_its_own_recipient_only(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, BEN]).await;
    let first = claim_one(&*store, 0).await;
    let settlement = ended(&first.message, State::Waiting);
    let settlement = kabari::store::Settlement { due_at: Some(at(60)), ..settlement };
    assert!(store.settle(first.lease, settlement).await.unwrap());
    assert_eq!(numbers(&claim(&*store, 59, 10).await), [3]);
    let again = claim_one(&*store, 60).await;
    assert_eq!((again.message.event, again.message.attempts), (event(1).id, 2));
    settle(&*store, again, State::Sent).await;
    assert_eq!(numbers(&claim(&*store, 60, 10).await), [2]);
}

pub(super) async fn an_uncertain_message_holds_up_nobody(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN]).await;
    let first = claim_one(&*store, 0).await;
    settle(&*store, first, State::Uncertain).await;
    assert_eq!(numbers(&claim(&*store, 0, 10).await), [2]);
}

pub(super) async fn a_failed_message_put_back_by_hand_comes_before_younger_ones(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, ANN]).await;
    let first = claim_one(&*store, 0).await;
    settle(&*store, first, State::Failed).await;
    let moved = store.move_by_hand(message(1, ANN).id, State::Waiting, at(5)).await.unwrap();
    assert_eq!(moved, Moved::Done);
    for n in 1..=3 {
        let next = claim_one(&*store, 5).await;
        assert_eq!(next.message.event, event(n).id);
        settle(&*store, next, State::Sent).await;
    }
}

pub(super) async fn a_message_put_back_while_another_is_under_way_comes_before_its_retry(
    place: &Place,
) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN]).await;
    let first = claim_one(&*store, 0).await;
    settle(&*store, first, State::Uncertain).await;
    let second = claim_one(&*store, 0).await;
    store.move_by_hand(message(1, ANN).id, State::Waiting, at(0)).await.unwrap();
    assert_eq!(numbers(&claim(&*store, 9, 10).await), [0; 0], "never two at once");
    settle(&*store, second, State::Waiting).await;
    assert_eq!(numbers(&claim(&*store, 9, 10).await), [1]);
}

pub(super) async fn cancelling_the_first_lets_the_next_one_go(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, ANN]).await;
    for n in [1, 2] {
        let moved = store.move_by_hand(message(n, ANN).id, State::Cancelled, at(0)).await.unwrap();
        assert_eq!(moved, Moved::Done);
    }
    assert_eq!(numbers(&claim(&*store, 0, 10).await), [3]);
    assert_eq!(state_of(&*store, 1, ANN).await, State::Cancelled);
}

pub(super) async fn lanes_do_not_wait_for_each_other(place: &Place) {
    let store = place.open();
    let elsewhere = Message { instance: "bali".to_owned(), ..message(2, ANN) };
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    store.record(event(2), vec![elsewhere]).await.unwrap();
    assert_eq!(numbers(&claim(&*store, 0, 10).await), [1]);
    let claims = store.claim(Claim::new("bali", 9, at(0))).await.unwrap();
    assert_eq!(numbers(&claims.taken), [2]);
}

pub(super) async fn the_limit_is_kept_and_the_soonest_due_come_first(place: &Place) {
    let store = place.open();
    for n in 1..=5_u128 {
        let recipient = format!("62812000000{n}");
        let due_at = at(10 - i64::try_from(n).unwrap());
        let message = Message { due_at, ..message(n, &recipient) };
        store.record(event(n), vec![message]).await.unwrap();
    }
    assert_eq!(numbers(&claim(&*store, 7, 2).await), [5, 4]);
    assert_eq!(numbers(&claim(&*store, 7, 0).await), [0; 0]);
    assert_eq!(numbers(&claim(&*store, 7, 10).await), [3]);
}

pub(super) async fn lanes_tell_when_their_next_message_is_due(place: &Place) {
    let store = place.open();
    assert_eq!(store.lanes().await.unwrap(), []);
    let lane = |instance: &str, next_due| LaneState {
        instance: instance.to_owned(),
        next_due,
        paced_until: None,
    };
    for (n, instance, due) in [(1, "jakarta", 30), (2, "bali", 20), (3, "bali", 40)] {
        let made = Message { instance: instance.to_owned(), due_at: at(due), ..message(n, ANN) };
        store.record(event(n), vec![made]).await.unwrap();
    }
    let both = [lane("bali", Some(at(20))), lane("jakarta", Some(at(30)))];
    assert_eq!(store.lanes().await.unwrap(), both);
    for (instance, due) in [("bali", 20), ("jakarta", 30)] {
        // A claim that takes nothing tells it too.
        let too_soon = store.claim(Claim::new(instance, 9, at(10))).await.unwrap();
        assert_eq!((too_soon.taken.len(), too_soon.next_due), (0, Some(at(due))));
        let claims = store.claim(Claim::new(instance, 9, at(50))).await.unwrap();
        assert_eq!(claims.taken.len(), 1);
        assert_eq!(store.claim(Claim::new(instance, 9, at(50))).await.unwrap().next_due, None);
    }
    // In bali another one waits for the one under way; in jakarta nobody waits.
    assert_eq!(store.lanes().await.unwrap(), [lane("bali", None)]);
}

pub(super) async fn the_pace_of_a_lane_survives_reopening(place: &Place) {
    {
        let store = place.open();
        record_for(&*store, &[ANN, BEN, "6281111111", "6282222222"]).await;
        let paced =
            |limit, paced_until| Claim { paced_until, ..Claim::new("jakarta", limit, at(0)) };
        let until = vec![at(6), at(12), at(18)];
        assert_eq!(store.claim(paced(2, until)).await.unwrap().taken.len(), 2);
        // Nothing taken and nothing paced: both leave it as it is.
        assert_eq!(store.claim(paced(0, vec![at(99)])).await.unwrap().taken.len(), 0);
        assert_eq!(store.claim(paced(1, vec![])).await.unwrap().taken.len(), 1);
    }
    let lanes = place.open().lanes().await.unwrap();
    assert_eq!(lanes[0].paced_until, Some(at(12)));
}

pub(super) async fn who_was_to_wait_and_is_displaced_is_looked_at_again_when_its_turn_comes(
    place: &Place,
) {
    let store = place.open();
    record(&*store, with_terms(1, 0, ANN, Terms::default())).await;
    let waits = told(|_: &Case<'_>| Ruling::Wait { until: at(1000) });
    assert_eq!(numbers(&judged(&*store, 1, 9, &waits).await.taken), [0; 0]);
    let first = Terms { priority: Priority::High, ..Terms::default() };
    record(&*store, with_terms(2, 2, ANN, first)).await;
    let high = claim_one(&*store, 2).await;
    assert_eq!(high.message.id, message(2, ANN).id);
    settle(&*store, high, State::Sent).await;
    assert_eq!(numbers(&judged(&*store, 3, 9, &waits).await.taken), [0; 0], "as before");
    let second = Terms { priority: Priority::High, ..Terms::default() };
    record(&*store, with_terms(3, 3, ANN, second)).await;
    let high = claim_one(&*store, 3).await;
    settle(&*store, high, State::Sent).await;
    assert_eq!(numbers(&claim(&*store, 4, 9).await), [1], "nobody needs to wait any more");
}
