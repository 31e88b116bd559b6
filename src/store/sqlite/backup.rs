//! How is the file copied while it is being written?
//!
//! Through `SQLite`'s own copying of pages, inside one read transaction: the copy is the store as it
//! was at that moment, however much is written meanwhile, and nobody waits.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::store::StoreError;
use crate::store::sqlite::{schema, vault};

/// Pages copied before the caller is told how far it is; 2 MiB.
const PAGES_AT_ONCE: i32 = 256;

/// A copy that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Events in it.
    pub events: u64,
    /// Messages in it.
    pub messages: u64,
}

/// Copies the store in the file `from` to the new file `to` (mode 0600), and checks the copy before
/// it gets its name. `progress` is told from 0 to 1 how much is done. Blocks.
///
/// # Errors
/// [`StoreError::Broken`] if there is no store, `to` is there already, or the copy is damaged;
/// [`StoreError::Unavailable`] if it cannot be written, or the store is just being sealed.
pub(in crate::store) fn copy(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(f64),
) -> Result<Copied, StoreError> {
    schema::check_readable(from)?;
    if to.symlink_metadata().is_ok() {
        return Err(taken(to));
    }
    let folder = folder_of(to);
    let unwritable = |error: &io::Error| {
        StoreError::Unavailable(format!("{} cannot be written: {error}", to.display()))
    };
    let place = tempfile::Builder::new().prefix(".kabari-backup-").tempfile_in(&folder);
    let place = place.map_err(|error| unwritable(&error))?;
    let source = schema::open_reader(from)?;
    let mut target = Connection::open(place.path())?;
    let expected = pages(&source, from, &mut target, progress)?;
    // One file alone, whatever becomes of it; `serve` writes ahead again.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let found = check(&target)?;
    if found != expected {
        return Err(damaged(&format!("it has {found:?}, not {expected:?}")));
    }
    target.close().map_err(|(_, error)| error)?;
    place.as_file().sync_all().map_err(|error| unwritable(&error))?;
    let bytes = place.as_file().metadata().map_err(|error| unwritable(&error))?.len();
    place.persist_noclobber(to).map_err(|lost| match lost.error.kind() {
        io::ErrorKind::AlreadyExists => taken(to),
        _ => unwritable(&lost.error),
    })?;
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| unwritable(&error))?;
    let (events, messages) = expected;
    Ok(Copied { bytes, events, messages })
}

/// Copies all pages, as they are at one moment; how many events and messages are in them.
fn pages(
    source: &Connection,
    from: &Path,
    target: &mut Connection,
    progress: &mut dyn FnMut(f64),
) -> Result<(u64, u64), StoreError> {
    // The first question of a transaction sets its moment; the copying goes on in it.
    let moment = source.unchecked_transaction()?;
    let counted = counts(&moment)?;
    // Else it would be taken for sealed, and be legible in part.
    vault::refuse_half(&moment, from)?;
    let backup = Backup::new(&moment, target)?;
    loop {
        let step = backup.step(PAGES_AT_ONCE)?;
        let on = backup.progress();
        let behind = f64::from(on.pagecount - on.remaining);
        progress(behind / f64::from(on.pagecount.max(1)));
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => {
                let held = "another program holds the store's file; try again";
                return Err(StoreError::Unavailable(held.to_owned()));
            }
        }
    }
    drop(backup);
    moment.finish()?;
    Ok(counted)
}

fn check(copy: &Connection) -> Result<(u64, u64), StoreError> {
    let said: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(damaged(&said));
    }
    Ok(counts(copy)?)
}

fn counts(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let counted: (i64, i64) = connection.query_row(
        "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM messages)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((u64::try_from(counted.0).unwrap_or(0), u64::try_from(counted.1).unwrap_or(0)))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn taken(path: &Path) -> StoreError {
    StoreError::Broken(format!(
        "{} is there already: a backup overwrites nothing, name another file",
        path.display()
    ))
}

fn damaged(said: &str) -> StoreError {
    StoreError::Broken(format!(
        "the copy does not pass SQLite's check ({said}) and was thrown away: look at the disk, and \
         at the store itself with `sqlite3 FILE 'PRAGMA integrity_check'`"
    ))
}
