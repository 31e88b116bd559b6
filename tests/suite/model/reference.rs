//! The states of messages as they should be: small enough to be seen to be right.

use std::collections::{BTreeMap, BTreeSet};

use kabari::model::{Policy, State};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::steps::{End, Made, Step, steps};

/// Lane 0 is paced, lane 1 is not.
pub(super) const LANES: usize = 2;
pub(super) const RECIPIENTS: usize = 3;
/// One attempt in so many seconds, and so many at once after a rest.
pub(super) const INTERVAL_S: i64 = 4;
pub(super) const BURST: usize = 2;
/// A group waits so long for others, and for no more than so many.
pub(super) const GATHER_S: i64 = 6;
pub(super) const GATHER_MAX: usize = 3;
/// What is older and done may go.
pub(super) const KEPT_S: i64 = 25;

#[derive(Clone, Debug)]
pub(super) struct Msg {
    pub(super) made: Made,
    pub(super) event: usize,
    pub(super) created: i64,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) claims: u32,
    pub(super) due: i64,
    /// Its lane's clock when it was made.
    pub(super) clock: i64,
    /// Others can still join it.
    pub(super) is_open: bool,
    /// The events that it is made of, if it is a group: as long as it is known.
    pub(super) events: BTreeSet<usize>,
    /// Its recipient was forgotten.
    pub(super) forgotten: bool,
    /// It had its time.
    pub(super) gone: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) at: i64,
    pub(super) has_body: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) paused_since: Option<i64>,
    stood: i64,
    paced_until: i64,
    /// When each attempt began.
    pub(super) begun: Vec<i64>,
}

/// The right to settle: message and claim.
pub(super) type Right = (usize, u32);

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) events: Vec<Came>,
    pub(super) messages: Vec<Msg>,
    pub(super) lanes: [Lane; LANES],
    /// The last group of each place in an event and recipient: its first message and when it is due.
    pub(super) groups: BTreeMap<(usize, usize), (usize, i64)>,
    /// The same of those that another one followed before they were closed.
    pub(super) moved_off: Vec<(usize, i64)>,
    /// Of the process that lives, and of those that died.
    pub(super) rights: Vec<Right>,
    pub(super) stale: Vec<Right>,
    /// The process has not looked yet at what was under way.
    pub(super) unrecovered: bool,
    /// What the last step took, and the groups that it closed.
    pub(super) taken: BTreeSet<usize>,
    pub(super) closed: BTreeSet<usize>,
    /// The states before the last step, and whether that was two in one.
    pub(super) before: Vec<State>,
    pub(super) was_turnover: bool,
}

impl Lane {
    pub(super) fn clock(&self, now: i64) -> i64 {
        self.paused_since.unwrap_or(now) - self.stood
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        steps().boxed()
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        let may_claim =
            |lane: usize| !model.unrecovered && model.lanes[lane].paused_since.is_none();
        match step {
            Step::Redeliver(n) => *n < model.events.len(),
            Step::Claim(lane, _) => may_claim(*lane),
            Step::Settle(..) => !model.rights.is_empty(),
            Step::TurnOver(lane, ended, limit) => {
                (*limit == 0 || may_claim(*lane)) && (ended.is_empty() || !model.rights.is_empty())
            }
            Step::SettleLate(..) => !model.stale.is_empty(),
            Step::Pause(lane) => model.lanes[*lane].paused_since.is_none(),
            Step::Resume(lane) => model.lanes[*lane].paused_since.is_some(),
            Step::Hand(..) | Step::HandMany(..) => !model.messages.is_empty(),
            Step::Crash(Some(step)) => {
                !matches!(**step, Step::Pass(_)) && Self::preconditions(model, step)
            }
            Step::Recover => model.unrecovered,
            Step::Record(_)
            | Step::Gather
            | Step::Prune { .. }
            | Step::Purge(_)
            | Step::Pass(_)
            | Step::Crash(None) => true,
        }
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.before = model.messages.iter().map(|message| message.state).collect();
        model.taken.clear();
        model.closed.clear();
        model.was_turnover = false;
        model.take(step);
        model
    }
}

impl Model {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Record(made) => self.record(made),
            Step::Claim(lane, limit) => self.claim(*lane, *limit),
            Step::Settle(n, end) => {
                let right = self.rights.remove(n % self.rights.len());
                self.settle(right, *end);
            }
            Step::TurnOver(lane, ended, limit) => self.turn_over(*lane, ended, *limit),
            Step::SettleLate(n, end) => {
                let right = self.stale.remove(n % self.stale.len());
                self.settle(right, *end);
            }
            Step::Pause(lane) => self.lanes[*lane].paused_since = Some(self.now),
            Step::Resume(lane) => {
                let lane = &mut self.lanes[*lane];
                lane.stood += lane.paused_since.take().map_or(0, |since| self.now - since);
            }
            Step::Hand(n, to) => self.hand(n % self.messages.len(), *to),
            Step::HandMany(all, to) => {
                let all: BTreeSet<usize> = all.iter().map(|n| n % self.messages.len()).collect();
                for n in all {
                    self.hand(n, *to);
                }
            }
            Step::Gather => self.gather(),
            Step::Prune { whole } => self.prune(*whole),
            Step::Purge(to) => self.purge(*to),
            Step::Pass(seconds) => self.now += seconds,
            Step::Redeliver(_) => {}
            Step::Crash(last) => {
                if let Some(step) = last {
                    self.take(step);
                }
                self.stale.append(&mut self.rights);
                self.unrecovered = true;
            }
            Step::Recover => self.recover(),
        }
    }

    fn record(&mut self, made: &[Made]) {
        let event = self.events.len();
        self.events.push(Came { at: self.now, has_body: true });
        for (send, made) in made.iter().enumerate() {
            if made.grouped && self.joins((send, made.to), event) {
                continue;
            }
            let due = self.now + if made.grouped { GATHER_S } else { 0 };
            if made.grouped {
                self.groups.insert((send, made.to), (self.messages.len(), due));
            }
            self.messages.push(Msg {
                made: *made,
                event,
                created: self.now,
                state: State::Waiting,
                attempts: 0,
                claims: 0,
                due,
                clock: self.lanes[made.lane].clock(self.now),
                is_open: made.grouped,
                events: made.grouped.then_some(event).into_iter().collect(),
                forgotten: false,
                gone: false,
            });
        }
    }

    /// The heads of this priority that are due, soonest first.
    fn due(&self, lane: usize, priority: usize) -> Vec<usize> {
        let mut heads = Vec::new();
        for to in 0..RECIPIENTS {
            let of = |n: &usize| {
                let Msg { made, forgotten, gone, .. } = &self.messages[*n];
                (made.lane, made.to) == (lane, to) && !forgotten && !gone
            };
            let all: Vec<usize> = (0..self.messages.len()).filter(of).collect();
            if all.iter().any(|n| self.messages[*n].state == State::Sending) {
                continue;
            }
            let in_line =
                |n: &usize| self.messages[*n].state == State::Waiting && !self.messages[*n].is_open;
            let waiting = all.into_iter().filter(in_line);
            heads.extend(waiting.min_by_key(|n| (self.messages[*n].made.priority, *n)));
        }
        heads.retain(|n| {
            let message = &self.messages[*n];
            message.made.priority == priority && message.due <= self.now
        });
        heads.sort_by_key(|n| (self.messages[*n].due, *n));
        heads
    }

    fn claim(&mut self, lane: usize, limit: usize) {
        let room = limit.min(self.tokens(lane).len());
        for priority in 0..3 {
            loop {
                let mut due = self.due(lane, priority);
                due.truncate(room - self.taken.len());
                if due.is_empty() {
                    break;
                }
                for n in due {
                    let age = self.lanes[lane].clock(self.now) - self.messages[n].clock;
                    let message = &mut self.messages[n];
                    if message.made.expires_s.is_some_and(|limit| limit <= age) {
                        message.state = State::Skipped;
                        continue;
                    }
                    message.state = State::Sending;
                    message.attempts += 1;
                    message.claims += 1;
                    self.rights.push((n, message.claims));
                    self.taken.insert(n);
                }
            }
        }
        self.rights.sort_unstable();
        if let Some(used_until) = self.taken.len().checked_sub(1).map(|n| self.tokens(lane)[n]) {
            self.lanes[lane].paced_until = used_until;
        }
        self.lanes[lane].begun.extend(self.taken.iter().map(|_| self.now));
    }

    /// Until when the pace is used up after each of those that may begin now.
    pub(super) fn tokens(&self, lane: usize) -> Vec<i64> {
        tokens(lane, self.lanes[lane].paced_until, self.now)
    }

    fn turn_over(&mut self, lane: usize, ended: &[(usize, End)], limit: usize) {
        self.was_turnover = true;
        for (n, end) in ended {
            let lanes: Vec<usize> =
                self.rights.iter().map(|(n, _)| self.messages[*n].made.lane).collect();
            if let Some(at) = nth_of(&lanes, lane, *n) {
                let right = self.rights.remove(at);
                self.settle(right, *end);
            }
        }
        if 0 < limit {
            self.claim(lane, limit);
        }
    }

    fn settle(&mut self, (n, claim): Right, end: End) {
        let message = &mut self.messages[n];
        let holds = message.state == State::Sending && message.claims == claim;
        let late_truth = message.state == State::Uncertain && end.state == State::Sent;
        if !(holds || late_truth) || message.gone || message.forgotten {
            return;
        }
        message.state = end.state;
        if end.state == State::Waiting {
            message.due = self.now + end.due_in;
            message.attempts -= u32::from(!end.counts);
        }
    }

    fn hand(&mut self, n: usize, to: State) {
        let message = &mut self.messages[n];
        if !is_for_people(message.state, to) || message.gone || message.forgotten {
            return;
        }
        (message.state, message.is_open) = (to, false);
        if to == State::Waiting {
            // It gets as much time as it had at first.
            (message.due, message.clock) =
                (self.now, self.lanes[message.made.lane].clock(self.now));
        }
    }

    fn recover(&mut self) {
        self.unrecovered = false;
        for message in self.messages.iter_mut().filter(|message| message.state == State::Sending) {
            let again = message.made.resend && message.attempts < Policy::RESENT_ATTEMPTS_MAX;
            message.state = if again { State::Waiting } else { State::Uncertain };
            if again {
                message.due = self.now;
            }
        }
    }
}

/// Where the `n`-th of this lane stands, by remainder.
pub(super) fn nth_of(lanes: &[usize], lane: usize, n: usize) -> Option<usize> {
    let own: Vec<usize> = (0..lanes.len()).filter(|at| lanes[*at] == lane).collect();
    (!own.is_empty()).then(|| own[n % own.len()])
}

/// See [`Model::tokens`].
pub(super) fn tokens(lane: usize, paced_until: i64, now: i64) -> Vec<i64> {
    if lane != 0 {
        return vec![now; 9];
    }
    let ahead = INTERVAL_S * i64::try_from(BURST - 1).unwrap();
    let mut used_until = paced_until.max(now);
    let mut tokens = Vec::new();
    while used_until <= now + ahead {
        used_until += INTERVAL_S;
        tokens.push(used_until);
    }
    tokens
}

/// What a person may do.
pub(super) fn is_for_people(from: State, to: State) -> bool {
    matches!(
        (from, to),
        (State::Uncertain, State::Sent | State::Waiting | State::Cancelled)
            | (State::Failed, State::Waiting)
            | (State::Waiting, State::Cancelled)
    )
}
