//! How is the file made anew, so that its free room holds nothing of what was there?
//!
//! By `VACUUM`: a copy of what is in use, which then takes the place of all that was. The copy lies
//! beside the store until it goes there through the log, so that takes up to twice the store's size;
//! where `SQLite` puts such a file by itself (`/tmp`) there may be memory alone.

use std::path::Path;

use rusqlite::Connection;

use crate::store::{Room, StoreError};

/// How often the log is tried to be emptied; each time it is waited for whoever reads, two seconds.
const TRIES: u32 = 30;

/// For each byte of the store so many must be free before it is sealed: its values grow by a part, and
/// then it is made anew.
const ROOM_FACTOR: u64 = 3;

/// Makes the file anew, and empties its log. Others wait for it.
///
/// # Errors
/// [`StoreError::Unavailable`] if there is no room, or somebody reads for more than a minute: then the
/// log still holds what was there.
pub(super) fn make(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // For the whole process, guarded by `SQLite`; it is read when such a file is made.
    let folder = folder.map_or(Some("."), Path::to_str).unwrap_or_default();
    connection.pragma_update(None, "temp_store_directory", folder)?;
    let done = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store_directory", "")?;
    done?;
    for tried in 1..=TRIES {
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        tracing::info!(tried, of = TRIES, "somebody reads the store: waiting for the end of that");
    }
    Err(StoreError::Unavailable(
        "somebody reads the store, whose log still holds what is to be gone: end that, and try again"
            .to_owned(),
    ))
}

/// Whether there is room to seal the store in this file and to make it anew.
///
/// # Errors
/// [`StoreError::Unavailable`] with how much it takes.
pub(super) fn check_room(path: &Path) -> Result<(), StoreError> {
    let size = path.metadata().map_or(0, |file| file.len());
    match Room::of(path) {
        Some(room) => enough(path, room, size),
        None => Ok(()),
    }
}

fn enough(path: &Path, room: Room, size: u64) -> Result<(), StoreError> {
    let needed = size.saturating_mul(ROOM_FACTOR);
    if needed <= room.free {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    Err(StoreError::Unavailable(format!(
        "sealing {} takes {} MiB beside it for a while, and {} MiB are left: make room, and start \
         again",
        path.display(),
        mib(needed),
        mib(room.free)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_not_begun_to_be_sealed_where_there_is_no_room_for_that() {
        let path = Path::new("kabari.db");
        assert!(enough(path, Room { free: 300 << 20 }, 100 << 20).is_ok());
        let said = enough(path, Room { free: 299 << 20 }, 100 << 20).unwrap_err().to_string();
        for part in ["kabari.db", "300 MiB", "299 MiB", "make room"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
