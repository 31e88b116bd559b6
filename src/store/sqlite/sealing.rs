//! How is what was there before the store had a secret brought under it?
//!
//! Once, at the start that finds the secret, before anything comes or goes: what is small in one
//! transaction, then messages and events in steps, so that a start that is broken off goes on where
//! it was. At the end the file is made anew: its free room holds nothing of what was legible.

use rusqlite::{Connection, params};

use crate::store::StoreError;
use crate::store::forgotten;
use crate::store::seal::Seal;
use crate::store::sqlite::packed::{self, PackedEvent};
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::sqlite::sealed;

/// Rows in one transaction.
const AT_ONCE: i64 = 512;

/// All that is small, inside the transaction in which the store gets its keys.
pub(super) fn begin(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    opt_outs(connection, seal)?;
    contacts(connection, seal)?;
    groups(connection, seal)?;
    for table in ["dedupe_keys", "throttle_slots", "gatherings"] {
        let keys: Vec<[u8; 16]> = connection
            .prepare(&format!("SELECT DISTINCT key FROM {table}"))?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut change =
            connection.prepare(&format!("UPDATE {table} SET key = ?2 WHERE key = ?1"))?;
        for key in keys {
            change.execute([key, seal.brake(key)])?;
        }
    }
    lanes(connection, seal)?;
    // Short forms of ids: the next start of a writer reads the ids again.
    connection.execute_batch(
        "DELETE FROM event_keys; UPDATE event_keys_whole SET seq = 0;
         INSERT INTO unsealed (messages, events) VALUES (0, 0)",
    )?;
    Ok(())
}

/// All the rest, from where it is.
pub(super) fn finish(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    tracing::info!("sealing what is in the store: once, and before anything comes or goes");
    let mut count = 0;
    for step in [messages, events] {
        loop {
            let transaction = connection.unchecked_transaction()?;
            let done = step(&transaction, seal)?;
            transaction.commit()?;
            count += done;
            if done == 0 {
                break;
            }
        }
    }
    connection.execute_batch("VACUUM")?;
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(StoreError::Unavailable(
            "somebody reads the store, whose files still hold what was legible: end that, and \
             start again"
                .to_owned(),
        ));
    }
    connection.execute("DELETE FROM unsealed", [])?;
    tracing::info!(rows = count, "all that is in the store is sealed");
    Ok(())
}

fn opt_outs(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<(String, Option<String>)> = connection
        .prepare("SELECT recipient, note FROM opt_outs")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (recipient, note) in all {
        let kept = forgotten::sealed(&recipient, seal).unwrap_or_else(|| seal.number(&recipient));
        let note = note.map(|note| seal.text(&sealed::note(&kept), note)).transpose()?;
        connection.execute(
            "UPDATE opt_outs SET recipient = ?2, note = ?3 WHERE recipient = ?1",
            params![recipient, kept, note],
        )?;
    }
    Ok(())
}

fn contacts(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<(String, String)> = connection
        .prepare("SELECT instance, recipient FROM contacts")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut change = connection
        .prepare("UPDATE contacts SET recipient = ?3 WHERE instance = ?1 AND recipient = ?2")?;
    for (instance, recipient) in all {
        change.execute([&instance, &recipient, &seal.number(&recipient)])?;
    }
    Ok(())
}

fn groups(connection: &Connection, seal: &Seal) -> Result<(), StoreError> {
    let all: Vec<([u8; 16], String)> = connection
        .prepare("SELECT key, template FROM gatherings")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (key, template) in all {
        // The key itself is changed after this.
        let template = seal.text(&sealed::template(seal.brake(key)), template)?;
        connection.execute(
            "UPDATE gatherings SET template = ?2 WHERE key = ?1",
            params![key, template],
        )?;
    }
    Ok(())
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

/// Some messages, with their attempts; how many.
fn messages(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let some: Vec<MessageRow> = connection
        .prepare_cached(&format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages
             WHERE seq > (SELECT messages FROM unsealed) ORDER BY seq LIMIT ?1"
        ))?
        .query_map([AT_ONCE], MessageRow::read)?
        .collect::<rusqlite::Result<_>>()?;
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
    let some: Vec<(i64, PackedEvent)> = connection
        .prepare_cached(
            "SELECT id, source, kind, provider_id, received_at, content, seq FROM events
             WHERE seq > (SELECT events FROM unsealed) ORDER BY seq LIMIT ?1",
        )?
        .query_map([AT_ONCE], |row| Ok((row.get(6)?, PackedEvent::read(row)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (count, last) = (some.len(), some.last().map(|(seq, _)| *seq));
    for (seq, event) in some {
        let provider_id = event.provider_id.map(|id| seal.provider_id(&id));
        let content = seal.block(&packed::place(event.id), event.content)?;
        connection
            .prepare_cached("UPDATE events SET content = ?2, provider_id = ?3 WHERE seq = ?1")?
            .execute(params![seq, content, provider_id])?;
    }
    if let Some(last) = last {
        connection.execute("UPDATE unsealed SET events = ?1", [last])?;
    }
    Ok(count)
}
