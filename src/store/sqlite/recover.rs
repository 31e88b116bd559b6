//! What was under way when the program stopped?

use rusqlite::params;

use crate::model::{Policy, Reason, State};
use crate::store::sqlite::order;
use crate::store::sqlite::row::{RESEND, micros};
use crate::store::sqlite::writer::{Desk, Operation};

/// What people read beside a message that was interrupted.
const INTERRUPTED: &str = "kabari stopped while this was being sent: look at the chat before you \
                           send it again";

/// Nothing is under way any more: what was is uncertain, or is sent again where its rule says so and
/// its attempts and its age allow it.
pub(super) struct Recover {
    pub(super) now: jiff::Timestamp,
}

impl Operation for Recover {
    type Output = usize;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<usize> {
        let interrupted = connection
            .prepare_cached(
                "SELECT seq, instance, recipient,
                     on_uncertain = ?1 AND attempts < min(attempts_max, ?2)
                         AND (?3 - created_at) / 1000000 < age_max_s
                 FROM messages WHERE state = 'sending' AND state <> 'sent'",
            )?
            .query_map(params![RESEND, Policy::RESENT_ATTEMPTS_MAX, micros(self.now)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<rusqlite::Result<Vec<(i64, String, String, bool)>>>()?;
        for (seq, instance, recipient, again) in &interrupted {
            let state = if *again { State::Waiting } else { State::Uncertain };
            connection
                .prepare_cached(
                    "UPDATE messages SET state = ?2, head = 0, reason = ?3, detail = ?4,
                         due_at = iif(?2 = 'waiting', ?5, due_at)
                     WHERE seq = ?1",
                )?
                .execute(params![
                    seq,
                    state.as_str(),
                    Reason::Interrupted.as_str(),
                    INTERRUPTED,
                    micros(self.now)
                ])?;
            order::seat(connection, instance, recipient)?;
        }
        Ok(interrupted.len())
    }

    fn wakes(interrupted: &usize) -> bool {
        *interrupted > 0
    }
}
