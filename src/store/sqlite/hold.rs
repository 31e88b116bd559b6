//! Which messages step out of line for a time, and how do they come back?

use rusqlite::{Connection, params};

use crate::store::sqlite::order;

/// In line.
pub(super) const IN_LINE: i64 = 0;
/// Out of line until `due_at`.
pub(super) const UNTIL_DUE: i64 = 1;
/// Out of line until its group is closed.
pub(super) const UNTIL_CLOSED: i64 = 2;

/// So many come back in one claim: the rest waits for the next.
const RELEASED_MAX: i64 = 256;

/// Brings back into line who is due; whether all of them are back.
pub(super) fn release(
    connection: &Connection,
    instance: &str,
    now: i64,
    clock: i64,
) -> rusqlite::Result<bool> {
    let due = connection
        .prepare_cached(
            "SELECT seq, recipient FROM messages INDEXED BY messages_held
             WHERE state = 'waiting' AND held = 1 AND instance = ?1 AND due_at <= ?2
             ORDER BY due_at, seq LIMIT ?3",
        )?
        .query_map(params![instance, now, RELEASED_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    for (seq, recipient) in &due {
        back(connection, *seq, clock)?;
        order::seat(connection, instance, recipient)?;
    }
    Ok(i64::try_from(due.len()).unwrap_or(i64::MAX) < RELEASED_MAX)
}

/// The same for one recipient, whose earlier messages must not be overtaken; how many came back. If
/// any did, others may be left.
pub(super) fn release_for(
    connection: &Connection,
    instance: &str,
    recipient: &str,
    now: i64,
    clock: i64,
) -> rusqlite::Result<usize> {
    let due = connection
        .prepare_cached(
            "SELECT seq FROM messages INDEXED BY messages_held_for
             WHERE state = 'waiting' AND held = 1 AND instance = ?1 AND recipient = ?2
                 AND due_at <= ?3
             ORDER BY due_at, seq LIMIT ?4",
        )?
        .query_map(params![instance, recipient, now, RELEASED_MAX], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    for seq in &due {
        back(connection, *seq, clock)?;
    }
    if !due.is_empty() {
        order::seat(connection, instance, recipient)?;
    }
    Ok(due.len())
}

/// Its clock goes on where it stood.
pub(super) fn back(connection: &Connection, seq: i64, clock: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE messages SET held = 0, clock = ?2 - clock WHERE seq = ?1")?
        .execute([seq, clock])
        .map(drop)
}

/// A head steps out of line until then, and the next one moves up.
pub(super) fn step_out(
    connection: &Connection,
    (seq, instance, recipient): (i64, &str, &str),
    (until, clock): (i64, i64),
    (reason, detail): (&str, &str),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE messages SET head = 0, held = 1, due_at = ?2,
                 clock = ?3 - coalesce(clock, ?3), reason = ?4, detail = ?5
             WHERE seq = ?1",
        )?
        .execute(params![seq, until, clock, reason, detail])?;
    order::promote(connection, instance, recipient)
}
