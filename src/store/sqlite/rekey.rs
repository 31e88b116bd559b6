//! How do the keys of `dedupe`, `throttle` and `group` come under a secret, a step at a time?
//!
//! A sealed key looks like any other, so it cannot be told from one that is still to be sealed. First
//! all are sealed and get a mark before them, which puts them behind all others; when none is left
//! without, the marks are taken off again.

use rusqlite::{Connection, params};

use crate::store::StoreError;
use crate::store::seal::Seal;
use crate::store::sqlite::sealed;
use crate::store::sqlite::sealing::ROWS;

/// Before a key that is sealed. No key of its own length comes behind it.
const MARK: [u8; KEY_LEN] = [0xff; KEY_LEN];
/// Bytes of a key.
const KEY_LEN: usize = 16;

/// How far the messages of a store are sealed in which not even the keys are.
pub(super) const NOT_EVEN_KEYS: i64 = -1;

/// The tables with such keys, and what tells rows of the same key apart.
const TABLES: [[&str; 3]; 4] = [
    ["gatherings", "0", "0"],
    ["dedupe_keys", "0", "0"],
    ["dedupe_lost", "message", "0"],
    ["throttle_slots", "at", "n"],
];

/// Seals some keys; how many, and none when all have their mark.
pub(super) fn seal_some(connection: &Connection, seal: &Seal) -> Result<usize, StoreError> {
    let asked = "SELECT messages FROM unsealed";
    if connection.query_row(asked, [], |row| row.get::<_, i64>(0))? != NOT_EVEN_KEYS {
        return Ok(0);
    }
    for table in TABLES {
        let count = rekey(connection, table, "key <= ?1", |key| {
            let plain = <[u8; KEY_LEN]>::try_from(key);
            let plain = plain.map_err(|_| StoreError::Broken("a key of another length".into()))?;
            let kept = seal.brake(plain);
            if table[0] == "gatherings" {
                template(connection, plain, kept, seal)?;
            }
            Ok([MARK, kept].concat())
        })?;
        if 0 < count {
            return Ok(count);
        }
    }
    connection.execute("UPDATE unsealed SET messages = 0", [])?;
    Ok(0)
}

/// Takes the marks off some keys; how many.
pub(super) fn unmark_some(connection: &Connection, _: &Seal) -> Result<usize, StoreError> {
    for table in TABLES {
        let bare = |key: &[u8]| Ok(key.strip_prefix(&MARK).unwrap_or(key).to_vec());
        let count = rekey(connection, table, "key > ?1", bare)?;
        if 0 < count {
            return Ok(count);
        }
    }
    Ok(0)
}

/// Gives some of the rows on this side of the mark other keys; how many.
fn rekey(
    connection: &Connection,
    [table, one, other]: [&str; 3],
    side: &str,
    new: impl Fn(&[u8]) -> Result<Vec<u8>, StoreError>,
) -> Result<usize, StoreError> {
    let some: Vec<(Vec<u8>, i64, i64)> = connection
        .prepare_cached(&format!(
            "SELECT key, {one}, {other} FROM {table} WHERE {side} ORDER BY key LIMIT ?2"
        ))?
        .query_map(params![MARK, ROWS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut change = connection.prepare_cached(&format!(
        "UPDATE {table} SET key = ?4 WHERE key = ?1 AND {one} = ?2 AND {other} = ?3"
    ))?;
    for (key, one, other) in &some {
        change.execute(params![key, one, other, new(key)?])?;
    }
    Ok(some.len())
}

/// Seals the template of a group, under the key that the group is to have.
fn template(
    connection: &Connection,
    key: [u8; KEY_LEN],
    kept: [u8; KEY_LEN],
    seal: &Seal,
) -> Result<(), StoreError> {
    let plain = connection
        .prepare_cached("SELECT template FROM gatherings WHERE key = ?1")?
        .query_row([key], |row| row.get(0))?;
    connection
        .prepare_cached("UPDATE gatherings SET template = ?2 WHERE key = ?1")?
        .execute(params![key, seal.text(&sealed::template(kept), plain)?])?;
    Ok(())
}
