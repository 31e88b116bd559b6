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
    /// All groups, the last one last.
    groups: HashMap<u32, Vec<Group>>,
}

struct Group {
    first: usize,
    /// When it goes if it does not fill up before.
    wait_until: Timestamp,
    /// Before that it may not go in any case.
    again: Option<Timestamp>,
    due_at: Timestamp,
    is_full: bool,
    size: u32,
    closed_at: Option<Timestamp>,
}

impl Group {
    /// Whether one that waits in any case takes more, however many are in it.
    fn is_held_back(&self) -> bool {
        self.again.is_some_and(|again| self.due_at <= again)
    }
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
            Class::Throttled => {
                let slots = self.brakes.slots.entry((class, self.lives[n].ticket.key)).or_default();
                let is_near = |at: Timestamp| {
                    at < later(made_at, THROTTLE.1) && made_at < later(at, THROTTLE.1)
                };
                let near = slots.iter().filter(|at| is_near(**at)).count();
                if THROTTLE.0 as usize <= near {
                    skipped(Reason::Throttled)
                } else {
                    slots.push(made_at);
                    in_line(made_at)
                }
            }
            Class::Waiting => {
                let slots = self.brakes.slots.entry((class, self.lives[n].ticket.key)).or_default();
                let before = slots.len().checked_sub(THROTTLE.0 as usize).map(|n| slots[n]);
                let slot = before.map_or(made_at, |before| later(before, THROTTLE.1).max(made_at));
                slots.push(slot);
                if made_at < slot { until(slot, Reason::Throttled) } else { in_line(slot) }
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
        let before = self.brakes.groups.get(&key).and_then(|groups| groups.last());
        let open = before.filter(|group| {
            let takes_more = !group.is_full || group.is_held_back();
            group.closed_at.is_none() && made_at < group.due_at && takes_more
        });
        let open = open.map(|group| group.first);
        let gone_at = before.map(|group| group.closed_at.unwrap_or(group.due_at.max(made_at)));
        if let Some(first) = open {
            self.say(n, now, &format!("it begins a group, and that of {first} is open"));
        }
        let again = gone_at.map(|gone_at| later(gone_at, gather_interval(key)));
        let due_at = later(made_at, GATHER.0).max(again.unwrap_or(made_at));
        self.brakes.groups.entry(key).or_default().push(Group {
            first: n,
            wait_until: due_at,
            again,
            due_at,
            is_full: false,
            size: 1,
            closed_at: None,
        });
        due_at
    }

    /// A group goes before its time: it must be full then, which is seen when it is closed.
    pub(super) fn fills(&mut self, n: usize, is: Place, now: Timestamp) -> Option<String> {
        let groups = self.brakes.groups.get_mut(&self.lives[n].ticket.key)?;
        let group = groups.iter_mut().find(|group| group.first == n)?;
        let soonest = group.again.map_or(now, |again| again.max(now));
        let is_right = is.due_at < group.due_at && is.due_at <= soonest;
        let is_too_soon = group.again.is_some_and(|again| is.due_at < again);
        (group.due_at, group.is_full) = (is.due_at, true);
        (!is_right || is_too_soon).then(|| format!("its group goes at {} now", is.due_at))
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
            let made_at = life.ticket.made_at;
            let groups = self.brakes.groups.entry(key).or_default();
            let open = groups.iter_mut().find(|group| {
                let has_room = group.size < GATHER.1 || group.is_held_back();
                group.closed_at.is_none() && made_at < group.wait_until && has_room
            });
            match open {
                Some(group) => group.size += 1,
                None => self.say(n, now, "it joined a group, and none is open"),
            }
        }
    }

    /// A group is closed.
    pub(super) fn closes(&mut self, n: usize, now: Timestamp) -> Option<String> {
        let groups = self.brakes.groups.get_mut(&self.lives[n].ticket.key)?;
        let Some(group) = groups.iter_mut().find(|it| it.first == n && it.closed_at.is_none())
        else {
            return Some("its group is closed already".into());
        };
        group.closed_at = Some(now);
        if group.is_full && group.size < GATHER.1 {
            return Some(format!("its group went before its time with {}", group.size));
        }
        (now < group.due_at).then(|| format!("its group was to be open until {}", group.due_at))
    }
}
