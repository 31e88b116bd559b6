//! Is the file still where it was?
//!
//! A file that was removed or renamed goes on to exist for whoever has it open: what is committed to
//! it is lost with the process. The same holds for its log. So each commit looks whether both names
//! still mean what was opened.

use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The file that was opened, and its log.
pub(super) struct Presence {
    file: Known,
    log: Known,
}

struct Known {
    path: PathBuf,
    /// Device and number; `None` as long as it has not been seen.
    seen: Option<Identity>,
}

/// What a name means: device and number of the file.
pub(super) type Identity = (u64, u64);

impl Presence {
    /// Of the file at this path, which is open, and of the log beside it.
    pub(super) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (file_seen, log_seen) = identities(path);
        Self {
            file: Known { path: path.to_owned(), seen: file_seen },
            log: Known { path: log.into(), seen: log_seen },
        }
    }

    /// Whether both are there.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        self.file.check()?;
        self.log.check()
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Whether another file has taken its place.
    pub(super) fn is_replaced(&self) -> bool {
        let now = identity(&self.file.path);
        now.is_some() && now != self.file.seen
    }
}

impl Known {
    fn check(&mut self) -> Result<(), StoreError> {
        let now = identity(&self.path);
        if self.seen.is_none() {
            // The log is made by the first commit.
            self.seen = now;
        }
        if now == self.seen {
            return Ok(());
        }
        let what = if now.is_some() { "was replaced" } else { "is gone" };
        Err(StoreError::Unavailable(format!(
            "{} {what} while kabari had it open: put it back, and it goes on by itself; what is \
             recorded meanwhile would be lost",
            self.path.display()
        )))
    }
}

/// What this store's names mean now: the file, and its log.
pub(super) fn identities(path: &Path) -> (Option<Identity>, Option<Identity>) {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    (identity(path), identity(log.as_ref()))
}

/// What this name means now; `None` if there is no such file.
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
