//! Who reads, while one thread writes?

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::store::StoreError;
use crate::store::seal::Seal;
use crate::store::sqlite::presence::{Identity, identities};
use crate::store::sqlite::{schema, vault};

/// Connections that read at the same time; callers beyond that wait.
const READERS_MAX: usize = 4;

/// What the names of the file and of its log mean.
type Names = (Option<Identity>, Option<Identity>);

/// Read-only connections, opened when first needed and kept.
pub(super) struct Readers {
    path: PathBuf,
    seal: Seal,
    /// With what the store's names meant before each was opened.
    idle: Arc<Mutex<Vec<(Connection, Names)>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Readers of this file, of what is sealed so.
    pub(super) fn of(path: PathBuf, seal: Seal) -> Self {
        Self { path, seal, idle: Arc::default(), places: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a question on a thread that may block. All its queries see the same moment.
    pub(super) async fn ask<T, Q>(&self, question: Q) -> Result<T, StoreError>
    where
        T: Send + 'static,
        Q: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|e| closed(&e))?;
        let (path, seal, idle) = (self.path.clone(), self.seal.clone(), Arc::clone(&self.idle));
        tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let names = identities(&path);
            let connection = match kept {
                Some((connection, opened)) if opened == names => connection,
                // Other files lie there now, or none.
                _ => schema::open_reader(&path)?,
            };
            let moment = connection.unchecked_transaction()?;
            vault::refuse_other(&moment, &path, &seal)?;
            let answer = question(&moment);
            moment.finish()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, names));
            drop(place);
            answer
        })
        .await
        .map_err(|e| closed(&e))?
    }
}
