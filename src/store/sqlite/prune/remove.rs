//! How does it go? In one transaction of the writer, a bounded number of rows.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::retention::Part;
use crate::store::sqlite::gatherings;
use crate::store::sqlite::prune::Limits;
use crate::store::sqlite::prune::look::{Candidate, IS_FREE, Made};
use crate::store::sqlite::writer::{Desk, Operation};

/// Messages of one event looked at once more before its body goes.
const LOOKED_AT: i64 = 128;
/// Removes some rows, if they still may go.
pub(super) struct Remove {
    pub(super) part: Part,
    pub(super) rows: Vec<Candidate>,
    pub(super) limits: Limits,
}

/// How much was removed.
#[derive(Clone, Copy, Default)]
pub(super) struct Removed {
    pub(super) bodies: u64,
    pub(super) events: u64,
    pub(super) messages: u64,
    /// Events that were taken off messages.
    taken_off: usize,
    /// The row with which the next step is to go on, since it takes more than this one.
    pub(super) unfinished: Option<i64>,
}

impl Operation for Remove {
    type Output = Removed;

    fn apply(&self, desk: &Desk) -> rusqlite::Result<Removed> {
        let mut removed = Removed::default();
        for candidate in &self.rows {
            let row = candidate.row;
            match self.part {
                Part::Messages | Part::Oldest => {
                    if !remove_message(desk, row, self.limits.now, &mut removed)? {
                        removed.unfinished = Some(row);
                        break;
                    }
                }
                Part::Events => self.remove_event(desk, candidate, &mut removed)?,
                Part::Keys => remove_key(desk, row)?,
            }
        }
        Ok(removed)
    }

    fn wakes(_: &Removed) -> bool {
        false
    }
}

impl Remove {
    fn remove_event(
        &self,
        connection: &Connection,
        Candidate { row: seq, within }: &Candidate,
        removed: &mut Removed,
    ) -> rusqlite::Result<()> {
        let gone = connection
            .prepare_cached(&format!(
                "DELETE FROM events WHERE seq = ?1 AND received_at < ?2 AND {IS_FREE}"
            ))?
            .execute([*seq, self.limits.forgotten])?;
        removed.events += u64::from(gone == 1);
        if gone == 1 {
            return Ok(());
        }
        let id: Option<[u8; 16]> = connection
            .prepare_cached("SELECT id FROM events WHERE seq = ?1 AND length(content) > 0")?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(()) };
        // Of very many only those that are new. Should a person have put one of the others back into
        // line meanwhile: it has its words.
        let Made::Done { .. } = Made::of(connection, id, *within, LOOKED_AT)? else {
            return Ok(());
        };
        // What it was stays: a second delivery must be recognised, and its messages refer to it.
        let emptied = connection
            .prepare_cached("UPDATE events SET content = x'' WHERE seq = ?1")?
            .execute([seq])?;
        removed.bodies += u64::from(emptied == 1);
        Ok(())
    }
}

/// Removes a message that is done, with what hangs on it; `false` if too much does for one
/// transaction. Its `dedupe` keys stay where it was sent: nobody gets it twice because it was
/// forgotten.
fn remove_message(
    connection: &Connection,
    seq: i64,
    now: i64,
    removed: &mut Removed,
) -> rusqlite::Result<bool> {
    let state: Option<String> = connection
        .prepare_cached(
            "SELECT state FROM messages
             WHERE seq = ?1 AND state IN ('sent', 'failed', 'cancelled', 'skipped')
                 AND NOT EXISTS (SELECT 1 FROM events
                     WHERE events.id = messages.event AND length(events.content) > 0)",
        )?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(true) };
    if !gatherings::take_off(connection, seq, &mut removed.taken_off)? {
        return Ok(false);
    }
    gatherings::leave(connection, seq)?;
    connection
        .prepare_cached(
            "UPDATE dedupe_keys SET message = 0 WHERE message = ?1 AND until > ?2 AND ?3 = 'sent'",
        )?
        .execute(params![seq, now, state])?;
    for sql in [
        "DELETE FROM dedupe_keys WHERE message = ?1",
        "DELETE FROM dedupe_lost WHERE message = ?1",
        "DELETE FROM attempts WHERE message = ?1",
        "DELETE FROM messages WHERE seq = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([seq])?;
    }
    removed.messages += 1;
    Ok(true)
}

fn remove_key(connection: &Connection, key: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM event_keys WHERE key = ?1
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.seq = event_keys.seq)",
        )?
        .execute([key])
        .map(drop)
}
