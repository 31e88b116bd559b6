//! How long is a message held, and how does it come back?

use jiff::Timestamp;
use kabari::model::{Group, Reason, State, Terms};
use kabari::store::{MessageFilter, Moved, Ruling};

use super::terms::{judged, record, told, with_terms};
use super::{ANN, BEN, Place, at, numbers};

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
    let judge = told(|case| match case.recipient.expose() {
        "6283333333" => Ruling::Wait { until: Timestamp::MAX },
        _ => {
            let (until, reason, detail) = (Timestamp::MAX, Reason::Quiet, "why".to_owned());
            Ruling::Hold { until, reason, detail }
        }
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
