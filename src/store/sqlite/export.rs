//! What is in the store, all of it, a page at a time and the oldest first?

use rusqlite::{Connection, Row};

use crate::model::{Event, Message};
use crate::store::sqlite::history::History;
use crate::store::sqlite::lists::{self, Conditions};
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
        let ask = move |connection: &Connection| {
            let of = format!("SELECT {MESSAGE_COLUMNS} FROM messages");
            let read = |row: &Row<'_>| MessageRow::read(row)?.into_message(&seal);
            page(connection, &of, lists::asked(filter, &seal), after, read)
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
        let ask = move |connection: &Connection| {
            let of = "SELECT id, source, kind, provider_id, received_at, content, seq FROM events";
            let read = |row: &Row<'_>| PackedEvent::read(row)?.into_event(&seal);
            page(connection, of, lists::asked_of_event(filter), after, read)
        };
        self.readers().ask(ask).await
    }
}

/// A page of what is asked for under these conditions, behind the row with the number `after`; each
/// row has its number in the column `seq`.
fn page<T>(
    connection: &Connection,
    of: &str,
    mut conditions: Conditions,
    after: i64,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Part<T>, StoreError> {
    conditions.values.push(Box::new(after));
    conditions.also(&format!("seq > ?{}", conditions.values.len()));
    let Conditions { sql, values } = conditions;
    let mut last = None;
    let read = |row: &Row<'_>| {
        // Also of one that cannot be read: the next page begins behind it.
        last = Some(row.get("seq")?);
        read(row)
    };
    let sql = format!("{of}{sql} ORDER BY seq LIMIT {PAGE_ROWS}");
    let listed = lists::listed(connection, &sql, values, read)?;
    Ok((listed, last))
}
