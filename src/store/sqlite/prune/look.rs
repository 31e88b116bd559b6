//! What may go? Looked for as a reader, a bounded number of rows in one step.

use rusqlite::{Connection, params};

use crate::store::Round;
use crate::store::retention::Part;
use crate::store::sqlite::prune::{Limits, ROWS_MAX, used};

/// Rows looked at in one step.
const LOOKED_AT: i64 = 1024;
/// Keys looked at in one step; they are small.
const KEYS_LOOKED_AT: i64 = 8192;
/// Bytes of bodies removed in one transaction; the body that goes beyond is its last.
const BYTES_MAX: i64 = 4 << 20;
/// Of an event that made more messages, only those behind are looked at again when its body goes.
const ASKED_AGAIN: i64 = 64;

/// What may go, and where the round goes on.
pub(in crate::store::sqlite) struct Found {
    pub(in crate::store::sqlite) rows: Vec<Candidate>,
    pub(in crate::store::sqlite) next: Option<Round>,
}

/// A row that may go.
pub(in crate::store::sqlite) struct Candidate {
    /// Its number, or the key.
    pub(super) row: i64,
    /// Messages that were made of the event were looked at up to this number.
    pub(super) within: i64,
}

/// One step's look.
pub(in crate::store::sqlite) fn look(
    connection: &Connection,
    round: Round,
    limits: &Limits,
) -> rusqlite::Result<Found> {
    let too_large = limits.size.is_some_and(|size| size < used(connection).unwrap_or(0));
    match round.part {
        Part::Messages => messages(connection, round, limits.messages),
        Part::Events => events(connection, round, limits, too_large),
        Part::Oldest if too_large => messages(connection, round, i64::MAX),
        Part::Oldest => Ok(Found { rows: Vec::new(), next: Some(begin(Part::Keys)) }),
        Part::Keys => keys(connection, round.after),
    }
}

fn begin(part: Part) -> Round {
    Round { part, after: i64::MIN, ..Round::default() }
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
    let mut walk = Walk::new(round);
    while let Some(row) = rows.next()? {
        let (seq, made): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (is_done, is_newest): (bool, bool) = (row.get(2)?, row.get(3)?);
        walk.step(seq, made < until, is_done && !is_newest);
        if walk.is_full() {
            break;
        }
    }
    let then = if round.part == Part::Messages { Part::Oldest } else { Part::Keys };
    Ok(walk.end(Some(then)))
}

/// Events whose body may go, or of which nothing need stay.
fn events(
    connection: &Connection,
    round: Round,
    limits: &Limits,
    too_large: bool,
) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, received_at, length(content), id, {IS_FREE} FROM events
         WHERE seq > ?1 ORDER BY seq LIMIT ?2"
    ))?;
    let mut rows = statement.query([round.after, LOOKED_AT])?;
    let mut walk = Walk::new(round);
    while let Some(row) = rows.next()? {
        let (seq, received, body): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let has_had_its_time = too_large || received < limits.events;
        let goes = row.get::<_, bool>(4)? && received < limits.forgotten;
        if goes || body == 0 || !has_had_its_time {
            walk.step(seq, has_had_its_time, goes);
        } else {
            match Made::of(connection, row.get(3)?, walk.within, walk.left())? {
                Made::More { until } => return Ok(walk.pause(until)),
                Made::Undone { looked_at } => walk.step_within(seq, looked_at, None),
                Made::Done { until, looked_at } => {
                    let again = walk.within == 0 && looked_at <= ASKED_AGAIN;
                    walk.step_within(seq, looked_at, Some(if again { 0 } else { until }));
                    walk.bytes += body;
                }
            }
        }
        if walk.is_full() {
            break;
        }
    }
    Ok(walk.end(Some(Part::Messages)))
}

/// Whether nothing refers to the event, and its number is not the last.
pub(super) const IS_FREE: &str = "NOT EXISTS (SELECT 1 FROM messages WHERE event = events.id)
     AND NOT EXISTS (SELECT 1 FROM gathered WHERE gathered.event = events.id)
     AND seq <> (SELECT max(seq) FROM events)";

/// How far the messages are that an event made or became part of, in the order of their numbers.
pub(super) enum Made {
    /// One is still to be decided.
    Undone { looked_at: i64 },
    /// All are done; the last has this number.
    Done { until: i64, looked_at: i64 },
    /// Up to this number all are done, and others follow.
    More { until: i64 },
}

impl Made {
    /// Of the messages behind `after`, so many at most.
    pub(super) fn of(
        connection: &Connection,
        event: [u8; 16],
        after: i64,
        limit: i64,
    ) -> rusqlite::Result<Self> {
        // One of several lines of the same message is enough: they say the same.
        let mut statement = connection.prepare_cached(
            "SELECT seq AS number, state IN ('waiting', 'sending', 'uncertain') FROM messages
             WHERE event = ?1 AND seq > ?2
             UNION ALL
             SELECT message, state IN ('waiting', 'sending', 'uncertain')
             FROM gathered CROSS JOIN messages ON messages.seq = gathered.message
             WHERE gathered.event = ?1 AND message > ?2
             ORDER BY number LIMIT ?3",
        )?;
        let mut rows = statement.query(params![event, after, limit])?;
        let (mut until, mut looked_at) = (after, 0);
        while let Some(row) = rows.next()? {
            (until, looked_at) = (row.get(0)?, looked_at + 1);
            if row.get(1)? {
                return Ok(Self::Undone { looked_at });
            }
        }
        Ok(if looked_at < limit { Self::Done { until, looked_at } } else { Self::More { until } })
    }
}

/// Keys of events that are gone.
fn keys(connection: &Connection, after: i64) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(
        "SELECT key, NOT EXISTS (SELECT 1 FROM events WHERE events.seq = event_keys.seq)
         FROM event_keys WHERE key > ?1 ORDER BY key LIMIT ?2",
    )?;
    let mut rows = statement.query([after, KEYS_LOOKED_AT])?;
    let round = Round { after, ..begin(Part::Keys) };
    let mut walk = Walk { page: KEYS_LOOKED_AT, ..Walk::new(round) };
    while let Some(row) = rows.next()? {
        walk.step(row.get(0)?, true, row.get(1)?);
        if walk.is_full() {
            break;
        }
    }
    Ok(walk.end(None))
}

/// A walk over some rows.
struct Walk {
    part: Part,
    rows: Vec<Candidate>,
    last: i64,
    /// Up to where the messages of the next event were looked at before.
    within: i64,
    seen: i64,
    page: i64,
    /// Beside the rows themselves.
    seen_within: i64,
    bytes: i64,
    /// Whether any had had its time.
    any: bool,
}

impl Walk {
    fn new(Round { part, after, within, .. }: Round) -> Self {
        let (rows, page) = (Vec::new(), LOOKED_AT);
        Self {
            part,
            rows,
            last: after,
            within,
            seen: 0,
            page,
            seen_within: 0,
            bytes: 0,
            any: false,
        }
    }

    fn step(&mut self, row: i64, has_had_its_time: bool, may_go: bool) {
        (self.last, self.within) = (row, 0);
        self.seen += 1;
        self.any |= has_had_its_time;
        if has_had_its_time && may_go {
            self.rows.push(Candidate { row, within: 0 });
        }
    }

    /// The same of an event that has had its time and so many of whose messages were looked at; it
    /// may go if those up to a number are done.
    fn step_within(&mut self, row: i64, looked_at: i64, done: Option<i64>) {
        self.step(row, true, false);
        self.seen_within += looked_at;
        self.rows.extend(done.map(|within| Candidate { row, within }));
    }

    /// How many can still be looked at.
    fn left(&self) -> i64 {
        (LOOKED_AT - self.seen_within).max(1)
    }

    fn is_full(&self) -> bool {
        ROWS_MAX <= self.rows.len() || BYTES_MAX <= self.bytes || LOOKED_AT <= self.seen_within
    }

    /// It goes on within the messages of the row behind the last.
    fn pause(self, within: i64) -> Found {
        let next = Round { after: self.last, within, ..begin(self.part) };
        Found { rows: self.rows, next: Some(next) }
    }

    /// It goes on behind the last row, or with the next part if there is nothing to find here.
    fn end(self, then: Option<Part>) -> Found {
        let goes_on = self.is_full() || (self.any && self.seen == self.page);
        let behind = Round { after: self.last, ..begin(self.part) };
        Found { rows: self.rows, next: if goes_on { Some(behind) } else { then.map(begin) } }
    }
}
