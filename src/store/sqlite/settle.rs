//! How does an attempt end?

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Attempt, Fate, Reason, State};
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{instead, order, people};
use crate::store::{Lease, Settlement};

/// The end of one attempt, if its lease still holds.
pub(super) struct Settle {
    pub(super) lease: Lease,
    pub(super) settlement: Settlement,
    /// The attempt's verdict as JSON.
    pub(super) verdict: String,
}

/// Where the message stands.
struct Place {
    seq: i64,
    state: String,
    claims: u32,
    instance: String,
    recipient: String,
}

impl Operation for Settle {
    type Output = bool;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<bool> {
        let Some(place) = self.place(connection)? else { return Ok(false) };
        let holds = place.state == State::Sending.as_str() && place.claims == self.lease.attempt;
        // What Wachat accepted is sent, however late we hear of it.
        let late = place.state == State::Uncertain.as_str() && self.settlement.state == State::Sent;
        match self.settlement.state {
            _ if !holds && !late => return Ok(false),
            State::Waiting => self.wait_again(connection, &place)?,
            _ => self.leave(connection, &place)?,
        }
        if self.settlement.state == State::Failed {
            let Attempt { started_at, took_ms, .. } = &self.settlement.attempt;
            let took_us = i64::try_from(*took_ms).unwrap_or(0).saturating_mul(1000);
            instead::of(connection, place.seq, micros(*started_at).saturating_add(took_us))?;
        }
        self.keep_contact(connection, &place)?;
        self.keep_attempt(connection, &place)?;
        Ok(true)
    }

    fn wakes(done: &bool) -> bool {
        *done
    }
}

impl Settle {
    fn place(&self, connection: &Connection) -> rusqlite::Result<Option<Place>> {
        connection
            .prepare_cached(
                "SELECT seq, state, claims, instance, recipient FROM messages
                 WHERE id = ?1 AND state IN ('sending', 'uncertain')",
            )?
            .query_row([self.lease.message.0.as_bytes()], |row| {
                Ok(Place {
                    seq: row.get(0)?,
                    state: row.get(1)?,
                    claims: row.get(2)?,
                    instance: row.get(3)?,
                    recipient: row.get(4)?,
                })
            })
            .optional()
    }

    /// It stays the head: until it is due it holds up its own recipient and nobody else.
    fn wait_again(&self, connection: &Connection, place: &Place) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE messages SET state = 'waiting', reason = ?2, detail = ?3,
                     due_at = coalesce(?4, due_at), attempts = attempts - ?5
                 WHERE seq = ?1",
            )?
            .execute(params![
                place.seq,
                self.settlement.reason.map(crate::model::Reason::as_str),
                self.settlement.detail,
                self.settlement.due_at.map(micros),
                !self.settlement.counts
            ])?;
        // While it was under way a person may have put an earlier one back.
        order::seat(connection, &place.instance, &place.recipient)
    }

    /// It is out of the queue, and the next one moves up.
    fn leave(&self, connection: &Connection, place: &Place) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE messages SET state = ?2, head = 0, reason = ?3, detail = ?4
                 WHERE seq = ?1",
            )?
            .execute(params![
                place.seq,
                self.settlement.state.as_str(),
                self.settlement.reason.map(crate::model::Reason::as_str),
                self.settlement.detail
            ])?;
        if place.state == State::Sending.as_str() {
            order::promote(connection, &place.instance, &place.recipient)?;
        }
        Ok(())
    }

    /// What the answer says of the recipient.
    fn keep_contact(&self, connection: &Connection, place: &Place) -> rusqlite::Result<()> {
        let (instance, recipient) = (place.instance.as_str(), place.recipient.as_str());
        let Attempt { verdict, started_at, .. } = &self.settlement.attempt;
        match verdict.fate {
            Fate::Sent | Fate::Uncertain => people::reached(connection, instance, recipient),
            Fate::Failed if verdict.reason == Some(Reason::Recipient) => {
                people::absent(connection, instance, recipient, micros(*started_at))
            }
            Fate::Failed | Fate::Retry { .. } => Ok(()),
        }
    }

    fn keep_attempt(&self, connection: &Connection, place: &Place) -> rusqlite::Result<()> {
        let attempt = &self.settlement.attempt;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO attempts
                     (message, claim, number, started_at, took_ms, verdict)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                place.seq,
                self.lease.attempt,
                attempt.number,
                micros(attempt.started_at),
                i64::try_from(attempt.took_ms).unwrap_or(i64::MAX),
                self.verdict
            ])
            .map(drop)
    }
}
