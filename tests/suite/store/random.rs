//! Whatever happens in whatever order: does every message keep its place and its state?

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use kabari::model::{Message, MessageId, Priority, State};
use kabari::store::{Claim, Lease, Moved, SharedStore};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Place, all, at, ended, event, later, message, resent_when_uncertain};

const LANES: [&str; 2] = ["jakarta", "bali"];
const RECIPIENTS: [&str; 2] = ["6281111111", "6282222222"];

/// Something that happens. Numbers pick from what is there, by remainder.
#[derive(Clone, Debug)]
enum Step {
    Record { lane: usize, recipients: Vec<usize>, resend: bool, due_in: i64, terms: Terms },
    Claim { lane: usize, limit: usize },
    Settle { lease: usize, state: State, counts: bool, due_in: i64 },
    Move { message: usize, to: State },
    Wait { seconds: i64 },
    Restart,
    Recover,
}

/// A priority, and perhaps a time (in seconds after it is recorded) before which it is not to go.
#[derive(Clone, Copy, Debug)]
struct Terms {
    priority: Priority,
    delay: Option<i64>,
}

fn terms() -> impl Strategy<Value = Terms> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    (priority, prop::option::weighted(0.3, 3..9_i64))
        .prop_map(|(priority, delay)| Terms { priority, delay })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ends =
        prop::sample::select(vec![State::Sent, State::Waiting, State::Uncertain, State::Failed]);
    // Mostly back to the queue, where order is at stake.
    let targets = [&State::ALL[..], &[State::Waiting; 8]].concat();
    let step = prop_oneof![
        4 => (
            0..2_usize,
            prop::collection::vec(0..2_usize, 1..4),
            any::<bool>(),
            0..3_i64,
            terms(),
        )
            .prop_map(|(lane, recipients, resend, due_in, terms)| {
                Step::Record { lane, recipients, resend, due_in, terms }
            }),
        5 => (0..2_usize, 0..4_usize).prop_map(|(lane, limit)| Step::Claim { lane, limit }),
        6 => (any::<usize>(), ends, any::<bool>(), 0..5_i64).prop_map(
            |(lease, state, counts, due_in)| Step::Settle { lease, state, counts, due_in }
        ),
        5 => (any::<usize>(), prop::sample::select(targets))
            .prop_map(|(message, to)| Step::Move { message, to }),
        2 => (1..4_i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Restart),
        2 => Just(Step::Recover),
    ];
    prop::collection::vec(step, 1..60)
}

#[test]
fn no_sequence_of_steps_breaks_order_or_state() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    runner.run(&steps(), |steps| runtime.block_on(play(&Place::quick_sqlite(), steps))).unwrap();
}

#[test]
fn no_sequence_of_steps_breaks_order_or_state_of_what_is_sealed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let sealed = Place::quick_sealed_sqlite;
    runner.run(&steps(), |steps| runtime.block_on(play(&sealed(), steps))).unwrap();
}

/// What the test knows of the store from outside.
struct World<'a> {
    place: &'a Place,
    store: Option<SharedStore>,
    seconds: i64,
    events: u128,
    /// Kept also when they are void.
    leases: Vec<Lease>,
    /// The only lease of each message that may hold.
    newest: HashMap<MessageId, u32>,
    /// Until when a message is out of line.
    held_until: HashMap<MessageId, Timestamp>,
}

async fn play(place: &Place, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World {
        place,
        store: Some(place.open()),
        seconds: 0,
        events: 0,
        leases: Vec::new(),
        newest: HashMap::new(),
        held_until: HashMap::new(),
    };
    let mut before = Vec::new();
    for step in steps {
        let recorded = world.take(&step, &before).await?;
        let after = all(&*world.store()).await;
        prop_assert_eq!(after.len(), before.len() + recorded, "{:?}", step);
        check_moves(&before, &after)?;
        check_order(&after)?;
        let counts = world.store().counts().await.unwrap();
        prop_assert_eq!(counts.messages.values().sum::<u64>(), after.len() as u64);
        before = after;
    }
    Ok(())
}

impl World<'_> {
    fn store(&self) -> SharedStore {
        SharedStore::clone(self.store.as_ref().unwrap())
    }

    /// Takes a step and says how many messages are new.
    async fn take(&mut self, step: &Step, before: &[Message]) -> Result<usize, TestCaseError> {
        match step {
            Step::Record { lane, recipients, resend, due_in, terms } => {
                return Ok(self.record(*lane, recipients, (*resend, *due_in), *terms).await);
            }
            Step::Claim { lane, limit } => self.claim(LANES[*lane], *limit, before).await?,
            Step::Settle { lease, state, counts, due_in } if !self.leases.is_empty() => {
                let lease = self.leases.remove(lease % self.leases.len());
                self.settle(lease, *state, *counts, *due_in, before).await?;
            }
            Step::Move { message, to } if !before.is_empty() => {
                let message = &before[message % before.len()];
                let now = at(self.seconds);
                let moved = self.store().move_by_hand(message.id, *to, now).await.unwrap();
                if moved == Moved::Done {
                    prop_assert!(message.state.may_become(*to) && message.state != State::Sending);
                }
            }
            Step::Settle { .. } | Step::Move { .. } => {}
            Step::Wait { seconds } => self.seconds += seconds,
            Step::Restart => {
                drop(self.store.take());
                self.store = Some(self.place.open());
            }
            Step::Recover => {
                self.store().recover(at(self.seconds)).await.unwrap();
                let sending = all(&*self.store()).await;
                prop_assert!(sending.iter().all(|message| message.state != State::Sending));
            }
        }
        Ok(0)
    }

    async fn record(
        &mut self,
        lane: usize,
        to: &[usize],
        (resend, due_in): (bool, i64),
        terms: Terms,
    ) -> usize {
        self.events += 1;
        let mut messages = Vec::new();
        for (element, recipient) in (0..).zip(to) {
            let mut made = message(self.events, RECIPIENTS[*recipient]);
            made.origin.element = element;
            made.id = MessageId::derive(made.event, "paid", 0, element, RECIPIENTS[*recipient]);
            LANES[lane].clone_into(&mut made.instance);
            made.due_at = later(at(self.seconds), due_in);
            made.terms.priority = terms.priority;
            made.terms.not_before = terms.delay.map(|delay| later(at(self.seconds), delay));
            if let Some(until) = made.terms.not_before {
                self.held_until.insert(made.id, until);
            }
            messages.push(if resend { resent_when_uncertain(made) } else { made });
        }
        self.store().record(event(self.events), messages).await.unwrap();
        to.len()
    }

    async fn claim(
        &mut self,
        lane: &str,
        limit: usize,
        before: &[Message],
    ) -> Result<(), TestCaseError> {
        let now = at(self.seconds);
        let taken = self.store().claim(Claim::new(lane, limit, now)).await.unwrap().taken;
        // Of each recipient the first by priority and age that is in line, if none is under way and
        // it is due.
        let mut in_line: HashMap<&str, Vec<&Message>> = HashMap::new();
        let mut under_way = HashSet::new();
        for message in before.iter().filter(|message| message.instance == lane) {
            let recipient = message.recipient.as_ref().unwrap().expose();
            let is_held = self.held_until.get(&message.id).is_some_and(|until| now < *until);
            match message.state {
                State::Sending => drop(under_way.insert(recipient)),
                State::Waiting if !is_held => in_line.entry(recipient).or_default().push(message),
                _ => {}
            }
        }
        let may_go = in_line.into_iter().filter(|(to, _)| !under_way.contains(to)).filter_map(
            |(_, waiting)| waiting.into_iter().min_by_key(|message| message.terms.priority),
        );
        let may_go: Vec<&Message> = may_go.filter(|message| message.due_at <= now).collect();
        let expected: HashSet<MessageId> = may_go.iter().map(|message| message.id).collect();
        if let Some(last) = taken.iter().map(|claimed| claimed.message.terms.priority).max() {
            let left =
                |message: &&&Message| taken.iter().all(|claimed| claimed.message.id != message.id);
            let left = may_go.iter().filter(left);
            prop_assert!(left.map(|message| message.terms.priority).all(|it| last <= it));
        }
        prop_assert_eq!(taken.len(), expected.len().min(limit));
        for claimed in taken {
            prop_assert!(expected.contains(&claimed.message.id));
            let earlier = self.newest.insert(claimed.message.id, claimed.lease.attempt);
            prop_assert!(earlier < Some(claimed.lease.attempt));
            self.leases.push(claimed.lease);
        }
        Ok(())
    }

    async fn settle(
        &mut self,
        lease: Lease,
        state: State,
        counts: bool,
        due_in: i64,
        before: &[Message],
    ) -> Result<(), TestCaseError> {
        let message = before.iter().find(|message| message.id == lease.message).unwrap();
        let newest = self.newest[&lease.message] == lease.attempt;
        let holds = (message.state == State::Sending && newest)
            || (message.state == State::Uncertain && state == State::Sent);
        let mut settlement = ended(message, state);
        settlement.counts = counts;
        settlement.due_at = Some(later(at(self.seconds), due_in));
        let id = message.id;
        prop_assert_eq!(self.store().settle(lease, settlement).await.unwrap(), holds);
        let (after, _) = self.store().message(id).await.unwrap().unwrap();
        prop_assert_eq!(after.state, if holds { state } else { message.state });
        Ok(())
    }
}

/// Nothing vanishes, nothing changes its place, and only legal moves are made.
fn check_moves(before: &[Message], after: &[Message]) -> Result<(), TestCaseError> {
    for (was, is) in before.iter().zip(after) {
        prop_assert_eq!(was.id, is.id);
        prop_assert!(
            was.state == is.state || was.state.may_become(is.state),
            "{:?} to {:?}",
            was.state,
            is.state
        );
    }
    Ok(())
}

/// Never two under way to one recipient in one lane.
fn check_order(messages: &[Message]) -> Result<(), TestCaseError> {
    let mut under_way = HashSet::new();
    for message in messages.iter().filter(|message| message.state == State::Sending) {
        prop_assert!(under_way.insert((&message.instance, &message.recipient)));
    }
    Ok(())
}
