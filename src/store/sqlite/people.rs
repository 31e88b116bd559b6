//! Who was messaged before, who is not on WhatsApp, and who wants nothing?

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::model::Recipient;
use crate::store::forgotten::{digest, is_digest};
use crate::store::seal::Seal;
use crate::store::sqlite::fault::within;
use crate::store::sqlite::row::{micros, time_at};
use crate::store::sqlite::sealed;
use crate::store::sqlite::writer::{Desk, Operation};
use crate::store::{Contact, OptOut, Share, StoreError, Today};

/// What is known of a recipient in a lane, from `reached, tried_at, absent_at` at this column.
pub(super) fn read_contact(row: &Row<'_>, first: usize) -> rusqlite::Result<Contact> {
    let moment = |column| -> rusqlite::Result<_> {
        let micros: Option<i64> = row.get(column)?;
        Ok(micros.and_then(crate::store::sqlite::row::time))
    };
    let (tried_at, absent_at) = (moment(first + 1)?, moment(first + 2)?);
    Ok(Contact { reached: row.get(first)?, tried_at, absent_at })
}

/// An attempt begins.
pub(super) fn tried(
    connection: &Connection,
    instance: &str,
    recipient: &str,
    now: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contacts (instance, recipient, reached, tried_at) VALUES (?1, ?2, 0, ?3)
             ON CONFLICT DO UPDATE SET tried_at = excluded.tried_at",
        )?
        .execute(params![instance, recipient, now])
        .map(drop)
}

/// A message may have got there.
pub(super) fn reached(
    connection: &Connection,
    instance: &str,
    recipient: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contacts (instance, recipient, reached) VALUES (?1, ?2, 1)
             ON CONFLICT DO UPDATE SET reached = 1, absent_at = NULL
                 WHERE reached = 0 OR absent_at IS NOT NULL",
        )?
        .execute([instance, recipient])
        .map(drop)
}

/// Wachat said that the number is not on WhatsApp.
pub(super) fn absent(
    connection: &Connection,
    instance: &str,
    recipient: &str,
    now: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO contacts (instance, recipient, reached, absent_at) VALUES (?1, ?2, 0, ?3)
             ON CONFLICT DO UPDATE SET absent_at = excluded.absent_at",
        )?
        .execute(params![instance, recipient, now])
        .map(drop)
}

/// A person wants it tried again, whatever Wachat said.
pub(super) fn given_another_chance(
    connection: &Connection,
    instance: &str,
    recipient: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE contacts SET absent_at = NULL WHERE instance = ?1 AND recipient = ?2",
        )?
        .execute([instance, recipient])
        .map(drop)
}

/// What a lane did on one of its days, as it is being counted.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    day: i64,
    attempts: i64,
    first_contacts: i64,
}

impl Counted {
    pub(super) fn of(connection: &Connection, instance: &str, day: i64) -> rusqlite::Result<Self> {
        let found = connection
            .prepare_cached(
                "SELECT attempts, first_contacts FROM lane_days WHERE instance = ?1 AND day = ?2",
            )?
            .query_row(params![instance, day], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (attempts, first_contacts) = found.unwrap_or_default();
        Ok(Self { day, attempts, first_contacts })
    }

    pub(super) fn today(self) -> Today {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Today { attempts: count(self.attempts), first_contacts: count(self.first_contacts) }
    }

    pub(super) fn count(&mut self, first_contact: bool) -> Share {
        self.attempts += 1;
        self.first_contacts += i64::from(first_contact);
        Share { day: self.day, first_contact }
    }

    pub(super) fn keep(&self, connection: &Connection, instance: &str) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO lane_days (instance, day, attempts, first_contacts)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET attempts = excluded.attempts,
                     first_contacts = excluded.first_contacts",
            )?
            .execute(params![instance, self.day, self.attempts, self.first_contacts])
            .map(drop)
    }
}

/// What certainly did not go out used up nothing of its day.
pub(super) fn give_back(
    connection: &Connection,
    instance: &str,
    share: Share,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE lane_days SET attempts = max(attempts - 1, 0),
                 first_contacts = max(first_contacts - ?3, 0)
             WHERE instance = ?1 AND day = ?2",
        )?
        .execute(params![instance, share.day, share.first_contact])
        .map(drop)
}

/// Whether a recipient wants no messages.
pub(super) fn is_opted_out(
    connection: &Connection,
    recipient: &str,
    seal: &Seal,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM opt_outs WHERE recipient IN (?1, ?2))")?
        .query_row([seal.number(recipient), digest(recipient, seal)], |row| row.get(0))
}

/// All who want no messages.
pub(super) fn opt_outs(connection: &Connection, seal: &Seal) -> Result<Vec<OptOut>, StoreError> {
    connection
        .prepare_cached(
            "SELECT recipient, since, note FROM opt_outs ORDER BY since DESC, recipient",
        )?
        .query_map([], |row| Ok((row.get(0)?, time_at(row, 1)?, row.get(2)?)))?
        .map(|row| {
            let (kept, since, note): (String, _, Option<String>) = row?;
            let note = note.map(|note| seal.open_text(&sealed::note(&kept), note)).transpose()?;
            let number = if is_digest(&kept) { Some(kept) } else { seal.open_number(&kept) };
            let broken = || StoreError::Broken("an opt-out's number cannot be opened".to_owned());
            let recipient = Recipient::from_stored(number.ok_or_else(broken)?);
            Ok(OptOut { recipient, since, note })
        })
        .collect()
}

/// Somebody wants no messages.
pub(super) struct Add(pub(super) OptOut);

impl Operation for Add {
    type Output = bool;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<bool> {
        let OptOut { recipient, since, note } = &self.0;
        let seal = connection.seal();
        let is_new = !is_opted_out(connection, recipient.expose(), seal)?;
        let kept = seal.number(recipient.expose());
        let note = note.as_ref().map(|note| seal.text(&sealed::note(&kept), note.clone()));
        let note = note.transpose().map_err(within)?;
        connection
            .prepare_cached(
                "INSERT INTO opt_outs (recipient, since, note) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET note = coalesce(excluded.note, note)",
            )?
            .execute(params![kept, micros(*since), note])?;
        Ok(is_new)
    }

    fn wakes(_: &bool) -> bool {
        false
    }
}

/// Somebody wants messages again.
pub(super) struct Remove(pub(super) Recipient);

impl Operation for Remove {
    type Output = bool;

    fn apply(&self, connection: &Desk) -> rusqlite::Result<bool> {
        let (number, seal) = (self.0.expose(), connection.seal());
        let removed = connection
            .prepare_cached("DELETE FROM opt_outs WHERE recipient IN (?1, ?2)")?
            .execute([seal.number(number), digest(number, seal)])?;
        Ok(removed > 0)
    }

    fn wakes(_: &bool) -> bool {
        false
    }
}

/// Sessions that know anybody: a step for each, however many they know.
pub(super) fn sessions(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut next =
        connection.prepare_cached("SELECT min(instance) FROM contacts WHERE instance > ?1")?;
    let mut sessions = Vec::new();
    let mut after = String::new();
    while let Some(instance) = next.query_row([&after], |row| row.get::<_, Option<String>>(0))? {
        sessions.push(instance.clone());
        after = instance;
    }
    Ok(sessions)
}
