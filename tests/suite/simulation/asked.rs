//! When the limits are others: is everybody asked again whom they held, and does everybody come back
//! whom they hold no longer?

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;
use kabari::model::{Reason, State};

use super::judge::Judge;
use super::lanes::Limits;
use super::ledger::{IN_LINE, Place, UNTIL_DUE};
use super::plan::Class;

/// They are asked, in some steps.
pub(super) struct Round {
    since: Timestamp,
    day: Date,
    /// Strangers of the day before it, and at most in its course.
    strangers: u32,
    most: u32,
    /// Who came back of those who were strangers.
    back: HashSet<usize>,
}

impl Judge {
    /// A lane asks the first of them.
    pub(super) fn begins_to_ask(&mut self, lane: &str, now: Timestamp) {
        let (lane, day) = (self.plan.lane(lane), self.day(now));
        let strangers = self.strangers(lane, day);
        let (most, back) = (strangers, HashSet::new());
        self.lanes[lane].round = Some(Round { since: now, day, strangers, most, back });
    }

    /// It asked some of them, or all.
    pub(super) fn asked(&mut self, lane: &str, all: bool, now: Timestamp) {
        let lane = self.plan.lane(lane);
        let Some(mut round) = self.lanes[lane].round.take() else { return };
        round.most = round.most.max(self.strangers(lane, round.day));
        if !all {
            self.lanes[lane].round = Some(round);
            return;
        }
        self.lanes[lane].asked_by = Some(self.limits);
        for (n, wrong) in self.left_waiting(lane, &round, now) {
            self.say(n, now, &wrong);
        }
    }

    fn strangers(&self, lane: usize, day: Date) -> u32 {
        self.lanes[lane].first_contacts.get(&day).copied().unwrap_or(0)
    }

    /// Who still waits for a limit that is another now.
    fn left_waiting(&self, lane: usize, round: &Round, now: Timestamp) -> Vec<(usize, String)> {
        let rests = self.lines.waiting(lane).filter_map(|n| {
            let (until, to) = (self.lives[n].place?.due_at, self.lives[n].ticket.to);
            let is_other =
                self.rests_until(lane, to, until) && Some(until) != self.gap_until(lane, to);
            (now < until && is_other)
                .then(|| (n, format!("it rests until {until}, and all were asked")))
        });
        let day = self.day(now);
        let caps = self.plan.lanes[lane].caps_on(day, self.limits).filter(|_| day == round.day);
        let came = round.strangers + u32::try_from(round.back.len()).unwrap();
        let room = caps.map_or(0, |(_, first)| first.saturating_sub(round.most.max(came)));
        let held = self.lines.held(lane).filter(|n| {
            let life = &self.lives[*n];
            let is_paced =
                life.limited.is_some_and(|(by, at)| by == Reason::Paced && at < round.since);
            let is_open = life.ticket.class != Class::Hours || self.plan.calendar.is_open(now);
            let is_later = life.place.is_some_and(|place| now < place.due_at);
            0 < room && is_paced && is_open && is_later
        });
        let held = held.map(|n| (n, format!("it is held, and there is room for {room} strangers")));
        rests.chain(held).collect()
    }

    /// Whether somebody is left in peace until then, by the limits of this process or another.
    fn rests_until(&self, lane: usize, to: usize, until: Timestamp) -> bool {
        Limits::ALL.iter().any(|limits| self.gap_by(*limits, lane, to) == Some(until))
    }

    /// It comes back into line before its time, at its old place; or its recipient waits no longer.
    pub(super) fn is_asked_again(
        &mut self,
        n: usize,
        (was, is): (Place, Place),
        now: Timestamp,
    ) -> Option<String> {
        let life = &self.lives[n];
        let (lane, to) = (life.ticket.lane, life.ticket.to);
        let comes_back = life.limited.is_some() && (was.held, is.held) == (UNTIL_DUE, IN_LINE);
        let rests = self.rests_until(lane, to, was.due_at);
        let goes_on = rests && (was.held, is.held) == (IN_LINE, IN_LINE);
        let is_right = (comes_back || goes_on) && now < was.due_at && is.due_at <= now;
        if comes_back && self.is_stranger(lane, to) {
            self.lanes[lane].round.as_mut().map(|round| round.back.insert(to));
        }
        (!is_right).then(|| format!("{was:?} became {is:?} to be asked again"))
    }

    /// It was left in peace, and another has come before it: when it is its turn again it is asked.
    pub(super) fn is_displaced(&self, n: usize, (was, is): (Place, Place)) -> bool {
        let ticket = &self.lives[n].ticket;
        let is_in_line = |place: Place| (place.state, place.held) == (State::Waiting, IN_LINE);
        let rests = self.rests_until(ticket.lane, ticket.to, was.due_at);
        is_in_line(was) && is_in_line(is) && rests && is.due_at < was.due_at
    }
}
