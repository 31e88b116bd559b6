//! What do people and lanes see of the store?

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::model::{Attempt, EventId, Message, MessageId, State};
use crate::store::seal::Seal;
use crate::store::sqlite::packed::PackedEvent;
use crate::store::sqlite::row::{self, MESSAGE_COLUMNS, MessageRow};
use crate::store::{
    Counts, EventFilter, EventRow, LaneState, Listed, MessageFilter, SourceRow, StoreError,
    Unreadable,
};

/// Conditions of a list, with their values.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) sql: String,
    pub(super) values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    /// Adds `column = value` if there is a value.
    fn equal(&mut self, column: &str, value: Option<impl ToSql + 'static>) {
        let Some(value) = value else { return };
        self.values.push(Box::new(value));
        self.also(&format!("{column} = ?{}", self.values.len()));
    }

    /// Adds that the time in the column is within these.
    fn within(&mut self, column: &str, since: Option<Timestamp>, until: Option<Timestamp>) {
        for (time, sign) in [(since, ">="), (until, "<")] {
            let Some(time) = time else { continue };
            self.values.push(Box::new(row::micros(time)));
            self.also(&format!("{column} {sign} ?{}", self.values.len()));
        }
    }

    pub(super) fn also(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
    }

    /// The end of the query: newest first, so many at most.
    fn newest_first(mut self, limit: Option<usize>) -> (String, Vec<Box<dyn ToSql>>) {
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        self.values.push(Box::new(limit));
        let place = self.values.len();
        (format!("{} ORDER BY seq DESC LIMIT ?{place}", self.sql), self.values)
    }
}

/// What a filter asks of a message.
pub(super) fn asked(filter: MessageFilter, seal: &Seal) -> Conditions {
    let filter = filter.sealed(seal);
    let mut conditions = Conditions::default();
    if filter.state.is_some_and(|state| state != State::Sent) {
        // Lets the index of what is not done answer.
        conditions.also("state <> 'sent'");
    }
    conditions.equal("state", filter.state.map(State::as_str));
    conditions.equal("rule", filter.rule);
    conditions.equal("source", filter.source);
    conditions.equal("recipient", filter.number);
    conditions.equal("event", filter.event.map(|event| event.0.into_bytes()));
    conditions.equal("instance", filter.instance);
    conditions.within("created_at", filter.since, filter.until);
    conditions
}

/// Rows of a query, and which of them cannot be read. Where the database itself goes no farther, it is
/// an error.
pub(super) fn listed<T>(
    connection: &Connection,
    sql: &str,
    values: Vec<Box<dyn ToSql>>,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Listed<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut listed = Listed { rows: Vec::new(), unreadable: Unreadable::default() };
    while let Some(row) = rows.next()? {
        listed.rows.extend(listed.unreadable.or_counted(read(row)));
    }
    Ok(listed)
}

/// Messages, newest first.
pub(super) fn messages(
    connection: &Connection,
    filter: MessageFilter,
    seal: &Seal,
) -> Result<Listed<Message>, StoreError> {
    let limit = filter.limit;
    let (rest, values) = asked(filter, seal).newest_first(limit);
    let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages{rest}");
    listed(connection, &sql, values, |row| MessageRow::read(row)?.into_message(seal))
}

/// One message with its attempts, oldest first.
pub(super) fn message(
    connection: &Connection,
    id: MessageId,
    seal: &Seal,
) -> Result<Option<(Message, Vec<Attempt>)>, StoreError> {
    let found = connection
        .prepare_cached(&format!("SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = ?1"))?
        .query_row([seal.id(id.0.into_bytes())], MessageRow::read)
        .optional()?;
    let Some(found) = found else { return Ok(None) };
    let attempts = connection
        .prepare_cached(
            "SELECT number, started_at, took_ms, verdict, claim FROM attempts
             WHERE message = ?1 ORDER BY claim",
        )?
        .query_map([found.seq], |row| Ok(row::attempt((id, found.id), row, seal)))?
        .map(|attempt| attempt?)
        .collect::<Result<_, StoreError>>()?;
    Ok(Some((found.into_message(seal)?, attempts)))
}

/// What a filter asks of an event, and the end of the query: newest first, so many at most.
pub(super) fn asked_of_events(filter: EventFilter) -> (String, Vec<Box<dyn ToSql>>) {
    let limit = filter.limit;
    asked_of_event(filter).newest_first(limit)
}

/// What a filter asks of an event.
pub(super) fn asked_of_event(filter: EventFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.equal("source", filter.source);
    conditions.equal("kind", filter.kind);
    conditions.within("received_at", filter.since, filter.until);
    conditions
}

/// Events, newest first.
pub(super) fn events(
    connection: &Connection,
    filter: EventFilter,
    seal: &Seal,
) -> Result<Listed<EventRow>, StoreError> {
    let (rest, values) = asked_of_events(filter);
    let sql = format!(
        "SELECT id, source, kind, provider_id, received_at,
             (SELECT count(*) FROM messages WHERE messages.event = events.id)
         FROM events{rest}"
    );
    listed(connection, &sql, values, |row| row::event_line(row, seal))
}

/// One event as it was packed.
pub(super) fn event(
    connection: &Connection,
    id: EventId,
) -> Result<Option<PackedEvent>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT id, source, kind, provider_id, received_at, content FROM events WHERE id = ?1",
        )?
        .query_row([id.0.as_bytes()], PackedEvent::read)
        .optional()?;
    Ok(found)
}

/// Lanes with something waiting: a few steps in the index for each lane, however much waits.
pub(super) fn lanes(connection: &Connection) -> Result<Vec<LaneState>, StoreError> {
    let mut next = connection.prepare_cached(
        "SELECT min(instance) FROM (
             SELECT * FROM (SELECT instance FROM messages INDEXED BY messages_heads
                 WHERE head = 1 AND instance > ?1 ORDER BY instance LIMIT 1)
             UNION ALL
             SELECT * FROM (SELECT instance FROM messages INDEXED BY messages_held
                 WHERE state = 'waiting' AND held = 1 AND instance > ?1
                 ORDER BY instance LIMIT 1))",
    )?;
    let mut lanes = Vec::new();
    let mut after = String::new();
    while let Some(instance) = next.query_row([&after], |row| row.get::<_, Option<String>>(0))? {
        let Ahead { due, behind, paced_until } = Ahead::of(connection, &instance)?;
        if due.is_some() || behind {
            lanes.push(LaneState {
                instance: instance.clone(),
                next_due: due.and_then(row::time),
                paced_until: paced_until.and_then(row::time),
            });
        }
        after = instance;
    }
    Ok(lanes)
}

/// What is ahead of a lane.
pub(super) struct Ahead {
    /// When the first of those that could be taken is due.
    pub(super) due: Option<i64>,
    /// Whether any waits behind another one.
    behind: bool,
    paced_until: Option<i64>,
}

impl Ahead {
    pub(super) fn of(connection: &Connection, instance: &str) -> rusqlite::Result<Self> {
        let mut state = connection.prepare_cached(
            "SELECT
                 (SELECT min(due_at) FROM messages INDEXED BY messages_due
                     WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND priority = 0),
                 (SELECT min(due_at) FROM messages INDEXED BY messages_due
                     WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND priority = 1),
                 (SELECT min(due_at) FROM messages INDEXED BY messages_due
                     WHERE state = 'waiting' AND head = 1 AND instance = ?1 AND priority = 2),
                 (SELECT min(due_at) FROM messages INDEXED BY messages_held
                     WHERE state = 'waiting' AND held = 1 AND instance = ?1),
                 EXISTS (SELECT 1 FROM messages INDEXED BY messages_behind
                     WHERE state = 'waiting' AND head = 0 AND held = 0 AND instance = ?1),
                 (SELECT paced_until FROM lanes WHERE instance = ?1)",
        )?;
        state.query_row([instance], |row| {
            let mut due = None;
            for column in 0..4 {
                let one: Option<i64> = row.get(column)?;
                due = due.into_iter().chain(one).min();
            }
            Ok(Self { due, behind: row.get(4)?, paced_until: row.get(5)? })
        })
    }
}

/// How many there are. What is not done is counted in its index, the rest is sent.
pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let total =
        |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row::count_at(row, 0));
    let mut counts = Counts {
        events: total("SELECT count(*) FROM events")?,
        messages: State::ALL.into_iter().map(|state| (state.as_str().to_owned(), 0)).collect(),
    };
    let mut sent = total("SELECT count(*) FROM messages")?;
    let mut undone = connection.prepare_cached(
        "SELECT state, count(*) FROM messages WHERE state <> 'sent' GROUP BY state",
    )?;
    for line in undone.query_map([], |row| Ok((row.get(0)?, row::count_at(row, 1)?)))? {
        let (state, count): (String, u64) = line?;
        sent -= count;
        counts.messages.insert(state, count);
    }
    counts.messages.insert(State::Sent.as_str().to_owned(), sent);
    Ok(counts)
}

/// What came from each source, by name. It reads every row but not the bodies: for people who ask.
pub(super) fn sources(connection: &Connection) -> Result<Vec<SourceRow>, StoreError> {
    // SQLite takes a bare column from the row that has the `max`.
    let mut sources: Vec<SourceRow> = connection
        .prepare_cached(
            "SELECT source, count(*), kind, max(received_at) FROM events
             GROUP BY source ORDER BY source",
        )?
        .query_map([], |row| {
            Ok(SourceRow {
                source: row.get(0)?,
                events: row::count_at(row, 1)?,
                last_kind: row.get(2)?,
                last_at: row::time_at(row, 3)?,
                messages: BTreeMap::new(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut messages = connection
        .prepare_cached("SELECT source, state, count(*) FROM messages GROUP BY source, state")?;
    let counted = messages
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row::count_at(row, 2)?)))?;
    for line in counted {
        let (source, state, count) = line?;
        if let Some(row) = sources.iter_mut().find(|row| row.source == source) {
            row.messages.insert(state, count);
        }
    }
    Ok(sources)
}
