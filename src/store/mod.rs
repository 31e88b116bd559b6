//! What survives a crash? The contract of the store, verb by verb; the SQL is elsewhere.
//!
//! Everything acknowledged is in here first: [`Store::record`] returns after the commit is on the
//! disk. One process at a time owns the lanes; of what it was doing when it died, only messages in
//! state `sending` are in doubt, and [`Store::recover`] says so.

mod address;
mod lock;
mod judge;
mod gathering;
mod turned;
mod reconciliation;
mod retention;
mod upkeep;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::model::{Attempt, Event, EventId, Message, MessageId, Reason, Recipient, State};

pub use address::{backup, file_of, history, open, open_existing, purge};
pub use gathering::{Gathering, Outcome};
pub use judge::{Case, Contact, Judge, Ruling, Today};
pub use lock::{LaneLock, Owner, lock_lanes, owner};
pub use reconciliation::{Reconciliation, Tally};
pub use retention::{Keep, Pruned, Retention, RetentionSettings, Round, StoreSize};
pub use sqlite::{Copied, History, OpenOptions, Page, SqliteStore};
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
    /// are left as they are. Returns how many are new.
    async fn add_messages(&self, messages: Vec<Message>) -> Result<usize, StoreError>;

    /// Takes up to `limit` messages of one lane that are due at `now`, moves them to `sending` and
    /// counts the attempt, in one durable transaction.
    ///
    /// Order per recipient holds: a message is only taken when none of the same lane, recipient and
    /// priority is before it or under way, and each recipient is taken at most once a call. The
    /// judge is asked about each. What the lane must remember is kept in the same transaction, so
    /// pace and caps survive a restart.
    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError>;

    /// Takes one message by its id, as [`Store::claim`] does but without regard to its time; `None`
    /// if it does not wait, or another to the same recipient is before it or under way.
    async fn claim_one(
        &self,
        message: MessageId,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError>;

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

    /// Groups that are due at `now`, so many at most, with their events.
    async fn gatherings(&self, now: Timestamp, limit: usize) -> Result<Vec<Gathering>, StoreError>;

    /// When the next group is due.
    async fn next_gathering(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Closes a group, and its message goes into line, or has failed. `false`, and nothing is done,
    /// if more events have joined it since it was read.
    async fn close_gathering(
        &self,
        gathering: &Gathering,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Who wants no messages, the newest first.
    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError>;

    /// Adds somebody to those, or changes the note; `false` if the recipient was there already.
    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError>;

    /// Takes somebody out; `false` if the recipient was not there.
    async fn opt_in(&self, recipient: &Recipient) -> Result<bool, StoreError>;

    /// Changes whenever something may have become due: register before looking.
    fn arrivals(&self) -> watch::Receiver<u64>;

    /// Messages, newest first.
    async fn messages(&self, filter: MessageFilter) -> Result<Vec<Message>, StoreError>;

    /// One message with its attempts, oldest first.
    async fn message(&self, id: MessageId) -> Result<Option<(Message, Vec<Attempt>)>, StoreError>;

    /// Events without their bodies, newest first.
    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, StoreError>;

    /// One event, whole.
    async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError>;

    /// A person moves a message to `waiting` (retry, resend), `cancelled` or `sent`. Refused with
    /// [`Moved::Illegal`] if the state it is in has no such move. One that is to be sent (again) gets
    /// as many attempts and as much time as it had at first.
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

/// What a lane asks for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The lane.
    pub instance: String,
    /// How many messages at most.
    pub limit: usize,
    /// What is due at this time may be taken.
    pub now: Timestamp,
    /// For each message taken, in order, the lane's pace is used up until then: the state of the
    /// pace after taking n messages is the n-th entry. Empty when the lane is not paced.
    pub paced_until: Vec<Timestamp>,
    /// How far ahead of now the pace may be used up while the lane still goes.
    pub pace_ahead: Duration,
    /// Who is asked about each message.
    pub judge: Arc<dyn Judge>,
}

impl Claim {
    /// A claim of a lane without pace and limits.
    pub fn new(instance: impl Into<String>, limit: usize, now: Timestamp) -> Self {
        let (paced_until, pace_ahead, judge) = (Vec::new(), Duration::ZERO, Arc::new(()));
        Self { instance: instance.into(), limit, now, paced_until, pace_ahead, judge }
    }
}

/// What [`Store::claim`] gives.
#[derive(Debug, Default)]
pub struct Claims {
    /// The messages.
    pub taken: Vec<Claimed>,
    /// The judge lets nothing of this lane go before.
    pub closed_until: Option<Timestamp>,
    /// Not all that are due could be looked at: ask again at once.
    pub more: bool,
}

/// What a lane remembers over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneMemory {
    /// Until when its pace is used up.
    pub paced_until: Option<Timestamp>,
    /// Why it stands still, if it does.
    pub shut: Option<Shut>,
}

/// Why a lane stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
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

/// A message taken by [`Store::claim`], with the right to settle it.
#[derive(Debug)]
pub struct Claimed {
    /// The message, its attempts counting the one to be made now.
    pub message: Message,
    /// The kind of the event that it was made from.
    pub kind: String,
    /// Settle it by this.
    pub lease: Lease,
    /// How old the message is, not counting the time in which kabari itself held it.
    pub age: Duration,
}

/// The right to settle one attempt. Given away by value: an attempt cannot be settled twice.
#[derive(Debug)]
pub struct Lease {
    /// Which message.
    pub message: MessageId,
    /// Which of its claims; a later one is higher and makes this lease void. Not the number of the
    /// attempt: one that does not count is given back, its claim is not.
    pub attempt: u32,
}

/// How an attempt ended, as `dispatch` decided.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The state that it leads to: sent, waiting, uncertain or failed.
    pub state: State,
    /// Why, if it was not sent.
    pub reason: Option<Reason>,
    /// The same for people.
    pub detail: Option<String>,
    /// For `waiting`: not before this time.
    pub due_at: Option<Timestamp>,
    /// Whether the attempt counts; one that failed for the sake of its lane does not.
    pub counts: bool,
    /// The attempt, for the record.
    pub attempt: Attempt,
}

/// A lane with something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneState {
    /// The instance's name.
    pub instance: String,
    /// When its next message is due; `None` if nothing waits that could be taken.
    pub next_due: Option<Timestamp>,
    /// Until when its pace is used up.
    pub paced_until: Option<Timestamp>,
}

/// Which messages to list.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only to this recipient, by whole number.
    pub number: Option<String>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only of this lane.
    pub instance: Option<String>,
    /// Only made at this time or later.
    pub since: Option<Timestamp>,
    /// Only made before this time.
    pub until: Option<Timestamp>,
    /// No more than so many.
    pub limit: Option<usize>,
}

/// Which events to list.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only of this source.
    pub source: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only received at this time or later.
    pub since: Option<Timestamp>,
    /// Only received before this time.
    pub until: Option<Timestamp>,
    /// No more than so many.
    pub limit: Option<usize>,
}

/// One line of a list of events.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EventRow {
    /// Our id.
    pub id: EventId,
    /// The source's name.
    pub source: String,
    /// What happened.
    pub kind: String,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// How many messages were made of it.
    pub messages: u64,
}

/// What came from one source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SourceRow {
    /// The source's name.
    pub source: String,
    /// How many events.
    pub events: u64,
    /// The kind of the last one.
    pub last_kind: String,
    /// When it came.
    pub last_at: Timestamp,
    /// Their messages by state.
    pub messages: std::collections::BTreeMap<String, u64>,
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
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Messages by state.
    pub messages: std::collections::BTreeMap<String, u64>,
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
