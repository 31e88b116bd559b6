//! Which messages go nowhere until a person decides?

use rusqlite::Connection;

use crate::model::{Reason, State};
use crate::store::sqlite::row;
use crate::store::{StoreError, Stuck};

/// What is uncertain and what failed, from the index of what is not done; and those without a
/// recipient that were recorded after `seen`, since among the skipped they are few.
pub(super) fn stuck(connection: &Connection, seen: i64) -> Result<Stuck, StoreError> {
    let mut stuck = Stuck { seen, ..Stuck::default() };
    let mut lines = connection.prepare_cached(
        "SELECT state, reason, count(*) FROM messages INDEXED BY messages_by_state
         WHERE state <> 'sent' AND state IN ('uncertain', 'failed') GROUP BY state, reason",
    )?;
    for line in lines.query_map([], |row| {
        let state: String = row.get(0)?;
        let reason: Option<String> = row.get(1)?;
        Ok((state, reason, row::count_at(row, 2)?))
    })? {
        let (state, reason, count) = line?;
        if state == State::Uncertain.as_str() {
            stuck.uncertain += count;
        } else {
            let reason = reason.as_deref().and_then(Reason::parse).unwrap_or(Reason::Server);
            *stuck.failed.entry(reason).or_default() += count;
        }
    }
    (stuck.no_recipient, stuck.seen) = connection
        .prepare_cached(
            "SELECT coalesce(sum(reason = ?2), 0), coalesce(max(seq), ?1)
             FROM messages INDEXED BY messages_by_state
             WHERE state <> 'sent' AND state = 'skipped' AND seq > ?1",
        )?
        .query_row(rusqlite::params![seen, Reason::NoRecipient.as_str()], |row| {
            Ok((row::count_at(row, 0)?, row.get(1)?))
        })?;
    Ok(stuck)
}
