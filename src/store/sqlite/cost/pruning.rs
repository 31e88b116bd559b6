//! Does a step of pruning cost more when one event made more messages, or one message more events?

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Connection;

use super::counted::{Counted, at};
use super::{FEW, compare, many};
use crate::store::sqlite::prune::{self, Limits};
use crate::store::sqlite::schema;
use crate::store::{Retention, Round, Upkeep};

const DAY_S: i64 = 24 * 60 * 60;
const DAY: Option<Duration> = Some(Duration::from_secs(24 * 60 * 60));
const RETENTION: Retention = Retention { events: DAY, messages: DAY, size: None };

/// An event that made so many messages, which all were sent.
async fn one_event(messages: usize) -> Counted {
    let mut counted = Counted::new();
    counted.fill(messages, |_, message| message).await;
    raw(&counted).execute_batch("UPDATE messages SET state = 'sent', head = 0").unwrap();
    counted
}

/// A message that so many events became, and one after it.
async fn one_message(events: usize) -> Counted {
    let counted = one_event(2).await;
    raw(&counted)
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO gathered (message, n, event) SELECT 1, n, (SELECT id FROM events) FROM n",
            [i64::try_from(events).unwrap()],
        )
        .unwrap();
    counted
}

fn raw(counted: &Counted) -> Connection {
    schema::open_writer(&counted.path(), false).unwrap()
}

/// The dearer of two.
fn dearer(one: BTreeMap<String, i64>, other: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let total = |steps: &BTreeMap<String, i64>| steps.values().sum::<i64>();
    if total(&one) < total(&other) { other } else { one }
}

/// The dearest of a reader's looks in one round that removes nothing.
fn dearest_look(counted: &Counted) -> BTreeMap<String, i64> {
    let mut reader = schema::open_reader(&counted.path()).unwrap();
    let (mut round, mut dearest) = (Some(Round::default()), BTreeMap::new());
    counted.steps.follow(&mut reader);
    while let Some(from) = round {
        let found = prune::look(&reader, from, &Limits::of(RETENTION, at(100 * DAY_S))).unwrap();
        dearest = dearer(dearest, counted.steps.taken());
        round = found.next;
    }
    dearest
}

/// The dearest of the writer's steps of one round, and what the round removed.
async fn dearest(counted: &Counted) -> (BTreeMap<String, i64>, [u64; 3]) {
    let (mut round, mut dearest, mut gone) = (Round::default(), BTreeMap::new(), [0; 3]);
    counted.steps.taken();
    loop {
        let pruned = counted.store.prune(RETENTION, at(100 * DAY_S), round).await.unwrap();
        dearest = dearer(dearest, counted.steps.taken());
        gone = [gone[0] + pruned.bodies, gone[1] + pruned.events, gone[2] + pruned.messages];
        match pruned.next {
            Some(next) => round = next,
            None => return (dearest, gone),
        }
    }
}

#[tokio::test]
async fn a_step_does_not_depend_on_how_many_messages_one_event_made() {
    let (few, many) = (one_event(FEW).await, one_event(many()).await);
    assert_eq!(compare("a look", &dearest_look(&few), &dearest_look(&many)), None);
    let ((few, _), (steps, gone)) = (dearest(&few).await, dearest(&many).await);
    assert_eq!(gone, [1, 0, many.made as u64 - 1], "the newest message stays");
    assert_eq!(compare("a step", &few, &steps), None);
}

#[tokio::test]
async fn a_step_does_not_depend_on_how_many_events_one_message_was() {
    let (few, many) = (one_message(FEW * 2).await, one_message(many()).await);
    assert_eq!(compare("a look", &dearest_look(&few), &dearest_look(&many)), None);
    let ((few, _), (many, gone)) = (dearest(&few).await, dearest(&many).await);
    assert_eq!(gone, [1, 0, 1]);
    assert_eq!(compare("a step", &few, &many), None);
}
