//! Which store does an address name?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::secret::Secrets;
use crate::store::sqlite::{self, Copied, History, OpenOptions, SqliteStore};
use crate::store::{Purged, SharedStore, Store as _, StoreError, Upkeep as _, lock_lanes};

/// Where a store is, and the secrets of which one opens it if it is sealed.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// As `sqlite://path`. The path is relative (`sqlite://kabari.db`) or absolute
    /// (`sqlite:///var/lib/kabari/kabari.db`).
    pub url: String,
    /// The first is the store's own once `serve` has started with it.
    pub secrets: Secrets,
}

impl Address {
    /// Of a store that is not sealed.
    pub fn plain(url: impl Into<String>) -> Self {
        Self { url: url.into(), secrets: Secrets::default() }
    }

    /// The store's file; for [`crate::store::lock_lanes`] and its like.
    ///
    /// # Errors
    /// [`StoreError::Broken`] for an address that names no store.
    pub fn file(&self) -> Result<PathBuf, StoreError> {
        file_of(&self.url)
    }
}

/// Opens a store for who has its lanes, and makes it if there is none: with a secret it is sealed
/// then, all of it.
///
/// # Errors
/// [`StoreError::Broken`] for an address that names no store, and what opening gives.
pub fn open_owned(store: &Address) -> Result<SharedStore, StoreError> {
    open_with(store, true, true)
}

/// Opens a store, and makes it if there is none.
///
/// # Errors
/// The same.
pub fn open(store: &Address) -> Result<SharedStore, StoreError> {
    open_with(store, true, false)
}

/// The same, for commands that look at a store and must not make an empty one.
pub fn open_existing(store: &Address) -> Result<SharedStore, StoreError> {
    open_with(store, false, false)
}

/// The events of a store, for reading alone: a `serve` that has it open is not disturbed.
pub fn history(store: &Address) -> Result<History, StoreError> {
    History::open(&store.file()?, &store.secrets)
}

/// Whether it takes a secret to read the store that is there; `false` also if none is.
pub fn is_sealed(url: &str) -> bool {
    file_of(url).is_ok_and(|file| sqlite::is_sealed(&file))
}

/// Copies the store at this address, sealed as it is, to the new file `to`, also while it is being written; see
/// `sqlite::copy`. Blocks.
pub fn backup(url: &str, to: &Path, progress: &mut dyn FnMut(f64)) -> Result<Copied, StoreError> {
    sqlite::copy(&file_of(url)?, to, progress)
}

/// Forgets a recipient, by whole number, in the store at this address; a `serve` may go on writing it.
/// `progress` is told how far it is, from 0 to 1, and how many rows were looked at.
///
/// At the end the file is made anew if that holds up nobody: nothing else has the lanes, or it is
/// small.
pub async fn purge(
    store: &Address,
    recipient: &str,
    dry_run: bool,
    progress: &mut (dyn FnMut(f64, u64) + Send),
) -> Result<Purged, StoreError> {
    /// Takes well under a second, for which a webhook may wait.
    const SMALL: u64 = 64 << 20;
    let path = store.file()?;
    let secrets = store.secrets.clone();
    let options = OpenOptions { create: false, secrets, ..OpenOptions::default() };
    let store = SqliteStore::open_with(&path, options)?;
    let lanes = lock_lanes(&path);
    if lanes.is_ok() && !dry_run {
        // The lanes are ours and still: what is called under way was broken off.
        store.recover(crate::clock::now()).await?;
    }
    let counts = store.counts().await?;
    let rows = counts.events + counts.messages.values().sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "for a bar")]
    let mut tell = |seen: u64| progress(seen as f64 / rows.max(1) as f64, seen);
    let mut purged = store.purge(recipient, dry_run, &mut tell).await?;
    let size = store.size().await?;
    drop(store);
    if !dry_run && (lanes.is_ok() || size.file <= SMALL) {
        let rewriting = tokio::task::spawn_blocking(move || sqlite::rewrite(&path)).await;
        rewriting.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        purged.rewritten = true;
    }
    Ok(purged)
}

fn open_with(store: &Address, create: bool, owned: bool) -> Result<SharedStore, StoreError> {
    let secrets = store.secrets.clone();
    let options = OpenOptions { create, owned, secrets, page_count_max: None };
    Ok(Arc::new(SqliteStore::open_with(&store.file()?, options)?))
}

/// The file of the store at this address.
pub fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    // Of an address that is refused only the scheme is shown: the rest may hold a password.
    let (scheme, path) = url.split_once("://").unwrap_or(("", url));
    match scheme {
        "sqlite" if path.is_empty() || path == ":memory:" => Err(StoreError::Broken(
            "the store's address names no file: write sqlite://kabari.db".to_owned(),
        )),
        "sqlite" => Ok(PathBuf::from(path)),
        "postgres" | "postgresql" => Err(StoreError::Broken(
            "PostgreSQL is not in this version yet: write sqlite://kabari.db".to_owned(),
        )),
        _ => Err(StoreError::Broken(
            "the store's address does not begin with sqlite://: write sqlite://kabari.db"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::file_of;

    #[test]
    fn a_path_may_be_relative_or_absolute() {
        for (url, path) in
            [("sqlite://kabari.db", "kabari.db"), ("sqlite:///var/lib/k.db", "/var/lib/k.db")]
        {
            assert_eq!(file_of(url).unwrap(), std::path::Path::new(path));
        }
    }

    #[test]
    fn an_address_that_cannot_be_opened_is_refused_without_its_password() {
        for url in ["postgres://kabari:hunter2@db/kabari", "mysql://a:hunter2@b", "hunter2", ""] {
            let said = file_of(url).unwrap_err().to_string();
            assert!(said.contains("sqlite://kabari.db") && !said.contains("hunter2"), "{said}");
        }
        assert!(file_of("postgres://db").unwrap_err().to_string().contains("not in this version"));
        assert!(file_of("sqlite://").is_err() && file_of("sqlite://:memory:").is_err());
    }
}
