//! How does a group become the message that it was to be?

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::model::{Instead, MessageId, State};
use crate::store::Outcome;
use crate::store::seal::Place;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::hold::{self, UNTIL_CLOSED};
use crate::store::sqlite::lane_clock::LaneClock;
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{gatherings, instead, order, sealed};

/// A group is closed.
pub(super) struct Close {
    pub(super) message: MessageId,
    pub(super) size: u32,
    pub(super) outcome: Outcome,
    /// The content as JSON, if it could be made.
    pub(super) content: Option<String>,
    /// What is sent instead; `None` if that stays.
    pub(super) or: Option<Vec<Instead>>,
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
            if gatherings::size(connection, seq)? != self.size {
                return Ok(false);
            }
            if let Some(or) = &self.or {
                instead::replace(connection, seq, or)?;
            }
            self.settle(connection, seq, now, (&instance, &recipient))?;
            order::seat(connection, &instance, &recipient)?;
            connection.calls(&instance);
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
                return instead::of_group(connection, seq, now);
            }
        }
        .map(drop)
    }
}
