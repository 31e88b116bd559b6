//! How much room is left where the store's file is? Asked long before there is none.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// Below this it is to be told: about 200,000 events of 10 KB.
const LOW_BYTES: u64 = 1024 * 1024 * 1024;
/// Below this it is urgent: a log that is being copied into the file, and minutes of heavy traffic.
const SHORT_BYTES: u64 = 100 * 1024 * 1024;

/// The room for the store's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that can still be written.
    pub free: u64,
}

/// What is to be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Enough,
    /// Below 1 GiB.
    Low,
    /// Below 100 MiB: soon events are refused.
    Short,
}

impl Room {
    /// Asks the file system and the process's limit of a file's size (`ulimit -f`); `None` if the
    /// file system does not say.
    pub fn of(store: &Path) -> Option<Self> {
        let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
        let system = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
        let on_disk = system.f_bavail.saturating_mul(system.f_frsize);
        let mut log = store.as_os_str().to_owned();
        log.push("-wal");
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let size = size(store).max(size(log.as_ref()));
        let limit = getrlimit(Resource::Fsize).current.map(|most| most.saturating_sub(size));
        Some(Self { free: limit.map_or(on_disk, |limit| limit.min(on_disk)) })
    }

    /// What is to be said of it.
    pub fn level(self) -> Level {
        match self.free {
            LOW_BYTES.. => Level::Enough,
            SHORT_BYTES.. => Level::Low,
            _ => Level::Short,
        }
    }
}

/// As on `/readyz`: `ok`, or how much is left and what to do.
impl std::fmt::Display for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = self.free / (1024 * 1024);
        match self.level() {
            Level::Enough => f.write_str("ok"),
            Level::Low => write!(f, "low: {mib} MiB are left for the store; make room"),
            Level::Short => write!(
                f,
                "almost full: {mib} MiB are left for the store; make room, or events will be \
                 refused"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_long_before_there_is_none() {
        for (free, level, said) in [
            (LOW_BYTES, Level::Enough, "ok"),
            (LOW_BYTES - 1, Level::Low, "low: 1023 MiB"),
            (SHORT_BYTES - 1, Level::Short, "almost full: 99 MiB"),
            (0, Level::Short, "almost full: 0 MiB"),
        ] {
            let room = Room { free };
            assert_eq!(room.level(), level, "{free}");
            assert!(room.to_string().starts_with(said), "{room}");
        }
    }

    #[test]
    fn a_file_system_says_how_much_there_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Room::of(&folder.path().join("kabari.db")).is_some_and(|room| 0 < room.free));
        assert_eq!(Room::of(&folder.path().join("gone/kabari.db")), None);
    }
}
