//! What do people see of the store, and which part of it?

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::model::{EventId, State, counted};
use crate::store::StoreError;

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

/// Rows of a list: those that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// They, in their order.
    pub rows: Vec<T>,
    /// The others.
    pub unreadable: Unreadable,
}

/// Rows that cannot be read: damaged, or changed from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// How many.
    pub count: u64,
    /// What is wrong with the first of them.
    pub first: Option<String>,
}

impl Unreadable {
    /// The row if it can be read; else it is counted.
    pub fn or_counted<T>(&mut self, row: Result<T, StoreError>) -> Option<T> {
        let error = match row {
            Ok(row) => return Some(row),
            Err(error) => error,
        };
        self.count += 1;
        self.first.get_or_insert_with(|| error.to_string());
        None
    }

    /// Counts those of another part too.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.take().or(other.first);
    }
}

/// As people are told of them.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = counted(self.count, "row");
        write!(f, "{rows} cannot be read: damaged, or changed from outside")?;
        self.first.iter().try_for_each(|first| write!(f, " (the first: {first})"))
    }
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
    pub messages: BTreeMap<String, u64>,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Messages by state.
    pub messages: BTreeMap<String, u64>,
}
