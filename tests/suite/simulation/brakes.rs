//! Is a new message one too many? What `dedupe`, `throttle` and `group` are to make of it, by what was
//! before.

use std::collections::HashMap;

use jiff::Timestamp;
use kabari::model::{MessageId, Reason, State};

use super::judge::{Judge, later};
use super::ledger::{IN_LINE, Place, UNTIL_CLOSED, UNTIL_DUE};
use super::plan::{Class, GATHER, THROTTLE, gather_interval};

/// What the brakes remember, by key.
#[derive(Default)]
pub(super) struct Brakes {
    /// Who may hold the key.
    holders: HashMap<u32, Vec<usize>>,
    /// When those go that go, now or later.
    slots: HashMap<(Class, u32), Vec<Timestamp>>,
    /// The last group, open or not.
    groups: HashMap<u32, Group>,
}

#[derive(Clone, Copy)]
struct Group {
    first: usize,
    due_at: Timestamp,
    size: u32,
    closed_at: Option<Timestamp>,
}

impl Judge {
    /// Whether a new message may begin so.
    pub(super) fn starts(
        &mut self,
        n: usize,
        (is, reason): (Place, Option<Reason>),
        now: Timestamp,
    ) -> Option<String> {
        let (class, made_at) = (self.lives[n].ticket.class, self.lives[n].ticket.made_at);
        let in_line = |due_at| (State::Waiting, IN_LINE, due_at, None);
        let until = |due_at, reason| (State::Waiting, UNTIL_DUE, due_at, Some(reason));
        let skipped = |reason| (State::Skipped, IN_LINE, made_at, Some(reason));
        let expected = match class {
            Class::Instead => return Some("nothing failed".into()),
            Class::Later => until(self.lives[n].ticket.not_before.unwrap(), Reason::Later),
            Class::Deduped if self.is_second(n) => skipped(Reason::Duplicate),
            Class::Plain | Class::Hours | Class::HoursOrNever | Class::Deduped => in_line(made_at),
            Class::Throttled | Class::Waiting => {
                let slots = self.brakes.slots.entry((class, self.lives[n].ticket.key)).or_default();
                let before = slots.len().checked_sub(THROTTLE.0 as usize).map(|n| slots[n]);
                let slot = before.map_or(made_at, |before| later(before, THROTTLE.1).max(made_at));
                match class {
                    Class::Throttled if made_at < slot => skipped(Reason::Throttled),
                    _ => {
                        slots.push(slot);
                        if made_at < slot { until(slot, Reason::Throttled) } else { in_line(slot) }
                    }
                }
            }
            Class::Grouped => {
                let due_at = self.opens(n, made_at, now);
                (State::Waiting, UNTIL_CLOSED, due_at, Some(Reason::Grouped))
            }
        };
        let begins = (is.state, is.held, is.due_at, reason);
        (begins != expected).then(|| format!("it begins as {begins:?}, not as {expected:?}"))
    }

    /// Whether a message that was or may be sent has its key already; else it has it now.
    fn is_second(&mut self, n: usize) -> bool {
        let lives = &self.lives;
        let holders = self.brakes.holders.entry(lives[n].ticket.key).or_default();
        holders.retain(|other| {
            let state = lives[*other].place.map(|place| place.state);
            state.is_some_and(|it| !matches!(it, State::Failed | State::Cancelled | State::Skipped))
        });
        if holders.is_empty() {
            holders.push(n);
            return false;
        }
        true
    }

    /// A group begins; when it is due.
    fn opens(&mut self, n: usize, made_at: Timestamp, now: Timestamp) -> Timestamp {
        let key = self.lives[n].ticket.key;
        let before = self.brakes.groups.get(&key).copied();
        if let Some(Group { first, closed_at: None, .. }) = before {
            self.say(n, now, &format!("it begins a group, and that of {first} is open"));
        }
        let again = before.and_then(|group| group.closed_at);
        let again = again.map_or(made_at, |closed| later(closed, gather_interval(key)));
        let due_at = later(made_at, GATHER.0).max(again);
        self.brakes.groups.insert(key, Group { first: n, due_at, size: 1, closed_at: None });
        due_at
    }

    /// What was recorded is there, or became part of a group that was open.
    pub(super) fn all_are_there(&mut self, ids: &[MessageId], now: Timestamp) {
        for id in ids {
            let n = self.number_of(*id).unwrap();
            let life = &mut self.lives[n];
            if life.place.is_some() || std::mem::replace(&mut life.joined, true) {
                continue;
            }
            let key = life.ticket.key;
            if life.ticket.class != Class::Grouped {
                self.say(n, now, "it was recorded, and is not there");
                continue;
            }
            match self.brakes.groups.get_mut(&key) {
                Some(group) if group.closed_at.is_none() => {
                    group.size += 1;
                    if GATHER.1 <= group.size {
                        group.due_at = group.due_at.min(now);
                    }
                }
                _ => self.say(n, now, "it joined a group, and none is open"),
            }
        }
    }

    /// A group is closed.
    pub(super) fn closes(&mut self, n: usize, now: Timestamp) -> Option<String> {
        let group = self.brakes.groups.get_mut(&self.lives[n].ticket.key)?;
        if group.first != n || group.closed_at.is_some() {
            return Some("its group is closed already".into());
        }
        group.closed_at = Some(now);
        (now < group.due_at).then(|| format!("its group was to be open until {}", group.due_at))
    }
}
