//! When may a message be sent, and what makes it one too many? Promised when it is made.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Content, Hours, MessageId, Recipient};

/// What a rule asks for its messages, beside trying again.
///
/// What decides once, when the message is recorded, is not kept after that: a message that comes
/// back from the store has only what is asked again whenever it is its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Who goes first of those that wait.
    pub priority: Priority,
    /// When it may be sent; asked again whenever it is its turn.
    pub hours: Option<Hours>,
    /// How long it is of use, in seconds. The clock stands still while kabari itself holds it.
    pub expires_s: Option<u64>,
    /// Not before this time. Until then it holds up nobody.
    pub not_before: Option<Timestamp>,
    /// What makes it a duplicate of another message.
    pub dedupe: Option<Dedupe>,
    /// How many of its like may go in a span of time.
    pub throttle: Option<Throttle>,
    /// With which others it becomes one message.
    pub group: Option<Group>,
    /// What is sent instead if it fails.
    pub or: Vec<Instead>,
}

/// What is sent instead of a message that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instead {
    /// Its own id.
    pub id: MessageId,
    /// By which it is told from the rule's sends.
    pub send: u16,
    /// The session that sends it.
    pub instance: String,
    /// Who gets it.
    pub recipient: Recipient,
    /// What.
    pub content: Content,
}

impl Instead {
    /// Added to the number of the send in whose stead it is.
    pub const SEND: u16 = 0x8000;
}

impl Terms {
    /// Whether they have anything to say when the message is recorded.
    pub fn decide_at_record(&self) -> bool {
        self.dedupe.is_some() || self.throttle.is_some() || self.group.is_some()
    }
}

/// Who goes first of those that wait. Also for one recipient: a higher one overtakes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// As they come.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl Priority {
    /// All, the first to go first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];
}

/// What makes a message a duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// Of the messages of one send of one rule to one recipient, one with this key is enough.
    pub key: String,
    /// For so many seconds.
    pub within_s: u64,
}

/// How many may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Of the messages of one rule with this key,
    pub key: String,
    /// so many
    pub limit: u32,
    /// in so many seconds.
    pub per_s: u64,
    /// What becomes of the rest.
    pub rest: Rest,
    /// The send as it is written, as JSON, where the rest is grouped.
    pub template: String,
}

/// What becomes of those that are over a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rest {
    /// They wait for their turn.
    #[default]
    Wait,
    /// They are skipped.
    Skip,
    /// They wait together and become one message.
    Group,
}

/// With which others a message becomes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Those of one send of one rule to one recipient with this key.
    pub key: String,
    /// How long the first waits for others, in seconds.
    pub wait_s: u64,
    /// How long after a group the next one goes at the soonest, in seconds.
    pub interval_s: u64,
    /// With so many it goes at once, but not before `interval_s` has passed.
    pub max: u32,
    /// The send as it is written, as JSON: it is filled anew with all events.
    pub template: String,
}
