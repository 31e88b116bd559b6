//! Who owns the lanes of a store that is a file?
//!
//! One process at a time sends. On `SQLite` that is whoever holds the lock on `<store>.lock`; the
//! system gives it back when the process ends, however it ends, so nobody waits after a crash. What
//! only reads or records needs no lock.
//!
//! In the file the owner says where its admin API is, with a key for it: whoever may read this file
//! may have the store itself, and needs no token for what it is told by a command.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::wrapper::random;

/// How often a lock that is taken is tried again: [`owner`] holds it for the blink of an eye.
const TRIES: u32 = 20;

/// Bytes of a key, none of which can be guessed.
const KEY_BYTES: usize = 32;

/// Time between these.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// The right to send; given back when dropped.
#[derive(Debug)]
pub struct LaneLock {
    file: File,
    path: PathBuf,
    key: Secret,
}

/// Who has the lanes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Owner {
    /// Its process id; 0 if it has not said yet.
    pub pid: u32,
    /// Where its admin API is, as in `http://127.0.0.1:9090`; `None` until it is up.
    pub admin: Option<String>,
    /// What lets a command in there; `None` where others than the file's owner could read it.
    pub key: Option<Secret>,
}

/// Takes the lanes of the store in this file.
///
/// # Errors
/// [`StoreError::InUse`] if another process has them, [`StoreError::Unavailable`] if the lock's
/// file cannot be written, or the system gives no random bytes.
pub fn lock_lanes(store: &Path) -> Result<LaneLock, StoreError> {
    let path = lock_path(store);
    let file = open(&path, true).map_err(|error| unwritable(&path, &error))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => {
                let key = Secret::new(hex::encode(random::<KEY_BYTES>()?));
                let lock = LaneLock { file, path, key };
                lock.write(None)?;
                return Ok(lock);
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_AGAIN_AFTER),
            Err(TryLockError::Error(error)) => return Err(unwritable(&path, &error)),
        }
    }
    let owner = read(&file);
    Err(StoreError::InUse(format!(
        "another `kabari serve` ({}{}) sends from {}: stop it first, or give this one a store of \
         its own with --store",
        if owner.pid == 0 { "starting".to_owned() } else { format!("process {}", owner.pid) },
        owner.admin.map(|admin| format!(", {admin}")).unwrap_or_default(),
        store.display()
    )))
}

/// Who has the lanes of the store in this file; `None` if nobody has.
pub fn owner(store: &Path) -> Option<Owner> {
    let file = open(&lock_path(store), false).ok()?;
    // A shared lock: two who ask do not take each other for the owner.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read(&file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

impl LaneLock {
    /// What lets a command into the owner's admin API: new for each owner.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// Tells other commands where the owner's admin API is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the lock's file cannot be written.
    pub fn announce(&self, admin_url: &str) -> Result<(), StoreError> {
        self.write(Some(admin_url))
    }

    fn write(&self, admin: Option<&str>) -> Result<(), StoreError> {
        let write = || {
            let mut file = &self.file;
            let key = admin.filter(|_| is_private(file, me())).map(|_| self.key.expose());
            let owner = json!({ "pid": std::process::id(), "admin": admin, "key": key });
            let text = serde_json::to_vec(&owner)?;
            file.rewind()?;
            file.write_all(&text)?;
            file.set_len(text.len() as u64)
        };
        write().map_err(|error| unwritable(&self.path, &error))
    }
}

fn lock_path(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn open(path: &Path, create: bool) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(create).create(create).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// As whom this process writes.
fn me() -> u32 {
    #[cfg(unix)]
    return rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    0
}

/// Whether nobody but `me` can read the file; it is made so where it can be.
fn is_private(file: &File, me: u32) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        // Whoever made it beforehand may read it whatever its mode is.
        let others = |file: &File| {
            file.metadata().map_or(true, |it| it.uid() != me || it.mode() & 0o077 != 0)
        };
        // One that was copied or unpacked may be open to others.
        if others(file) {
            let _ = file.set_permissions(PermissionsExt::from_mode(0o600));
        }
        !others(file)
    }
    #[cfg(not(unix))]
    {
        let _ = (file, me);
        false
    }
}

/// What the owner wrote; empty while it is writing.
fn read(mut file: &File) -> Owner {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "{} cannot be written ({error}): the store's folder must exist and be writable",
        path.display()
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_belongs_to_another_is_not_private_whatever_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(&folder.path().join("kabari.db.lock"), true).unwrap();
        assert!(is_private(&file, me()));
        assert!(!is_private(&file, me() + 1));
    }
}
