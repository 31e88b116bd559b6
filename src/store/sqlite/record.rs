//! How are an event and its messages kept, and a second delivery recognised?

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::model::{EventId, State};
use crate::store::Recorded;
use crate::store::sqlite::row::{MessageRow, PackedEvent};
use crate::store::sqlite::writer::{Desk, Operation};

/// An event and what was made of it.
pub(super) struct Record {
    pub(super) event: PackedEvent,
    pub(super) messages: Vec<MessageRow>,
}

impl Operation for Record {
    type Output = Recorded;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Recorded> {
        let connection: &Connection = desk;
        if let Some(first) = insert_event(desk, &self.event)? {
            let event = EventId(Uuid::from_bytes(first));
            return Ok(Recorded::Duplicate { event });
        }
        let mut waiting = 0;
        for message in &self.messages {
            if insert_message(connection, message)? && message.state == State::Waiting.as_str() {
                waiting += 1;
            }
        }
        Ok(Recorded::New { waiting })
    }

    fn wakes(output: &Recorded) -> bool {
        matches!(output, Recorded::New { waiting } if *waiting > 0)
    }
}

/// Several of them, all or none.
pub(super) struct RecordBatch(pub(super) Vec<Record>);

impl Operation for RecordBatch {
    type Output = Vec<Recorded>;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Vec<Recorded>> {
        self.0.iter().map(|record| record.apply(desk)).collect()
    }

    fn wakes(output: &Vec<Recorded>) -> bool {
        output.iter().any(Record::wakes)
    }
}

/// More messages of events that are there.
pub(super) struct AddMessages(pub(super) Vec<MessageRow>);

impl Operation for AddMessages {
    type Output = usize;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<usize> {
        let mut new = 0;
        for message in &self.0 {
            new += usize::from(insert_message(connection, message)?);
        }
        Ok(new)
    }

    fn wakes(new: &usize) -> bool {
        *new > 0
    }
}

/// `None` if it is new; otherwise the event that it was recorded as before.
fn insert_event(desk: &Desk, event: &PackedEvent) -> rusqlite::Result<Option<[u8; 16]>> {
    if let Some(first) = desk.keys().find(desk, event)? {
        return Ok(Some(first));
    }
    // Only what never repeats is remembered; the rest is held against it.
    let kept = event.digest.filter(|digest| digest.never_repeats).map(|digest| digest.bytes);
    let rows = desk
        .prepare_cached(
            "INSERT INTO events (id, source, kind, provider_id, digest, received_at, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            event.id,
            event.source,
            event.kind,
            event.provider_id,
            kept,
            event.received_at,
            event.content
        ])?;
    if rows == 0 {
        // Our own id is there already: the same event, recorded twice.
        return Ok(Some(event.id));
    }
    desk.keys().remember(event, desk.last_insert_rowid());
    Ok(None)
}

/// Whether it is new. It is the head if nobody else waits for this recipient or is under way:
/// being the newest, it is behind everybody.
fn insert_message(connection: &Connection, message: &MessageRow) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached(
            "INSERT INTO messages (id, event, state, head, due_at, attempts, instance, recipient,
                 source, rule, send, element, reason, detail, created_at, attempts_max, age_max_s,
                 on_uncertain, content)
             VALUES (?1, ?2, ?3,
                 ?3 = 'waiting' AND NOT EXISTS (
                     SELECT 1 FROM messages
                     WHERE head = 1 AND instance = ?6 AND recipient = ?7),
                 ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            message.id,
            message.event,
            message.state,
            message.due_at,
            message.attempts,
            message.instance,
            message.recipient,
            message.source,
            message.rule,
            message.send,
            message.element,
            message.reason,
            message.detail,
            message.created_at,
            message.attempts_max,
            message.age_max_s,
            message.on_uncertain,
            message.content
        ])?;
    Ok(rows == 1)
}
