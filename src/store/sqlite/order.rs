//! Who is next of those that wait for the same recipient?
//!
//! Of all messages of one (instance, recipient) that are in line or under way, exactly one is the
//! head. It is the one under way, or else the first by priority and record order. A lane takes heads
//! only. A message that is held is not in line.

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::State;
use crate::store::sqlite::claim::AT_REST;

/// The next in line becomes the head, after the head has left.
pub(super) fn promote(
    connection: &Connection,
    instance: &str,
    recipient: &str,
) -> rusqlite::Result<()> {
    // Asked first, since mostly nobody is: to begin a change costs more than that.
    let next = first_behind(connection, instance, recipient)?;
    let Some((_, next)) = next else { return Ok(()) };
    connection
        .prepare_cached("UPDATE messages SET head = 1 WHERE seq = ?1")?
        .execute([next])
        .map(drop)
}

/// Priority and number of the one who is next when the head leaves.
fn first_behind(
    connection: &Connection,
    instance: &str,
    recipient: &str,
) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached(
            "SELECT priority, seq FROM messages INDEXED BY messages_behind
             WHERE state = 'waiting' AND head = 0 AND held = 0
                 AND instance = ?1 AND recipient = ?2
             ORDER BY priority, seq LIMIT 1",
        )?
        .query_row([instance, recipient], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Makes the head right again after a message has come back to the queue, maybe before others.
pub(super) fn seat(
    connection: &Connection,
    instance: &str,
    recipient: &str,
) -> rusqlite::Result<()> {
    let head: Option<(i64, i64, String)> = connection
        .prepare_cached(
            "SELECT priority, seq, state FROM messages
             WHERE head = 1 AND instance = ?1 AND recipient = ?2",
        )?
        .query_row(params![instance, recipient], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((priority, head, state)) = head else {
        return promote(connection, instance, recipient);
    };
    if state == State::Sending.as_str() {
        return Ok(());
    }
    // Compared here: within a query SQLite would go through all of one priority.
    let first = first_behind(connection, instance, recipient)?;
    if first.is_some_and(|first| first < (priority, head)) {
        // Who was left in peace for a gap is asked again when it is its turn: the gap may be another then.
        connection
            .prepare_cached(
                "UPDATE messages SET head = 0,
                     due_at = iif(detail = ?2, min(due_at, created_at), due_at)
                 WHERE seq = ?1",
            )?
            .execute(params![head, AT_REST])?;
        promote(connection, instance, recipient)?;
    }
    Ok(())
}
