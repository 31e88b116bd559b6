//! Which events become one message, and when?

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::model::{Event, Group, MessageId, State};
use crate::store::seal::{Place, Seal};
use crate::store::sqlite::fault::within;
use crate::store::sqlite::hold::{self, UNTIL_CLOSED};
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::packed::PackedEvent;
use crate::store::sqlite::row::{MessageRow, micros, time};
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{instead, order, sealed};
use crate::store::{Gathering, Outcome, StoreError};

/// So many events of one group are shown to its template, the oldest; all are counted.
const EVENTS_MAX: i64 = 1000;

/// What became of a message that was to join others.
pub(super) enum Joined {
    /// Its event is part of another message.
    Other,
    /// It is the first, and waits for others until then.
    Opened { due_at: i64 },
}

/// Joins the open group of this key, or begins one whose message has the number `seq`; not due
/// before `slot`.
pub(super) fn join(
    connection: &Connection,
    key: &[u8],
    group: &Group,
    row: &MessageRow,
    seq: i64,
    slot: Option<i64>,
) -> rusqlite::Result<Joined> {
    let now = row.created_at;
    if let Some((message, due_at)) = open(connection, key)? {
        let size = add(connection, message, row.event)?;
        if group.max <= size && now < due_at && slot.is_none() {
            set_due(connection, key, message, now)?;
        }
        return Ok(Joined::Other);
    }
    let closed_at: Option<i64> = connection
        .prepare_cached("SELECT closed_at FROM gatherings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?
        .flatten();
    let micros = |span_s: u64| i64::try_from(span_s.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    let interval = micros(group.interval_s);
    let again = closed_at.map_or(now, |closed| closed.saturating_add(interval));
    let wait = if group.max <= 1 { now } else { now.saturating_add(micros(group.wait_s)) };
    let due_at = wait.max(again).max(slot.unwrap_or(now));
    connection
        .prepare_cached(
            "INSERT INTO gatherings (key, message, due_at, template, interval_us)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET message = excluded.message, due_at = excluded.due_at,
                 template = excluded.template, interval_us = excluded.interval_us",
        )?
        .execute(params![key, seq, due_at, group.template, interval])?;
    add(connection, seq, row.event)?;
    Ok(Joined::Opened { due_at })
}

/// The message that others can still join, with the time when it goes.
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

/// Adds an event to a message; how many it has then.
fn add(connection: &Connection, message: i64, event: [u8; 16]) -> rusqlite::Result<u32> {
    let size = size(connection, message)?;
    connection
        .prepare_cached("INSERT INTO gathered (message, n, event) VALUES (?1, ?2, ?3)")?
        .execute(params![message, size, event])?;
    Ok(size + 1)
}

fn size(connection: &Connection, message: i64) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT coalesce(max(n) + 1, 0) FROM gathered WHERE message = ?1")?
        .query_row([message], |row| row.get(0))
}

fn set_due(connection: &Connection, key: &[u8], message: i64, due_at: i64) -> rusqlite::Result<()> {
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
    rule: String,
    template: String,
    key: [u8; 16],
}

/// Groups that are due and still wait, with their events.
pub(super) fn due(
    connection: &Connection,
    now: i64,
    limit: usize,
    seal: &Seal,
) -> Result<Vec<Gathering>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = connection
        .prepare_cached(
            "SELECT message, messages.id, rule, template, key
             FROM gatherings CROSS JOIN messages ON messages.seq = message
             WHERE message IS NOT NULL AND gatherings.due_at <= ?1
                 AND state = 'waiting' AND held = ?3
             ORDER BY gatherings.due_at LIMIT ?2",
        )?
        .query_map(params![now, limit, UNTIL_CLOSED], |row| {
            Ok(Due {
                message: row.get(0)?,
                id: row.get(1)?,
                rule: row.get(2)?,
                template: row.get(3)?,
                key: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<Due>>>()?;
    found.into_iter().map(|due| due.opened(connection, seal)).collect()
}

impl Due {
    /// What cannot be read is said of this group alone: the others must not wait for it.
    fn opened(self, connection: &Connection, seal: &Seal) -> Result<Gathering, StoreError> {
        let (message, size) = (self.message, size(connection, self.message)?);
        let mut gathering = Gathering {
            message: MessageId(Uuid::from_bytes(seal.open_id(self.id))),
            rule: self.rule,
            template: String::new(),
            events: Vec::new(),
            size,
            unreadable: None,
        };
        let template = seal.open_text(&sealed::template(self.key), self.template);
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

/// The group of a message that is not to be sent takes no more events.
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

/// A group is closed.
pub(super) struct Close {
    pub(super) message: MessageId,
    pub(super) size: u32,
    pub(super) outcome: Outcome,
    /// The content as JSON, if it could be made.
    pub(super) content: Option<String>,
    pub(super) now: Timestamp,
}

impl Operation for Close {
    type Output = bool;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<bool> {
        let id = connection.seal().id(self.message.0.into_bytes());
        let found: Option<(i64, String, i64, String, String)> = connection
            .prepare_cached(
                "SELECT seq, state, held, instance, recipient FROM messages WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((seq, state, held, instance, recipient)) = found else { return Ok(true) };
        let now = micros(self.now);
        if state == State::Waiting.as_str() && held == UNTIL_CLOSED {
            if size(connection, seq)? != self.size {
                return Ok(false);
            }
            self.settle(connection, seq, now, (&instance, &recipient))?;
            order::seat(connection, &instance, &recipient)?;
        }
        connection
            .prepare_cached(
                "UPDATE gatherings SET message = NULL, closed_at = ?2 WHERE message = ?1",
            )?
            .execute([seq, now])?;
        Ok(true)
    }

    fn wakes(_: &bool) -> bool {
        true
    }
}

impl Close {
    fn settle(
        &self,
        connection: &Desk,
        seq: i64,
        now: i64,
        (instance, recipient): (&str, &str),
    ) -> rusqlite::Result<()> {
        let seal = connection.seal();
        let id = seal.id(self.message.0.into_bytes());
        let kept = |place: Place<'_>, plain: &str| seal.text(&place, plain.to_owned());
        match &self.outcome {
            Outcome::Made(_) => {
                let content = self.content.as_deref();
                let content =
                    content.map(|plain| kept(sealed::content(id, Some(recipient)), plain));
                let content = content.transpose().map_err(within)?;
                let clock = LaneClock::of(connection, instance)?.at(now);
                hold::back(connection, seq, clock)?;
                connection
                    .prepare_cached(
                        "UPDATE messages SET content = ?2, due_at = ?3, reason = NULL,
                             detail = NULL
                         WHERE seq = ?1",
                    )?
                    .execute(params![seq, content, now])
            }
            Outcome::Unmade { reason, detail } => {
                let detail = kept(sealed::detail(id), detail).map_err(within)?;
                connection
                    .prepare_cached(
                        "UPDATE messages SET state = 'failed', held = 0, content = NULL, reason = ?2,
                             detail = ?3
                         WHERE seq = ?1",
                    )?
                    .execute(params![seq, reason.as_str(), detail])?;
                // What it had was of its first event alone.
                return instead::of(connection, seq, now);
            }
        }
        .map(drop)
    }
}
