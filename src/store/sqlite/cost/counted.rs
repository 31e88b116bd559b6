//! A store whose steps are counted, and what it is filled with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, StatementStatus};
use uuid::Uuid;

use super::shapes::{AT_ONCE, Rules, Shape};
use crate::model::{
    Attempt, Content, Event, EventId, Fate, Message, MessageId, Origin, Recipient, Scope, State,
    Verdict,
};
use crate::store::seal::Seal;
use crate::store::sqlite::reader::Readers;
use crate::store::sqlite::writer::Writer;
use crate::store::sqlite::{SqliteStore, schema};
use crate::store::{Claim, Claimed, Claims, Ended, Settlement, Store};

/// So many seconds after an arbitrary start.
pub(super) fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + s).unwrap()
}

/// Steps made so far, by statement.
#[derive(Clone, Default)]
pub(super) struct Steps(Arc<Mutex<Tally>>);

#[derive(Default)]
struct Tally {
    /// A statement counts on as long as it is kept.
    last: BTreeMap<String, i64>,
    steps: BTreeMap<String, i64>,
}

impl Steps {
    pub(super) fn follow(&self, connection: &mut Connection) {
        let tally = Arc::clone(&self.0);
        let count = move |event: TraceEvent<'_>| {
            let TraceEvent::Profile(statement, _) = event else { return };
            let (sql, now) = (
                statement.sql().into_owned(),
                statement.get_status(StatementStatus::VmStep).into(),
            );
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            let last = tally.last.insert(sql.clone(), now).filter(|last| *last <= now);
            *tally.steps.entry(sql).or_default() += now - last.unwrap_or(0);
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(count)).unwrap();
    }

    /// All since the last time that this was asked.
    pub(super) fn taken(&self) -> BTreeMap<String, i64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).steps)
    }
}

/// A store whose steps are counted.
pub(super) struct Counted {
    pub(super) store: SqliteStore,
    pub(super) steps: Steps,
    pub(super) made: usize,
    folder: tempfile::TempDir,
}

impl Counted {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("kabari.db");
        let steps = Steps::default();
        let mut connection = schema::open_writer(&path, true).unwrap();
        steps.follow(&mut connection);
        let writer = Writer::start(connection, &path, Seal::default()).unwrap();
        let readers = Readers::of(path, Seal::default());
        let store = SqliteStore { writer, readers, seal: Seal::default() };
        Self { store, steps, made: 0, folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("kabari.db")
    }

    /// Records so many more, each as `dress` has it.
    pub(super) async fn fill(&mut self, count: usize, dress: impl Fn(usize, Message) -> Message) {
        if self.made == 0 {
            self.store.record(event(), Vec::new()).await.unwrap();
        }
        for begin in (0..count).step_by(1000) {
            let made = (begin..count.min(begin + 1000)).map(|n| {
                let n = self.made + n;
                dress(n, message(n))
            });
            self.store.add_messages(made.collect()).await.unwrap();
        }
        self.made += count;
        self.steps.taken();
    }

    /// A lane's turns: what was taken is sent, and settled with the next claim. How many went.
    pub(super) async fn turns(&self, shape: &Shape) -> usize {
        let (mut went, mut ended) = (0, Vec::new());
        let claim = || {
            let judge = Arc::new(Rules(shape.judge));
            Claim { judge, ..Claim::new(shape.lane, AT_ONCE, at(shape.now)) }
        };
        for _ in 0..shape.turns {
            let turned = self.store.turn_over(&ended, Some(claim())).await.unwrap();
            assert!(turned.held.iter().all(|held| *held));
            let Claims { taken, .. } = turned.claims;
            went += taken.len();
            ended = taken.into_iter().map(shape.end).collect();
        }
        self.store.turn_over(&ended, None).await.unwrap();
        went
    }
}

fn event() -> Event {
    Event::new(EventId(Uuid::from_u128(1)), "shop", "order.paid", at(0), "{}")
}

/// To a recipient of its own, in the one lane, due at once.
pub(super) fn message(n: usize) -> Message {
    let origin = Origin { rule: "paid".to_owned(), send: 0, element: 0 };
    let id = MessageId(Uuid::from_u128(n as u128 + 1));
    Message { id, ..Message::waiting(&event(), origin, "lane", to(n), Content::text("thank you")) }
}

pub(super) fn to(n: usize) -> Recipient {
    Recipient::person(&format!("6281{n:08}")).unwrap()
}

pub(super) fn sent(Claimed { message, lease, .. }: Claimed) -> Ended {
    let verdict = Verdict {
        fate: Fate::Sent,
        reason: None,
        scope: Scope::Message,
        status: Some(200),
        detail: String::new(),
    };
    let (message, number) = (message.id, message.attempts);
    let attempt = Attempt { message, number, started_at: at(0), took_ms: 1, verdict };
    let settlement = Settlement {
        state: State::Sent,
        reason: None,
        detail: None,
        due_at: None,
        counts: true,
        spends: true,
        attempt,
    };
    Ended { lease, settlement }
}

pub(super) fn again(claimed: Claimed) -> Ended {
    let ended = sent(claimed);
    let settlement = Settlement { state: State::Waiting, ..ended.settlement };
    Ended { settlement, ..ended }
}
