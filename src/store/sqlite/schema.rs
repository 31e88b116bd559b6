//! How is the file opened, and which tables are in it?

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// The steps from an empty file to the present tables. A step that was released never changes.
const STEPS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_queue.sql"),
    include_str!("../migrations/sqlite/0002_terms.sql"),
    include_str!("../migrations/sqlite/0003_reconciled.sql"),
    include_str!("../migrations/sqlite/0004_upkeep.sql"),
    include_str!("../migrations/sqlite/0005_seals.sql"),
    include_str!("../migrations/sqlite/0006_backlog.sql"),
    include_str!("../migrations/sqlite/0007_over.sql"),
    include_str!("../migrations/sqlite/0008_lost.sql"),
    include_str!("../migrations/sqlite/0009_limits.sql"),
    include_str!("../migrations/sqlite/0010_asked.sql"),
];

/// "kbri", as the first step writes it.
const APPLICATION_ID: i64 = 0x6b62_7269;

/// How long a connection waits for another program's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Page cache of one reader, in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Bytes of a page of a new file. A packed event takes about 2.6 KB: three lie on such a page, where
/// one of 4 KiB holds one. Larger pages make an index, of which a commit changes a little on each
/// page, dearer than that saves.
const PAGE_SIZE: u32 = 8 * 1024;

/// After so many pages of log it is copied into the file, 4 MiB as with `SQLite`'s own pages and
/// limit: more of it makes those wait longer who come at that moment.
const LOG_PAGES_MAX: u32 = 512;

/// Prepared statements kept by a connection.
const STATEMENTS_KEPT: usize = 64;

/// The connection that writes, with all tables in place.
///
/// WAL with `synchronous = FULL`: a commit returns after its sync.
pub(super) fn open_writer(path: &Path, create: bool) -> Result<Connection, StoreError> {
    if create {
        create_private(path)?;
    } else if !path.exists() {
        return Err(missing(path));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| about(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Only a file without tables takes it.
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    // Before anything that writes: the file may be another program's.
    migrate(&connection, path)?;
    prepare_writer(&connection).map_err(|e| about(path, &e))?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| about(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(|e| about(path, &e))?;
    keep_statements(&connection).map_err(|e| about(path, &e))?;
    Ok(connection)
}

/// Whether a reader understands the file: it is a store, and its tables are of this version.
pub(super) fn check_readable(path: &Path) -> Result<(), StoreError> {
    open_readable(path).map(drop)
}

/// A connection to a file that a reader understands.
pub(super) fn open_readable(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(missing(path));
    }
    let connection = open_reader(path)?;
    let from = version(&connection).map_err(|e| about(path, &e))?;
    if !is_ours(&connection)? {
        return Err(foreign(path));
    }
    if from < STEPS.len() {
        return Err(StoreError::Broken(format!(
            "{} was written by an older kabari: `kabari serve` brings it up to date",
            path.display()
        )));
    }
    if from > STEPS.len() {
        return Err(newer(path, from));
    }
    Ok(connection)
}

fn missing(path: &Path) -> StoreError {
    StoreError::Broken(format!(
        "there is no store at {}: `kabari serve` makes it, or name another with --store",
        path.display()
    ))
}

fn foreign(path: &Path) -> StoreError {
    StoreError::Broken(format!(
        "{} is a database of another program: name another file with --store",
        path.display()
    ))
}

fn newer(path: &Path, from: usize) -> StoreError {
    StoreError::Broken(format!(
        "{} was written by a newer kabari (its tables are version {from}, this program knows {}): \
         run that version again, or name another store with --store",
        path.display(),
        STEPS.len()
    ))
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    keep_statements(connection)
}

/// Statements are planned once. By default `SQLite` looks at some of the values that are bound, such
/// as a LIMIT, and plans the statement anew whenever it is bound again.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if version(connection).map_err(|e| about(path, &e))? == STEPS.len() && is_ours(connection)? {
        return Ok(());
    }
    // Looked at again inside, since another process may be at the same work.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|e| about(path, &e))?;
    let done = migrate_inside(connection, path);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end).map_err(|e| about(path, &e));
    done.and(ended)
}

fn migrate_inside(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let from = version(connection)?;
    if from > STEPS.len() && is_ours(connection)? {
        return Err(newer(path, from));
    }
    let empty = from == 0
        && connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if !empty && !is_ours(connection)? {
        return Err(foreign(path));
    }
    for (version, step) in (1_i64..).zip(STEPS).skip(from) {
        connection.execute_batch(step)?;
        connection.pragma_update(None, "user_version", version)?;
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative one is of no version of ours: as far from it as can be.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
}

/// Makes the file, readable by its owner alone; `SQLite` gives its companions the same mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| {
        StoreError::Unavailable(format!(
            "{} cannot be opened for writing ({error}): the folder must exist and be writable",
            path.display()
        ))
    })
}

fn about(path: &Path, error: &rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return StoreError::Broken(format!(
            "{} is not a SQLite database: name another file with --store",
            path.display()
        ));
    }
    match StoreError::from(error) {
        StoreError::Unavailable(said) => {
            StoreError::Unavailable(format!("{}: {said}", path.display()))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kabari.db");
        for connection in [open_writer(&path, true).unwrap(), open_reader(&path).unwrap()] {
            let sql = "SELECT seq FROM messages WHERE state = 'waiting' LIMIT ?1";
            for limit in 1..4 {
                let mut statement = connection.prepare_cached(sql).unwrap();
                assert!(!statement.exists([limit]).unwrap());
                assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{limit}");
            }
        }
    }
}
