//! What did a call to Wachat mean?

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MessageId;

/// One call to Wachat for one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The message that it was for.
    pub message: MessageId,
    /// Which attempt it was, from 1.
    pub number: u32,
    /// When the call began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What it meant.
    pub verdict: Verdict,
}

/// What an attempt means: the answer of the one table in `wachat/error.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What becomes of the message.
    pub fate: Fate,
    /// Why; `None` only when it was sent.
    pub reason: Option<Reason>,
    /// What else the answer speaks of.
    pub scope: Scope,
    /// HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Wachat's own words, shortened, with numbers masked.
    pub detail: String,
}

/// What becomes of a message after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Wachat accepted it.
    Sent,
    /// It was certainly not sent; try again, not sooner than `after` if given.
    Retry {
        /// What the answer's `Retry-After` asked for.
        after: Option<Duration>,
    },
    /// It is not known whether it was sent.
    Uncertain,
    /// It was certainly not sent and trying again cannot help.
    Failed,
}

impl Fate {
    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retry { .. } => "retry",
            Self::Uncertain => "uncertain",
            Self::Failed => "failed",
        }
    }
}

/// What an answer speaks of, beside its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The message alone.
    #[default]
    Message,
    /// Its recipient: other messages to this number will fare alike.
    Recipient,
    /// The whole lane: session, account or credentials. It consumes no attempt.
    Lane,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why a message stands where it stands: a closed list, the same in the store, the log, the
        /// metrics, the API and the dashboard.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in the database, the API and the metrics.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// Skipped: the rule's `number` gave nobody to send to. Needs a person.
    NoRecipient = "no recipient",
    /// Skipped: an earlier message holds the same `dedupe` key.
    Duplicate = "duplicate",
    /// Skipped: over the rule's `throttle`.
    Throttled = "throttled",
    /// Skipped: the recipient opted out.
    OptedOut = "opted out",
    /// Skipped: too old to be of use.
    Expired = "expired",
    /// Skipped: outside the rule's `hours`.
    Quiet = "quiet",
    /// Skipped: a test-mode event does not reach people.
    TestMode = "test mode",
    /// Skipped, or kept for as long: the rule only watches (`mode: shadow`).
    Shadow = "shadow",
    /// Failed: a template could not be rendered.
    Render = "render",
    /// Failed: `when` compared different types.
    Condition = "condition",
    /// Failed: the number cannot be a WhatsApp recipient.
    InvalidNumber = "invalid number",
    /// The call did not reach Wachat: name, connection or TLS.
    Network = "network",
    /// The token was refused.
    Auth = "auth",
    /// The WhatsApp session is not connected.
    Session = "session",
    /// Wachat does not know the instance.
    UnknownInstance = "unknown instance",
    /// The number is not on WhatsApp.
    Recipient = "recipient",
    /// The media could not be fetched or is of a kind that WhatsApp refuses.
    Media = "media",
    /// Too fast, or a quota is used up.
    Rate = "rate",
    /// WhatsApp restricted or banned the account.
    Account = "account",
    /// Wachat refused the request as wrong.
    BadRequest = "bad request",
    /// Wachat failed in a way that does not say whether it sent.
    Server = "server",
    /// No answer in time, or the connection broke after the request was written.
    NoAnswer = "no answer",
    /// A success that cannot be read as one (HTML page, broken JSON).
    Unreadable = "unreadable answer",
    /// A lane stands still: of a few messages in a row nobody knows whether they were sent.
    UncertainAnswers = "uncertain answers",
    /// The program stopped while an attempt was under way.
    Interrupted = "interrupted",
    /// Waiting: the day's or the person's share is used up for now.
    Paced = "paced",
    /// Waiting: its rule wants it later.
    Later = "later",
    /// Waiting: others join it to become one message.
    Grouped = "grouped",
    /// All attempts are used up.
    AttemptsUsedUp = "attempts used up",
    /// A person decided.
    ByHand = "by hand",
}

impl Reason {
    /// The reason of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}
