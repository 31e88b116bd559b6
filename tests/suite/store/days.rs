//! What does an attempt use up of its lane's day?

use kabari::model::State;
use kabari::store::{Ended, Ruling, Settlement, Today};

use super::terms::{judged, told};
use super::{ANN, BEN, Place, at, ended, record_for, settle};

const DAY: i64 = 86_400;

/// What the judge of a claim at this second is told of the day, before it lets nobody go.
async fn today(store: &dyn kabari::store::Store, second: i64) -> Today {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(None));
    let noted = std::sync::Arc::clone(&asked);
    let judge = told(move |case| {
        *noted.lock().unwrap() = Some(case.today);
        Ruling::Close { until: case.now }
    });
    judged(store, second, 9, &judge).await;
    let today = asked.lock().unwrap().take();
    today.expect("somebody is due")
}

fn used(attempts: u64, first_contacts: u64) -> Today {
    Today { attempts, first_contacts }
}

pub(super) async fn what_did_not_go_out_uses_up_nothing_of_its_day(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN, ANN]).await;
    let go = told(|_| Ruling::Go);
    let not_sent = |state| {
        move |claimed: &kabari::model::Message| Settlement {
            counts: false,
            spends: false,
            ..ended(claimed, state)
        }
    };
    for second in 0..3 {
        let claimed = judged(&*store, second, 1, &go).await.taken.remove(0);
        assert!(claimed.lease.share.unwrap().first_contact);
        let settlement = not_sent(State::Waiting)(&claimed.message);
        assert!(store.settle(claimed.lease, settlement).await.unwrap());
        assert_eq!(today(&*store, second + 1).await, used(0, 0));
    }
    let both = judged(&*store, 10, 2, &go).await.taken;
    assert_eq!(both.len(), 2);
    let ended: Vec<Ended> = both
        .into_iter()
        .zip([State::Sent, State::Failed])
        .map(|(claimed, state)| {
            let settlement = match state {
                State::Sent => super::ended(&claimed.message, state),
                _ => not_sent(state)(&claimed.message),
            };
            Ended { lease: claimed.lease, settlement }
        })
        .collect();
    store.turn_over(&ended, None).await.unwrap();
    assert_eq!(today(&*store, 11).await, used(1, 1));
    // It is given back to the day on which it was used up, and not to the next one.
    let late = judged(&*store, DAY - at(0).as_second() % DAY - 1, 1, &go).await.taken.remove(0);
    assert_eq!(late.message.recipient.as_ref().unwrap().expose(), ANN);
    record_for_later(&*store).await;
    let tomorrow = DAY - at(0).as_second() % DAY + 1;
    let other = judged(&*store, tomorrow, 1, &go).await.taken.remove(0);
    settle(&*store, other, State::Waiting).await;
    let settlement = not_sent(State::Waiting)(&late.message);
    assert!(store.settle(late.lease, settlement).await.unwrap());
    assert_eq!(today(&*store, tomorrow + 1).await, used(1, 1));
}

async fn record_for_later(store: &dyn kabari::store::Store) {
    let to = "6281000000009";
    store.record(super::event(9), vec![super::message(9, to)]).await.unwrap();
}

pub(super) async fn what_was_interrupted_or_is_uncertain_stays_counted(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN, ANN]).await;
    let go = told(|_| Ruling::Go);
    let mut both = judged(&*store, 0, 2, &go).await.taken;
    settle(&*store, both.remove(0), State::Uncertain).await;
    // The other one's answer never comes.
    store.recover(at(1)).await.unwrap();
    assert_eq!(today(&*store, 2).await, used(2, 2));
    // What comes too late gives nothing back.
    let late = both.remove(0);
    let settlement = Settlement { spends: false, ..ended(&late.message, State::Failed) };
    assert!(!store.settle(late.lease, settlement).await.unwrap());
    assert_eq!(today(&*store, 3).await, used(2, 2));
}
