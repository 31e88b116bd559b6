//! What does a lane take from the store, and how does it give it back?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Attempt, LaneWait, Message, MessageId, Reason, State};
use crate::store::Judge;

/// What a lane asks for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The lane.
    pub instance: String,
    /// How many messages at most.
    pub limit: usize,
    /// What is due at this time may be taken.
    pub now: Timestamp,
    /// For each message taken, in order, the lane's pace is used up until then: the state of the
    /// pace after taking n messages is the n-th entry. Empty when the lane is not paced.
    pub paced_until: Vec<Timestamp>,
    /// How far ahead of now the pace may be used up while the lane still goes.
    pub pace_ahead: Duration,
    /// Who is asked about each message.
    pub judge: Arc<dyn Judge>,
    /// While [`crate::store::Store::ask_again`] goes on in this lane: how far it has come. Whoever is
    /// after that is asked again before another message to the same recipient is taken.
    pub asked_to: Option<AskedTo>,
}

impl Claim {
    /// A claim of a lane without pace and limits.
    pub fn new(instance: impl Into<String>, limit: usize, now: Timestamp) -> Self {
        let (paced_until, pace_ahead, judge) = (Vec::new(), Duration::ZERO, Arc::new(()));
        let instance = instance.into();
        Self { instance, limit, now, paced_until, pace_ahead, judge, asked_to: None }
    }
}

/// What [`crate::store::Store::claim`] gives.
#[derive(Debug, Default)]
pub struct Claims {
    /// The messages.
    pub taken: Vec<Claimed>,
    /// The judge lets nothing of this lane go before.
    pub closed_until: Option<Timestamp>,
    /// Not all that are due could be looked at: ask again at once.
    pub more: bool,
    /// If there was room for more than was taken, and all were looked at: when the lane's next message is due, if any waits that could be taken.
    /// A time that has passed belongs to somebody who is blocked.
    pub next_due: Option<Timestamp>,
}

/// How far [`crate::store::Store::ask_again`] has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedTo {
    /// 0 for those who are out of line, then for each priority those in line whose recipient waits.
    pub(super) line: u8,
    pub(super) due_at: i64,
    pub(super) seq: i64,
    /// The lane's day, and its first contacts: those before, and who came back since and was never
    /// reached before. The day is not given away twice.
    pub(super) day: Option<i64>,
    pub(super) first_contacts: u64,
}

/// What a lane remembers over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneMemory {
    /// Until when its pace is used up.
    pub paced_until: Option<Timestamp>,
    /// Why it stands still, if it does.
    pub shut: Option<Shut>,
    /// By which limits those were asked last that limits hold; `None` if that is not known.
    pub limits: Option<String>,
    /// When these made anybody wait last, to the minute; `None` if they never did.
    pub asked_at: Option<Timestamp>,
    /// What the next of those wait for, the soonest of each.
    pub waits: Vec<LaneWait>,
}

/// Why a lane stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

/// As people are told of it.
impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_str())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// A message taken by [`crate::store::Store::claim`], with the right to settle it.
#[derive(Debug)]
pub struct Claimed {
    /// The message, its attempts counting the one to be made now.
    pub message: Message,
    /// The kind of the event that it was made from.
    pub kind: String,
    /// Settle it by this.
    pub lease: Lease,
    /// How old the message is, not counting the time in which kabari itself held it.
    pub age: Duration,
}

/// The right to settle one attempt. Given away by value: an attempt cannot be settled twice.
#[derive(Debug)]
pub struct Lease {
    /// Which message.
    pub message: MessageId,
    /// Which of its claims; a later one is higher and makes this lease void. Not the number of the
    /// attempt: one that does not count is given back, its claim is not.
    pub attempt: u32,
    /// Its share of its lane's day, where that is counted.
    pub share: Option<Share>,
}

/// What an attempt uses up of its lane's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The day's number.
    pub day: i64,
    /// Whether it goes to somebody who was never reached before.
    pub first_contact: bool,
}

/// How an attempt ended, as `dispatch` decided.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The state that it leads to: sent, waiting, uncertain or failed.
    pub state: State,
    /// Why, if it was not sent.
    pub reason: Option<Reason>,
    /// The same for people.
    pub detail: Option<String>,
    /// For `waiting`: not before this time.
    pub due_at: Option<Timestamp>,
    /// Whether the attempt counts; one that failed for the sake of its lane does not.
    pub counts: bool,
    /// Whether it uses up its share of the lane's day; what certainly did not go out gives it back.
    pub spends: bool,
    /// The attempt, for the record.
    pub attempt: Attempt,
}

/// A lane with something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneState {
    /// The instance's name.
    pub instance: String,
    /// When its next message is due; `None` if nothing waits that could be taken.
    pub next_due: Option<Timestamp>,
    /// Until when its pace is used up.
    pub paced_until: Option<Timestamp>,
}
