//! Which keys does a store have, and does one of the rule file's secrets open them?

use std::path::Path;

use rusqlite::{Connection, params};

use crate::secret::Secrets;
use crate::store::StoreError;
use crate::store::seal::Seal;
use crate::store::sqlite::{anew, schema, sealing};
use crate::store::wrapper::{KeyBytes, Wrapper, random};

/// The number of the key for what must be found again.
const FINDING: u16 = 0;

/// A key of a store, sealed with a secret.
struct Kept {
    number: u16,
    key: Vec<u8>,
    mark: String,
}

/// The keys of a store, opened.
struct Opened {
    keys: Vec<(u16, KeyBytes)>,
    /// Whether all of the store is sealed.
    whole: bool,
}

/// What seals the values of a store that is open.
///
/// # Errors
/// [`StoreError::Broken`] if no secret opens its keys, [`StoreError::Unavailable`] if only a part of
/// it is sealed.
pub(super) fn open(
    connection: &Connection,
    path: &Path,
    secrets: &Secrets,
) -> Result<Seal, StoreError> {
    // All of it at one moment: another program may be at it.
    let moment = connection.unchecked_transaction()?;
    let kept = kept(&moment)?;
    if kept.is_empty() {
        return Ok(Seal::default());
    }
    let opened = opened(&kept, path, secrets)?;
    refuse_half(&moment, path)?;
    moment.finish()?;
    seal(&opened, kept.into_iter().map(|kept| kept.key).collect())
}

/// The same for who owns the lanes: gives the store keys if it has none and there is a secret, seals
/// what is not sealed yet, and follows the secret that is the first.
pub(super) fn open_owned(
    connection: &Connection,
    path: &Path,
    secrets: &Secrets,
) -> Result<Seal, StoreError> {
    if let Some(first) = secrets.first() {
        follow(connection, path, secrets, &Wrapper::of(first)?)?;
    }
    open(connection, path, secrets)
}

/// Brings the store under this secret.
fn follow(
    connection: &Connection,
    path: &Path,
    secrets: &Secrets,
    first: &Wrapper,
) -> Result<(), StoreError> {
    let there = kept(connection)?;
    let is_new = there.is_empty();
    let mut now = if is_new {
        Opened { keys: vec![(FINDING, random()?)], whole: false }
    } else {
        opened(&there, path, secrets)?
    };
    if !is_new && now.whole != is_whole(connection)? {
        return Err(StoreError::Broken(format!(
            "{} was changed from outside: its marks of what is sealed are not those of its keys",
            path.display()
        )));
    }
    if !now.whole {
        anew::check_room(path)?;
    }
    if is_new || there.iter().any(|one| one.mark != first.mark) {
        let last = now.keys.iter().map(|(number, _)| *number).max().unwrap_or(FINDING);
        let all_used = || StoreError::Broken("the store has had 65,535 secrets".to_owned());
        now.keys.push((last.checked_add(1).ok_or_else(all_used)?, random()?));
        let transaction = sealing::write(connection)?;
        keep(&transaction, &now, first)?;
        if is_new {
            sealing::begin(&transaction, &seal(&now, Vec::new())?)?;
        }
        transaction.commit()?;
        let new = if is_new { "has a secret now" } else { "has another secret now" };
        tracing::info!(secret = first.mark, "the store {new}");
    }
    if !now.whole {
        sealing::finish(connection, path, &seal(&now, Vec::new())?)?;
        let transaction = sealing::write(connection)?;
        keep(&transaction, &Opened { whole: true, ..now }, first)?;
        transaction.execute("DELETE FROM unsealed", [])?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses a store of which a part is not sealed yet.
pub(super) fn refuse_half(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if is_whole(connection)? {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "{} is just being sealed, or that was broken off: start `kabari serve`, and wait until it is \
         ready",
        path.display()
    )))
}

/// Refuses a store that is sealed in another way than when it was opened: what is written or read
/// would be neither. To be asked inside each transaction.
pub(super) fn refuse_other(
    connection: &Connection,
    path: &Path,
    seal: &Seal,
) -> Result<(), StoreError> {
    if face(connection)? == seal.face() {
        return Ok(());
    }
    Err(StoreError::Broken(format!(
        "{} was sealed, or its secret was changed, after this program had opened it: start it again",
        path.display()
    )))
}

/// Whether it takes a secret to read the store in this file; `false` also if there is none.
pub(in crate::store) fn is_sealed(path: &Path) -> bool {
    let there = schema::open_readable(path).and_then(|connection| Ok(face(&connection)?));
    there.is_ok_and(|face| !face.is_empty())
}

/// The keys as they lie in the store.
pub(super) fn face(connection: &Connection) -> rusqlite::Result<Vec<Vec<u8>>> {
    connection
        .prepare_cached("SELECT key FROM seals ORDER BY number")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn seal(opened: &Opened, face: Vec<Vec<u8>>) -> Result<Seal, StoreError> {
    let broken = || StoreError::Broken("the store has lost one of its own keys".to_owned());
    let (finding, values) = opened.keys.split_first().ok_or_else(broken)?;
    if finding.0 != FINDING || values.is_empty() {
        return Err(broken());
    }
    Seal::with(&finding.1, values, opened.whole, face)
}

fn kept(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare("SELECT number, key, mark FROM seals ORDER BY number")?
        .query_map([], |row| Ok(Kept { number: row.get(0)?, key: row.get(1)?, mark: row.get(2)? }))?
        .collect()
}

fn opened(kept: &[Kept], path: &Path, secrets: &Secrets) -> Result<Opened, StoreError> {
    let mut marks = Vec::new();
    for secret in secrets.all() {
        let wrapper = Wrapper::of(secret)?;
        for whole in [true, false] {
            let keys = kept.iter().map(|one| {
                let key = wrapper.unwrap(one.number, whole, one.key.clone())?;
                Some((one.number, key))
            });
            if let Some(keys) = keys.collect::<Option<Vec<_>>>() {
                return Ok(Opened { keys, whole });
            }
        }
        marks.push(wrapper.mark);
    }
    let mark = kept.first().map(|one| one.mark.as_str()).unwrap_or_default();
    let given = match marks.as_slice() {
        [] => "and there is none".to_owned(),
        marks => format!("not with {}", marks.join(" or ")),
    };
    Err(StoreError::Broken(format!(
        "{} is sealed with the secret {mark}, {given}: set `store: {{ url: …, secret: … }}` in the \
         rule file, and the variable that it names; if the secret was changed, name both, \
         `secrets: [new, old]`",
        path.display()
    )))
}

fn keep(connection: &Connection, opened: &Opened, wrapper: &Wrapper) -> Result<(), StoreError> {
    for (number, key) in &opened.keys {
        connection.execute(
            "INSERT OR REPLACE INTO seals (number, key, mark) VALUES (?1, ?2, ?3)",
            params![number, wrapper.wrap(*number, opened.whole, key)?, wrapper.mark],
        )?;
    }
    Ok(())
}

fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM unsealed)", [], |row| row.get(0))
}
