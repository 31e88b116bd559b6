//! How long is a message held, and how does it come back?

use std::sync::Arc;

use jiff::Timestamp;
use kabari::model::{Group, Reason, State, Terms};
use kabari::store::{AskedTo, Case, MessageFilter, Moved, Ruling, Store};

use super::terms::{Told, judged, record, told, with_terms};
use super::{ANN, BEN, Place, all, at, claim, numbers, settle};

pub(super) async fn what_waits_for_the_end_of_time_can_be_read_and_cancelled(place: &Place) {
    let store = place.open();
    let later = Terms { not_before: Some(Timestamp::MAX), ..Terms::default() };
    let (key, template) = ("one".to_owned(), "{}".to_owned());
    let group = Group { key, wait_s: u64::MAX, interval_s: u64::MAX, max: 9, template };
    let grouped = Terms { group: Some(group), ..Terms::default() };
    record(&*store, with_terms(1, 0, ANN, later)).await;
    record(&*store, with_terms(2, 0, BEN, grouped)).await;
    for (n, to) in [(3, "6283333333"), (4, "6284444444")] {
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
    }
    let judge = told(|case| {
        let (until, reason, detail) = (Timestamp::MAX, Reason::Quiet, "why".to_owned());
        let waits = case.recipient.expose() == "6283333333";
        if waits { Ruling::Wait { until } } else { Ruling::Hold { until, reason, detail } }
    });
    assert_eq!(numbers(&judged(&*store, 0, 9, &judge).await.taken), [0; 0]);
    let listed = store.messages(MessageFilter::default()).await.unwrap();
    assert_eq!((listed.rows.len(), listed.unreadable.count), (4, 0));
    for message in listed.rows {
        assert_eq!(message.due_at.to_string(), "9999-12-30T22:00:00Z");
        let moved = store.move_by_hand(message.id, State::Cancelled, at(1)).await.unwrap();
        assert_eq!(moved, Moved::Done);
    }
}

/// Everybody waits until second 1000 for this reason.
fn holds(reason: Reason) -> Arc<Told> {
    told(move |_: &Case<'_>| Ruling::Hold { until: at(1000), reason, detail: "why".to_owned() })
}

/// How many steps it took until all were looked at.
async fn ask_again(store: &dyn Store, second: i64) -> usize {
    let (mut from, mut steps) = (Some(AskedTo::default()), 0);
    while let Some(at_last) = from {
        from = store.ask_again("jakarta", at_last, at(second)).await.unwrap();
        steps += 1;
    }
    steps
}

pub(super) async fn whom_a_limit_held_comes_back_to_the_old_place_when_asked_again(place: &Place) {
    let store = place.open();
    let later = || Terms { not_before: Some(at(500)), ..Terms::default() };
    record(&*store, with_terms(1, 0, ANN, later())).await;
    record(&*store, with_terms(2, 0, ANN, Terms::default())).await;
    record(&*store, with_terms(3, 1, BEN, Terms::default())).await;
    assert_eq!(numbers(&judged(&*store, 2, 9, &holds(Reason::Quiet)).await.taken), [0; 0]);
    for (n, to) in [(4, ANN), (5, BEN)] {
        record(&*store, with_terms(n, 3, to, Terms::default())).await;
    }
    assert_eq!(numbers(&claim(&*store, 3, 9).await), [4, 5], "they are out of line");
    assert_eq!(ask_again(&*store, 4).await, 1);
    let due: Vec<_> = all(&*store).await.iter().map(|message| message.due_at).collect();
    assert_eq!(due[..3], [at(500), at(0), at(1)], "what is to go later stays so");
    assert_eq!(numbers(&claim(&*store, 4, 9).await), [0; 0], "never two at once");
}

pub(super) async fn whoever_is_asked_again_is_so_in_steps_and_none_is_overtaken(place: &Place) {
    const MANY: u128 = 700;
    let store = place.open();
    for n in 1..=MANY {
        let to = if n % 2 == 0 { ANN } else { BEN };
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
    }
    let quiet = holds(Reason::Quiet);
    while judged(&*store, 1, 9, &quiet).await.more {}
    record(&*store, with_terms(MANY + 1, 2, ANN, Terms::default())).await;
    assert_eq!(ask_again(&*store, 3).await, 3);
    for n in 0..3 {
        let mut taken = claim(&*store, 3, 9).await;
        assert_eq!(numbers(&taken), [2 * n + 1, 2 * n + 2]);
        for claimed in taken.drain(..) {
            settle(&*store, claimed, State::Sent).await;
        }
    }
}
