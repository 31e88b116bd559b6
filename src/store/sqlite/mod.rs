//! The store in one `SQLite` file: how does one writer serve many callers, beside many readers?

mod schema;
mod writer;
mod presence;
mod reader;
mod row;
mod packed;
mod sealed;
mod vault;
mod sealing;
mod rekey;
mod anew;
mod terms;
mod order;
mod hold;
mod head;
mod asking;
mod lane_clock;
mod people;
mod gatherings;
mod closing;
mod dedupe;
mod brakes;
mod instead;
mod keys;
mod record;
mod claim;
mod claimed;
mod settle;
mod by_hand;
mod recover;
mod lists;
mod needs;
mod reconciliations;
mod history;
mod fault;
mod upkeep;
mod backup;
mod spelling;
mod purge;
mod export;
mod prune;
#[cfg(test)]
mod cost;

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::model::{Attempt, Event, EventId, Instead, Message, MessageId, Recipient, State};
use crate::secret::Secrets;
use crate::store::seal::Seal;
use crate::store::{
    Arrivals, AskedTo, Claim, Claims, Counts, Ended, EventFilter, EventRow, GatheredTo, Gathering,
    LaneMemory, LaneState, Lease, Listed, MessageFilter, Moved, OptOut, Outcome, Reconciliation,
    Recorded, Settlement, Shut, SourceRow, Store, StoreError, Stuck, TurnedOver,
};

pub use backup::Copied;
pub(super) use backup::copy;
use claimed::claims_of;
pub use history::{History, Kept, Page};
use packed::NewEvent;
pub(super) use purge::rewrite;
use row::MessageRow;
pub(super) use vault::is_sealed;
use writer::{Desk, Operation};

/// Bodies beyond this are compressed on a thread that may block, so that one large event does not
/// hold up the requests beside it.
const PACKED_INLINE_MAX: usize = 256 * 1024;

/// The store in one `SQLite` file. Dropping it finishes what is queued and closes the file.
///
/// Times are kept to the microsecond. It does not own the lanes: see [`crate::store::lock_lanes`].
pub struct SqliteStore {
    /// Closed first: whoever closes the file last empties its log, and only a writer can.
    readers: reader::Readers,
    writer: writer::Writer,
    seal: Seal,
}

/// How to open the file.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Whether to make the file where there is none; otherwise that is an error.
    pub create: bool,
    /// The file never grows beyond so many pages of 8 KiB; then it is [`StoreError::Unavailable`].
    pub page_count_max: Option<u32>,
    /// The secrets of the rule file: one of them must be the store's, if it has one.
    pub secrets: Secrets,
    /// Whether the caller has the lanes: then the store takes the first of the secrets for its own,
    /// and what is in it is sealed.
    pub owned: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { create: true, page_count_max: None, secrets: Secrets::default(), owned: false }
    }
}

impl SqliteStore {
    /// Opens the file, or makes it (mode 0600), and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be opened, [`StoreError::Broken`] if it is no store
    /// or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, OpenOptions::default())
    }

    /// The same, with a say in how.
    pub fn open_with(path: &Path, options: OpenOptions) -> Result<Self, StoreError> {
        let OpenOptions { create, page_count_max, secrets, owned } = options;
        let connection = schema::open_writer(path, create)?;
        let seal = if owned {
            vault::open_owned(&connection, path, &secrets)?
        } else {
            vault::open(&connection, path, &secrets)?
        };
        if let Some(pages) = page_count_max {
            limit_pages(&connection, pages)?;
        }
        let writer = writer::Writer::start(connection, path, seal.clone())?;
        Ok(Self { writer, readers: reader::Readers::of(path.to_owned(), seal.clone()), seal })
    }

    /// Sets or, by `None`, lifts the limit of [`OpenOptions::page_count_max`].
    pub async fn set_page_count_max(&self, pages: Option<u32>) -> Result<(), StoreError> {
        self.writer.run(LimitPages(pages)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn record(&self, event: Event, messages: Vec<Message>) -> Result<Recorded, StoreError> {
        let event = if event.body.len() > PACKED_INLINE_MAX {
            let seal = self.seal.clone();
            tokio::task::spawn_blocking(move || NewEvent::packed(event, &seal))
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))??
        } else {
            NewEvent::plain(event, &self.seal)
        };
        let messages = rows_of(messages, &self.seal)?;
        self.writer.run(record::Record { event, messages }).await
    }

    async fn record_batch(
        &self,
        batch: Vec<(Event, Vec<Message>)>,
    ) -> Result<Vec<Recorded>, StoreError> {
        let seal = self.seal.clone();
        let pack = move || {
            let pack = |(event, messages)| {
                let event = NewEvent::packed(event, &seal)?;
                Ok(record::Record { event, messages: rows_of(messages, &seal)? })
            };
            batch.into_iter().map(pack).collect::<Result<Vec<_>, StoreError>>()
        };
        let packed = tokio::task::spawn_blocking(pack)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.writer.run(record::RecordBatch(packed?)).await
    }

    async fn add_messages(&self, messages: Vec<Message>) -> Result<usize, StoreError> {
        let messages = record::AddMessages(rows_of(messages, &self.seal)?);
        Ok(self.writer.run(messages).await?.new)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        Ok(claims_of(self.writer.run(claim::TakeDue(claim)).await?, &self.seal))
    }

    async fn ask_again(
        &self,
        claim: Claim,
        limits: Option<String>,
    ) -> Result<Option<AskedTo>, StoreError> {
        self.writer.run(asking::AskAgain { claim, limits }).await
    }

    async fn claim_one(&self, message: MessageId, claim: Claim) -> Result<Claims, StoreError> {
        Ok(claims_of(self.writer.run(claim::TakeOne { message, claim }).await?, &self.seal))
    }

    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<bool, StoreError> {
        self.writer.run(settle::Settle::of(lease, settlement, &self.seal)?).await
    }

    async fn turn_over(
        &self,
        ended: &[Ended],
        claim: Option<Claim>,
    ) -> Result<TurnedOver, StoreError> {
        let settle = |Ended { lease, settlement }: &Ended| {
            let lease =
                Lease { message: lease.message, attempt: lease.attempt, share: lease.share };
            settle::Settle::of(lease, settlement.clone(), &self.seal)
        };
        let settles = ended.iter().map(settle).collect::<Result<Vec<_>, StoreError>>()?;
        let claim = claim.map(claim::TakeDue);
        let (held, taken) = self.writer.run(settle::TurnOver { settles, claim }).await?;
        Ok(TurnedOver { held, claims: claims_of(taken, &self.seal) })
    }

    async fn recover(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.run(recover::Recover { now }).await
    }

    async fn lanes(&self) -> Result<Vec<LaneState>, StoreError> {
        self.readers.ask(lists::lanes).await
    }

    async fn lane(&self, instance: &str) -> Result<LaneMemory, StoreError> {
        let (instance, seal) = (instance.to_owned(), self.seal.clone());
        self.readers.ask(move |connection| lane_clock::memory(connection, &instance, &seal)).await
    }

    async fn shut_lane(
        &self,
        instance: &str,
        shut: Option<Shut>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let instance = instance.to_owned();
        self.writer.run(lane_clock::ShutLane { instance, shut, now }).await
    }

    async fn gatherings(
        &self,
        now: Timestamp,
        from: GatheredTo,
        limit: usize,
    ) -> Result<Vec<Gathering>, StoreError> {
        let (now, seal) = (row::micros(now), self.seal.clone());
        let due =
            move |connection: &Connection| gatherings::due(connection, now, (from, limit), &seal);
        self.readers.ask(due).await
    }

    async fn next_gathering(&self) -> Result<Option<Timestamp>, StoreError> {
        self.readers.ask(gatherings::next).await
    }

    async fn close_gathering(
        &self,
        gathering: &Gathering,
        outcome: Outcome,
        or: Option<Vec<Instead>>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let content = match &outcome {
            Outcome::Made(content) => Some(serde_json::to_string(content)),
            Outcome::Unmade { .. } => None,
        };
        let content = content.transpose().map_err(|error| StoreError::Broken(error.to_string()))?;
        let (message, size) = (gathering.message, gathering.size);
        self.writer.run(closing::Close { message, size, outcome, content, or, now }).await
    }

    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| people::opt_outs(connection, &seal)).await
    }

    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError> {
        self.writer.run(people::Add(opt_out)).await
    }

    async fn opt_in(&self, recipient: &Recipient) -> Result<bool, StoreError> {
        self.writer.run(people::Remove(recipient.clone())).await
    }

    fn arrivals(&self) -> watch::Receiver<Arrivals> {
        self.writer.arrivals()
    }

    async fn messages(&self, filter: MessageFilter) -> Result<Listed<Message>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| lists::messages(connection, filter, &seal)).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<(Message, Vec<Attempt>)>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| lists::message(connection, id, &seal)).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Listed<EventRow>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| lists::events(connection, filter, &seal)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let seal = self.seal.clone();
        let unpacked = self.readers.ask(move |connection| {
            lists::event(connection, id)?.map(|event| event.into_event(&seal)).transpose()
        });
        unpacked.await
    }

    async fn move_by_hand(
        &self,
        id: MessageId,
        to: State,
        now: Timestamp,
    ) -> Result<Moved, StoreError> {
        self.writer.run(by_hand::MoveByHand { id, to, from: Vec::new(), now }).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.readers.ask(lists::counts).await
    }

    async fn stuck(&self, seen: i64) -> Result<Stuck, StoreError> {
        self.readers.ask(move |connection| needs::stuck(connection, seen)).await
    }

    async fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        self.readers.ask(lists::sources).await
    }

    async fn reconciliations(&self) -> Result<Vec<Reconciliation>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| reconciliations::all(connection, &seal)).await
    }

    async fn keep_reconciliation(&self, known: Reconciliation) -> Result<(), StoreError> {
        self.writer.run(reconciliations::Keep(known)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.run(Ping).await
    }
}

fn rows_of(messages: Vec<Message>, seal: &Seal) -> Result<Vec<MessageRow>, StoreError> {
    messages.into_iter().map(|message| MessageRow::of(message, seal)).collect()
}

/// Writes the file's first page again as it is: a whole commit with its sync.
struct Ping;

impl Operation for Ping {
    type Output = ();

    fn apply(&self, connection: &Desk) -> rusqlite::Result<()> {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        connection.pragma_update(None, "user_version", version)
    }

    fn wakes((): &()) -> bool {
        false
    }
}

/// See [`SqliteStore::set_page_count_max`].
struct LimitPages(Option<u32>);

impl Operation for LimitPages {
    type Output = ();

    fn apply(&self, connection: &Desk) -> rusqlite::Result<()> {
        /// `SQLite`'s own limit.
        const NO_LIMIT: u32 = 4_294_967_294;
        limit_pages(connection, self.0.unwrap_or(NO_LIMIT))
    }

    fn wakes((): &()) -> bool {
        false
    }
}

fn limit_pages(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}
