//! What may a story ask of the running program?

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{EventId, Message, Reason};

/// What the dashboard and its API need from the floor above: implemented by `app`.
#[async_trait]
pub trait Controls: Send + Sync {
    /// Reads the rule file again and swaps the pipeline; a bad file changes nothing.
    ///
    /// # Errors
    /// The report of every problem in the file, ready to print.
    async fn reload(&self) -> Result<String, String>;

    /// Stops claiming for a lane until [`Controls::resume`]; `false` if there is no such lane.
    async fn pause(&self, instance: &str) -> bool;

    /// Lets a lane go on, whatever stopped it; `false` if there is no such lane.
    async fn resume(&self, instance: &str) -> bool;

    /// Plays events through the rules in force; what is new goes into line, unless it is only a look.
    ///
    /// # Errors
    /// What is wrong with the store.
    async fn replay(&self, asked: Replay) -> Result<(Vec<Replayed>, Groups), String>;

    /// Whether kabari can take events, and what else is worth knowing.
    async fn readiness(&self) -> Readiness;
}

/// Which events are to be played through the rules once more.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Their ids.
    pub events: Vec<EventId>,
    /// Messages that are there are made once more, told from the first ones by this number.
    pub again: Option<u64>,
    /// Nothing is made, only shown.
    pub dry_run: bool,
    /// The groups of those that were replayed before, where many events are replayed part by part.
    pub groups: Groups,
}

/// How many events there are in each group that a replay makes, by a digest of what tells it from others.
pub type Groups = BTreeMap<String, u32>;

/// What today's rules make of one event.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The event.
    pub event: EventId,
    /// Its source's name.
    pub source: String,
    /// What happened.
    pub kind: String,
    /// Its messages, of the rules and of the store.
    pub messages: Vec<(Fits, Message)>,
    /// Of those that today's rules make otherwise: as they would be, under the same ids.
    pub today: Vec<Message>,
    /// How many of them went into line.
    pub made: usize,
    /// Why nothing can be made of it.
    pub problem: Option<String>,
    /// Whether that is because it, or a message of it, is damaged or was changed from outside.
    pub unreadable: bool,
}

/// How a message of today's rules fits to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fits {
    /// It is not there yet.
    New,
    /// It becomes part of another one that is new: its rule has `group:`.
    Joins,
    /// It is there as it is.
    There,
    /// It is there and says something else; it stays.
    Otherwise,
    /// It is there, and today's rules do not make it; it stays.
    Gone,
}

impl Fits {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Joins => "joins",
            Self::There => "there",
            Self::Otherwise => "otherwise",
            Self::Gone => "gone",
        }
    }
}

/// Messages of a lane that wait for their time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LaneWait {
    /// Until then.
    pub until: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub detail: String,
    /// Whether all of the lane's messages wait.
    pub whole: bool,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Readiness {
    /// Whether verified events can be recorded with valid rules.
    pub ready: bool,
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// `ok`, or how little room is left where the store is; no reason for not being ready.
    pub disk: String,
    /// `ok`, or what is wrong with the rule file on disk (the last good one is in force).
    pub rules: String,
    /// `ok`, or that nobody is messaged, or who alone is; no reason for not being ready.
    pub sending: String,
    /// All lanes, by name.
    pub instances: Vec<String>,
    /// Each lane that stands still with its reason; never a reason for not being ready.
    pub lanes: Vec<(String, String)>,
    /// When one message tries a lane that stands still, if that is not left to a person.
    pub probes: Vec<(String, Timestamp)>,
    /// Until when lanes that go hold messages back, and why; never a reason for not being ready.
    pub waits: Vec<(String, LaneWait)>,
    /// Each list of what a provider sent in vain, with how the last look at it went; never a reason
    /// for not being ready.
    pub reconciled: Vec<(String, String)>,
}
