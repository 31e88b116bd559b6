//! How does a message lie in its row?
//!
//! What costs time (JSON, sealing) happens here, in the caller's task; the writer's thread only moves
//! bytes.

use jiff::Timestamp;
use rusqlite::Row;
use uuid::Uuid;

use crate::model::{
    Attempt, Content, EventId, Message, MessageId, OnUncertain, Origin, Policy, Reason, Recipient,
    State,
};
use crate::store::seal::Seal;
use crate::store::sqlite::brakes::Keys;
use crate::store::sqlite::terms::TermsRow;
use crate::store::sqlite::{packed, sealed};
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
    /// By what brakes know it; none for a message that comes from the store.
    pub(super) keys: Keys,
}

impl MessageRow {
    /// The row of a message that is new, as it is kept.
    pub(super) fn of(message: Message, seal: &Seal) -> Result<Self, StoreError> {
        let mut row = Self::open(message)?;
        row.keys = Keys::of(&row);
        row.sealed(seal)
    }

    fn open(message: Message) -> Result<Self, StoreError> {
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
            keys: Keys::default(),
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
            keys: Keys::default(),
        })
    }

    /// How old it is when its lane's clock shows `clock` and the time is `now`.
    pub(super) fn age_us(&self, clock: i64, now: i64) -> i64 {
        self.terms.clock.map_or(now - self.created_at, |made| clock - made)
    }

    /// The message in it.
    pub(super) fn into_message(self, seal: &Seal) -> Result<Message, StoreError> {
        self.opened(seal)?.message()
    }

    fn message(self) -> Result<Message, StoreError> {
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

/// One line of the list of events, from
/// `id, source, kind, provider_id, received_at, (number of messages)`.
pub(super) fn event_line(row: &Row<'_>, seal: &Seal) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        id: EventId(Uuid::from_bytes(row.get(0)?)),
        source: row.get(1)?,
        kind: row.get(2)?,
        provider_id: packed::opened_id(row.get(3)?, seal)?,
        received_at: time_at(row, 4)?,
        messages: count_at(row, 5)?,
    })
}

/// An attempt of the message with this id, kept under that one, from
/// `number, started_at, took_ms, verdict, claim`.
pub(super) fn attempt(
    (message, kept_id): (MessageId, [u8; 16]),
    row: &Row<'_>,
    seal: &Seal,
) -> Result<Attempt, StoreError> {
    let claim: u32 = row.get(4)?;
    let verdict = seal.open_text(&sealed::verdict(kept_id, &claim.to_string()), row.get(3)?)?;
    Ok(Attempt {
        message,
        number: row.get(0)?,
        started_at: time_at(row, 1)?,
        took_ms: count_at(row, 2)?,
        verdict: serde_json::from_str(&verdict)
            .map_err(|_| StoreError::Broken(format!("message {message} has a broken attempt")))?,
    })
}

/// The farthest time that is kept, in the year 9999: the last whole second that there is. What is
/// between it and the end of time cannot be made again from microseconds.
const FARTHEST_US: i64 = 253_402_207_200_000_000;

/// Microseconds since 1970; what is finer is cut off, and what is farther than can be read again is
/// the farthest time.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond().min(FARTHEST_US)
}

/// The time of so many microseconds since 1970, if there is such a time. One beyond all times is
/// the farthest: spans are added to what is kept, and there are rows of that kind.
pub(super) fn time(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros.min(FARTHEST_US)).ok()
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
    use super::*;

    #[test]
    fn every_time_that_is_kept_can_be_read_again() {
        let farthest = time(FARTHEST_US).unwrap();
        assert_eq!(farthest.as_second(), Timestamp::MAX.as_second());
        assert_eq!((micros(farthest), micros(Timestamp::MAX)), (FARTHEST_US, FARTHEST_US));
        for beyond in [FARTHEST_US + 1, Timestamp::MAX.as_microsecond(), i64::MAX] {
            assert_eq!(time(beyond), Some(farthest), "{beyond}");
        }
        assert_eq!(time(micros(Timestamp::MIN)), Some(Timestamp::MIN));
    }
}
