//! How are an event and its messages kept, and a second delivery recognised?

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::model::{EventId, State};
use crate::store::Recorded;
use crate::store::sqlite::brakes::{Braked, Start};
use crate::store::sqlite::fault::within;
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::packed::NewEvent;
use crate::store::sqlite::row::{MessageRow, micros};
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{brakes, hold, order};

/// An event and what was made of it.
pub(super) struct Record {
    pub(super) event: NewEvent,
    pub(super) messages: Vec<MessageRow>,
}

impl Operation for Record {
    type Output = Recorded;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Recorded> {
        if let Some(first) = insert_event(desk, &self.event)? {
            let event = EventId(Uuid::from_bytes(first));
            return Ok(Recorded::Duplicate { event });
        }
        let mut waiting = 0;
        for message in &self.messages {
            let inserted = insert_message(desk, message)?;
            waiting += usize::from(matches!(inserted, Inserted::Waits | Inserted::Joined));
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

/// What became of them.
#[derive(Default)]
pub(super) struct Added {
    pub(super) new: usize,
    /// Those that are part of others now.
    joined: usize,
}

impl Operation for AddMessages {
    type Output = Added;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Added> {
        let mut added = Added::default();
        for message in &self.0 {
            match insert_message(connection, message)? {
                Inserted::Known => {}
                Inserted::Joined => added.joined += 1,
                Inserted::Waits | Inserted::Rests => added.new += 1,
            }
        }
        Ok(added)
    }

    fn wakes(added: &Added) -> bool {
        0 < added.new + added.joined
    }
}

/// `None` if it is new; otherwise the event that it was recorded as before.
fn insert_event(desk: &Desk, new: &NewEvent) -> rusqlite::Result<Option<[u8; 16]>> {
    let event = &new.event;
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
            event.id.0.as_bytes(),
            event.source,
            event.kind,
            event.provider_id,
            kept,
            micros(event.received_at),
            new.block(desk.seal()).map_err(within)?
        ])?;
    if rows == 0 {
        // Our own id is there already: the same event, recorded twice.
        return Ok(Some(event.id.0.into_bytes()));
    }
    desk.keys().remember(event, desk.last_insert_rowid());
    Ok(None)
}

/// What became of a message that was to be kept.
#[derive(PartialEq, Eq)]
pub(super) enum Inserted {
    /// It was there already.
    Known,
    /// It is new and waits.
    Waits,
    /// It is new and done with.
    Rests,
    /// It is part of another message.
    Joined,
}

/// Keeps a message as its terms want it.
pub(super) fn insert_message(
    connection: &Desk,
    message: &MessageRow,
) -> rusqlite::Result<Inserted> {
    if !message.terms.new.decide_at_record() {
        return insert_started(connection, message, None, &brakes::unbraked(message));
    }
    let is_known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE id = ?1)")?
        .query_row([message.id], |row| row.get(0))?;
    if is_known {
        return Ok(Inserted::Known);
    }
    let seq: i64 = connection
        .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM messages")?
        .query_row([], |row| row.get(0))?;
    brakes::forget(connection, message.created_at)?;
    match brakes::start(connection, message, seq)? {
        Braked::Joined => Ok(Inserted::Joined),
        Braked::Starts(start) => insert_started(connection, message, Some(seq), &start),
    }
}

/// It is the head if nobody else is in line for this recipient or under way: being the newest, it
/// is behind everybody but those of a lower priority.
fn insert_started(
    connection: &Desk,
    message: &MessageRow,
    seq: Option<i64>,
    start: &Start,
) -> rusqlite::Result<Inserted> {
    let waits = start.state == State::Waiting.as_str();
    let is_in_line = waits && start.held == hold::IN_LINE;
    let head: Option<i64> = connection
        .prepare_cached(
            "SELECT priority FROM messages WHERE head = 1 AND instance = ?1 AND recipient = ?2",
        )?
        .query_row(params![message.instance, message.recipient], |row| row.get(0))
        .optional()?;
    let clock = match message.terms.clock {
        Some(clock) => clock,
        None => LaneClock::of(connection, &message.instance)?.at(message.created_at),
    };
    let rows = connection
        .prepare_cached(
            "INSERT INTO messages (id, event, state, head, due_at, attempts, instance, recipient,
                 source, rule, send, element, reason, detail, created_at, attempts_max, age_max_s,
                 on_uncertain, content, seq, priority, held, clock, terms)
             VALUES (?1, ?2, ?3, ?19, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?20, ?21, ?22, ?23, ?24)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            message.id,
            message.event,
            start.state,
            start.due_at,
            message.attempts,
            message.instance,
            message.recipient,
            message.source,
            message.rule,
            message.send,
            message.element,
            start.reason,
            start.detail,
            message.created_at,
            message.attempts_max,
            message.age_max_s,
            message.on_uncertain,
            message.content,
            is_in_line && head.is_none(),
            seq,
            message.terms.priority,
            start.held,
            // While it is held, this is how old it is.
            if waits && !is_in_line { 0 } else { clock },
            message.terms.kept
        ])?;
    if rows == 0 {
        return Ok(Inserted::Known);
    }
    if is_in_line && head.is_some_and(|head| message.terms.priority < head) {
        order::seat(connection, &message.instance, message.recipient.as_deref().unwrap_or(""))?;
    }
    if waits && start.held != hold::UNTIL_CLOSED {
        connection.calls(&message.instance);
    }
    Ok(if waits { Inserted::Waits } else { Inserted::Rests })
}
