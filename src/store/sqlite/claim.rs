//! Which messages may a lane send now?

use rusqlite::{OptionalExtension, params};

use crate::model::MessageId;

use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow, micros};
use crate::store::sqlite::writer::{Desk, Operation};

/// Takes due heads of one lane. Its cost does not depend on how many wait: the index holds heads
/// only, soonest first.
pub(super) struct TakeDue(pub(super) crate::store::Claim);

impl Operation for TakeDue {
    type Output = Vec<MessageRow>;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Vec<MessageRow>> {
        let claim = &self.0;
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let mut taken = connection
            .prepare_cached(&format!(
                "UPDATE messages
                 SET state = 'sending', attempts = attempts + 1, claims = claims + 1
                 WHERE seq IN (
                     SELECT seq FROM messages INDEXED BY messages_due
                     WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND due_at <= ?2
                     ORDER BY due_at, seq LIMIT ?3)
                 RETURNING {MESSAGE_COLUMNS}"
            ))?
            .query_map(params![claim.instance, micros(claim.now), limit], MessageRow::read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        // RETURNING promises no order.
        taken.sort_by_key(|message| (message.due_at, message.seq));
        let until = taken.len().checked_sub(1).and_then(|last| claim.paced_until.get(last));
        if let Some(until) = until {
            connection
                .prepare_cached(
                    "INSERT INTO lanes (instance, paced_until) VALUES (?1, ?2)
                     ON CONFLICT (instance) DO UPDATE SET paced_until = excluded.paced_until",
                )?
                .execute(params![claim.instance, micros(*until)])?;
        }
        Ok(taken)
    }

    fn wakes(_: &Vec<MessageRow>) -> bool {
        false
    }
}

/// Takes one message if it is the head of its recipient.
pub(super) struct TakeOne(pub(super) MessageId);

impl Operation for TakeOne {
    type Output = Option<MessageRow>;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Option<MessageRow>> {
        connection
            .prepare_cached(&format!(
                "UPDATE messages
                 SET state = 'sending', attempts = attempts + 1, claims = claims + 1
                 WHERE id = ?1 AND state = 'waiting' AND head = 1
                 RETURNING {MESSAGE_COLUMNS}"
            ))?
            .query_row([self.0.0.as_bytes()], MessageRow::read)
            .optional()
    }

    fn wakes(_: &Option<MessageRow>) -> bool {
        false
    }
}
