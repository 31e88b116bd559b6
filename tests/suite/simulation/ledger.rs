//! What has the store committed? Every change of a message's row, in the order in which they came.
//!
//! Triggers write them down in the same transaction, so nothing that is done to a row is missed, and
//! what a crash undoes is not there.

use std::path::Path;

use jiff::Timestamp;
use kabari::model::{MessageId, Reason, State};
use rusqlite::{Connection, Row};
use uuid::Uuid;

/// In line.
pub(super) const IN_LINE: i64 = 0;
/// Out of line until it is due.
pub(super) const UNTIL_DUE: i64 = 1;
/// Out of line until its group is closed.
pub(super) const UNTIL_CLOSED: i64 = 2;

const TRIGGERS: &str = "
    CREATE TABLE IF NOT EXISTS ledger (
        n INTEGER PRIMARY KEY, seq INTEGER, id BLOB, was TEXT, was_held INTEGER, was_due INTEGER,
        state TEXT, held INTEGER, due INTEGER, reason TEXT, attempts INTEGER);
    CREATE TRIGGER IF NOT EXISTS ledger_of_new AFTER INSERT ON messages BEGIN
        INSERT INTO ledger (seq, id, state, held, due, reason, attempts) VALUES
            (NEW.seq, NEW.id, NEW.state, NEW.held, NEW.due_at, NEW.reason, NEW.attempts);
    END;
    CREATE TRIGGER IF NOT EXISTS ledger_of_changes AFTER UPDATE OF state, held, due_at ON messages
    WHEN OLD.state <> NEW.state OR OLD.held <> NEW.held OR OLD.due_at <> NEW.due_at BEGIN
        INSERT INTO ledger
            (seq, was, was_held, was_due, state, held, due, reason, attempts) VALUES
            (NEW.seq, OLD.state, OLD.held, OLD.due_at, NEW.state, NEW.held, NEW.due_at, NEW.reason,
             NEW.attempts);
    END;
    CREATE TRIGGER IF NOT EXISTS ledger_of_losses AFTER DELETE ON messages BEGIN
        INSERT INTO ledger (seq, was, was_held, was_due) VALUES
            (OLD.seq, OLD.state, OLD.held, OLD.due_at);
    END;";

const NEXT: &str = "SELECT n, seq, id, was, was_held, was_due, state, held, due, reason, attempts
    FROM ledger WHERE n > ?1 ORDER BY n";

/// Reads what is new.
pub(super) struct Ledger {
    connection: Connection,
    read_to: i64,
}

/// A change of one row.
pub(super) struct Change {
    pub(super) seq: usize,
    /// Only of a row that is new.
    pub(super) id: Option<MessageId>,
    pub(super) was: Option<Place>,
    /// `None`: it is gone.
    pub(super) is: Option<Place>,
    pub(super) reason: Option<Reason>,
    pub(super) attempts: u32,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) state: State,
    pub(super) held: i64,
    pub(super) due_at: Timestamp,
}

/// Who did it.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// Senders, with events that became these messages.
    Senders(Vec<MessageId>),
    /// A lane that took what is due at this time, while it asks those again that a limit held or not.
    Lane(Timestamp, bool),
    /// A lane asks those again that a limit held.
    Again,
    /// A new process, with what was under way before.
    Start,
    /// A group was due.
    Gather,
    /// A person wants this message to be in this state.
    Person(MessageId, State),
    /// Nobody who may touch a message.
    Other,
}

impl Ledger {
    pub(super) fn of(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch(TRIGGERS).unwrap();
        Self { connection, read_to: 0 }
    }

    /// What was committed since.
    pub(super) fn news(&mut self) -> Vec<Change> {
        let mut statement = self.connection.prepare_cached(NEXT).unwrap();
        let mut rows = statement.query([self.read_to]).unwrap();
        let mut news = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            self.read_to = row.get_unwrap(0);
            news.push(change(row));
        }
        news
    }
}

fn change(row: &Row<'_>) -> Change {
    let id: Option<[u8; 16]> = row.get_unwrap(2);
    let reason: Option<String> = row.get_unwrap(9);
    Change {
        seq: usize::try_from(row.get_unwrap::<_, i64>(1)).unwrap(),
        id: id.map(|id| MessageId(Uuid::from_bytes(id))),
        was: place(row, 3),
        is: place(row, 6),
        reason: reason.map(|word| Reason::parse(&word).unwrap()),
        attempts: row.get_unwrap::<_, Option<u32>>(10).unwrap_or_default(),
    }
}

fn place(row: &Row<'_>, first: usize) -> Option<Place> {
    let state: Option<String> = row.get_unwrap(first);
    let state = State::parse(&state?).unwrap();
    let due_at = Timestamp::from_microsecond(row.get_unwrap(first + 2)).unwrap();
    Some(Place { state, held: row.get_unwrap(first + 1), due_at })
}
