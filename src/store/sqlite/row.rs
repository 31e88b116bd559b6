//! How does a message or an event lie in its row?
//!
//! Messages become rows in the caller's task. An event is packed by the writer's thread, which has time
//! while the disk is at work; only what is long is packed before, so that nobody waits behind it.

use std::borrow::Cow;
use std::cell::RefCell;

use jiff::Timestamp;
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use rusqlite::Row;
use uuid::Uuid;

use crate::model::{
    Attempt, Content, Event, EventId, Headers, Message, MessageId, OnUncertain, Origin, Policy,
    Reason, Recipient, State,
};
use crate::store::sqlite::terms::TermsRow;
use crate::store::{EventRow, StoreError};

/// The columns of a message, in the order in which [`MessageRow::read`] takes them.
pub(super) const MESSAGE_COLUMNS: &str = "id, event, state, due_at, attempts, claims, instance, \
     recipient, source, rule, send, element, reason, detail, created_at, attempts_max, age_max_s, \
     on_uncertain, content, seq, priority, clock, terms";
/// How many they are.
pub(super) const MESSAGE_COLUMNS_COUNT: usize = 23;

/// A message as its row has it.
pub(super) struct MessageRow {
    pub(super) id: [u8; 16],
    pub(super) event: [u8; 16],
    pub(super) state: String,
    pub(super) due_at: i64,
    pub(super) attempts: u32,
    pub(super) claims: u32,
    pub(super) instance: String,
    pub(super) recipient: Option<String>,
    pub(super) source: String,
    pub(super) rule: String,
    pub(super) send: u16,
    pub(super) element: u32,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) created_at: i64,
    pub(super) attempts_max: u32,
    pub(super) age_max_s: i64,
    pub(super) on_uncertain: String,
    pub(super) content: Option<String>,
    /// Given by the database; 0 before.
    pub(super) seq: i64,
    pub(super) terms: TermsRow,
}

impl MessageRow {
    /// The row of a message that is new.
    pub(super) fn of(message: Message) -> Result<Self, StoreError> {
        let content = message.content.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            id: message.id.0.into_bytes(),
            event: message.event.0.into_bytes(),
            state: message.state.as_str().to_owned(),
            due_at: micros(message.due_at),
            attempts: message.attempts,
            claims: 0,
            instance: message.instance,
            recipient: message.recipient.map(|recipient| recipient.expose().to_owned()),
            source: message.source,
            rule: message.origin.rule,
            send: message.origin.send,
            element: message.origin.element,
            reason: message.reason.map(|reason| reason.as_str().to_owned()),
            detail: message.detail,
            created_at: micros(message.created_at),
            attempts_max: message.policy.attempts_max,
            age_max_s: i64::try_from(message.policy.age_max_s).unwrap_or(i64::MAX),
            on_uncertain: match message.policy.on_uncertain {
                OnUncertain::Hold => HOLD,
                OnUncertain::Resend => RESEND,
            }
            .to_owned(),
            content: content.map_err(|error| StoreError::Broken(error.to_string()))?,
            seq: 0,
            terms: TermsRow::of(message.terms)?,
        })
    }

    /// Takes it from a row of [`MESSAGE_COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            event: row.get(1)?,
            state: row.get(2)?,
            due_at: row.get(3)?,
            attempts: row.get(4)?,
            claims: row.get(5)?,
            instance: row.get(6)?,
            recipient: row.get(7)?,
            source: row.get(8)?,
            rule: row.get(9)?,
            send: row.get(10)?,
            element: row.get(11)?,
            reason: row.get(12)?,
            detail: row.get(13)?,
            created_at: row.get(14)?,
            attempts_max: row.get(15)?,
            age_max_s: row.get(16)?,
            on_uncertain: row.get(17)?,
            content: row.get(18)?,
            seq: row.get(19)?,
            terms: TermsRow::read(row, 20)?,
        })
    }

    /// How old it is when its lane's clock shows `clock` and the time is `now`.
    pub(super) fn age_us(&self, clock: i64, now: i64) -> i64 {
        self.terms.clock.map_or(now - self.created_at, |made| clock - made)
    }

    /// The message in it.
    pub(super) fn into_message(self) -> Result<Message, StoreError> {
        let id = MessageId(Uuid::from_bytes(self.id));
        let broken = |what: &str| StoreError::Broken(format!("message {id} has a broken {what}"));
        Ok(Message {
            id,
            event: EventId(Uuid::from_bytes(self.event)),
            source: self.source,
            origin: Origin { rule: self.rule, send: self.send, element: self.element },
            instance: self.instance,
            recipient: self.recipient.map(Recipient::from_stored),
            content: match self.content {
                Some(json) => {
                    Some(serde_json::from_str::<Content>(&json).map_err(|_| broken("content"))?)
                }
                None => None,
            },
            state: State::parse(&self.state).ok_or_else(|| broken("state"))?,
            reason: match self.reason {
                Some(word) => Some(Reason::parse(&word).ok_or_else(|| broken("reason"))?),
                None => None,
            },
            detail: self.detail,
            attempts: self.attempts,
            created_at: time(self.created_at).ok_or_else(|| broken("time"))?,
            due_at: time(self.due_at).ok_or_else(|| broken("time"))?,
            policy: Policy {
                attempts_max: self.attempts_max,
                age_max_s: u64::try_from(self.age_max_s).unwrap_or(0),
                on_uncertain: match self.on_uncertain.as_str() {
                    HOLD => OnUncertain::Hold,
                    RESEND => OnUncertain::Resend,
                    _ => return Err(broken("policy")),
                },
            },
            terms: self.terms.asked(),
        })
    }
}

/// The word of [`OnUncertain::Hold`].
const HOLD: &str = "hold";
/// The word of [`OnUncertain::Resend`].
pub(super) const RESEND: &str = "resend";

/// An event that is to get a row.
pub(super) struct NewEvent {
    pub(super) event: Event,
    /// Its headers and body, if they are packed already.
    block: Option<Vec<u8>>,
}

impl NewEvent {
    /// An event that is packed when it is written, and only if it is new.
    pub(super) fn plain(event: Event) -> Self {
        Self { event, block: None }
    }

    /// The same, packed now.
    pub(super) fn packed(event: Event) -> Result<Self, StoreError> {
        let block = pack(&event.headers, &event.body)?;
        Ok(Self { event, block: Some(block) })
    }

    /// Headers and body as one block.
    pub(super) fn block(&self) -> rusqlite::Result<Cow<'_, [u8]>> {
        if let Some(block) = &self.block {
            return Ok(Cow::Borrowed(block));
        }
        let block = pack(&self.event.headers, &self.event.body);
        block.map(Cow::Owned).map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))
    }
}

/// An event as its row has it.
pub(super) struct PackedEvent {
    pub(super) id: [u8; 16],
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) provider_id: Option<String>,
    pub(super) received_at: i64,
    pub(super) content: Vec<u8>,
}

impl PackedEvent {
    /// Takes it from `id, source, kind, provider_id, received_at, content`.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            source: row.get(1)?,
            kind: row.get(2)?,
            provider_id: row.get(3)?,
            received_at: row.get(4)?,
            content: row.get(5)?,
        })
    }

    /// The event in it.
    pub(super) fn into_event(self) -> Result<Event, StoreError> {
        let id = EventId(Uuid::from_bytes(self.id));
        let broken = || StoreError::Broken(format!("event {id} has broken content"));
        let (headers, body) = unpack(&self.content).ok_or_else(broken)?;
        Ok(Event {
            id,
            source: self.source,
            kind: self.kind,
            provider_id: self.provider_id,
            digest: None,
            received_at: time(self.received_at).ok_or_else(broken)?,
            headers,
            body,
        })
    }
}

/// What packing needs, kept by each thread from one event to the next: getting and clearing this
/// memory anew took longer than filling it.
struct Press {
    plain: Vec<u8>,
    packed: Vec<u8>,
    table: CompressTable,
}

/// Beyond this a [`Press`] is not kept.
const PRESS_MAX: usize = 64 * 1024;

thread_local! {
    static PRESS: RefCell<Press> = RefCell::new(Press::new());
}

/// A block is LZ4 (block format, its plain size in 4 bytes before it) over: the length of the
/// headers in 4 bytes, little-endian; the headers as JSON; the body.
fn pack(headers: &Headers, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    PRESS.with_borrow_mut(|press| {
        let block = press.pack(headers, body);
        if press.plain.len() > PRESS_MAX {
            *press = Press::new();
        }
        block.map_err(|error| StoreError::Broken(format!("an event cannot be packed: {error}")))
    })
}

impl Press {
    fn new() -> Self {
        Self { plain: Vec::new(), packed: Vec::new(), table: CompressTable::small() }
    }

    fn pack(&mut self, headers: &Headers, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let Self { plain, packed, table } = self;
        plain.clear();
        plain.extend_from_slice(&[0; 4]);
        serde_json::to_writer(&mut *plain, headers)?;
        let length = u32::try_from(plain.len() - 4)?;
        plain[..4].copy_from_slice(&length.to_le_bytes());
        plain.extend_from_slice(body);
        let size = u32::try_from(plain.len())?;
        let room = get_maximum_output_size(plain.len());
        if packed.len() < room {
            packed.resize(room, 0);
        }
        let written = compress_into_with_table(plain, packed, table)?;
        let mut block = Vec::with_capacity(4 + written);
        block.extend_from_slice(&size.to_le_bytes());
        block.extend_from_slice(&packed[..written]);
        Ok(block)
    }
}

/// Of an event that is only remembered nothing is left: headers and body are empty then.
fn unpack(block: &[u8]) -> Option<(Headers, bytes::Bytes)> {
    if block.is_empty() {
        return Some((Headers::default(), bytes::Bytes::new()));
    }
    let claimed = u32::from_le_bytes(*block.first_chunk()?);
    // LZ4 cannot shrink more than 255 to 1: a size beyond that is damage, not worth its memory.
    if u64::from(claimed) > 255 * block.len() as u64 {
        return None;
    }
    let plain = bytes::Bytes::from(lz4_flex::decompress_size_prepended(block).ok()?);
    let length = usize::try_from(u32::from_le_bytes(*plain.first_chunk()?)).ok()?;
    let body_start = length.checked_add(4).filter(|start| *start <= plain.len())?;
    let headers = serde_json::from_slice(&plain[4..body_start]).ok()?;
    Some((headers, plain.slice(body_start..)))
}

/// One line of the list of events, from
/// `id, source, kind, provider_id, received_at, (number of messages)`.
pub(super) fn event_line(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: EventId(Uuid::from_bytes(row.get(0)?)),
        source: row.get(1)?,
        kind: row.get(2)?,
        provider_id: row.get(3)?,
        received_at: time_at(row, 4)?,
        messages: count_at(row, 5)?,
    })
}

/// An attempt of this message, from `number, started_at, took_ms, verdict`.
pub(super) fn attempt(message: MessageId, row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let verdict: String = row.get(3)?;
    Ok(Attempt {
        message,
        number: row.get(0)?,
        started_at: time_at(row, 1)?,
        took_ms: count_at(row, 2)?,
        verdict: serde_json::from_str(&verdict).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                3,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
    })
}

/// Microseconds since 1970; what is finer is cut off.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The time of so many microseconds since 1970, if there is such a time.
pub(super) fn time(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

/// The time in this column.
pub(super) fn time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let micros = row.get(column)?;
    time(micros).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, micros))
}

/// The number in this column, which is never below zero.
pub(super) fn count_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            headers in prop::collection::vec((".{0,20}", ".{0,40}"), 0..5),
            body in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let headers: Headers = headers.into_iter().collect();
            let (headers_back, body_back) = unpack(&pack(&headers, &body).unwrap()).unwrap();
            prop_assert_eq!(headers_back, headers);
            prop_assert_eq!(body_back, body);
        }

        #[test]
        fn a_damaged_block_is_refused_without_panic(
            block in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            drop(unpack(&block));
        }
    }
}
