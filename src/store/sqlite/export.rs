//! What is in the store, all of it, a page at a time and the oldest first?

use rusqlite::Row;
use rusqlite::types::ToSql;

use crate::model::{Event, Message};
use crate::store::sqlite::history::History;
use crate::store::sqlite::lists;
use crate::store::sqlite::packed::PackedEvent;
use crate::store::sqlite::row::{MESSAGE_COLUMNS, MessageRow};
use crate::store::{EventFilter, Listed, MessageFilter, StoreError};

/// Rows of a page.
const PAGE_ROWS: i64 = 128;

/// Some rows, and where the next ones begin; `None` after the last.
type Part<T> = (Listed<T>, Option<i64>);

impl History {
    /// Messages of a filter, behind the one that a page before ended with (0 at first).
    pub async fn messages_after(
        &self,
        filter: MessageFilter,
        after: i64,
    ) -> Result<Part<Message>, StoreError> {
        let seal = self.seal().clone();
        let ask = move |connection: &rusqlite::Connection| {
            let (rest, values) = page(lists::asked(filter, &seal), after);
            let sql = format!("SELECT {MESSAGE_COLUMNS} FROM messages{rest}");
            let mut last = None;
            let read = |row: &Row<'_>| {
                last = Some(row.get("seq")?);
                MessageRow::read(row)?.into_message(&seal)
            };
            let listed = lists::listed(connection, &sql, values, read)?;
            Ok((listed, last))
        };
        self.readers().ask(ask).await
    }

    /// Events of a filter, whole, behind the one that a page before ended with (0 at first).
    pub async fn events_after(
        &self,
        filter: EventFilter,
        after: i64,
    ) -> Result<Part<Event>, StoreError> {
        let seal = self.seal().clone();
        let ask = move |connection: &rusqlite::Connection| {
            let (rest, values) = page(lists::asked_of_event(filter), after);
            let sql = format!(
                "SELECT id, source, kind, provider_id, received_at, content, seq FROM events{rest}"
            );
            let mut last = None;
            let read = |row: &Row<'_>| {
                last = Some(row.get("seq")?);
                PackedEvent::read(row)?.into_event(&seal)
            };
            let listed = lists::listed(connection, &sql, values, read)?;
            Ok((listed, last))
        };
        self.readers().ask(ask).await
    }
}

/// The end of the query for a page, and the values of all of it.
fn page(mut conditions: lists::Conditions, after: i64) -> (String, Vec<Box<dyn ToSql>>) {
    conditions.values.push(Box::new(after));
    conditions.also(&format!("seq > ?{}", conditions.values.len()));
    let lists::Conditions { sql, values } = conditions;
    (format!("{sql} ORDER BY seq LIMIT {PAGE_ROWS}"), values)
}
