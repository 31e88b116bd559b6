//! What is a group of events that becomes one message, as the store has it?

use crate::model::{Content, Event, MessageId, Reason};

/// A group that is due.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// The message that it becomes.
    pub message: MessageId,
    /// The rule that asked for it.
    pub rule: String,
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
