//! The real store under the model's steps, and what must hold of it after each.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{Message, MessageId, Priority, Reason, Recipient, State};
use kabari::secret::Secrets;
use kabari::store::{
    Case, Claim, Judge, Lease, Moved, OpenOptions, Recorded, Ruling, SharedStore, Shut, SqliteStore,
};
use proptest_state_machine::StateMachineTest;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::reference::{
    BURST, End, INTERVAL_S, LANES, Lane, Made, Model, RECIPIENTS, Step, is_for_people, tokens,
};
use crate::store::{all, at, ended, event, later, message, resent_when_uncertain, secrets};

const NAMES: [&str; LANES] = ["paced", "free"];
const PEOPLE: [&str; RECIPIENTS] = ["6281111111", "6282222222", "6283333333"];

/// Lets nobody go who is of no use any more.
#[derive(Debug)]
struct Expiry;

impl Judge for Expiry {
    fn day(&self, _now: Timestamp) -> Option<i64> {
        None
    }

    fn ruling(&self, case: &Case<'_>) -> Ruling {
        let is_over = case.terms.expires_s.is_some_and(|limit| limit <= case.age.as_secs());
        let (reason, detail) = (Reason::Expired, String::new());
        if is_over { Ruling::Skip { reason, detail } } else { Ruling::Go }
    }
}

/// The store, and what its process has in memory.
///
/// If it is sealed, it gets its secret when it has died once, and another one each time after that.
pub(super) struct Real<const SEALED: bool> {
    runtime: Runtime,
    folder: TempDir,
    /// How often the process died: each has a copy of what the one before left on the disk.
    deaths: usize,
    store: Option<SharedStore>,
    now: i64,
    events: u128,
    ids: Vec<MessageId>,
    leases: Vec<Lease>,
    stale: Vec<Lease>,
    taken: Vec<usize>,
}

impl<const SEALED: bool> StateMachineTest for Real<SEALED> {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Model) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut real = Self {
            runtime,
            folder,
            deaths: 0,
            store: None,
            now: 0,
            events: 0,
            ids: Vec::new(),
            leases: Vec::new(),
            stale: Vec::new(),
            taken: Vec::new(),
        };
        real.open();
        real
    }

    fn apply(mut real: Self, _: &Model, step: Step) -> Self {
        real.taken.clear();
        real.take(step);
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        let rows = real.runtime.block_on(all(&*real.store()));
        agrees(real, model, &rows);
        is_there_once(model, &rows);
        moved_legally(&model.before, &rows);
        never_two_at_once(&rows);
        never_out_of_order(&real.taken, &rows);
        never_faster_than_the_pace(&model.lanes[0]);
    }
}

impl<const SEALED: bool> Real<SEALED> {
    fn file(&self) -> PathBuf {
        self.folder.path().join(self.deaths.to_string()).join("kabari.db")
    }

    fn open(&mut self) {
        std::fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        let (old, new) = (self.deaths.saturating_sub(1), self.deaths);
        let secrets = match self.deaths {
            _ if !SEALED => Secrets::default(),
            0 => Secrets::default(),
            1 => secrets(&[new]),
            _ => secrets(&[new, old]),
        };
        let options = OpenOptions { secrets, owned: true, ..OpenOptions::default() };
        self.store = Some(Arc::new(SqliteStore::open_with(&self.file(), options).unwrap()));
    }

    fn store(&self) -> SharedStore {
        Arc::clone(self.store.as_ref().unwrap())
    }

    fn take(&mut self, step: Step) {
        let (store, now) = (self.store(), at(self.now));
        match step {
            Step::Record(made) => self.record(&made),
            Step::Redeliver(n) => {
                let n = n as u128 + 1;
                let again =
                    self.runtime.block_on(store.record(event(n), vec![message(n, PEOPLE[0])]));
                assert_eq!(again.unwrap(), Recorded::Duplicate { event: event(n).id });
            }
            Step::Claim(lane, limit) => self.claim(lane, limit),
            Step::Settle(n, end) => {
                let lease = self.leases.remove(n % self.leases.len());
                self.settle(lease, end);
            }
            Step::SettleLate(n, end) => {
                let lease = self.stale.remove(n % self.stale.len());
                self.settle(lease, end);
            }
            Step::Pause(lane) => {
                let shut = Shut { reason: Reason::ByHand, detail: String::new(), since: now };
                self.runtime.block_on(store.shut_lane(NAMES[lane], Some(shut), now)).unwrap();
            }
            Step::Resume(lane) => {
                self.runtime.block_on(store.shut_lane(NAMES[lane], None, now)).unwrap();
            }
            Step::Hand(n, to) => {
                let id = self.ids[n % self.ids.len()];
                let from = self.runtime.block_on(store.message(id)).unwrap().unwrap().0.state;
                let moved = self.runtime.block_on(store.move_by_hand(id, to, now)).unwrap();
                let expected =
                    if is_for_people(from, to) { Moved::Done } else { Moved::Illegal(from) };
                assert_eq!(moved, expected);
            }
            Step::Pass(seconds) => self.now += seconds,
            Step::Crash(last) => {
                if let Some(step) = last {
                    self.take(*step);
                }
                drop(store);
                self.crash();
            }
            Step::Recover => drop(self.runtime.block_on(store.recover(now)).unwrap()),
        }
    }

    /// What is on the disk at this moment is what the next process finds; nothing is closed.
    fn crash(&mut self) {
        let before = self.file();
        self.deaths += 1;
        std::fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        for companion in ["kabari.db", "kabari.db-wal"] {
            let from = before.with_file_name(companion);
            if from.exists() {
                std::fs::copy(from, self.file().with_file_name(companion)).unwrap();
            }
        }
        self.store = None;
        self.stale.append(&mut self.leases);
        self.open();
        std::fs::remove_dir_all(Path::new(&before).parent().unwrap()).unwrap();
    }

    fn record(&mut self, made: &[Made]) {
        self.events += 1;
        let n = self.events;
        let messages: Vec<Message> = made
            .iter()
            .enumerate()
            .map(|(send, made)| {
                let mut message = message(n, PEOPLE[made.to]);
                NAMES[made.lane].clone_into(&mut message.instance);
                message.origin.send = u16::try_from(send).unwrap();
                let (rule, to) = (&message.origin.rule, PEOPLE[made.to]);
                message.id = MessageId::derive(message.event, rule, message.origin.send, 0, to);
                (message.created_at, message.due_at) = (at(self.now), at(self.now));
                message.terms.priority = Priority::ALL[made.priority];
                message.terms.expires_s = made.expires_s.map(|s| s.try_into().unwrap());
                if made.resend { resent_when_uncertain(message) } else { message }
            })
            .collect();
        self.ids.extend(messages.iter().map(|message| message.id));
        let waiting = messages.len();
        let recorded = self.runtime.block_on(self.store().record(event(n), messages)).unwrap();
        assert_eq!(recorded, Recorded::New { waiting });
    }

    /// As a lane does: the pace is what the store remembers.
    fn claim(&mut self, lane: usize, limit: usize) {
        let store = self.store();
        let memory = self.runtime.block_on(store.lane(NAMES[lane])).unwrap();
        let mut claim = Claim::new(NAMES[lane], limit, at(self.now));
        claim.judge = Arc::new(Expiry);
        if lane == 0 {
            let used = memory.paced_until.map_or(0, |until| until.as_second() - at(0).as_second());
            let tokens = tokens(lane, used, self.now);
            claim.limit = limit.min(tokens.len());
            claim.paced_until = tokens.into_iter().map(at).collect();
            let ahead = INTERVAL_S * i64::try_from(BURST - 1).unwrap();
            claim.pace_ahead = Duration::from_secs(ahead.try_into().unwrap());
            if claim.limit == 0 {
                return;
            }
        }
        for claimed in self.runtime.block_on(store.claim(claim)).unwrap().taken {
            let n = self.ids.iter().position(|id| *id == claimed.message.id).unwrap();
            self.taken.push(n);
            self.leases.push(claimed.lease);
        }
        // The reference numbers them in another order.
        self.leases.sort_by_key(|lease| {
            (self.ids.iter().position(|id| *id == lease.message), lease.attempt)
        });
    }

    fn settle(&mut self, lease: Lease, end: End) {
        let (message, _) =
            self.runtime.block_on(self.store().message(lease.message)).unwrap().unwrap();
        let mut settlement = ended(&message, end.state);
        settlement.counts = end.counts;
        settlement.due_at = Some(later(at(self.now), end.due_in));
        self.runtime.block_on(self.store().settle(lease, settlement)).unwrap();
    }
}

/// Every message is in the state that the reference says, after as many attempts.
fn agrees<const SEALED: bool>(real: &Real<SEALED>, model: &Model, rows: &[Message]) {
    for (n, (row, expected)) in rows.iter().zip(&model.messages).enumerate() {
        assert_eq!(row.id, real.ids[n]);
        assert_eq!((row.state, row.attempts), (expected.state, expected.attempts), "message {n}");
    }
    let taken: Vec<usize> = model.taken.iter().copied().collect();
    let mut really = real.taken.clone();
    really.sort_unstable();
    assert_eq!(really, taken, "taken");
}

/// What was acknowledged is exactly one row.
fn is_there_once(model: &Model, rows: &[Message]) {
    assert_eq!(rows.len(), model.events.iter().sum::<usize>());
    assert_eq!(rows.iter().map(|row| row.id).collect::<HashSet<_>>().len(), rows.len());
}

/// Only moves that there are. A step that dies and the look afterwards are two.
fn moved_legally(before: &[State], rows: &[Message]) {
    for (n, (was, row)) in before.iter().zip(rows).enumerate() {
        let is_legal = *was == row.state || was.may_become(row.state);
        assert!(is_legal, "message {n}: {was:?} to {:?}", row.state);
    }
}

/// At most one attempt at a time for a recipient, and so for a message.
fn never_two_at_once(rows: &[Message]) {
    let mut under_way = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state == State::Sending) {
        let to = (row.instance.as_str(), row.recipient.as_ref().map(Recipient::expose));
        assert_eq!(under_way.insert(to, row.id), None, "two under way to {to:?}");
    }
}

/// Nobody was taken while one before waits in line for the same recipient.
fn never_out_of_order(taken: &[usize], rows: &[Message]) {
    for n in taken {
        let row = &rows[*n];
        let place = (row.terms.priority, *n);
        let before = rows.iter().enumerate().find(|(other, before)| {
            before.state == State::Waiting
                && before.instance == row.instance
                && before.recipient == row.recipient
                && (before.terms.priority, *other) < place
        });
        assert!(before.is_none(), "message {n} went before {before:?}");
    }
}

/// Within any window of T at most rate × T + burst.
fn never_faster_than_the_pace(lane: &Lane) {
    for (first, from) in lane.begun.iter().enumerate() {
        for (many, until) in (1_i64..).zip(&lane.begun[first..]) {
            let most = (until - from) / INTERVAL_S + i64::try_from(BURST).unwrap();
            assert!(many <= most, "{many} attempts in {} s", until - from);
        }
    }
}
