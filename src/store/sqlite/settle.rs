//! How does an attempt end?

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::{Attempt, Fate, Reason, Scope, State};
use crate::store::seal::Seal;
use crate::store::sqlite::claim::{TakeDue, Taken};
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::sqlite::{instead, order, people, sealed};
use crate::store::{Lease, Settlement, StoreError};

/// The end of one attempt, if its lease still holds.
pub(super) struct Settle {
    /// The message's, as it is kept.
    id: [u8; 16],
    pub(super) lease: Lease,
    pub(super) settlement: Settlement,
    /// The attempt's verdict as JSON.
    pub(super) verdict: String,
}

impl Settle {
    /// # Errors
    /// When an attempt cannot end so.
    pub(super) fn of(
        lease: Lease,
        mut settlement: Settlement,
        seal: &Seal,
    ) -> Result<Self, StoreError> {
        let state = settlement.state;
        if !State::Sending.may_become(state) {
            return Err(StoreError::Broken(format!(
                "an attempt cannot end as `{}`",
                state.as_str()
            )));
        }
        let verdict = serde_json::to_string(&settlement.attempt.verdict)
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        let id = seal.id(lease.message.0.into_bytes());
        let verdict = seal.text(&sealed::verdict(id, &lease.attempt.to_string()), verdict)?;
        let detail = settlement.detail.take();
        settlement.detail =
            detail.map(|detail| seal.text(&sealed::detail(id), detail)).transpose()?;
        Ok(Self { id, lease, settlement, verdict })
    }
}

/// The end of some attempts of one lane and its next claim.
pub(super) struct TurnOver {
    pub(super) settles: Vec<Settle>,
    pub(super) claim: Option<TakeDue>,
}

impl Operation for TurnOver {
    type Output = (Vec<bool>, Taken);

    fn apply(&self, connection: &Desk) -> rusqlite::Result<Self::Output> {
        let settles = self.settles.iter().map(|settle| settle.apply(connection));
        let held = settles.collect::<rusqlite::Result<_>>()?;
        let taken = self.claim.as_ref().map(|claim| claim.apply(connection)).transpose()?;
        Ok((held, taken.unwrap_or_default()))
    }

    fn wakes((held, taken): &Self::Output) -> bool {
        taken.ended || held.contains(&true)
    }
}

/// Where the message stands.
struct Place {
    seq: i64,
    instance: String,
    recipient: String,
}

impl Place {
    /// Of the message, if it is in this state and, where that is asked, by this claim.
    fn of(
        connection: &Connection,
        id: [u8; 16],
        state: State,
        claim: Option<u32>,
    ) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT seq, instance, recipient FROM messages
                 WHERE id = ?1 AND state = ?2 AND claims = coalesce(?3, claims)",
            )?
            .query_row(params![id, state.as_str(), claim], |row| {
                Ok(Self { seq: row.get(0)?, instance: row.get(1)?, recipient: row.get(2)? })
            })
            .optional()
    }
}

impl Operation for Settle {
    type Output = bool;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<bool> {
        let moved = match self.settlement.state {
            State::Waiting => self.wait_again(connection)?,
            _ => self.leave(connection)?,
        };
        let Some(place) = moved else { return Ok(false) };
        if self.settlement.state == State::Failed {
            let Attempt { started_at, took_ms, .. } = &self.settlement.attempt;
            let took_us = i64::try_from(*took_ms).unwrap_or(0).saturating_mul(1000);
            instead::of(connection, place.seq, micros(*started_at).saturating_add(took_us))?;
        }
        if let Some(share) = self.lease.share.filter(|_| !self.settlement.spends) {
            people::give_back(connection, &place.instance, share)?;
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
    /// Where the message stands, if the lease holds. Asked first: a change that says where it was
    /// made costs twice as much as both.
    fn place(&self, connection: &Connection) -> rusqlite::Result<Option<Place>> {
        Place::of(connection, self.id, State::Sending, Some(self.lease.attempt))
    }

    /// It stays the head: until it is due it holds up its own recipient and nobody else. `None` if
    /// the lease does not hold.
    fn wait_again(&self, connection: &Connection) -> rusqlite::Result<Option<Place>> {
        let Some(place) = self.place(connection)? else { return Ok(None) };
        connection
            .prepare_cached(
                "UPDATE messages SET state = 'waiting', reason = ?2, detail = ?3,
                     due_at = coalesce(?4, due_at), attempts = attempts - ?5
                 WHERE seq = ?1",
            )?
            .execute(params![
                place.seq,
                self.settlement.reason.map(Reason::as_str),
                self.settlement.detail,
                self.settlement.due_at.map(micros),
                !self.settlement.counts
            ])?;
        // While it was under way a person may have put an earlier one back.
        order::seat(connection, &place.instance, &place.recipient)?;
        Ok(Some(place))
    }

    /// It is out of the queue, and the next one moves up. `None` if the lease does not hold.
    fn leave(&self, connection: &Connection) -> rusqlite::Result<Option<Place>> {
        let Some(place) = self.place(connection)? else {
            return match self.settlement.state {
                State::Sent => self.sent_after_all(connection),
                _ => Ok(None),
            };
        };
        self.end(connection, place.seq)?;
        order::promote(connection, &place.instance, &place.recipient)?;
        Ok(Some(place))
    }

    /// What Wachat accepted is sent, however late we hear of it.
    fn sent_after_all(&self, connection: &Connection) -> rusqlite::Result<Option<Place>> {
        let place = Place::of(connection, self.id, State::Uncertain, None)?;
        if let Some(place) = &place {
            self.end(connection, place.seq)?;
        }
        Ok(place)
    }

    fn end(&self, connection: &Connection, seq: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE messages SET state = ?2, head = 0, reason = ?3, detail = ?4
                 WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                self.settlement.state.as_str(),
                self.settlement.reason.map(Reason::as_str),
                self.settlement.detail
            ])
            .map(drop)
    }

    /// What the answer says of the recipient.
    fn keep_contact(&self, connection: &Connection, place: &Place) -> rusqlite::Result<()> {
        let (instance, recipient) = (place.instance.as_str(), place.recipient.as_str());
        let Attempt { verdict, started_at, .. } = &self.settlement.attempt;
        match verdict.fate {
            Fate::Sent | Fate::Uncertain => people::reached(connection, instance, recipient),
            Fate::Failed
                if verdict.scope == Scope::Recipient
                    || verdict.reason == Some(Reason::Recipient) =>
            {
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
