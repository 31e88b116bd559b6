//! Which keys does a store have, and does one of the rule file's secrets open them?

use std::path::Path;

use rusqlite::{Connection, params};

use crate::secret::Secrets;
use crate::store::StoreError;
use crate::store::seal::Seal;
use crate::store::sqlite::{schema, sealing};
use crate::store::wrapper::{KeyBytes, Wrapper, random};

/// The number of the key for what must be found again.
const FINDING: u16 = 0;

/// A key of a store, sealed with a secret.
struct Kept {
    number: u16,
    key: Vec<u8>,
    mark: String,
}

/// What seals the values of a store that is open, for whoever reads it or writes a little.
///
/// # Errors
/// [`StoreError::Broken`] if no secret opens its keys.
pub(super) fn open(
    connection: &Connection,
    path: &Path,
    secrets: &Secrets,
) -> Result<Seal, StoreError> {
    let kept = kept(connection)?;
    if kept.is_empty() {
        return Ok(Seal::default());
    }
    let keys = opened(&kept, path, secrets)?;
    seal(&keys, is_whole(connection)?)
}

/// The same for who owns the lanes: gives the store keys if it has none and there is a secret, seals
/// what is not sealed yet, and follows the secret that is the first.
pub(super) fn open_owned(
    connection: &Connection,
    path: &Path,
    secrets: &Secrets,
) -> Result<Seal, StoreError> {
    let there = kept(connection)?;
    let Some(first) = secrets.first() else { return open(connection, path, secrets) };
    let first = Wrapper::of(first)?;
    let mut keys =
        if there.is_empty() { vec![(FINDING, random()?)] } else { opened(&there, path, secrets)? };
    if there.iter().any(|one| one.mark != first.mark) || there.is_empty() {
        let last = keys.iter().map(|(number, _)| *number).max().unwrap_or(FINDING);
        let all_used = || StoreError::Broken("the store has had 65,535 secrets".to_owned());
        keys.push((last.checked_add(1).ok_or_else(all_used)?, random()?));
        let transaction = connection.unchecked_transaction()?;
        keep(&transaction, &keys, &first)?;
        if there.is_empty() {
            sealing::begin(&transaction, &seal(&keys, false)?)?;
        }
        transaction.commit()?;
        let new = if there.is_empty() { "has a secret now" } else { "has another secret now" };
        tracing::info!(secret = first.mark, "the store {new}");
    }
    if !is_whole(connection)? {
        sealing::finish(connection, &seal(&keys, false)?)?;
    }
    seal(&keys, true)
}

/// Whether some of it is not sealed yet.
pub(super) fn is_half(connection: &Connection) -> Result<bool, StoreError> {
    Ok(!kept(connection)?.is_empty() && !is_whole(connection)?)
}

/// Whether it takes a secret to read the store in this file; `false` also if there is none.
pub(in crate::store) fn is_sealed(path: &Path) -> bool {
    let there = schema::open_readable(path).and_then(|connection| Ok(kept(&connection)?));
    there.is_ok_and(|kept| !kept.is_empty())
}

/// By what the keys of a store are told from those of another.
pub(super) fn face(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    Ok(kept(connection)?.into_iter().map(|kept| kept.key).collect())
}

fn seal(keys: &[(u16, KeyBytes)], whole: bool) -> Result<Seal, StoreError> {
    let broken = || StoreError::Broken("the store has lost one of its own keys".to_owned());
    let (finding, values) = keys.split_first().ok_or_else(broken)?;
    if finding.0 != FINDING || values.is_empty() {
        return Err(broken());
    }
    Seal::with(&finding.1, values, whole)
}

fn kept(connection: &Connection) -> rusqlite::Result<Vec<Kept>> {
    connection
        .prepare("SELECT number, key, mark FROM seals ORDER BY number")?
        .query_map([], |row| Ok(Kept { number: row.get(0)?, key: row.get(1)?, mark: row.get(2)? }))?
        .collect()
}

fn opened(
    kept: &[Kept],
    path: &Path,
    secrets: &Secrets,
) -> Result<Vec<(u16, KeyBytes)>, StoreError> {
    let mut marks = Vec::new();
    for secret in secrets.all() {
        let wrapper = Wrapper::of(secret)?;
        let keys = kept.iter().map(|one| {
            let key = wrapper.unwrap(one.number, one.key.clone())?;
            Some((one.number, key))
        });
        if let Some(keys) = keys.collect::<Option<Vec<_>>>() {
            return Ok(keys);
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

fn keep(
    connection: &Connection,
    keys: &[(u16, KeyBytes)],
    wrapper: &Wrapper,
) -> Result<(), StoreError> {
    for (number, key) in keys {
        connection.execute(
            "INSERT OR REPLACE INTO seals (number, key, mark) VALUES (?1, ?2, ?3)",
            params![number, wrapper.wrap(*number, key)?, wrapper.mark],
        )?;
    }
    Ok(())
}

fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM unsealed)", [], |row| row.get(0))
}
