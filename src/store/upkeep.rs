//! What can be done to many rows at once, and to the store as a whole? The rest of the contract.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::{EventId, Message, MessageId, Recipient, State};
use crate::store::{
    EventFilter, MessageFilter, Moved, Pruned, Retention, Round, StoreError, StoreSize,
};

/// What people and time do to a store, beside what it is there for.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// The ids of the messages of a filter that could be sent, the oldest first.
    async fn message_ids(&self, filter: MessageFilter) -> Result<Vec<MessageId>, StoreError>;

    /// The ids of the events of a filter, the oldest first; with a limit the newest so many.
    async fn event_ids(&self, filter: EventFilter) -> Result<Vec<EventId>, StoreError>;

    /// The messages that an event became part of, other than by itself: those of its groups.
    async fn joined(&self, event: EventId) -> Result<Vec<Message>, StoreError>;

    /// A person moves messages, as by [`crate::store::Store::move_by_hand`]: one answer for each,
    /// in their order. A bounded number goes into each transaction, so that nobody waits for long.
    async fn move_many(&self, moves: Moves) -> Result<Vec<Moved>, StoreError>;

    /// What [`Upkeep::move_many`] would say at this moment. Nothing is moved.
    async fn foresee_moves(&self, moves: Moves) -> Result<Vec<Moved>, StoreError>;

    /// One step of a round of pruning: removes a bounded number of rows that have had their time at
    /// `now`, and says where the round goes on. Never what is waiting, sending or uncertain, nor an
    /// event of such a message; that an event was here is remembered for 30 days, and a `dedupe` key
    /// of what was sent for as long as its rule said.
    async fn prune(
        &self,
        retention: Retention,
        now: Timestamp,
        round: Round,
    ) -> Result<Pruned, StoreError>;

    /// Whether somebody wants no messages, also of who was forgotten since.
    async fn is_opted_out(&self, recipient: &Recipient) -> Result<bool, StoreError>;

    /// How much room it takes.
    async fn size(&self) -> Result<StoreSize, StoreError>;
}

/// What a person wants of some messages.
#[derive(Clone, Debug)]
pub struct Moves {
    /// Which.
    pub ids: Vec<MessageId>,
    /// The state that they are to have.
    pub to: State,
    /// Only those that are in one of these states at that moment; in any, if there are none.
    pub from: Vec<State>,
    /// When.
    pub now: Timestamp,
}

/// What it took to forget somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Messages that lost what they said and, if they were the person's, the number.
    pub messages: u64,
    /// Events that lost headers and body.
    pub events: u64,
    /// Sessions that knew the number.
    pub contacts: u64,
    /// Whether the person had opted out, and goes on to.
    pub opted_out: bool,
    /// Rows that are still needed and were left as they are.
    pub left: u64,
    /// Rows that cannot be read, so that nobody knows whether the person is in them.
    pub unreadable: u64,
    /// Whether the file was made anew, so that nothing is left in its free room.
    pub rewritten: bool,
}
