//! What must hold of the store after each step?

use std::collections::{BTreeMap, HashSet};

use kabari::model::{Message, Reason, Recipient, State};

use super::real::Real;
use super::reference::{BURST, INTERVAL_S, Lane, Model};

pub(super) fn check<const SEALED: bool>(real: &Real<SEALED>, model: &Model, rows: &[Message]) {
    let there: Vec<usize> =
        (0..model.messages.len()).filter(|n| !model.messages[*n].gone).collect();
    let rows: BTreeMap<usize, &Message> = there.iter().copied().zip(rows).collect();
    agrees(real, model, &rows);
    is_there_once(model, &rows);
    moved_legally(model, &rows);
    never_two_at_once(&rows);
    never_out_of_order(&real.taken, &rows);
    never_faster_than_the_pace(&model.lanes[0]);
    each_event_is_in_one_message(real, model);
}

/// Every message is in the state that the reference says, after as many attempts.
fn agrees<const SEALED: bool>(
    real: &Real<SEALED>,
    model: &Model,
    rows: &BTreeMap<usize, &Message>,
) {
    for (n, row) in rows {
        let expected = &model.messages[*n];
        assert_eq!(row.id != real.made[*n].id, expected.forgotten, "message {n} has another id");
        let is_known = row.recipient.is_some() && row.content.is_some();
        assert_eq!(is_known, !expected.forgotten, "message {n}: {row:?}");
        assert_eq!((row.state, row.attempts), (expected.state, expected.attempts), "message {n}");
    }
    let taken: Vec<usize> = model.taken.iter().copied().collect();
    let mut really = real.taken.clone();
    really.sort_unstable();
    assert_eq!(really, taken, "taken");
}

/// What was acknowledged is exactly one row, until it has had its time.
fn is_there_once(model: &Model, rows: &BTreeMap<usize, &Message>) {
    let there = model.messages.iter().filter(|message| !message.gone).count();
    assert_eq!(rows.len(), there);
    assert_eq!(rows.values().map(|row| row.id).collect::<HashSet<_>>().len(), rows.len());
}

/// Only moves that there are; two where a step ended attempts and took others.
fn moved_legally(model: &Model, rows: &BTreeMap<usize, &Message>) {
    let was = |n: &usize| model.before.get(*n).map(|was| (*n, *was));
    for (n, was) in rows.keys().filter_map(was) {
        let is = rows[&n].state;
        let by_way_of = |between: &State| was.may_become(*between) && between.may_become(is);
        let twice = model.was_turnover && State::ALL.iter().any(by_way_of);
        // Who is forgotten needs no answer any more, which else a person gives.
        let is_legal = was == is || was.may_become(is) || twice;
        assert!(is_legal, "message {n}: {was:?} to {is:?}");
    }
}

/// At most one attempt at a time for a recipient, and so for a message.
fn never_two_at_once(rows: &BTreeMap<usize, &Message>) {
    let mut under_way = BTreeMap::new();
    for row in rows.values().filter(|row| row.state == State::Sending) {
        let to = (row.instance.as_str(), row.recipient.as_ref().map(Recipient::expose));
        assert_eq!(under_way.insert(to, row.id), None, "two under way to {to:?}");
    }
}

/// Nobody was taken while one before waits in line for the same recipient.
fn never_out_of_order(taken: &[usize], rows: &BTreeMap<usize, &Message>) {
    for n in taken {
        let row = rows[n];
        let place = (row.terms.priority, *n);
        let before = rows.iter().find(|(other, before)| {
            before.state == State::Waiting
                && before.reason != Some(Reason::Grouped)
                && before.instance == row.instance
                && before.recipient == row.recipient
                && (before.terms.priority, **other) < place
        });
        assert!(before.is_none(), "message {n} went before {before:?}");
    }
}

/// Within any window of T at most rate × T + burst.
fn never_faster_than_the_pace(lane: &Lane) {
    for (first, from) in lane.begun.iter().enumerate() {
        for (many, until) in (1_i64..).zip(&lane.begun[first..]) {
            let most = (until - from) / INTERVAL_S + i64::try_from(BURST).unwrap();
            assert!(many <= most, "{many} attempts in {} s", until - from);
        }
    }
}

/// Groups are closed when they are due, each with the events that came for it.
fn each_event_is_in_one_message<const SEALED: bool>(real: &Real<SEALED>, model: &Model) {
    let expected: BTreeMap<_, Vec<u128>> = model
        .closed
        .iter()
        .map(|n| {
            let events = model.messages[*n].events.iter().map(|event| *event as u128 + 1);
            (real.made[*n].id, events.collect())
        })
        .collect();
    let is_open = |id: &_| expected.contains_key(id);
    let closed = real.closed.iter().filter(|(id, _)| is_open(id)).cloned();
    assert_eq!(closed.collect::<BTreeMap<_, _>>(), expected, "groups that were closed");
    for (id, events) in real.closed.iter().filter(|(id, _)| !is_open(id)) {
        let n = real.made.iter().position(|made| made.id == *id);
        let state = n.map(|n| model.messages[n].state);
        assert_eq!(state, Some(State::Cancelled), "the group of {events:?} was closed");
    }
}
