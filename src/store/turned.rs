//! How did attempts end, what was taken then, and what is left to people?

use std::collections::BTreeMap;

use crate::model::Reason;

use super::{Claims, Lease, Settlement};

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
