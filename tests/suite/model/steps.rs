//! What can happen to a store, and how likely is it?

use kabari::model::State;
use proptest::prelude::*;

use super::reference::{LANES, RECIPIENTS};

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
    /// Some attempts of a lane end, and it takes up to so many more in the same commit.
    TurnOver(usize, Vec<(usize, End)>, usize),
    /// An attempt of a process that has died ends.
    SettleLate(usize, End),
    Pause(usize),
    Resume(usize),
    /// A person decides about the n-th message.
    Hand(usize, State),
    /// The same about several at once.
    HandMany(Vec<usize>, State),
    /// The groups that are due become messages.
    Gather,
    /// What has had its time goes: only the bodies of events, or all of it.
    Prune {
        whole: bool,
    },
    /// Somebody is forgotten.
    Purge(usize),
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
    /// It becomes one message with others of its place in the event and its recipient.
    pub(super) grouped: bool,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) state: State,
    pub(super) counts: bool,
    pub(super) due_in: i64,
}

pub(super) fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => at_rest(),
        2 => Just(Step::Crash(None)),
        // Whatever writes may be the last thing that a process does.
        4 => at_rest().prop_map(|step| Step::Crash(Some(Box::new(step)))),
        5 => Just(Step::Recover),
    ]
}

fn at_rest() -> impl Strategy<Value = Step> {
    // Mostly back to the queue, where order is at stake.
    let targets = [&State::ALL[..], &[State::Waiting; 8]].concat();
    let target = prop::sample::select(targets);
    let ended = prop::collection::vec((any::<usize>(), end()), 0..3);
    prop_oneof![
        4 => prop::collection::vec(made(), 1..4).prop_map(Step::Record),
        1 => (0..4_usize).prop_map(Step::Redeliver),
        3 => (0..LANES, 1..4_usize).prop_map(|(lane, limit)| Step::Claim(lane, limit)),
        3 => (any::<usize>(), end()).prop_map(|(n, end)| Step::Settle(n, end)),
        8 => (0..LANES, ended, 0..4_usize)
            .prop_map(|(lane, ended, limit)| Step::TurnOver(lane, ended, limit)),
        2 => (any::<usize>(), end()).prop_map(|(n, end)| Step::SettleLate(n, end)),
        1 => (0..LANES).prop_map(Step::Pause),
        2 => (0..LANES).prop_map(Step::Resume),
        3 => (any::<usize>(), target.clone()).prop_map(|(n, to)| Step::Hand(n, to)),
        1 => (prop::collection::vec(any::<usize>(), 1..5), target)
            .prop_map(|(all, to)| Step::HandMany(all, to)),
        2 => Just(Step::Gather),
        1 => any::<bool>().prop_map(|whole| Step::Prune { whole }),
        1 => (0..RECIPIENTS).prop_map(Step::Purge),
        3 => (1..7_i64).prop_map(Step::Pass),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let expires = prop::option::weighted(0.3, 2..20_i64);
    (0..LANES, 0..RECIPIENTS, 0..3_usize, any::<bool>(), expires, prop::bool::weighted(0.25))
        .prop_map(|(lane, to, priority, resend, expires_s, grouped)| {
            // While the pace holds a lane its clock stands still: told apart elsewhere.
            let expires_s = expires_s.filter(|_| lane == 1 && !grouped);
            Made { lane, to, priority, resend, expires_s, grouped }
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
