//! What came in so far? Read without a writer, so that a running `serve` is not disturbed.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::model::{Event, EventId, Recipient};
use crate::secret::Secrets;
use crate::store::StoreError;
use crate::store::seal::Seal;
use crate::store::sqlite::packed::PackedEvent;
use crate::store::sqlite::reader::Readers;
use crate::store::sqlite::{lists, people, row, schema, vault};

/// Events of a page at most.
const PAGE_ROWS: i64 = 256;
/// Bytes of a page, compressed; the event that goes beyond is the page's last.
const PAGE_BYTES: usize = 4 << 20;

/// The events of a store, for reading alone.
pub struct History {
    readers: Readers,
    seal: Seal,
}

/// Some events, newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// They.
    pub events: Vec<Kept>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<i64>,
}

/// An event of a page.
#[derive(Debug)]
pub struct Kept {
    /// When it came; `None` if not even that can be read.
    pub received_at: Option<Timestamp>,
    /// Whole, body and headers; or why it cannot be read.
    pub event: Result<Event, StoreError>,
}

impl History {
    /// Opens the file to read it; nothing is written, not even newer tables.
    ///
    /// # Errors
    /// [`StoreError::Broken`] if there is none, if it is not of this version, or if none of the
    /// secrets is that of the store; [`StoreError::Unavailable`] while it is being sealed.
    pub fn open(path: &Path, secrets: &Secrets) -> Result<Self, StoreError> {
        let seal = vault::open(&schema::open_readable(path)?, path, secrets)?;
        Ok(Self { readers: Readers::of(path.to_owned(), seal.clone()), seal })
    }

    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// One event, whole.
    pub async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let seal = self.seal.clone();
        let found = self.readers.ask(move |connection| {
            lists::event(connection, id)?.map(|event| event.into_event(&seal)).transpose()
        });
        found.await
    }

    /// The event that has the provider's id, and when it came. It goes through the events of the
    /// source: for people who ask.
    pub async fn find(
        &self,
        source: String,
        provider_id: String,
    ) -> Result<Option<(EventId, Timestamp)>, StoreError> {
        let provider_id = self.seal.provider_id(&provider_id);
        self.readers.ask(move |connection| Ok(find(connection, &source, &provider_id)?)).await
    }

    /// How many messages wait in each lane that has any.
    pub async fn waiting(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.readers.ask(|connection| Ok(waiting(connection)?)).await
    }

    /// Whether a recipient wants no messages.
    pub async fn is_opted_out(&self, recipient: &Recipient) -> Result<bool, StoreError> {
        let (recipient, seal) = (recipient.expose().to_owned(), self.seal.clone());
        let asked = self
            .readers
            .ask(move |connection| Ok(people::is_opted_out(connection, &recipient, &seal)?));
        asked.await
    }

    /// When the first event came that is there, of all or of one source.
    pub async fn oldest(&self, source: Option<String>) -> Result<Option<Timestamp>, StoreError> {
        self.readers.ask(move |connection| Ok(oldest(connection, source.as_deref())?)).await
    }

    /// A page of events, all or of one source; the first where `from` is `None`.
    pub async fn page(
        &self,
        source: Option<String>,
        from: Option<i64>,
    ) -> Result<Page, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| page(connection, source.as_deref(), from, &seal)).await
    }
}

fn find(
    connection: &Connection,
    source: &str,
    provider_id: &str,
) -> rusqlite::Result<Option<(EventId, Timestamp)>> {
    connection
        .prepare_cached(
            "SELECT id, received_at FROM events WHERE source = ?1 AND provider_id = ?2 LIMIT 1",
        )?
        .query_row(params![source, provider_id], |row| {
            Ok((EventId(Uuid::from_bytes(row.get(0)?)), row::time_at(row, 1)?))
        })
        .optional()
}

fn waiting(connection: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    connection
        .prepare_cached(
            "SELECT instance, count(*) FROM messages WHERE state = 'waiting' GROUP BY instance",
        )?
        .query_map([], |row| Ok((row.get(0)?, row::count_at(row, 1)?)))?
        .collect()
}

fn oldest(connection: &Connection, source: Option<&str>) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(
            "SELECT received_at FROM events WHERE ?1 IS NULL OR source = ?1 ORDER BY seq LIMIT 1",
        )?
        .query_row(params![source], |row| row::time_at(row, 0))
        .optional()
}

fn page(
    connection: &Connection,
    source: Option<&str>,
    from: Option<i64>,
    seal: &Seal,
) -> Result<Page, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, source, kind, provider_id, received_at, content, seq FROM events
         WHERE seq <= ?1 AND (?2 IS NULL OR source = ?2) ORDER BY seq DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![from.unwrap_or(i64::MAX), source, PAGE_ROWS])?;
    let mut page = Page::default();
    let (mut bytes, mut count) = (0, 0);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get("seq")?;
        let packed = PackedEvent::read(row).map_err(StoreError::from);
        bytes += packed.as_ref().map_or(0, |packed| packed.content.len());
        count += 1;
        let received_at = packed.as_ref().ok().and_then(|packed| row::time(packed.received_at));
        let event = packed.and_then(|packed| packed.into_event(seal));
        page.events.push(Kept { received_at, event });
        if bytes > PAGE_BYTES || count == PAGE_ROWS {
            page.next = Some(seq - 1);
            break;
        }
    }
    Ok(page)
}
