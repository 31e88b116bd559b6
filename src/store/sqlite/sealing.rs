//! How is what was there before the store had a secret brought under it?
//!
//! Once, at the start that finds the secret, before anything comes or goes: what is one row a lane or
//! a list in one transaction, then all the rest in steps, so that a start that is broken off goes on
//! where it was. At the end the file is made anew: its free room holds nothing of what was legible.

use std::path::Path;

use rusqlite::{Connection, Row, Rows, Transaction, TransactionBehavior, params};

use crate::store::StoreError;
use crate::store::forgotten;
use crate::store::seal::{PREFIX, Seal};
use crate::store::sqlite::packed::{self, PackedEvent};
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::sqlite::{anew, keys, people, rekey, sealed};

/// Rows in one transaction at most.
pub(super) const ROWS: u16 = 512;
/// Bytes of them in one transaction; the row that goes beyond is its last.
const BYTES: usize = 4 << 20;

/// All that is small, inside the transaction in which the store gets its keys.
pub(super) fn begin(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    lanes(connection, seal)?;
    reconciliations(connection, seal)?;
    // Short forms of ids and digests: they are made anew when all of these are sealed.
    connection.execute_batch("DELETE FROM event_keys; UPDATE event_keys_whole SET seq = 0")?;
    connection.execute(
        "INSERT INTO unsealed (messages, events) VALUES (?1, 0)",
        [rekey::NOT_EVEN_KEYS],
    )?;
    Ok(())
}

/// Does some of it inside a transaction; how many rows, and none when it is all done.
type Step = fn(&Connection, &Seal) -> Result<usize, StoreError>;

/// All the rest, from where it is.
pub(super) fn finish(connection: &Connection, path: &Path, seal: &Seal) -> Result<(), StoreError> {
    tracing::info!("sealing what is in the store: once, and before anything comes or goes");
    let steps: [Step; 7] = [
        rekey::seal_some,
        rekey::unmark_some,
        opt_outs,
        contacts,
        messages,
        events,
        |connection, _| Ok(keys::catch_up(connection)?),
    ];
    for step in steps {
        loop {
            let transaction = write(connection)?;
            let done = step(&transaction, seal)?;
            transaction.commit()?;
            if done == 0 {
                break;
            }
        }
    }
    anew::make(connection, path)?;
    tracing::info!("all that is in the store is sealed");
    Ok(())
}

/// A transaction that writes; whoever else writes waits for it, or it for them.
pub(super) fn write(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

/// Rows until they are many, or large by these lengths.
fn some<T>(
    mut rows: Rows<'_>,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    length: impl Fn(&T) -> usize,
) -> rusqlite::Result<Vec<T>> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        some.push(read(row)?);
        bytes += some.last().map_or(0, &length);
        if some.len() == usize::from(ROWS) || BYTES < bytes {
            break;
        }
    }
    Ok(some)
}

/// Some of those who opted out; how many. What is sealed comes behind all numbers that are not, and
/// behind all digests that are not.
fn opt_outs(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let [digests, sealed_digests] = forgotten::UNSEALED;
    let some: Vec<(String, Option<String>)> = connection
        .prepare_cached(
            "SELECT recipient, note FROM opt_outs
             WHERE recipient < ?1 OR recipient >= ?2 AND recipient < ?3 LIMIT ?4",
        )?
        .query_map(params![PREFIX, digests, sealed_digests, ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (recipient, note) in &some {
        let kept = forgotten::sealed(recipient, seal).unwrap_or_else(|| seal.number(recipient));
        let note = note.clone().map(|note| seal.text(&sealed::note(&kept), note)).transpose()?;
        connection
            .prepare_cached("UPDATE opt_outs SET recipient = ?2, note = ?3 WHERE recipient = ?1")?
            .execute(params![recipient, kept, note])?;
    }
    Ok(some.len())
}

/// Some contacts of one session; how many. A number that is sealed comes behind all that are not.
fn contacts(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let mut next = connection.prepare_cached(
        "SELECT recipient FROM contacts WHERE instance = ?1 AND recipient < ?2
         ORDER BY recipient LIMIT ?3",
    )?;
    for instance in people::sessions(connection)? {
        let some: Vec<String> = next
            .query_map(params![instance, PREFIX, ROWS], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for recipient in &some {
            connection
                .prepare_cached(
                    "UPDATE contacts SET recipient = ?3 WHERE instance = ?1 AND recipient = ?2",
                )?
                .execute([&instance, recipient, &seal.number(recipient)])?;
        }
        if !some.is_empty() {
            return Ok(some.len());
        }
    }
    Ok(0)
}

fn lanes(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<(String, String)> = connection
        .prepare("SELECT instance, shut_detail FROM lanes WHERE shut_detail IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (instance, detail) in all {
        let detail = seal.text(&sealed::shut(&instance), detail)?;
        connection.execute(
            "UPDATE lanes SET shut_detail = ?2 WHERE instance = ?1",
            params![instance, detail],
        )?;
    }
    Ok(())
}

fn reconciliations(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<(String, String, String)> = connection
        .prepare("SELECT source, place, trouble FROM reconciliations WHERE trouble IS NOT NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (source, place, trouble) in all {
        let trouble = seal.text(&sealed::trouble(&sealed::list(&source, &place)), trouble)?;
        connection.execute(
            "UPDATE reconciliations SET trouble = ?3 WHERE source = ?1 AND place = ?2",
            params![source, place, trouble],
        )?;
    }
    Ok(())
}

/// Some messages, with their attempts; how many.
fn messages(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let mut next = connection.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS} FROM messages
         WHERE seq > (SELECT messages FROM unsealed) ORDER BY seq"
    ))?;
    let length = |row: &MessageRow| {
        [&row.content, &row.terms.kept].into_iter().flatten().map(String::len).sum()
    };
    let some = some(next.query([])?, MessageRow::read, length)?;
    let (count, last) = (some.len(), some.last().map(|row| row.seq));
    for row in some {
        let row = row.sealed(seal)?;
        connection
            .prepare_cached(
                "UPDATE messages SET id = ?2, recipient = ?3, content = ?4, detail = ?5, terms = ?6
                 WHERE seq = ?1",
            )?
            .execute(params![
                row.seq,
                row.id,
                row.recipient,
                row.content,
                row.detail,
                row.terms.kept
            ])?;
        attempts(connection, &row, seal)?;
    }
    if let Some(last) = last {
        connection.execute("UPDATE unsealed SET messages = ?1", [last])?;
    }
    Ok(count)
}

fn attempts(connection: &Connection, row: &MessageRow, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<(u32, String)> = connection
        .prepare_cached("SELECT claim, verdict FROM attempts WHERE message = ?1")?
        .query_map([row.seq], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (claim, verdict) in all {
        let verdict = seal.text(&sealed::verdict(row.id, &claim.to_string()), verdict)?;
        connection
            .prepare_cached("UPDATE attempts SET verdict = ?3 WHERE message = ?1 AND claim = ?2")?
            .execute(params![row.seq, claim, verdict])?;
    }
    Ok(())
}

/// Some events; how many.
fn events(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let mut next = connection.prepare_cached(
        "SELECT id, source, kind, provider_id, received_at, content, seq, digest FROM events
         WHERE seq > (SELECT events FROM unsealed) ORDER BY seq",
    )?;
    let read = |row: &Row<'_>| Ok((row.get(6)?, row.get(7)?, PackedEvent::read(row)?));
    let length = |(_, _, event): &(i64, _, PackedEvent)| event.content.len();
    let some = some(next.query([])?, read, length)?;
    let (count, last) = (some.len(), some.last().map(|(seq, ..)| *seq));
    for (seq, digest, event) in some {
        let digest: Option<[u8; 16]> = digest;
        let provider_id = event.provider_id.map(|id| seal.provider_id(&id));
        let content = seal.block(&packed::place(event.id), event.content)?;
        connection
            .prepare_cached(
                "UPDATE events SET content = ?2, provider_id = ?3, digest = ?4 WHERE seq = ?1",
            )?
            .execute(params![seq, content, provider_id, digest.map(|it| seal.digest(it))])?;
    }
    if let Some(last) = last {
        connection.execute("UPDATE unsealed SET events = ?1", [last])?;
    }
    Ok(count)
}
