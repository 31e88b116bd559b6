//! During the week: does anything wait that nothing holds? After it: is everything that was promised
//! there, once, and as what became of it says?

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{Message, State};

use super::judge::{Judge, later};
use super::plan::Class;
use super::wachat::number;

/// How long a lane may do nothing beside its pace: it tries a session, and looks again, after at most
/// an hour.
const IDLE_MAX: Duration = Duration::from_secs(70 * 60);

impl Judge {
    /// Whoever waits is held up by something.
    pub(super) fn looks_round(&mut self, now: Timestamp) {
        let Some(well_since) = self.well_since else { return };
        for lane in 0..self.lanes.len() {
            let plan = &self.plan.lanes[lane];
            let (log, day) = (&self.lanes[lane], self.day(now));
            let interval = plan.interval.unwrap_or_default();
            let busy_at = log.busy_at.unwrap_or(well_since).max(well_since);
            let used = log.attempts.get(&day).copied().unwrap_or(0);
            let is_used_up = plan.caps_on(day, self.limits).is_some_and(|(cap, _)| cap <= used);
            let is_held = log.stands.is_some()
                || is_used_up
                || 0 < self.lines.many_under_way(lane)
                || now < later(busy_at, IDLE_MAX + 2 * interval)
                || now < later(log.stood_until(now), IDLE_MAX + 2 * interval)
                || now < later(self.plan.calendar.midnight_before(now), IDLE_MAX + 2 * interval);
            if is_held {
                continue;
            }
            if plan.is_limited() && log.asked_by != Some(self.limits) {
                let name = &plan.name;
                self.violations.push(format!("{now} lane {name}: nobody was asked again"));
            }
            let since = |n: &usize| self.lives[*n].place.map(|place| later(place.due_at, IDLE_MAX));
            let heads = self.lines.heads(lane);
            let waits: Vec<usize> =
                heads.filter(|n| since(n).is_some_and(|since| since <= now)).collect();
            for n in waits {
                self.say(
                    n,
                    now,
                    &format!("it waits, and its lane has done nothing since {busy_at}"),
                );
            }
        }
    }
}

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
                let parent = &judge.lives[parent];
                if row.is_some() != parent.failed {
                    wrong.push(format!("message {n} is there: {}", row.is_some()));
                }
                false
            }
            (Class::Grouped, _) => {
                if life.acked && members.get(&n) != Some(&1) {
                    wrong.push(format!("message {n} is in {:?} groups", members.get(&n)));
                }
                life.acked && row.is_none() != life.joined
            }
            _ => life.acked && row.is_none(),
        };
        if is_expected {
            wrong.push(format!("message {n} ({class:?}) was acknowledged and is lost"));
        }
        let state = row.map(|row| row.state);
        if state != life.place.map(|place| place.state) {
            wrong.push(format!("message {n} ({class:?}) is {state:?}, and was {:?}", life.place));
        }
        if let Some(state) = state.filter(|state| !judge.is_proven(n, *state)) {
            let reached = (life.dispatched, life.marked);
            wrong.push(format!(
                "message {n} ({class:?}) is {state:?} after {:?}; it arrived {reached:?} (times, \
                 marked)",
                life.last
            ));
        }
    }
    judge.violations.extend(wrong);
}

impl Judge {
    /// Whether what Wachat saw allows that this is the end. Of each move it was said before whether it
    /// was right.
    fn is_proven(&self, n: usize, state: State) -> bool {
        let life = &self.lives[n];
        match state {
            // Nothing is left behind.
            State::Waiting | State::Sending => false,
            State::Sent => life.sent_by_hand || (1..=life.marked + 1).contains(&life.dispatched),
            // The last attempt did not arrive, and of each one before that may have it is known.
            State::Failed | State::Skipped => life.dispatched <= life.marked,
            State::Uncertain | State::Cancelled => life.dispatched <= life.marked + 1,
        }
    }
}
