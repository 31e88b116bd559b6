//! What was under way when the program stopped?

use rusqlite::{Row, params};

use crate::model::{Policy, Reason, State};
use crate::store::sqlite::lane_clock::LaneClock;
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

/// A message that was under way.
struct Interrupted {
    seq: i64,
    instance: String,
    recipient: String,
    /// Whether its rule and its attempts allow another one.
    again: bool,
    age_max_s: i64,
    clock: Option<i64>,
    created_at: i64,
}

impl Interrupted {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            instance: row.get(1)?,
            recipient: row.get(2)?,
            again: row.get(3)?,
            age_max_s: row.get(4)?,
            clock: row.get(5)?,
            created_at: row.get(6)?,
        })
    }
}

impl Operation for Recover {
    type Output = usize;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<usize> {
        let interrupted = connection
            .prepare_cached(
                "SELECT seq, instance, recipient,
                     on_uncertain = ?1 AND attempts < min(attempts_max, ?2),
                     age_max_s, clock, created_at
                 FROM messages WHERE state = 'sending' AND state <> 'sent'",
            )?
            .query_map(params![RESEND, Policy::RESENT_ATTEMPTS_MAX], Interrupted::read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let now = micros(self.now);
        for Interrupted { seq, instance, recipient, again, age_max_s, clock, created_at } in
            &interrupted
        {
            // By its lane's clock, which stood still while kabari itself held the lane.
            let shown = LaneClock::of(connection, instance)?.at(now);
            let age_us = clock.map_or(now - created_at, |made| shown - made);
            let in_time = age_us / 1_000_000 < *age_max_s;
            let state = if *again && in_time { State::Waiting } else { State::Uncertain };
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
