//! What must never happen? What the simulated Wachat sees, and what the store keeps, are judged at once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kabari::model::{Fate, MessageId, Reason, Recipient, Scope, Verdict};

use super::brakes::Brakes;
use super::lanes::Limits;
use super::ledger::{Cause, Ledger, Place};
use super::limits::LaneLog;
use super::lines::Lines;
use super::plan::{Plan, Ticket};

/// The judge, shared by the simulated Wachat, the store and the week.
#[derive(Clone)]
pub(super) struct SharedJudge(Arc<Mutex<Judge>>);

/// What is known of one message.
#[expect(clippy::struct_excessive_bools, reason = "each is said of it by somebody else")]
pub(super) struct Life {
    pub(super) ticket: Ticket,
    /// Its event was acknowledged.
    pub(super) acked: bool,
    /// Where it stands in the store; `None`: it is not there.
    pub(super) place: Option<Place>,
    /// It became part of another message.
    pub(super) joined: bool,
    pub(super) last: Last,
    /// How often it was tried; those that do not count are left out.
    pub(super) attempts: u32,
    /// How often it may be; as often again after a person's retry.
    pub(super) attempts_max: u32,
    /// Since when its age counts.
    pub(super) made_at: Timestamp,
    /// Since when it is in the store, which knows of no lane's standing before.
    pub(super) kept_at: Timestamp,
    /// A limit of its lane holds it, since then.
    pub(super) limited: Option<(Reason, Timestamp)>,
    /// How often it reached its recipient.
    pub(super) dispatched: u32,
    /// How often it was right to try it again although it may have arrived.
    pub(super) marked: u32,
    /// A person put it back into line.
    pub(super) by_hand: bool,
    /// A person says that it was sent.
    pub(super) sent_by_hand: bool,
    pub(super) not_before: Timestamp,
    /// It was taken then, and nothing was sent yet.
    pub(super) taken_at: Option<Timestamp>,
    /// When it was taken last.
    pub(super) tried_at: Timestamp,
    /// To try whether its lane's trouble is over.
    pub(super) is_probe: bool,
    /// What it uses up of a day of its lane: attempts to strangers.
    pub(super) spent: Option<(Date, u32)>,
    /// It failed once.
    pub(super) failed: bool,
}

/// What came of the last attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Last {
    Never,
    UnderWay,
    /// The program was told this then.
    Told(Told, Timestamp),
    /// The program died meanwhile.
    Interrupted,
}

/// What an answer said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) fate: Fate,
    pub(super) scope: Scope,
    pub(super) reason: Option<Reason>,
}

pub(super) struct Judge {
    pub(super) plan: Arc<Plan>,
    pub(super) lives: Vec<Life>,
    by_id: HashMap<MessageId, usize>,
    /// Which message each row is.
    pub(super) by_seq: Vec<usize>,
    pub(super) lanes: Vec<LaneLog>,
    pub(super) lines: Lines,
    pub(super) brakes: Brakes,
    pub(super) opted_out: HashSet<usize>,
    /// Of the process that runs.
    pub(super) limits: Limits,
    ledger: Option<Ledger>,
    /// The process runs, and its disk is not full, since then.
    pub(super) well_since: Option<Timestamp>,
    pub(super) violations: Vec<String>,
    pub(super) attempts: u64,
    pub(super) crashes: u64,
    /// Claims that found nothing to take.
    pub(super) in_vain: u64,
}

impl SharedJudge {
    pub(super) fn of(plan: &Arc<Plan>) -> Self {
        Self(Arc::new(Mutex::new(Judge {
            plan: Arc::clone(plan),
            lives: Vec::new(),
            by_id: HashMap::new(),
            by_seq: Vec::new(),
            lanes: plan.lanes.iter().map(|_| LaneLog::default()).collect(),
            lines: Lines::of(plan),
            brakes: Brakes::default(),
            opted_out: HashSet::new(),
            limits: Limits::default(),
            ledger: None,
            well_since: None,
            violations: Vec::new(),
            attempts: 0,
            crashes: 0,
            in_vain: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Judge> {
        self.0.lock().unwrap()
    }
}

impl Judge {
    /// From now on it sees what this file's store commits.
    pub(super) fn reads(&mut self, path: &Path) {
        self.ledger.get_or_insert_with(|| Ledger::of(path));
    }

    /// A message that is to be recorded; its number is what its text says.
    pub(super) fn expect(&mut self, id: MessageId, ticket: Ticket) -> usize {
        let n = self.lives.len();
        self.by_id.insert(id, n);
        self.lives.push(Life {
            acked: false,
            place: None,
            joined: false,
            last: Last::Never,
            attempts: 0,
            attempts_max: ticket.attempts_max,
            made_at: ticket.made_at,
            kept_at: Timestamp::MIN,
            limited: None,
            dispatched: 0,
            marked: 0,
            by_hand: false,
            sent_by_hand: false,
            not_before: Timestamp::MIN,
            taken_at: None,
            tried_at: Timestamp::MIN,
            is_probe: false,
            spent: None,
            failed: false,
            ticket,
        });
        n
    }

    pub(super) fn acked(&mut self, id: MessageId) {
        let n = self.by_id[&id];
        self.lives[n].acked = true;
    }

    /// Something was done to the store: what it has committed is judged.
    pub(super) fn witness(&mut self, cause: &Cause, now: Timestamp) {
        let Some(mut ledger) = self.ledger.take() else { return };
        for change in ledger.news() {
            self.changed(&change, cause, now);
        }
        self.ledger = Some(ledger);
        match cause {
            Cause::Senders(ids) => self.all_are_there(ids, now),
            Cause::Start => self.nothing_is_under_way(now),
            _ => {}
        }
    }

    /// An attempt begins, as Wachat sees it.
    pub(super) fn begins(&mut self, n: usize, lane: usize, now: Timestamp) {
        self.attempts += 1;
        let life = &mut self.lives[n];
        let (taken_at, to) = (life.taken_at.take(), life.ticket.to);
        let under_way = std::mem::replace(&mut life.last, Last::UnderWay) == Last::UnderWay;
        if under_way {
            self.say(n, now, "it is under way already");
        }
        if taken_at != Some(now) {
            self.say(n, now, &format!("it begins, and was taken at {taken_at:?}"));
        }
        let log = &mut self.lanes[lane];
        log.under_way.insert(n);
        if !log.recipients.insert(to) {
            self.say(n, now, "another is on its way to the same person");
        }
        if self.plan.lanes[lane].in_flight < self.lanes[lane].under_way.len() {
            self.say(n, now, "too many are under way");
        }
    }

    pub(super) fn say(&mut self, n: usize, now: Timestamp, wrong: &str) {
        let Ticket { class, lane, .. } = self.lives[n].ticket;
        let name = &self.plan.lanes[lane].name;
        self.violations.push(format!("{now} lane {name}, message {n} ({class:?}): {wrong}"));
    }

    /// It reached its recipient.
    pub(super) fn dispatched(&mut self, n: usize, now: Timestamp) {
        let life = &mut self.lives[n];
        life.dispatched += 1;
        if life.marked + 1 < life.dispatched {
            let wrong = format!("it arrived {} times, {} marked", life.dispatched, life.marked);
            self.say(n, now, &wrong);
        }
    }

    /// The program has its answer.
    pub(super) fn told(&mut self, n: usize, lane: usize, verdict: &Verdict, now: Timestamp) {
        let life = &mut self.lives[n];
        let Verdict { fate, scope, reason, .. } = *verdict;
        let told = Told { fate, scope, reason };
        life.last = Last::Told(told, now);
        let (to, is_probe) = (life.ticket.to, life.is_probe);
        if let Fate::Retry { after: Some(after) } = fate {
            life.not_before = later(now, after);
        }
        let log = &mut self.lanes[lane];
        log.under_way.remove(&n);
        log.recipients.remove(&to);
        log.told(told, is_probe, now);
    }

    /// A person stopped a lane, or let it go on.
    pub(super) fn stopped_by_hand(&mut self, lane: usize, stopped: bool) {
        let log = &mut self.lanes[lane];
        if stopped {
            log.stands = Some(Reason::ByHand);
        } else {
            log.resumed();
        }
    }

    /// Whether a person, or a restriction, stopped it.
    pub(super) fn stands(&self, lane: usize) -> bool {
        self.lanes[lane].stands.is_some()
    }

    /// The store has committed how a lane stands.
    pub(super) fn shut(&mut self, instance: &str, reason: Option<Reason>, now: Timestamp) {
        let lane = self.plan.lane(instance);
        self.lanes[lane].shut(reason, now);
    }

    pub(super) fn opts_out(&mut self, who: &Recipient) {
        let known = self.plan.people.iter().position(|person| person.expose() == who.expose());
        self.opted_out.insert(known.unwrap());
    }

    pub(super) fn number_of(&self, id: MessageId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The program died: what was under way is nobody's any more, and only what the store knows of
    /// the lanes is known.
    pub(super) fn crashed(&mut self) {
        self.crashes += 1;
        self.well_since = None;
        for log in &mut self.lanes {
            log.crashed();
        }
        for n in self.lines.under_way() {
            let life = &mut self.lives[n];
            (life.last, life.taken_at) = (Last::Interrupted, None);
        }
    }
}

pub(super) fn later(time: Timestamp, span: Duration) -> Timestamp {
    time.saturating_add(SignedDuration::try_from(span).unwrap()).unwrap()
}
