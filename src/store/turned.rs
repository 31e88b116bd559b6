//! How did attempts end, what was taken then, and what is left to people?

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Message, MessageId, Reason};

use super::{Claims, Settlement};

/// An attempt that ended, with the right to say so.
#[derive(Debug)]
pub struct Ended {
    /// The right.
    pub lease: Lease,
    /// How it ended.
    pub settlement: Settlement,
}

/// What [`Store::turn_over`](super::Store::turn_over) did.
#[derive(Debug, Default)]
pub struct TurnedOver {
    /// For each attempt, whether its lease still held.
    pub held: Vec<bool>,
    /// What was taken.
    pub claims: Claims,
}

/// Messages that go nowhere until a person decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Sent or not: nobody knows.
    pub uncertain: u64,
    /// Failed, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// Skipped since nobody was there to send to.
    pub no_recipient: u64,
    /// Up to where those without a recipient are counted.
    pub seen: i64,
}

/// A message taken by [`Store::claim`](super::Store::claim), with the right to settle it.
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
}
