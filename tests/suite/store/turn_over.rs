//! Are the end of one attempt and the claim of the next one commit, and does age follow the lane?

use kabari::model::{Message, Policy, Reason, State};
use kabari::store::{Claim, Ended, Shut, StoreError};

use super::{
    ANN, BEN, Place, all, at, claim, claim_one, ended, event, message, numbers, record_for,
    resent_when_uncertain, state_of,
};

pub(super) async fn what_ends_makes_room_for_what_is_taken_in_the_same_commit(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN, BEN]).await;
    let first = claim_one(&*store, 0).await;
    let settlement = ended(&first.message, State::Sent);
    let ended = [Ended { lease: first.lease, settlement }];
    let turned = store.turn_over(&ended, Some(Claim::new("jakarta", 2, at(1)))).await.unwrap();
    assert_eq!(turned.held, [true]);
    assert_eq!(numbers(&turned.claims.taken), [2, 3], "the next one of the same recipient too");
    let states: Vec<_> = all(&*store).await.iter().map(|message| message.state).collect();
    assert_eq!(states, [State::Sent, State::Sending, State::Sending]);
    // The same again finds nothing to end.
    let again = store.turn_over(&ended, None).await.unwrap();
    assert_eq!((again.held, again.claims.taken.len()), (vec![false], 0));
    assert_eq!(state_of(&*store, 1, ANN).await, State::Sent);
}

pub(super) async fn a_turnover_that_cannot_be_kept_takes_nothing(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN]).await;
    let first = claim_one(&*store, 0).await;
    let wrong = ended(&first.message, State::Cancelled);
    let refused = [Ended { lease: first.lease, settlement: wrong }];
    let claim = Claim::new("jakarta", 2, at(1));
    let answer = store.turn_over(&refused, Some(claim)).await;
    assert!(matches!(answer, Err(StoreError::Broken(_))), "{answer:?}");
    assert_eq!(state_of(&*store, 1, ANN).await, State::Sending);
    assert_eq!(state_of(&*store, 2, BEN).await, State::Waiting);
}

pub(super) async fn recovery_does_not_count_the_time_in_which_the_lane_stood_still(place: &Place) {
    let store = place.open();
    let limited = |n, to| {
        let message = resent_when_uncertain(message(n, to));
        let policy = Policy { attempts_max: 9, age_max_s: 100, ..message.policy };
        Message { created_at: at(0), due_at: at(0), policy, ..message }
    };
    store.record(event(1), vec![limited(1, ANN)]).await.unwrap();
    let shut = Shut { reason: Reason::Session, detail: "gone".into(), since: at(10) };
    store.shut_lane("jakarta", Some(shut), at(10)).await.unwrap();
    store.shut_lane("jakarta", None, at(500)).await.unwrap();
    assert_eq!(claim(&*store, 510, 1).await.len(), 1);
    store.recover(at(520)).await.unwrap();
    assert_eq!(state_of(&*store, 1, ANN).await, State::Waiting, "it is 30 s old");
    assert_eq!(claim(&*store, 530, 1).await.len(), 1);
    store.recover(at(600)).await.unwrap();
    assert_eq!(state_of(&*store, 1, ANN).await, State::Uncertain, "and now 110 s");
}
