//! A message, what is known of its recipient, and what the judge says of it.

use std::time::Duration;

use rusqlite::Row;

use crate::model::{Recipient, Terms};
use crate::store::sqlite::people;
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MESSAGE_COLUMNS_COUNT, MessageRow, time};
use crate::store::sqlite::sealed;
use crate::store::sqlite::writer::Desk;
use crate::store::{Case, Claim, Contact, Ruling, Today};

/// Those of these numbers, with all that is asked of a [`Head`]: one look.
pub(super) fn heads(numbers: &str) -> String {
    with_columns(MESSAGE_COLUMNS, numbers)
}

/// The same of those who are only asked about: what they say, which may be long, stays where it is.
pub(super) fn heads_alone(numbers: &str) -> String {
    with_columns(&MESSAGE_COLUMNS.replace("content", "NULL"), numbers)
}

fn with_columns(columns: &str, numbers: &str) -> String {
    format!(
        "SELECT {columns}, coalesce(reached, 0), tried_at, absent_at,
             EXISTS (SELECT 1 FROM opt_outs WHERE opt_outs.recipient = messages.recipient),
             (SELECT kind FROM events WHERE events.id = messages.event),
             EXISTS (SELECT 1 FROM opt_outs WHERE opt_outs.recipient BETWEEN 'sha256:' AND 'sha256;')
         FROM ({numbers}) CROSS JOIN messages ON seq = number
         LEFT JOIN (SELECT instance AS session, recipient AS person, reached, tried_at, absent_at
                    FROM contacts) ON session = instance AND person = recipient"
    )
}

/// A message whose turn it is.
pub(super) struct Head {
    pub(super) row: MessageRow,
    contact: Contact,
    opted_out: bool,
    /// Whether any who opted out were forgotten: then it must be asked by digest too.
    some_forgotten: bool,
    /// Its event's.
    pub(super) kind: String,
}

/// What the judge says of it.
pub(super) struct Judged {
    pub(super) ruling: Ruling,
    /// Whether it would go to somebody who was never reached before.
    pub(super) is_first: bool,
}

impl Head {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let after = MESSAGE_COLUMNS_COUNT;
        let contact = people::read_contact(row, after)?;
        let (opted_out, kind) = (row.get(after + 3)?, row.get::<_, Option<String>>(after + 4)?);
        let some_forgotten = row.get(after + 5)?;
        let (row, kind) = (MessageRow::read(row)?, kind.unwrap_or_default());
        Ok(Self { row, contact, opted_out, some_forgotten, kind })
    }

    /// `None` if it cannot be opened.
    pub(super) fn judged(
        &self,
        desk: &Desk,
        claim: &Claim,
        age_us: i64,
        today: Today,
    ) -> rusqlite::Result<Option<Judged>> {
        let Some((to, terms)) = self.open(desk) else { return Ok(None) };
        let opted_out = self.opted_out
            || self.some_forgotten && people::is_opted_out(desk, to.expose(), desk.seal())?;
        let ruling = claim.judge.ruling(&Case {
            now: claim.now,
            recipient: &to,
            terms: &terms,
            created_at: time(self.row.created_at).unwrap_or(claim.now),
            age: Duration::from_micros(age_us.try_into().unwrap_or(0)),
            attempts: self.row.attempts,
            rule: &self.row.rule,
            contact: self.contact,
            opted_out,
            today,
        });
        Ok(Some(Judged { ruling, is_first: !self.contact.reached && !to.is_group() }))
    }

    /// Who gets it, and its terms.
    fn open(&self, desk: &Desk) -> Option<(Recipient, Terms)> {
        let seal = desk.seal();
        let kept = self.row.recipient.as_deref().unwrap_or_default();
        let to = Recipient::from_stored(seal.open_number(kept)?);
        Some((to, sealed::asked(&self.row, seal).ok()?))
    }
}
