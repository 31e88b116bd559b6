//! What survives a crash? The contract of the store, verb by verb; the SQL is elsewhere.
//!
//! Everything acknowledged is in here first: [`Store::record`] returns after the commit is on the
//! disk. One process at a time owns the lanes; of what it was doing when it died, only messages in
//! state `sending` are in doubt, and [`Store::recover`] says so.

mod address;
mod arrivals;
mod lock;
mod room;
mod claim;
mod judge;
mod gathering;
mod turned;
mod lists;
mod reconciliation;
mod retention;
mod upkeep;
mod wrapper;
mod finding;
mod seal;
mod settings;
mod forgotten;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::model::{Attempt, Event, EventId, Instead, Message, MessageId, Recipient, State};

pub use address::{
    Address, backup, file_of, history, is_sealed, open, open_existing, open_owned, purge,
};
pub use arrivals::Arrivals;
pub use claim::{
    AskedTo, Claim, Claimed, Claims, LaneMemory, LaneState, Lease, Settlement, Share, Shut,
};
pub use gathering::{GatheredTo, Gathering, Outcome};
pub use judge::{Case, Contact, Judge, Ruling, Today};
pub use lists::{Counts, EventFilter, EventRow, Listed, MessageFilter, SourceRow, Unreadable};
pub use lock::{LaneLock, Owner, lock_lanes, owner};
pub use reconciliation::{Reconciliation, Tally};
pub use retention::{Keep, Pruned, Retention, RetentionSettings, Round, StoreSize};
pub use room::{Level, Room};
pub use settings::{SealedSettings, StoreSettings};
pub use sqlite::{Copied, History, Kept, OpenOptions, Page, SqliteStore};
pub use turned::{Ended, Stuck, TurnedOver};
pub use upkeep::{Moves, Purged, Upkeep};

/// What survives a crash.
#[async_trait]
pub trait Store: Upkeep {
    /// Keeps an event and its messages in one transaction, and returns once that is on the disk.
    ///
    /// The same (source, provider id) a second time is [`Recorded::Duplicate`], and nothing is
    /// written. A message whose id is there already is left as it is. In the same transaction its
    /// terms decide whether it is a duplicate, over a limit, or joins a group. The transaction goes
    /// on even if the caller is dropped.
    async fn record(&self, event: Event, messages: Vec<Message>) -> Result<Recorded, StoreError>;

    /// The same for all events of a batch, in one transaction: one answer for each, in their order.
    /// Of those that were recorded before, nothing is written.
    async fn record_batch(
        &self,
        batch: Vec<(Event, Vec<Message>)>,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Adds messages to an event that is there already (replay, `kabari send`); those that exist
    /// are left as they are. Returns how many are new, but for those that became part of another.
    async fn add_messages(&self, messages: Vec<Message>) -> Result<usize, StoreError>;

    /// Takes up to `limit` messages of one lane that are due at `now`, moves them to `sending` and
    /// counts the attempt, in one durable transaction.
    ///
    /// Order per recipient holds: a message is only taken when none of the same lane, recipient and
    /// priority is before it or under way, and each recipient is taken at most once a call. The
    /// judge is asked about each. What the lane must remember is kept in the same transaction, so
    /// pace and caps survive a restart.
    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError>;

    /// Asks those of the claim's lane again, before their time, whom a judge made wait
    /// ([`Ruling::Hold`], [`Ruling::Wait`]): its limits may be others than before. Who is not to be
    /// held any longer comes back into line with the time at which it was made, in front of what came
    /// later. A step looks at so many that it holds up nobody; `None` when all were asked, else how
    /// far it has come. Until then the lane's claims must say so too ([`Claim::asked_to`]), or one may
    /// be overtaken. `limits` says by which they were asked: [`LaneMemory`] loses that of before with
    /// the first step and has it after the last.
    async fn ask_again(
        &self,
        claim: Claim,
        limits: Option<String>,
    ) -> Result<Option<AskedTo>, StoreError>;

    /// Takes one message of the claim's lane by its id, as [`Store::claim`] does but without regard to
    /// its time; none if it does not wait, another to the same recipient is before it or under way,
    /// or the judge does not let it go.
    async fn claim_one(&self, message: MessageId, claim: Claim) -> Result<Claims, StoreError>;

    /// Ends an attempt. Does nothing and says `false` if the lease has passed to another owner,
    /// but for one thing: a late success still turns `uncertain` into `sent`.
    async fn settle(&self, lease: Lease, settlement: Settlement) -> Result<bool, StoreError>;

    /// Ends attempts of one lane and takes its next messages, in one durable transaction: as
    /// [`Store::settle`] for each, and [`Store::claim`] then. Either all of it is kept or nothing.
    async fn turn_over(
        &self,
        ended: &[Ended],
        claim: Option<Claim>,
    ) -> Result<TurnedOver, StoreError>;

    /// Called once by the new owner of the lanes: whatever is `sending` becomes `uncertain`
    /// (reason `interrupted`), or `waiting` again where its rule says `resend` and neither its
    /// attempts ([`crate::model::Policy::may_resend`]) nor its age are used up. Returns how many.
    async fn recover(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// The lanes that have anything waiting, with the time at which the next message is due.
    async fn lanes(&self) -> Result<Vec<LaneState>, StoreError>;

    /// What a lane remembers.
    async fn lane(&self, instance: &str) -> Result<LaneMemory, StoreError>;

    /// Keeps that a lane stands still, and why; or that it goes on. Meanwhile the clocks of its
    /// messages stand still too.
    async fn shut_lane(
        &self,
        instance: &str,
        shut: Option<Shut>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Groups that are due at `now` behind `from`, the first one first, with their events: so many at
    /// most, and fewer where their events are large; none if there are none.
    async fn gatherings(
        &self,
        now: Timestamp,
        from: GatheredTo,
        limit: usize,
    ) -> Result<Vec<Gathering>, StoreError>;

    /// When the next group is due.
    async fn next_gathering(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Closes a group, and its message goes into line, or has failed; `or` is what is sent instead
    /// of it, `None` if what its first event said of that stays. `false`, and nothing is done, if
    /// more events have joined it since it was read.
    async fn close_gathering(
        &self,
        gathering: &Gathering,
        outcome: Outcome,
        or: Option<Vec<Instead>>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Who wants no messages, the newest first.
    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError>;

    /// Adds somebody to those, or changes the note; `false` if the recipient was there already.
    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError>;

    /// Takes somebody out; `false` if the recipient was not there.
    async fn opt_in(&self, recipient: &Recipient) -> Result<bool, StoreError>;

    /// Changes whenever something may have become due: register before looking.
    fn arrivals(&self) -> watch::Receiver<Arrivals>;

    /// Messages, newest first.
    async fn messages(&self, filter: MessageFilter) -> Result<Listed<Message>, StoreError>;

    /// One message with its attempts, oldest first.
    async fn message(&self, id: MessageId) -> Result<Option<(Message, Vec<Attempt>)>, StoreError>;

    /// Events without their bodies, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Listed<EventRow>, StoreError>;

    /// One event, whole.
    async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError>;

    /// A person moves a message to `waiting` (retry, resend), `cancelled` or `sent`. Refused with
    /// [`Moved::Illegal`] if the state it is in has no such move, and with [`Moved::Held`] if another
    /// message took its `dedupe` key and may have been or may yet be sent. One that is to be sent
    /// (again) gets as many attempts and as much time as it had at first, and its key back.
    async fn move_by_hand(
        &self,
        id: MessageId,
        to: State,
        now: Timestamp,
    ) -> Result<Moved, StoreError>;

    /// How many messages there are in each state, and events.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Messages that go nowhere until a person decides. Of those without a recipient only what was
    /// recorded after `seen`, which is 0 or what an earlier answer said.
    async fn stuck(&self, seen: i64) -> Result<Stuck, StoreError>;

    /// What came from each source that has sent anything, by name.
    async fn sources(&self) -> Result<Vec<SourceRow>, StoreError>;

    /// How far each provider's own list was compared with what came, by source and list.
    async fn reconciliations(&self) -> Result<Vec<Reconciliation>, StoreError>;
    /// Keeps that of one list, in the place of what was known of it.
    async fn keep_reconciliation(&self, known: Reconciliation) -> Result<(), StoreError>;

    /// Whether it can write now.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// The store, shared.
pub type SharedStore = Arc<dyn Store>;

/// What [`Store::record`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept; so many of its messages are waiting.
    New {
        /// Messages in state `waiting`.
        waiting: usize,
    },
    /// This (source, provider id) was there already, as this event.
    Duplicate {
        /// The event as which it was first recorded.
        event: EventId,
    },
}

/// Somebody who wants no messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    /// Who.
    pub recipient: Recipient,
    /// Since when.
    pub since: Timestamp,
    /// In the words of whoever noted it.
    pub note: Option<String>,
}

/// What [`Store::move_by_hand`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It was moved.
    Done,
    /// There is no such message.
    Unknown,
    /// From this state there is no such move.
    Illegal(State),
    /// Nothing was rendered that could be sent; what its event makes today may be.
    Unmade {
        /// The event that it was to be made from.
        event: EventId,
    },
    /// It failed, and its `dedupe` key passed to another message: both would be sent.
    Held {
        /// Who has the key; `None` if it was sent and is kept no longer.
        by: Option<MessageId>,
        /// The other message's state.
        state: State,
    },
}

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Not now: disk full, database locked or away. Nothing was written.
    #[error("the store cannot write now: {0}")]
    Unavailable(String),
    /// The database is not what it should be.
    #[error("{0}")]
    Broken(String),
    /// Another `kabari serve` has it.
    #[error("{0}")]
    InUse(String),
}
