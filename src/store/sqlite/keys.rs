//! Was this event here before? Asked for each event, and answered without a page of the disk for it.
//!
//! Identities (a provider's id, a digest) come in no order, so an index over them touches another
//! page with each event, and the log gets that page whole. Here the newest are kept in memory. Once
//! many have gathered they move into the index in their order, a page for several of them, and in
//! small steps, so that no commit is held up by them. What is in memory is in the events' rows too,
//! after the mark up to which the index is whole, and is read from there at start.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest as _, Sha256};

use crate::model::Event;

/// As many are gathered before they move into the index. More would spare more pages, and leave more
/// to be read at the next start.
const GATHERED: usize = 16_384;

/// How many more move with a commit than came with the one before: so a move ends before the next one
/// is due.
const AHEAD: usize = 8;

/// In so many commits a move ends, however much has gathered: it begins anew at each start.
const COMMITS_MAX: usize = 1024;

/// As many go into the index in one transaction where it is made anew: 16 MiB of memory.
const CAUGHT_UP_MAX: usize = 1 << 20;

/// The identities that are not in the index yet, by their short form.
#[derive(Default)]
pub(super) struct Keys {
    fresh: HashMap<i64, i64>,
    /// Those of the transaction that is open.
    pending: Vec<(i64, i64)>,
    /// How many events are new in it, and the last of them.
    new: (usize, i64),
    /// The last event in `fresh`.
    last: i64,
    /// How many events are behind the mark, beside those that are moving; not each has an identity.
    behind: usize,
    moving: Moving,
    /// How many came with the last transaction.
    came: usize,
    /// Changes when another connection has written (<https://sqlite.org/pragma.html#pragma_data_version>).
    version: i64,
}

/// Identities on their way into the index, in its order.
#[derive(Default)]
struct Moving {
    keys: Vec<(i64, i64)>,
    /// How many of them are in the index.
    done: usize,
    /// How many go there with the transaction that is open.
    step: usize,
    /// The event up to which the index is whole when all are there.
    last: i64,
}

/// By what an event is recognised.
#[derive(Clone, Copy)]
enum Identity<'e> {
    Provider(&'e str),
    Digest(&'e [u8]),
}

impl Keys {
    /// To be called when a transaction has begun: reads what another program may have written, and
    /// moves a part of what has gathered into the index.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get::<_, i64>(0))?;
        if self.version != version {
            self.load(connection)?;
            self.version = version;
        }
        if self.moving.keys.is_empty() && GATHERED <= self.fresh.len().max(self.behind) {
            let mut keys: Vec<(i64, i64)> = self.fresh.drain().collect();
            keys.sort_unstable();
            if keys.is_empty() {
                set_whole(connection, self.last)?;
            }
            self.moving = Moving { keys, done: 0, step: 0, last: self.last };
            self.behind = 0;
        }
        let some = (self.came + AHEAD).max(self.moving.keys.len() / COMMITS_MAX);
        self.moving.go_on(connection, some)
    }

    /// To be called when the transaction is on the disk.
    pub(super) fn committed(&mut self) {
        self.moving.committed();
        self.came = self.pending.len();
        let (new, last) = std::mem::take(&mut self.new);
        (self.behind, self.last) = (self.behind + new, self.last.max(last));
        for (key, seq) in self.pending.drain(..) {
            // One that was there is of an event that is gone: else this were its second delivery.
            self.fresh.insert(key, seq);
        }
    }

    /// To be called when nothing of the transaction stayed.
    pub(super) fn rolled_back(&mut self) {
        self.moving.step = 0;
        self.pending.clear();
        self.new = (0, 0);
    }

    /// The event that was recorded with this provider's id, or with this digest.
    pub(super) fn find(
        &self,
        connection: &Connection,
        event: &Event,
    ) -> rusqlite::Result<Option<[u8; 16]>> {
        let digest = event.digest.as_ref().map(|digest| Identity::Digest(&digest.bytes));
        for identity in
            event.provider_id.as_deref().map(Identity::Provider).into_iter().chain(digest)
        {
            let Some(seq) = self.place(connection, identity.key(&event.source))? else { continue };
            if let Some(found) = recorded(connection, seq, &event.source, identity)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Remembers an event that was recorded just now as number `seq`.
    pub(super) fn remember(&mut self, event: &Event, seq: i64) {
        self.new = (self.new.0 + 1, seq);
        let digest = event.digest.as_ref().filter(|digest| digest.never_repeats);
        let digest = digest.map(|digest| Identity::Digest(&digest.bytes));
        let identities = event.provider_id.as_deref().map(Identity::Provider).into_iter();
        let keys = identities.chain(digest).map(|identity| (identity.key(&event.source), seq));
        self.pending.extend(keys);
    }

    fn place(&self, connection: &Connection, key: i64) -> rusqlite::Result<Option<i64>> {
        let pending = self.pending.iter().find(|(pending, _)| *pending == key).map(|(_, seq)| *seq);
        let gathered = || self.fresh.get(&key).copied().or_else(|| self.moving.find(key));
        if let Some(seq) = pending.or_else(gathered) {
            return Ok(Some(seq));
        }
        connection
            .prepare_cached("SELECT seq FROM event_keys WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()
    }

    /// Reads what the index does not have yet.
    fn load(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut rows = connection.prepare_cached(BEHIND)?;
        let mut rows = rows.query([])?;
        self.fresh.clear();
        self.moving = Moving::default();
        self.behind = 0;
        while let Some(row) = rows.next()? {
            self.behind += 1;
            let fresh = &mut self.fresh;
            self.last = read(row, |key, seq| {
                fresh.insert(key, seq);
            })?;
        }
        Ok(())
    }
}

/// What the index does not have yet.
const BEHIND: &str = "SELECT seq, source, provider_id, digest FROM events
     WHERE seq > (SELECT seq FROM event_keys_whole) ORDER BY seq";

/// Takes the identities of a row of [`BEHIND`]; its number.
fn read(row: &Row<'_>, mut take: impl FnMut(i64, i64)) -> rusqlite::Result<i64> {
    let (seq, source): (i64, String) = (row.get(0)?, row.get(1)?);
    let provider: Option<String> = row.get(2)?;
    let digest: Option<Vec<u8>> = row.get(3)?;
    let identities = provider.as_deref().map(Identity::Provider).into_iter();
    for identity in identities.chain(digest.as_deref().map(Identity::Digest)) {
        take(identity.key(&source), seq);
    }
    Ok(seq)
}

/// Puts many identities that the index does not have yet into it, in its order, inside the
/// transaction that is open, and says of how many events they were. For who has the store alone.
pub(super) fn catch_up(connection: &Connection) -> rusqlite::Result<usize> {
    let mut rows = connection.prepare_cached(BEHIND)?;
    let mut rows = rows.query([])?;
    let (mut keys, mut last, mut count) = (Vec::new(), 0, 0);
    while keys.len() < CAUGHT_UP_MAX
        && let Some(row) = rows.next()?
    {
        last = read(row, |key, seq| keys.push((key, seq)))?;
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    drop(rows);
    // Of two with the same key the newer stays, as everywhere.
    keys.sort_unstable();
    insert(connection, &keys)?;
    set_whole(connection, last)?;
    Ok(count)
}

impl Moving {
    /// Puts some more of them into the index.
    fn go_on(&mut self, connection: &Connection, some: usize) -> rusqlite::Result<()> {
        let left = self.keys.get(self.done..).unwrap_or_default();
        let some = left.get(..some).unwrap_or(left);
        if some.is_empty() {
            return Ok(());
        }
        insert(connection, some)?;
        if some.len() == left.len() {
            set_whole(connection, self.last)?;
        }
        self.step = some.len();
        Ok(())
    }

    fn committed(&mut self) {
        self.done += std::mem::take(&mut self.step);
        if self.done == self.keys.len() {
            *self = Self::default();
        }
    }

    fn find(&self, key: i64) -> Option<i64> {
        let at = self.keys.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.keys.get(at).map(|(_, seq)| *seq)
    }
}

fn insert(connection: &Connection, keys: &[(i64, i64)]) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO event_keys (key, seq) VALUES (?1, ?2)")?;
    for (key, seq) in keys {
        insert.execute([key, seq])?;
    }
    Ok(())
}

/// Up to this event the index is whole.
fn set_whole(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE event_keys_whole SET seq = ?1")?.execute([last]).map(drop)
}

impl Identity<'_> {
    /// Its short form: where to look. Whether it is the same is asked of the row itself.
    fn key(self, source: &str) -> i64 {
        let (kind, bytes) = match self {
            Self::Provider(id) => (b'p', id.as_bytes()),
            Self::Digest(digest) => (b'd', digest),
        };
        let mut hash = Sha256::new();
        hash.update([kind]);
        hash.update((source.len() as u64).to_be_bytes());
        hash.update(source.as_bytes());
        hash.update(bytes);
        let mut short = [0; 8];
        short.copy_from_slice(&hash.finalize()[..8]);
        i64::from_be_bytes(short)
    }
}

/// The event of this number, if it really has this identity.
fn recorded(
    connection: &Connection,
    seq: i64,
    source: &str,
    identity: Identity<'_>,
) -> rusqlite::Result<Option<[u8; 16]>> {
    let (provider, digest) = match identity {
        Identity::Provider(id) => (Some(id), None),
        Identity::Digest(digest) => (None, Some(digest)),
    };
    connection
        .prepare_cached(
            "SELECT id FROM events
             WHERE seq = ?1 AND source = ?2 AND (provider_id = ?3 OR digest = ?4)",
        )?
        .query_row(params![seq, source, provider, digest], |row| row.get(0))
        .optional()
}
