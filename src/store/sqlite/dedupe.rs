//! Which message has a `dedupe` key, and which one gets it back?

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::model::{MessageId, State};
use crate::store::seal::Seal;
use crate::store::sqlite::writer::Desk;

/// Who has a key: it may have been or may yet be sent.
pub(super) struct Holder {
    /// `None` for one that was sent and had its time.
    pub(super) message: Option<MessageId>,
    pub(super) state: State,
}

/// Who has the key, if anybody does.
pub(super) fn holder(
    (connection, seal): (&Connection, &Seal),
    key: &[u8],
    now: i64,
) -> rusqlite::Result<Option<Holder>> {
    connection.prepare_cached(
        "SELECT messages.id, state FROM dedupe_keys LEFT JOIN messages ON messages.seq = message
         WHERE key = ?1 AND until > ?2
             AND (message = 0 OR state IN ('waiting', 'sending', 'sent', 'uncertain'))",
    )?
    .query_row(params![key, now], |row| {
        let (id, state): (Option<[u8; 16]>, Option<String>) = (row.get(0)?, row.get(1)?);
        Ok(Holder {
            message: id.map(|id| MessageId(Uuid::from_bytes(seal.open_id(id)))),
            state: state.and_then(|state| State::parse(&state)).unwrap_or(State::Sent),
        })
    })
    .optional()
}

/// Gives the key to message number `seq`. Of one that had it and failed it is remembered that it had.
pub(super) fn take(
    connection: &Connection,
    key: &[u8],
    seq: i64,
    until: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dedupe_lost (message, key, until)
             SELECT message, key, until FROM dedupe_keys JOIN messages ON messages.seq = message
             WHERE key = ?1 AND state = 'failed'",
        )?
        .execute([key])?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dedupe_keys (key, message, until) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![key, seq, until])
        .map(drop)
}

/// The keys that message number `seq` had when it failed and lost since.
pub(super) fn lost(
    connection: &Connection,
    seq: i64,
    now: i64,
) -> rusqlite::Result<Vec<([u8; 16], i64)>> {
    connection
        .prepare_cached("SELECT key, until FROM dedupe_lost WHERE message = ?1 AND until > ?2")?
        .query_map([seq, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The keys that message number `seq` has.
pub(super) fn kept(connection: &Connection, seq: i64, now: i64) -> rusqlite::Result<Vec<[u8; 16]>> {
    connection
        .prepare_cached("SELECT key FROM dedupe_keys WHERE message = ?1 AND until > ?2")?
        .query_map([seq, now], |row| row.get(0))?
        .collect()
}

/// Gives message number `seq`, which failed, all keys back that it lost meanwhile; otherwise says who
/// has one of them.
pub(super) fn take_back(desk: &Desk, seq: i64, now: i64) -> rusqlite::Result<Option<Holder>> {
    let lost = lost(desk, seq, now)?;
    for (key, _) in &lost {
        if let Some(holder) = holder((desk, desk.seal()), key, now)? {
            return Ok(Some(holder));
        }
    }
    for (key, until) in &lost {
        take(desk, key, seq, *until)?;
    }
    desk.prepare_cached("DELETE FROM dedupe_lost WHERE message = ?1")?.execute([seq])?;
    Ok(None)
}
