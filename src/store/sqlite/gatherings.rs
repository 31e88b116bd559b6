//! Which events become one message, and when?

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::model::{Event, Group, MessageId, Origin};
use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::hold::UNTIL_CLOSED;
use crate::store::sqlite::packed::PackedEvent;
use crate::store::sqlite::row::{MessageRow, time};
use crate::store::sqlite::sealed;
use crate::store::sqlite::writer::Desk;
use crate::store::{GatheredTo, Gathering, StoreError};

/// So many events of one group are shown to its template, the oldest; all are counted.
const EVENTS_MAX: i64 = 1000;
/// Bytes of events that are read in one look; the group that goes beyond is its last.
const BYTES_MAX: usize = 16 << 20;

/// Events taken off messages in one transaction; a message goes itself when none is left.
const TAKEN_MAX: usize = 1024;

/// The group that an event is part of now.
pub(super) struct Joined {
    pub(super) message: i64,
    pub(super) due_at: i64,
    /// From when on it may go before its time, if it is full.
    pub(super) full_at: Option<i64>,
}

/// Joins the open group of this key, if there is one. One that is due, or has gone on its way because
/// it is full, takes no more: it would never be closed while events come faster than it is filled.
pub(super) fn join(
    desk: &Desk,
    key: &[u8; 16],
    group: &Group,
    row: &MessageRow,
) -> rusqlite::Result<Option<Joined>> {
    let Some((message, due_at)) = open(desk, key)? else { return Ok(None) };
    let (now, again) = (row.created_at, again(desk, key, group)?);
    // What waits for its interval, or for room under a limit, goes on growing until then.
    let waits = again.is_some_and(|again| due_at <= again) || row.terms.new.throttle.is_some();
    if due_at <= now || (!waits && group.max <= size(desk, message)?) {
        move_off(desk, key, (message, due_at), now)?;
        return Ok(None);
    }
    let is_full = group.max <= add(desk, message, row.event)?;
    let full_at = is_full.then(|| again.map_or(now, |again| again.max(now)));
    Ok(Some(Joined { message, due_at, full_at }))
}

/// When a group that begins now is due.
pub(super) fn due_at(
    connection: &Connection,
    key: &[u8],
    group: &Group,
    row: &MessageRow,
) -> rusqlite::Result<i64> {
    let now = row.created_at;
    let wait = if group.max <= 1 { now } else { now.saturating_add(span(group.wait_s)) };
    Ok(again(connection, key, group)?.map_or(wait, |again| again.max(wait)))
}

/// Begins the group whose message has the number `seq`.
pub(super) fn begin(
    connection: &Connection,
    key: &[u8],
    group: &Group,
    row: &MessageRow,
    (seq, due_at): (i64, i64),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO gatherings (key, message, due_at, template, interval_us)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET message = excluded.message, due_at = excluded.due_at,
                 template = excluded.template, interval_us = excluded.interval_us",
        )?
        .execute(params![key, seq, due_at, group.template, span(group.interval_s)])?;
    add(connection, seq, row.event).map(drop)
}

fn span(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

/// From when on the next group of this key may go.
fn again(connection: &Connection, key: &[u8], group: &Group) -> rusqlite::Result<Option<i64>> {
    let closed_at: Option<i64> = connection
        .prepare_cached("SELECT closed_at FROM gatherings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(closed_at.map(|closed| closed.saturating_add(span(group.interval_s))))
}

/// The message of the group that waits, with the time when it goes.
fn open(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT message, gatherings.due_at FROM gatherings
             JOIN messages ON messages.seq = message
             WHERE key = ?1 AND state = 'waiting' AND held = ?2",
        )?
        .query_row(params![key, UNTIL_CLOSED], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// The next group takes the key. The one before it is known by its message's id until it is closed.
fn move_off(
    desk: &Desk,
    key: &[u8; 16],
    (message, due_at): (i64, i64),
    now: i64,
) -> rusqlite::Result<()> {
    let (id, kept): ([u8; 16], String) = desk
        .prepare_cached(
            "SELECT id, template FROM gatherings JOIN messages ON seq = message WHERE key = ?1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let seal = desk.seal();
    let template = match seal.open_text(&sealed::template(*key), kept.clone()) {
        Ok(plain) => seal.text(&sealed::template(id), plain).map_err(within)?,
        // It is found to be broken when it is closed, and this is not its event.
        Err(_) => kept,
    };
    desk.prepare_cached("UPDATE gatherings SET message = NULL, closed_at = ?2 WHERE key = ?1")?
        .execute(params![key, due_at.max(now)])?;
    desk.prepare_cached(
        "INSERT OR REPLACE INTO gatherings (key, message, due_at, template, interval_us)
         VALUES (?1, ?2, ?3, ?4, 0)",
    )?
    .execute(params![id, message, due_at, template])
    .map(drop)
}

/// Adds an event to a message; how many it has then.
fn add(connection: &Connection, message: i64, event: [u8; 16]) -> rusqlite::Result<u32> {
    let size = size(connection, message)?;
    connection
        .prepare_cached("INSERT INTO gathered (message, n, event) VALUES (?1, ?2, ?3)")?
        .execute(params![message, size, event])?;
    Ok(size + 1)
}

pub(super) fn size(connection: &Connection, message: i64) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT coalesce(max(n) + 1, 0) FROM gathered WHERE message = ?1")?
        .query_row([message], |row| row.get(0))
}

pub(super) fn set_due(
    connection: &Connection,
    key: &[u8],
    message: i64,
    due_at: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE gatherings SET due_at = ?2 WHERE key = ?1")?
        .execute(params![key, due_at])?;
    connection
        .prepare_cached("UPDATE messages SET due_at = ?2 WHERE seq = ?1")?
        .execute([message, due_at])
        .map(drop)
}

/// When the next group is due.
pub(super) fn next(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> = connection
        .prepare_cached(
            "SELECT gatherings.due_at FROM gatherings CROSS JOIN messages ON messages.seq = message
             WHERE message IS NOT NULL AND state = 'waiting' AND held = ?1
             ORDER BY gatherings.due_at LIMIT 1",
        )?
        .query_row([UNTIL_CLOSED], |row| row.get(0))
        .optional()?;
    Ok(due.and_then(time))
}

/// A group that is due, as it is kept.
struct Due {
    message: i64,
    id: [u8; 16],
    origin: Origin,
    template: String,
    at: GatheredTo,
}

/// Groups that are due and still wait, behind this one and so many at most, with their events.
pub(super) fn due(
    connection: &Connection,
    now: i64,
    (from, limit): (GatheredTo, usize),
    seal: &Seal,
) -> Result<Vec<Gathering>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = connection
        .prepare_cached(
            "SELECT message, messages.id, rule, template, gatherings.due_at, key, send, element
             FROM gatherings CROSS JOIN messages ON messages.seq = message
             WHERE message IS NOT NULL AND gatherings.due_at <= ?1
                 AND (gatherings.due_at, key) > (?4, ?5)
                 AND state = 'waiting' AND held = ?3
             ORDER BY gatherings.due_at, key LIMIT ?2",
        )?
        .query_map(params![now, limit, UNTIL_CLOSED, from.due_at, from.key], |row| {
            Ok(Due {
                message: row.get(0)?,
                id: row.get(1)?,
                origin: Origin { rule: row.get(2)?, send: row.get(6)?, element: row.get(7)? },
                template: row.get(3)?,
                at: GatheredTo { due_at: row.get(4)?, key: row.get(5)? },
            })
        })?
        .collect::<rusqlite::Result<Vec<Due>>>()?;
    let (mut all, mut bytes) = (Vec::with_capacity(found.len()), 0);
    for due in found {
        let gathering = due.opened(connection, seal)?;
        bytes += gathering.events.iter().map(|event| event.body.len()).sum::<usize>();
        all.push(gathering);
        if BYTES_MAX < bytes {
            break;
        }
    }
    Ok(all)
}

impl Due {
    /// What cannot be read is said of this group alone: the others must not wait for it.
    fn opened(self, connection: &Connection, seal: &Seal) -> Result<Gathering, StoreError> {
        let (message, size) = (self.message, size(connection, self.message)?);
        let mut gathering = Gathering {
            at: self.at,
            message: MessageId(Uuid::from_bytes(seal.open_id(self.id))),
            origin: self.origin,
            template: String::new(),
            events: Vec::new(),
            size,
            unreadable: None,
        };
        let template = seal.open_text(&sealed::template(self.at.key), self.template);
        let read = template.and_then(|text| Ok((text, events(connection, message, seal)?)));
        match read {
            Ok((template, events)) => (gathering.template, gathering.events) = (template, events),
            Err(StoreError::Broken(why)) => gathering.unreadable = Some(why),
            Err(other) => return Err(other),
        }
        Ok(gathering)
    }
}

/// The events that are shown of a group.
fn events(connection: &Connection, message: i64, seal: &Seal) -> Result<Vec<Event>, StoreError> {
    let packed = connection
        .prepare_cached(
            "SELECT id, source, kind, provider_id, received_at, content
             FROM gathered JOIN events ON events.id = gathered.event
             WHERE message = ?1 ORDER BY n LIMIT ?2",
        )?
        .query_map([message, EVENTS_MAX], PackedEvent::read)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if packed.is_empty() {
        return Err(StoreError::Broken("none of them is there".to_owned()));
    }
    packed.into_iter().map(|event| event.into_event(seal)).collect()
}

/// The group of a message that is not to be sent, or is forgotten, takes no more events.
pub(super) fn leave(connection: &Connection, message: i64) -> rusqlite::Result<()> {
    // Nothing went, so the next one has nothing to keep a distance from but what went before.
    connection
        .prepare_cached(
            "UPDATE gatherings SET message = NULL, closed_at = coalesce(closed_at, 0)
             WHERE message IS NOT NULL AND message = ?1",
        )?
        .execute([message])
        .map(drop)
}

/// Takes events off a message that is done; whether none is left. `taken` is how many were taken in
/// this transaction, which has room for [`TAKEN_MAX`].
pub(super) fn take_off(
    connection: &Connection,
    message: i64,
    taken: &mut usize,
) -> rusqlite::Result<bool> {
    let room = TAKEN_MAX.saturating_sub(*taken);
    *taken += connection
        .prepare_cached(
            "DELETE FROM gathered WHERE message = ?1
                 AND n > (SELECT max(n) FROM gathered WHERE message = ?1) - ?2",
        )?
        .execute(params![message, i64::try_from(room).unwrap_or(i64::MAX)])?;
    Ok(*taken < TAKEN_MAX)
}
