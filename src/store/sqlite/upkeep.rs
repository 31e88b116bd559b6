//! How is much done without anybody's waiting? A bounded part in each transaction.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use crate::model::{EventId, Message, MessageId, Recipient};
use crate::store::seal::Seal;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::by_hand::{self, MoveByHand, MoveMany};
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::sqlite::{lists, people, prune};
use crate::store::{
    EventFilter, MessageFilter, Moved, Moves, Pruned, Retention, Round, StoreError, StoreSize,
    Upkeep,
};

/// Messages moved in one transaction.
const MOVED_AT_ONCE: usize = 64;

#[async_trait]
impl Upkeep for SqliteStore {
    async fn message_ids(&self, filter: MessageFilter) -> Result<Vec<MessageId>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| Ok(message_ids(connection, filter, &seal)?)).await
    }

    async fn event_ids(&self, filter: EventFilter) -> Result<Vec<EventId>, StoreError> {
        self.readers.ask(move |connection| Ok(event_ids(connection, filter)?)).await
    }

    async fn joined(&self, event: EventId) -> Result<Vec<Message>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| joined(connection, event, &seal)).await
    }

    async fn move_many(&self, moves: Moves) -> Result<Vec<Moved>, StoreError> {
        let Moves { ids, to, from, now } = moves;
        let mut done = Vec::with_capacity(ids.len());
        for part in ids.chunks(MOVED_AT_ONCE) {
            let one = |id: &MessageId| MoveByHand { id: *id, to, from: from.clone(), now };
            done.extend(self.writer.run(MoveMany(part.iter().map(one).collect())).await?);
        }
        Ok(done)
    }

    async fn foresee_moves(&self, moves: Moves) -> Result<Vec<Moved>, StoreError> {
        let seal = self.seal.clone();
        self.readers.ask(move |connection| Ok(by_hand::foresee(connection, &moves, &seal)?)).await
    }

    async fn prune(
        &self,
        retention: Retention,
        now: Timestamp,
        round: Round,
    ) -> Result<Pruned, StoreError> {
        prune::step(&self.readers, &self.writer, retention, now, round).await
    }

    async fn is_opted_out(&self, recipient: &Recipient) -> Result<bool, StoreError> {
        let (number, seal) = (recipient.expose().to_owned(), self.seal.clone());
        let ask =
            move |connection: &Connection| Ok(people::is_opted_out(connection, &number, &seal)?);
        self.readers.ask(ask).await
    }

    async fn size(&self) -> Result<StoreSize, StoreError> {
        let path = self.readers.path().to_owned();
        self.readers.ask(move |connection| prune::size(connection, &path)).await
    }
}

fn message_ids(
    connection: &Connection,
    filter: MessageFilter,
    seal: &Seal,
) -> rusqlite::Result<Vec<MessageId>> {
    let mut conditions = lists::asked(filter, seal);
    conditions.also("content IS NOT NULL");
    let sql = format!("SELECT id FROM messages{} ORDER BY seq", conditions.sql);
    connection
        .prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(conditions.values), |row| {
            Ok(MessageId(Uuid::from_bytes(seal.open_id(row.get(0)?))))
        })?
        .collect()
}

fn event_ids(connection: &Connection, filter: EventFilter) -> rusqlite::Result<Vec<EventId>> {
    let (rest, values) = lists::asked_of_events(filter);
    let mut ids = connection
        .prepare_cached(&format!("SELECT id FROM events{rest}"))?
        .query_map(rusqlite::params_from_iter(values), |row| {
            Ok(EventId(Uuid::from_bytes(row.get(0)?)))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    ids.reverse();
    Ok(ids)
}

fn joined(
    connection: &Connection,
    event: EventId,
    seal: &Seal,
) -> Result<Vec<Message>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {MESSAGE_COLUMNS} FROM messages
         WHERE seq IN (SELECT message FROM gathered WHERE event = ?1)"
        ))?
        .query_map([event.0.as_bytes()], MessageRow::read)?
        .map(|row| row?.into_message(seal))
        .collect()
}
