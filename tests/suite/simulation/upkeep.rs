//! What people and time do to the store passes through as all else does.

use async_trait::async_trait;
use jiff::Timestamp;
use kabari::model::{EventId, Message, MessageId, Recipient};
use kabari::store::{
    EventFilter, MessageFilter, Moved, Moves, Pruned, Retention, Round, StoreError, StoreSize,
    Upkeep,
};

use super::ledger::Cause;
use super::store::Held;

#[async_trait]
impl Upkeep for Held {
    async fn message_ids(&self, filter: MessageFilter) -> Result<Vec<MessageId>, StoreError> {
        self.read(self.inner.message_ids(filter)).await
    }

    async fn event_ids(&self, filter: EventFilter) -> Result<Vec<EventId>, StoreError> {
        self.read(self.inner.event_ids(filter)).await
    }

    async fn joined(&self, event: EventId) -> Result<Vec<Message>, StoreError> {
        self.read(self.inner.joined(event)).await
    }

    async fn move_many(&self, moves: Moves) -> Result<Vec<Moved>, StoreError> {
        self.write(Cause::Other, self.inner.move_many(moves)).await
    }

    async fn foresee_moves(&self, moves: Moves) -> Result<Vec<Moved>, StoreError> {
        self.read(self.inner.foresee_moves(moves)).await
    }

    async fn prune(
        &self,
        retention: Retention,
        now: Timestamp,
        round: Round,
    ) -> Result<Pruned, StoreError> {
        self.write(Cause::Other, self.inner.prune(retention, now, round)).await
    }

    async fn is_opted_out(&self, recipient: &Recipient) -> Result<bool, StoreError> {
        self.read(self.inner.is_opted_out(recipient)).await
    }

    async fn size(&self) -> Result<StoreSize, StoreError> {
        self.read(self.inner.size()).await
    }
}
