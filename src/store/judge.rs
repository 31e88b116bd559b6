//! What is asked of a message when it is its turn? Facts from the store; whoever claims decides.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Reason, Recipient, Terms};

/// Decides about each message whose turn it is, inside the claim's transaction: it must be quick,
/// and it sees nothing but the case.
pub trait Judge: Send + Sync + fmt::Debug {
    /// The number of the lane's day at this time, for a lane whose attempts are counted; `None` for
    /// one without limits.
    fn day(&self, now: Timestamp) -> Option<i64>;

    /// What becomes of it.
    fn ruling(&self, case: &Case<'_>) -> Ruling;
}

/// Everyone may go.
impl Judge for () {
    fn day(&self, _now: Timestamp) -> Option<i64> {
        None
    }

    fn ruling(&self, _case: &Case<'_>) -> Ruling {
        Ruling::Go
    }
}

/// A message whose turn it is, and what is known of its recipient and of its lane.
#[derive(Debug)]
pub struct Case<'a> {
    /// The time.
    pub now: Timestamp,
    /// Who gets it.
    pub recipient: &'a Recipient,
    /// What its rule asks for.
    pub terms: &'a Terms,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// How old it is, not counting the time in which kabari held it.
    pub age: Duration,
    /// How often it was tried.
    pub attempts: u32,
    /// The rule that made it; [`crate::model::Origin::BY_HAND`] if a person sent it, without one.
    pub rule: &'a str,
    /// What is known of its recipient.
    pub contact: Contact,
    /// Whether its recipient wants no messages.
    pub opted_out: bool,
    /// What the lane did today.
    pub today: Today,
}

/// What is known of a recipient in one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Whether a message may have got there before.
    pub reached: bool,
    /// When the last attempt began.
    pub tried_at: Option<Timestamp>,
    /// When Wachat said that this number is not on WhatsApp.
    pub absent_at: Option<Timestamp>,
}

/// What a lane did on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Today {
    /// Attempts begun.
    pub attempts: u64,
    /// Those to somebody who was never reached before.
    pub first_contacts: u64,
}

/// What becomes of a message whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It goes.
    Go,
    /// It leaves the line until then, and holds up nobody. Its clock stands still.
    Hold {
        /// When it comes back.
        until: Timestamp,
        /// Why.
        reason: Reason,
        /// The same for people.
        detail: String,
    },
    /// It keeps its place in line, and its recipient waits.
    Wait {
        /// Until then.
        until: Timestamp,
    },
    /// It is not to be sent.
    Skip {
        /// Why.
        reason: Reason,
        /// The same for people.
        detail: String,
    },
    /// It cannot be sent.
    Fail {
        /// Why.
        reason: Reason,
        /// The same for people.
        detail: String,
    },
    /// Nothing of the whole lane goes until then.
    Close {
        /// When it goes on.
        until: Timestamp,
    },
}
