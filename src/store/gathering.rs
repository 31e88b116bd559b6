//! What is a group of events that becomes one message, as the store has it?

use crate::model::{Content, Event, MessageId, Origin, Reason};

/// How far [`crate::store::Store::gatherings`] has come: the next look begins behind this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatheredTo {
    pub(super) due_at: i64,
    pub(super) key: [u8; 16],
}

/// A group that is due.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// Where it stands among those that are due.
    pub at: GatheredTo,
    /// The message that it becomes.
    pub message: MessageId,
    /// The rule that asked for it, and which of its sends.
    pub origin: Origin,
    /// The send as it is written, as JSON.
    pub template: String,
    /// Its events, the oldest first; no more than are shown.
    pub events: Vec<Event>,
    /// How many there are in all.
    pub size: u32,
    /// Why it cannot be read, if it cannot: then it has no template and no events here.
    pub unreadable: Option<String>,
}

/// What became of a group.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its message, filled with all events.
    Made(Content),
    /// It could not be filled.
    Unmade {
        /// Why.
        reason: Reason,
        /// The same for people.
        detail: String,
    },
}
