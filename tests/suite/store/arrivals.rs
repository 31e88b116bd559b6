//! Is a lane called when something of its own may be due, and left alone when it is another's?

use kabari::model::{Content, Event, Instead, Message, MessageId, Recipient, State, Terms};
use kabari::store::{Arrivals, GatheredTo, Outcome, Store};
use tokio::sync::watch;

use super::gathering::keyed;
use super::{ANN, BEN, Place, at, claim, claim_one, event, message, settle};

const OTHER: &str = "bandung";

/// What was called since the last look.
struct Called {
    arrivals: watch::Receiver<Arrivals>,
    before: Arrivals,
}

impl Called {
    fn since_now(store: &dyn Store) -> Self {
        let arrivals = store.arrivals();
        let before = arrivals.borrow().clone();
        Self { arrivals, before }
    }

    /// The lanes that were, and whether those who watch everything were.
    fn now(&mut self) -> (Vec<String>, bool) {
        let now = self.arrivals.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.before, now.clone());
        let mut lanes: Vec<String> = now
            .instances()
            .filter(|instance| now.of(instance) != before.of(instance))
            .map(str::to_owned)
            .collect();
        lanes.sort();
        (lanes, now.commits != before.commits)
    }
}

fn lanes(names: &[&str]) -> (Vec<String>, bool) {
    (names.iter().map(|&name| name.to_owned()).collect(), true)
}

fn nobody() -> (Vec<String>, bool) {
    (Vec::new(), false)
}

fn in_other(n: u128, to: &str) -> Message {
    Message { instance: OTHER.to_owned(), ..message(n, to) }
}

/// Sent from the other lane if this one fails.
fn replaced(n: u128) -> Message {
    let made = message(n, ANN);
    let instead = Instead {
        id: MessageId::derive(made.event, "paid", Instead::SEND, 0, BEN),
        send: Instead::SEND,
        instance: OTHER.to_owned(),
        recipient: Recipient::person(BEN).unwrap(),
        content: Content::text("instead"),
    };
    Message { terms: Terms { or: vec![instead], ..Terms::default() }, ..made }
}

pub(super) async fn what_comes_calls_its_own_lane_and_no_other(place: &Place) {
    let store = place.open();
    let mut called = Called::since_now(&*store);
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    assert_eq!(called.now(), lanes(&["jakarta"]));
    store.record(event(2), vec![in_other(2, ANN), message(2, BEN)]).await.unwrap();
    assert_eq!(called.now(), lanes(&[OTHER, "jakarta"]));
    let batch: Vec<(Event, Vec<Message>)> = vec![(event(3), vec![in_other(3, BEN)])];
    store.record_batch(batch).await.unwrap();
    assert_eq!(called.now(), lanes(&[OTHER]));
    store.record(event(3), vec![in_other(3, BEN)]).await.unwrap();
    assert_eq!(called.now(), nobody(), "a duplicate");
    store.add_messages(vec![message(1, BEN)]).await.unwrap();
    assert_eq!(called.now(), lanes(&["jakarta"]));
    let damaged = Message { event: event(99).id, ..in_other(4, ANN) };
    assert!(store.add_messages(vec![damaged]).await.is_err());
    assert_eq!(called.now(), nobody(), "of no event");
}

pub(super) async fn a_lane_is_called_by_what_others_do_to_its_messages(place: &Place) {
    let store = place.open();
    store.record(event(1), vec![replaced(1), message(1, BEN)]).await.unwrap();
    let mut called = Called::since_now(&*store);
    let taken = claim(&*store, 0, 9).await;
    assert_eq!(called.now(), nobody(), "it has them");
    for claimed in taken {
        let is_replaced = !claimed.message.terms.or.is_empty();
        settle(&*store, claimed, State::Failed).await;
        // The lane itself is told by its claims.
        let expected = if is_replaced { lanes(&[OTHER]) } else { lanes(&[]) };
        assert_eq!(called.now(), expected);
    }
    store.move_by_hand(message(1, BEN).id, State::Waiting, at(1)).await.unwrap();
    assert_eq!(called.now(), lanes(&["jakarta"]));
}

pub(super) async fn a_group_calls_its_lane_when_it_is_closed(place: &Place) {
    let store = place.open();
    let mut called = Called::since_now(&*store);
    for n in [1, 2] {
        let grouped = Message { terms: keyed("one"), ..message(n, ANN) };
        store.record(event(n), vec![grouped]).await.unwrap();
        assert_eq!(called.now(), lanes(&[]), "who closes groups is, and no lane");
    }
    let due = store.gatherings(at(60), GatheredTo::default(), 9).await.unwrap();
    let made = Outcome::Made(Content::text("both"));
    assert!(store.close_gathering(&due[0], made, None, at(60)).await.unwrap());
    assert_eq!(called.now(), lanes(&["jakarta"]));
    settle(&*store, claim_one(&*store, 60).await, State::Sent).await;
}
