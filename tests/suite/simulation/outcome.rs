//! After the week: is everything that was promised there, once, and in a state that fits what reached
//! its recipient?

use std::collections::{BTreeMap, HashMap, HashSet};

use kabari::model::{Message, Reason, State};

use super::judge::Judge;
use super::plan::{Class, THROTTLE};
use super::senders::HOUR_S;
use super::wachat::number;

/// How many there are in each state.
pub(super) fn states(rows: &[Message]) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *states.entry(row.state.as_str()).or_default() += 1;
    }
    format!("{states:?}")
}

/// Adds what is wrong to the judge's list.
pub(super) fn check(judge: &mut Judge, rows: &[Message]) {
    let mut wrong = Vec::new();
    let mut by_number: HashMap<usize, &Message> = HashMap::new();
    let mut members: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        let Some(n) = judge.number_of(row.id) else {
            wrong.push(format!("{} is in the store and was never made", row.id));
            continue;
        };
        if by_number.insert(n, row).is_some() {
            wrong.push(format!("message {n} is there twice"));
        }
        let content = row.content.as_ref().unwrap();
        assert_eq!(number(content), n);
        for member in content.message.as_deref().unwrap().split(' ').skip(1) {
            *members.entry(member.parse().unwrap()).or_default() += 1;
        }
    }
    for (n, life) in judge.lives.iter().enumerate() {
        let (row, class) = (by_number.get(&n), life.ticket.class);
        let is_expected = match (class, life.ticket.parent) {
            (Class::Instead, Some(parent)) => {
                let failed = by_number.get(&parent).map(|row| row.state) == Some(State::Failed);
                failed && row.is_none()
            }
            (Class::Grouped, _) => {
                if life.acked && members.get(&n) != Some(&1) {
                    wrong.push(format!("message {n} is in {:?} groups", members.get(&n)));
                }
                false
            }
            _ => life.acked && row.is_none(),
        };
        if is_expected {
            wrong.push(format!("message {n} ({class:?}) was acknowledged and is lost"));
        }
        if let Some(row) = row {
            let reached = (life.dispatched, life.marked);
            let fits = match row.state {
                State::Waiting | State::Sending => false,
                // What one attempt, or a person, says of it need not be so.
                State::Sent | State::Uncertain | State::Cancelled => true,
                State::Failed | State::Skipped => {
                    let may_have_come = life.ticket.resend || life.by_hand;
                    life.dispatched <= life.marked + u32::from(may_have_come)
                }
            };
            if !fits {
                wrong.push(format!(
                    "message {n} ({class:?}) is {} and arrived {reached:?} (times, marked)",
                    row.state.as_str()
                ));
            }
        }
    }
    throttled(judge, &by_number, &mut wrong);
    deduplicated(judge, &by_number, &mut wrong);
    judge.violations.extend(wrong);
}

/// Of those that are skipped beyond a limit, no more than that go in any hour.
fn throttled(judge: &Judge, rows: &HashMap<usize, &Message>, wrong: &mut Vec<String>) {
    let mut kept: HashMap<u32, Vec<i64>> = HashMap::new();
    for (n, life) in judge.lives.iter().enumerate() {
        let is_kept = rows.get(&n).is_some_and(|row| row.reason != Some(Reason::Throttled));
        if life.ticket.class == Class::Throttled && is_kept {
            kept.entry(life.ticket.key).or_default().push(life.ticket.made_at.as_millisecond());
        }
    }
    for (key, mut times) in kept {
        times.sort_unstable();
        let hour_ms = i64::try_from(HOUR_S * 1000).unwrap();
        let limit = THROTTLE as usize;
        if times.windows(limit + 1).any(|some| some[limit] - some[0] < hour_ms) {
            wrong.push(format!("more than {limit} with key {key} in an hour"));
        }
    }
}

/// Of one key, one is enough.
fn deduplicated(judge: &Judge, rows: &HashMap<usize, &Message>, wrong: &mut Vec<String>) {
    let mut held = HashSet::new();
    for (n, life) in judge.lives.iter().enumerate() {
        let holds = rows.get(&n).is_some_and(|row| {
            matches!(row.state, State::Waiting | State::Sending | State::Sent | State::Uncertain)
        });
        if life.ticket.class == Class::Deduped
            && holds
            && !held.insert((life.ticket.lane, life.ticket.to, life.ticket.key))
        {
            wrong.push(format!("message {n}: a second one with key {}", life.ticket.key));
        }
    }
}
