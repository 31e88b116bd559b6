//! What has had its time, and how does it go without holding up what comes?
//!
//! A round walks the rows in their order. Each step looks for candidates as a reader, then removes a
//! few of them in one transaction of the writer, which asks once more whether they may go. Where one
//! event made very many messages, or one message was very many events, it takes several steps. Pages
//! that become free are used again, so the file stops growing; it does not shrink.
//!
//! The newest row of a table always stays: the next one takes its number from it.

mod look;
mod remove;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::store::retention::Part;
use crate::store::sqlite::reader::Readers;
use crate::store::sqlite::row::micros;
use crate::store::sqlite::writer::Writer;
use crate::store::{Pruned, Retention, Round, StoreError, StoreSize};

pub(super) use look::{Found, look};
use remove::Remove;

/// Rows removed in one transaction.
const ROWS_MAX: usize = 64;

/// One step of a round.
pub(super) async fn step(
    readers: &Readers,
    writer: &Writer,
    retention: Retention,
    now: Timestamp,
    round: Round,
) -> Result<Pruned, StoreError> {
    let limits = Limits::of(retention, now);
    let found = readers.ask(move |connection| Ok(look(connection, round, &limits)?)).await?;
    let Found { rows, next } = found;
    let mut done = remove::Removed::default();
    if !rows.is_empty() {
        done = writer.run(Remove { part: round.part, rows, limits }).await?;
    }
    let forgot = round.forgot || 0 < done.events;
    let next = match done.unfinished {
        Some(row) => Some(Round { after: row - 1, within: 0, ..round }),
        None => next.map(|next| Round { forgot, ..next }),
    };
    let next = next.filter(|next| next.part != Part::Keys || forgot);
    Ok(Pruned { bodies: done.bodies, events: done.events, messages: done.messages, next })
}

/// What is older than these may go.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    now: i64,
    events: i64,
    messages: i64,
    forgotten: i64,
    size: Option<u64>,
}

impl Limits {
    pub(super) fn of(retention: Retention, now: Timestamp) -> Self {
        let limit = |until: Option<Timestamp>| until.map_or(i64::MIN, micros);
        Self {
            now: micros(now),
            events: limit(retention.events_until(now)),
            messages: limit(retention.messages_until(now)),
            forgotten: limit(Retention::forgotten_until(now)),
            size: retention.size,
        }
    }
}

/// Bytes in use.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = ask("page_count")? - ask("freelist_count")?;
    Ok(u64::try_from(pages * ask("page_size")?).unwrap_or(0))
}

/// How much room the file and its log take.
pub(super) fn size(connection: &Connection, path: &Path) -> Result<StoreSize, StoreError> {
    let mut log: PathBuf = path.to_owned();
    log.as_mut_os_string().push("-wal");
    let length = |path: &Path| path.metadata().map_or(0, |about| about.len());
    Ok(StoreSize { file: length(path) + length(&log), used: used(connection)? })
}
