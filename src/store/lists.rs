//! What do people see of the store, and which part of it?

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{EventId, State};

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
