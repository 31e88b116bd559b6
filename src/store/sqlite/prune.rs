//! What has had its time, and how does it go without holding up what comes?
//!
//! A round walks the rows in their order. Each step looks for candidates as a reader, then removes a
//! few of them in one transaction of the writer, which asks once more whether they may go. Pages that
//! become free are used again, so the file stops growing; it does not shrink.
//!
//! The newest row of a table always stays: the next one takes its number from it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::retention::Part;
use crate::store::sqlite::reader::Readers;
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::{Desk, Operation, Writer};
use crate::store::{Pruned, Retention, Round, StoreError, StoreSize};

/// Rows removed in one transaction.
pub(super) const ROWS_MAX: usize = 64;
/// Rows looked at in one step.
const LOOKED_AT: i64 = 1024;
/// Keys looked at in one step; they are small.
const KEYS_LOOKED_AT: i64 = 8192;

/// One step of a round.
pub(super) async fn step(
    readers: &Readers,
    writer: &Writer,
    retention: Retention,
    now: Timestamp,
    round: Round,
) -> Result<Pruned, StoreError> {
    let limits = Limits::of(retention, now);
    let found = readers.ask(move |connection| Ok(look(connection, round, &limits)?)).await?;
    let Found { rows, next } = found;
    let mut done = Removed::default();
    if !rows.is_empty() {
        done = writer.run(Remove { part: round.part, rows, limits }).await?;
    }
    let forgot = round.forgot || 0 < done.events;
    let next = next.and_then(|(part, after)| {
        (part != Part::Keys || forgot).then_some(Round { part, after, forgot })
    });
    Ok(Pruned { bodies: done.bodies, events: done.events, messages: done.messages, next })
}

/// What is older than these may go.
#[derive(Clone, Copy)]
struct Limits {
    now: i64,
    events: i64,
    messages: i64,
    forgotten: i64,
    size: Option<u64>,
}

impl Limits {
    fn of(retention: Retention, now: Timestamp) -> Self {
        let limit = |until: Option<Timestamp>| until.map_or(i64::MIN, micros);
        Self {
            now: micros(now),
            events: limit(retention.events_until(now)),
            messages: limit(retention.messages_until(now)),
            forgotten: limit(Retention::forgotten_until(now)),
            size: retention.size,
        }
    }
}

/// What may go, and where the round goes on.
struct Found {
    rows: Vec<i64>,
    next: Option<(Part, i64)>,
}

fn look(connection: &Connection, round: Round, limits: &Limits) -> rusqlite::Result<Found> {
    let too_large = limits.size.is_some_and(|size| size < used(connection).unwrap_or(0));
    match round.part {
        Part::Messages => messages(connection, round, limits.messages),
        Part::Events => events(connection, round.after, limits, too_large),
        Part::Oldest if too_large => messages(connection, round, i64::MAX),
        Part::Oldest => Ok(Found { rows: Vec::new(), next: Some((Part::Keys, i64::MIN)) }),
        Part::Keys => keys(connection, round.after),
    }
}

/// Messages that are done and have had their time. Where a page of rows has none that is old enough,
/// none of the following has.
fn messages(connection: &Connection, round: Round, until: i64) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, created_at, state IN ('sent', 'failed', 'cancelled', 'skipped')
                 AND NOT EXISTS (SELECT 1 FROM events
                     WHERE events.id = messages.event AND length(events.content) > 0),
             seq = (SELECT max(seq) FROM messages)
         FROM messages WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query([round.after, LOOKED_AT])?;
    let mut walk = Walk::new(round.after);
    while let Some(row) = rows.next()? {
        let (seq, made): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (is_done, is_newest): (bool, bool) = (row.get(2)?, row.get(3)?);
        walk.step(seq, made < until, is_done && !is_newest);
        if walk.is_full() {
            break;
        }
    }
    let then = if round.part == Part::Messages { Part::Oldest } else { Part::Keys };
    Ok(walk.end(round.part, then))
}

/// Events whose body may go, or of which nothing need stay.
fn events(
    connection: &Connection,
    after: i64,
    limits: &Limits,
    too_large: bool,
) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, received_at, length(content) > 0, {MAY_GO}, {IS_FREE} FROM events
         WHERE seq > ?1 ORDER BY seq LIMIT ?2"
    ))?;
    let mut rows = statement.query([after, LOOKED_AT])?;
    let mut walk = Walk::new(after);
    while let Some(row) = rows.next()? {
        let (seq, received): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (has_body, may_go, is_free): (bool, bool, bool) =
            (row.get(2)?, row.get(3)?, row.get(4)?);
        let has_had_its_time = too_large || received < limits.events;
        let goes = is_free && received < limits.forgotten;
        walk.step(seq, has_had_its_time, (has_body && may_go) || goes);
        if walk.is_full() {
            break;
        }
    }
    Ok(walk.end(Part::Events, Part::Messages))
}

/// Whether nothing that is still to be decided was made of the event.
const MAY_GO: &str = "NOT EXISTS (SELECT 1 FROM messages WHERE event = events.id
         AND state IN ('waiting', 'sending', 'uncertain'))
     AND NOT EXISTS (SELECT 1 FROM gathered JOIN messages ON messages.seq = gathered.message
         WHERE gathered.event = events.id AND state IN ('waiting', 'sending', 'uncertain'))";

/// Whether nothing refers to the event, and its number is not the last.
const IS_FREE: &str = "NOT EXISTS (SELECT 1 FROM messages WHERE event = events.id)
     AND NOT EXISTS (SELECT 1 FROM gathered WHERE gathered.event = events.id)
     AND seq <> (SELECT max(seq) FROM events)";

/// Keys of events that are gone.
fn keys(connection: &Connection, after: i64) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(
        "SELECT key, NOT EXISTS (SELECT 1 FROM events WHERE events.seq = event_keys.seq)
         FROM event_keys WHERE key > ?1 ORDER BY key LIMIT ?2",
    )?;
    let mut rows = statement.query([after, KEYS_LOOKED_AT])?;
    let mut walk = Walk { page: KEYS_LOOKED_AT, ..Walk::new(after) };
    while let Some(row) = rows.next()? {
        walk.step(row.get(0)?, true, row.get(1)?);
        if walk.is_full() {
            break;
        }
    }
    let Found { rows, next } = walk.end(Part::Keys, Part::Keys);
    Ok(Found { rows, next: next.filter(|(_, after)| *after != i64::MIN) })
}

/// A walk over some rows.
struct Walk {
    rows: Vec<i64>,
    last: i64,
    seen: i64,
    page: i64,
    /// Whether any had had its time.
    any: bool,
}

impl Walk {
    fn new(after: i64) -> Self {
        Self { rows: Vec::new(), last: after, seen: 0, page: LOOKED_AT, any: false }
    }

    fn step(&mut self, row: i64, has_had_its_time: bool, may_go: bool) {
        self.last = row;
        self.seen += 1;
        self.any |= has_had_its_time;
        if has_had_its_time && may_go {
            self.rows.push(row);
        }
    }

    fn is_full(&self) -> bool {
        ROWS_MAX <= self.rows.len()
    }

    /// It goes on behind the last row, or with the next part if there is nothing to find here.
    fn end(self, part: Part, then: Part) -> Found {
        let goes_on = self.is_full() || (self.any && self.seen == self.page);
        let next = if goes_on { (part, self.last) } else { (then, i64::MIN) };
        Found { rows: self.rows, next: Some(next) }
    }
}

/// Removes some rows, if they still may go.
struct Remove {
    part: Part,
    rows: Vec<i64>,
    limits: Limits,
}

/// How much was removed.
#[derive(Clone, Copy, Default)]
struct Removed {
    bodies: u64,
    events: u64,
    messages: u64,
}

impl Operation for Remove {
    type Output = Removed;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Removed> {
        let mut removed = Removed::default();
        for row in &self.rows {
            match self.part {
                Part::Messages | Part::Oldest => {
                    removed.messages += u64::from(remove_message(desk, *row, self.limits.now)?);
                }
                Part::Events => self.remove_event(desk, *row, &mut removed)?,
                Part::Keys => remove_key(desk, *row)?,
            }
        }
        Ok(removed)
    }

    fn wakes(_: &Removed) -> bool {
        false
    }
}

impl Remove {
    fn remove_event(
        &self,
        connection: &Connection,
        seq: i64,
        removed: &mut Removed,
    ) -> rusqlite::Result<()> {
        let gone = connection
            .prepare_cached(&format!(
                "DELETE FROM events WHERE seq = ?1 AND received_at < ?2 AND {IS_FREE}"
            ))?
            .execute([seq, self.limits.forgotten])?;
        removed.events += u64::from(gone == 1);
        if gone == 1 {
            return Ok(());
        }
        // What it was stays: a second delivery must be recognised, and its messages refer to it.
        let emptied = connection
            .prepare_cached(&format!(
                "UPDATE events SET content = x'' WHERE seq = ?1 AND length(content) > 0 AND {MAY_GO}"
            ))?
            .execute([seq])?;
        removed.bodies += u64::from(emptied == 1);
        Ok(())
    }
}

/// Removes a message that is done, with what hangs on it. Its `dedupe` keys stay where it was sent:
/// nobody gets it twice because it was forgotten.
fn remove_message(connection: &Connection, seq: i64, now: i64) -> rusqlite::Result<bool> {
    let state: Option<String> = connection
        .prepare_cached(
            "SELECT state FROM messages
             WHERE seq = ?1 AND state IN ('sent', 'failed', 'cancelled', 'skipped')
                 AND NOT EXISTS (SELECT 1 FROM events
                     WHERE events.id = messages.event AND length(events.content) > 0)",
        )?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(false) };
    connection
        .prepare_cached(
            "UPDATE dedupe_keys SET message = 0 WHERE message = ?1 AND until > ?2 AND ?3 = 'sent'",
        )?
        .execute(params![seq, now, state])?;
    for sql in [
        "DELETE FROM dedupe_keys WHERE message = ?1",
        "DELETE FROM attempts WHERE message = ?1",
        "DELETE FROM gathered WHERE message = ?1",
        "UPDATE gatherings SET message = NULL, closed_at = due_at
             WHERE message IS NOT NULL AND message = ?1",
        "DELETE FROM messages WHERE seq = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([seq])?;
    }
    Ok(true)
}

fn remove_key(connection: &Connection, key: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM event_keys WHERE key = ?1
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.seq = event_keys.seq)",
        )?
        .execute([key])
        .map(drop)
}

/// Bytes in use.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = ask("page_count")? - ask("freelist_count")?;
    Ok(u64::try_from(pages * ask("page_size")?).unwrap_or(0))
}

/// How much room the file and its log take.
pub(super) fn size(connection: &Connection, path: &Path) -> Result<StoreSize, StoreError> {
    let mut log: PathBuf = path.to_owned();
    log.as_mut_os_string().push("-wal");
    let length = |path: &Path| path.metadata().map_or(0, |about| about.len());
    Ok(StoreSize { file: length(path) + length(&log), used: used(connection)? })
}
