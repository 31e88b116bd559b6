//! The real store under the model's steps, and what must hold of it after each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{Content, Group, Message, MessageId, Priority, Reason, State};
use kabari::secret::Secrets;
use kabari::store::{
    Case, Claim, Claims, Ended, GatheredTo, Judge, Lease, Moved, Moves, OpenOptions, Outcome,
    Recorded, Retention, Round, Ruling, Settlement, Shut, SqliteStore, Store, Upkeep,
};
use proptest_state_machine::StateMachineTest;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::invariants;
use super::reference::{
    BURST, GATHER_MAX, GATHER_S, INTERVAL_S, KEPT_S, LANES, Model, RECIPIENTS, is_for_people,
    nth_of, tokens,
};
use super::steps::{End, Made, Step};
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
    store: Option<Arc<SqliteStore>>,
    now: i64,
    events: u128,
    /// Those that have a row, as they were made.
    pub(super) made: Vec<Message>,
    leases: Vec<Lease>,
    stale: Vec<Lease>,
    pub(super) taken: Vec<usize>,
    /// The groups that the last step closed, with their events.
    pub(super) closed: Vec<(MessageId, Vec<u128>)>,
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
            made: Vec::new(),
            leases: Vec::new(),
            stale: Vec::new(),
            taken: Vec::new(),
            closed: Vec::new(),
        };
        real.open();
        real
    }

    fn apply(mut real: Self, _: &Model, step: Step) -> Self {
        real.taken.clear();
        real.closed.clear();
        real.take(step);
        real
    }

    fn check_invariants(real: &Self, model: &Model) {
        let rows = real.runtime.block_on(all(&*real.store()));
        invariants::check(real, model, &rows);
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

    pub(super) fn store(&self) -> Arc<SqliteStore> {
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
            Step::TurnOver(lane, ended, limit) => self.turn_over(lane, &ended, limit),
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
            Step::Hand(n, to) => self.hand(n % self.made.len(), to),
            Step::HandMany(all, to) => {
                let all: BTreeSet<usize> = all.iter().map(|n| n % self.made.len()).collect();
                let ids = all.iter().map(|n| self.made[*n].id).collect();
                let moves = Moves { ids, to, from: Vec::new(), now };
                let answers = self.runtime.block_on(store.move_many(moves)).unwrap();
                assert_eq!(answers.len(), all.len());
            }
            Step::Gather => self.gather(),
            Step::Prune { whole } => self.prune(whole),
            Step::Purge(to) => {
                let mut progress = |_| {};
                let forgotten = store.purge(PEOPLE[to], false, &mut progress);
                self.runtime.block_on(forgotten).unwrap();
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
        let send = |(send, made): (usize, &Made)| {
            let mut message = message(n, PEOPLE[made.to]);
            NAMES[made.lane].clone_into(&mut message.instance);
            message.origin.send = u16::try_from(send).unwrap();
            let (rule, to) = (&message.origin.rule, PEOPLE[made.to]);
            message.id = MessageId::derive(message.event, rule, message.origin.send, 0, to);
            (message.created_at, message.due_at) = (at(self.now), at(self.now));
            message.terms.priority = Priority::ALL[made.priority];
            message.terms.expires_s = made.expires_s.map(|s| s.try_into().unwrap());
            message.terms.group = made.grouped.then(group);
            if made.resend { resent_when_uncertain(message) } else { message }
        };
        let messages: Vec<Message> = made.iter().enumerate().map(send).collect();
        let (waiting, mut event) = (messages.len(), event(n));
        event.received_at = at(self.now);
        let recorded = self.runtime.block_on(self.store().record(event, messages.clone())).unwrap();
        assert_eq!(recorded, Recorded::New { waiting });
        for message in messages {
            let row = self.runtime.block_on(self.store().message(message.id)).unwrap();
            assert!(row.is_some() || message.terms.group.is_some(), "{} is not there", message.id);
            self.made.extend(row.map(|_| message));
        }
    }

    /// As a lane does: the pace is what the store remembers. `None`: it must wait.
    fn claim_of(&self, lane: usize, limit: usize) -> Option<Claim> {
        let memory = self.runtime.block_on(self.store().lane(NAMES[lane])).unwrap();
        let mut claim = Claim::new(NAMES[lane], limit, at(self.now));
        claim.judge = Arc::new(Expiry);
        if lane == 0 {
            let used = memory.paced_until.map_or(0, |until| until.as_second() - at(0).as_second());
            let tokens = tokens(lane, used, self.now);
            claim.limit = limit.min(tokens.len());
            claim.paced_until = tokens.into_iter().map(at).collect();
            let ahead = INTERVAL_S * i64::try_from(BURST - 1).unwrap();
            claim.pace_ahead = Duration::from_secs(ahead.try_into().unwrap());
        }
        (0 < claim.limit).then_some(claim)
    }

    fn claim(&mut self, lane: usize, limit: usize) {
        let Some(claim) = self.claim_of(lane, limit) else { return };
        let claims = self.runtime.block_on(self.store().claim(claim)).unwrap();
        self.begin(claims);
    }

    fn begin(&mut self, claims: Claims) {
        for claimed in claims.taken {
            self.taken.push(self.number(claimed.message.id));
            self.leases.push(claimed.lease);
        }
        // The reference numbers them in another order.
        let made = &self.made;
        self.leases.sort_by_key(|lease| {
            (made.iter().position(|made| made.id == lease.message), lease.attempt)
        });
    }

    fn number(&self, id: MessageId) -> usize {
        self.made.iter().position(|made| made.id == id).unwrap()
    }

    fn turn_over(&mut self, lane: usize, ended: &[(usize, End)], limit: usize) {
        let mut all = Vec::new();
        for (n, end) in ended {
            let of = |lease: &Lease| &self.made[self.number(lease.message)].instance;
            let lanes: Vec<usize> =
                self.leases.iter().map(|lease| usize::from(of(lease) != NAMES[0])).collect();
            if let Some(n) = nth_of(&lanes, lane, *n) {
                let lease = self.leases.remove(n);
                let settlement = self.settlement(&lease, *end);
                all.push(Ended { lease, settlement });
            }
        }
        let claim = self.claim_of(lane, limit).filter(|_| 0 < limit);
        let turned = self.runtime.block_on(self.store().turn_over(&all, claim)).unwrap();
        assert_eq!(turned.held.len(), all.len());
        self.begin(turned.claims);
    }

    fn settle(&mut self, lease: Lease, end: End) {
        let settlement = self.settlement(&lease, end);
        self.runtime.block_on(self.store().settle(lease, settlement)).unwrap();
    }

    fn settlement(&self, lease: &Lease, end: End) -> Settlement {
        let mut settlement = ended(&self.made[self.number(lease.message)], end.state);
        settlement.counts = end.counts;
        settlement.due_at = Some(later(at(self.now), end.due_in));
        settlement
    }

    fn hand(&self, n: usize, to: State) {
        let (id, now) = (self.made[n].id, at(self.now));
        let row = self.runtime.block_on(self.store().message(id)).unwrap();
        let moved = self.runtime.block_on(self.store().move_by_hand(id, to, now)).unwrap();
        let expected = match row.map(|(message, _)| message.state) {
            None => Moved::Unknown,
            Some(from) if is_for_people(from, to) => Moved::Done,
            Some(from) => Moved::Illegal(from),
        };
        assert_eq!(moved, expected);
    }

    /// As `gather` does: a message that says which events it is made of.
    fn gather(&mut self) {
        let (store, now) = (self.store(), at(self.now));
        for gathering in
            self.runtime.block_on(store.gatherings(now, GatheredTo::default(), 99)).unwrap()
        {
            let events: Vec<u128> =
                gathering.events.iter().map(|event| event.id.0.as_u128()).collect();
            let words = Content { message: Some(format!("{events:?}")), ..content() };
            let closed = store.close_gathering(&gathering, Outcome::Made(words), None, now);
            assert!(self.runtime.block_on(closed).unwrap());
            self.closed.push((gathering.message, events));
        }
    }

    fn prune(&self, whole: bool) {
        let kept = Some(Duration::from_secs(KEPT_S.try_into().unwrap()));
        let retention = Retention { events: kept, messages: kept, size: None };
        let (store, mut round) = (self.store(), Some(Round::default()));
        while let Some(next) = round {
            let pruned = self.runtime.block_on(store.prune(retention, at(self.now), next)).unwrap();
            round = pruned.next.filter(|_| whole);
        }
    }
}

fn group() -> Group {
    Group {
        key: "k".into(),
        wait_s: GATHER_S.try_into().unwrap(),
        interval_s: 0,
        max: GATHER_MAX.try_into().unwrap(),
        template: "{}".into(),
    }
}

fn content() -> Content {
    message(0, PEOPLE[0]).content.unwrap()
}
