//! The states of messages as they should be: small enough to be seen to be right.

use std::collections::BTreeSet;

use kabari::model::{Policy, State};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// Lane 0 is paced, lane 1 is not.
pub(super) const LANES: usize = 2;
pub(super) const RECIPIENTS: usize = 3;
/// One attempt in so many seconds, and so many at once after a rest.
pub(super) const INTERVAL_S: i64 = 4;
pub(super) const BURST: usize = 2;

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// An event with these messages.
    Record(Vec<Made>),
    /// An event that was recorded comes again.
    Redeliver(usize),
    /// A lane takes up to so many.
    Claim(usize, usize),
    /// The n-th attempt under way ends.
    Settle(usize, End),
    /// An attempt of a process that has died ends.
    SettleLate(usize, End),
    Pause(usize),
    Resume(usize),
    /// A person decides about the n-th message.
    Hand(usize, State),
    Pass(i64),
    /// The process dies: at rest, or after the commit of a step whose answer nobody gets.
    Crash(Option<Box<Step>>),
    /// The next process looks at what was under way.
    Recover,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) lane: usize,
    pub(super) to: usize,
    /// 0 goes first.
    pub(super) priority: usize,
    pub(super) resend: bool,
    pub(super) expires_s: Option<i64>,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) state: State,
    pub(super) counts: bool,
    pub(super) due_in: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Msg {
    pub(super) made: Made,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) claims: u32,
    due: i64,
    /// Its lane's clock when it was made.
    clock: i64,
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
    /// How many messages each event has.
    pub(super) events: Vec<usize>,
    pub(super) messages: Vec<Msg>,
    pub(super) lanes: [Lane; LANES],
    /// Of the process that lives, and of those that died.
    pub(super) rights: Vec<Right>,
    pub(super) stale: Vec<Right>,
    /// The process has not looked yet at what was under way.
    pub(super) unrecovered: bool,
    /// What the last claim took.
    pub(super) taken: BTreeSet<usize>,
    /// The states before the last step.
    pub(super) before: Vec<State>,
}

impl Lane {
    fn clock(&self, now: i64) -> i64 {
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
        let step = plain_step();
        let committed = prop_oneof![
            prop::collection::vec(made(), 1..4).prop_map(Step::Record),
            (0..LANES, 1..4_usize).prop_map(|(lane, limit)| Step::Claim(lane, limit)),
            (any::<usize>(), end()).prop_map(|(n, end)| Step::Settle(n, end)),
        ];
        prop_oneof![
            20 => step,
            1 => Just(Step::Crash(None)),
            3 => committed.prop_map(|step| Step::Crash(Some(Box::new(step)))),
            4 => Just(Step::Recover),
        ]
        .boxed()
    }

    fn preconditions(model: &Self, step: &Step) -> bool {
        match step {
            Step::Redeliver(n) => *n < model.events.len(),
            Step::Claim(lane, _) => !model.unrecovered && model.lanes[*lane].paused_since.is_none(),
            Step::Settle(..) => !model.rights.is_empty(),
            Step::SettleLate(..) => !model.stale.is_empty(),
            Step::Pause(lane) => model.lanes[*lane].paused_since.is_none(),
            Step::Resume(lane) => model.lanes[*lane].paused_since.is_some(),
            Step::Hand(..) => !model.messages.is_empty(),
            Step::Crash(Some(step)) => Self::preconditions(model, step),
            Step::Recover => model.unrecovered,
            Step::Record(_) | Step::Pass(_) | Step::Crash(None) => true,
        }
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.before = model.messages.iter().map(|message| message.state).collect();
        model.taken.clear();
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
        self.events.push(made.len());
        for made in made {
            let (due, clock) = (self.now, self.lanes[made.lane].clock(self.now));
            let (state, attempts, claims) = (State::Waiting, 0, 0);
            self.messages.push(Msg { made: *made, state, attempts, claims, due, clock });
        }
    }

    /// The heads of this priority that are due, soonest first.
    fn due(&self, lane: usize, priority: usize) -> Vec<usize> {
        let mut heads = Vec::new();
        for to in 0..RECIPIENTS {
            let of = |n: &usize| {
                let Made { lane: in_lane, to: recipient, .. } = self.messages[*n].made;
                (in_lane, recipient) == (lane, to)
            };
            let all: Vec<usize> = (0..self.messages.len()).filter(of).collect();
            if all.iter().any(|n| self.messages[*n].state == State::Sending) {
                continue;
            }
            let waiting = all.into_iter().filter(|n| self.messages[*n].state == State::Waiting);
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

    fn settle(&mut self, (n, claim): Right, end: End) {
        let message = &mut self.messages[n];
        let holds = message.state == State::Sending && message.claims == claim;
        let late_truth = message.state == State::Uncertain && end.state == State::Sent;
        if !(holds || late_truth) {
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
        if !is_for_people(message.state, to) {
            return;
        }
        message.state = to;
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

fn made() -> impl Strategy<Value = Made> {
    (0..LANES, 0..RECIPIENTS, 0..3_usize, any::<bool>(), prop::option::weighted(0.3, 2..20_i64))
        .prop_map(|(lane, to, priority, resend, expires_s)| {
            // While the pace holds a lane its clock stands still: told apart elsewhere.
            let expires_s = expires_s.filter(|_| lane == 1);
            Made { lane, to, priority, resend, expires_s }
        })
}

fn end() -> impl Strategy<Value = End> {
    let ends = vec![State::Sent, State::Waiting, State::Uncertain, State::Failed];
    (prop::sample::select(ends), any::<bool>(), 0..9_i64).prop_map(|(state, counts, due_in)| End {
        state,
        counts,
        due_in,
    })
}

fn plain_step() -> impl Strategy<Value = Step> {
    // Mostly back to the queue, where order is at stake.
    let targets = [&State::ALL[..], &[State::Waiting; 8]].concat();
    prop_oneof![
        4 => prop::collection::vec(made(), 1..4).prop_map(Step::Record),
        1 => (0..4_usize).prop_map(Step::Redeliver),
        6 => (0..LANES, 1..4_usize).prop_map(|(lane, limit)| Step::Claim(lane, limit)),
        6 => (any::<usize>(), end()).prop_map(|(n, end)| Step::Settle(n, end)),
        2 => (any::<usize>(), end()).prop_map(|(n, end)| Step::SettleLate(n, end)),
        1 => (0..LANES).prop_map(Step::Pause),
        2 => (0..LANES).prop_map(Step::Resume),
        3 => (any::<usize>(), prop::sample::select(targets))
            .prop_map(|(n, to)| Step::Hand(n, to)),
        3 => (1..7_i64).prop_map(Step::Pass),
    ]
}
