//! Does it cost more when more wait? Counted in the steps of `SQLite`'s machine, which are the same
//! each time, for each shape that a backlog may have.
//!
//! A thousand messages wait in one store and many more in another; `KABARI_LONG=1` makes a million of
//! them.

mod shapes;
mod counted;
mod pruning;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::row::micros;
use super::{gatherings, lists, needs, schema};
use crate::model::{Dedupe, Message, Reason, Terms};
use crate::store::seal::Seal;
use crate::store::{Claim, GatheredTo, Outcome, Store};

use counted::{Counted, at, message};
use shapes::{GROUPED_S, SHAPES, Shape, in_a_group_of_its_own, later};

/// As many wait in the smaller store.
const FEW: usize = 1000;
/// So many new ones are recorded.
const NEW: usize = 20;

/// As many wait in the larger store.
fn many() -> usize {
    if std::env::var("KABARI_LONG").as_deref() == Ok("1") { 1_000_000 } else { 20_000 }
}

/// What one turn, one new message and one look at the lanes take.
#[derive(Debug)]
struct Cost {
    turns: BTreeMap<String, i64>,
    records: BTreeMap<String, i64>,
    looks: BTreeMap<String, i64>,
    went: usize,
}

async fn cost(shape: &Shape, backlog: usize) -> Cost {
    let mut counted = Counted::new();
    counted.fill(backlog, shape.dress).await;
    let went = counted.turns(shape).await;
    let turns = counted.steps.taken();
    for n in 0..NEW {
        let new = (shape.dress)(counted.made + n, message(counted.made + n));
        counted.store.add_messages(vec![new]).await.unwrap();
    }
    let records = counted.steps.taken();
    let mut reader = schema::open_reader(&counted.path()).unwrap();
    counted.steps.follow(&mut reader);
    lists::lanes(&reader).unwrap();
    gatherings::next(&reader).unwrap();
    gatherings::due(&reader, micros(at(shape.now)), (GatheredTo::default(), 10), &Seal::default())
        .unwrap();
    needs::stuck(&reader, i64::MAX).unwrap();
    counted.store.recover(at(shape.now)).await.unwrap();
    Cost { turns, records, looks: counted.steps.taken(), went }
}

fn compare(
    what: &str,
    few: &BTreeMap<String, i64>,
    many: &BTreeMap<String, i64>,
) -> Option<String> {
    let total = |steps: &BTreeMap<String, i64>| steps.values().sum::<i64>();
    let (before, after) = (total(few), total(many));
    if 10 * after <= 13 * before {
        return None;
    }
    let mut told = format!("{what}: {before} steps become {after}");
    for (sql, steps) in many {
        let before = few.get(sql).copied().unwrap_or(0);
        if 10 * *steps > 13 * before {
            write!(told, "\n  {before} -> {steps}: {sql}").unwrap();
        }
    }
    Some(told)
}

#[tokio::test]
async fn what_a_turn_costs_does_not_depend_on_how_many_wait() {
    let mut complaints = Vec::new();
    for shape in SHAPES {
        let (few, many) = (cost(shape, FEW).await, cost(shape, many()).await);
        assert_eq!(few.went > 0, shape.goes, "{}: {} went", shape.name, few.went);
        assert_eq!(few.went, many.went, "{}", shape.name);
        for (what, few, many) in [
            ("turns", &few.turns, &many.turns),
            ("new messages", &few.records, &many.records),
            ("looks", &few.looks, &many.looks),
        ] {
            complaints.extend(compare(&format!("{}: {what}", shape.name), few, many));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The writer's steps of asking one step of those again that were held, of so many; half of them for
/// their own rule's sake.
async fn cost_of_asking_again(held: usize) -> BTreeMap<String, i64> {
    let mut counted = Counted::new();
    counted.fill(held, later).await;
    let connection = schema::open_writer(&counted.path(), false).unwrap();
    let quiet = "UPDATE messages SET reason = 'quiet' WHERE seq % 2 = 0";
    assert_eq!(connection.execute(quiet, []), Ok(held / 2));
    counted.steps.taken();
    let rest = counted.store.ask_again(Claim::new("lane", 0, at(0)), None).await.unwrap();
    assert!(rest.is_some());
    let back =
        connection.query_row("SELECT count(*) FROM messages WHERE held = 0", [], |row| row.get(0));
    assert_eq!(back, Ok(128));
    counted.steps.taken()
}

#[tokio::test]
async fn a_step_of_asking_again_does_not_depend_on_how_many_are_held() {
    let (few, many) = (cost_of_asking_again(FEW).await, cost_of_asking_again(many()).await);
    assert_eq!(compare("a step", &few, &many), None);
}

/// The steps of closing ten groups, of so many that are open.
async fn cost_of_closing(open: usize) -> BTreeMap<String, i64> {
    let mut counted = Counted::new();
    counted.fill(open, in_a_group_of_its_own).await;
    let now = at(GROUPED_S + 1);
    for group in counted.store.gatherings(now, GatheredTo::default(), 10).await.unwrap() {
        let outcome = Outcome::Unmade { reason: Reason::Render, detail: String::new() };
        assert!(counted.store.close_gathering(&group, outcome, None, now).await.unwrap());
    }
    counted.steps.taken()
}

#[tokio::test]
async fn closing_a_group_does_not_depend_on_how_many_are_open() {
    let (few, many) = (cost_of_closing(FEW).await, cost_of_closing(many()).await);
    assert_eq!(compare("ten groups", &few, &many), None);
}

/// The steps of recording new ones with a key of each kind, where so many groups are over.
async fn cost_of_recording(over: usize) -> BTreeMap<String, i64> {
    let mut counted = Counted::new();
    counted.fill(1, in_a_group_of_its_own).await;
    let connection = schema::open_writer(&counted.path(), false).unwrap();
    connection
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO gatherings (key, due_at, closed_at, template, interval_us)
             SELECT CAST(format('%016d', n) AS BLOB), n, n, '{}', 1000 FROM n",
            [i64::try_from(over).unwrap()],
        )
        .unwrap();
    counted.steps.taken();
    for n in 1..=NEW {
        let group = in_a_group_of_its_own(n, message(n));
        let dedupe = Some(Dedupe { key: n.to_string(), within_s: 60 });
        let terms = Terms { dedupe, ..group.terms.clone() };
        counted.store.add_messages(vec![Message { terms, ..group }]).await.unwrap();
    }
    let left = connection.query_row("SELECT count(*) FROM gatherings", [], |row| row.get(0));
    let left: i64 = left.unwrap();
    assert!(left < i64::try_from(over).unwrap(), "{left}");
    counted.steps.taken()
}

#[tokio::test]
async fn what_comes_does_not_cost_more_when_many_groups_are_over() {
    let (few, many) = (cost_of_recording(FEW).await, cost_of_recording(many()).await);
    assert_eq!(compare("new messages", &few, &many), None);
}

/// The writer's steps of forgetting somebody, where two sessions know so many.
async fn cost_of_forgetting(known: usize) -> BTreeMap<String, i64> {
    let mut counted = Counted::new();
    counted.fill(1, |_, message| message).await;
    let path = counted.path();
    let connection = schema::open_writer(&path, false).unwrap();
    connection
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO contacts (instance, recipient, reached)
             SELECT instance, format('6281%08d', n), 1
             FROM n, (SELECT 'one' AS instance UNION SELECT 'two')",
            [i64::try_from(known).unwrap()],
        )
        .unwrap();
    let purged = counted.store.purge("628100000005", false, &mut |_| ()).await.unwrap();
    assert_eq!(purged.contacts, 2);
    let left = connection.query_row("SELECT count(*) FROM contacts", [], |row| row.get(0));
    assert_eq!(left, Ok(2 * i64::try_from(known).unwrap() - 2));
    counted.steps.taken()
}

#[tokio::test]
async fn forgetting_somebody_does_not_hold_up_the_writer_longer_the_more_are_known() {
    let (few, many) = (cost_of_forgetting(FEW).await, cost_of_forgetting(many()).await);
    assert_eq!(compare("somebody", &few, &many), None);
}
