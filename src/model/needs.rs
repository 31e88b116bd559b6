//! What needs a person now? For alerts and pages.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Reason;

/// All that goes nowhere until a person does something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Messages of which nobody knows whether they were sent.
    pub uncertain: u64,
    /// Messages that failed, by reason.
    pub failed: BTreeMap<Reason, u64>,
    /// Messages of rules that found nobody to send to.
    pub no_recipient: u64,
    /// Lanes that stand still, by instance; not those that a person paused.
    pub lanes: BTreeMap<String, LaneTrouble>,
    /// What is wrong with the rule file on the disk, while the last good one is in force.
    pub rules: Option<String>,
    /// Why the store cannot write.
    pub store: Option<String>,
    /// That soon it cannot, for want of room.
    pub disk: Option<DiskTrouble>,
}

/// Too little room is left for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskTrouble {
    /// Whether it is a matter of minutes.
    pub urgent: bool,
    /// How much is left, and what to do.
    pub detail: String,
}

/// Why a lane stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneTrouble {
    /// Why.
    pub reason: Reason,
    /// Wachat's words, fit to be shown.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

/// Who can say what needs a person: implemented by `app`.
#[async_trait]
pub trait Watched: Send + Sync {
    /// How it is now. What cannot be found out now is left out, and said in [`Needs::store`].
    async fn needs(&self) -> Needs;
}
