//! One send of a rule: event → content and recipients.

use super::{Country, SendSettings};
use crate::expr::Facts;
use crate::model::{Content, Fault, Reason, Recipient, State};

/// A compiled send.
#[derive(Clone, Debug)]
pub struct Send;

/// One message to be, for one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Whose session sends it; `None` is the default one.
    pub instance: Option<String>,
    /// Who gets it.
    pub recipient: Recipient,
    /// What.
    pub content: Content,
}

/// A message that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmade {
    /// Failed or skipped.
    pub state: State,
    /// Why, from the closed list.
    pub reason: Reason,
    /// The field, the path and the remedy.
    pub detail: String,
    /// What tells it from its siblings: the number as written, masked, or nothing.
    pub about: String,
}

impl Send {
    /// Compiles the settings; every mistake is told, with the path of its field.
    pub fn compile(_settings: &SendSettings) -> Result<Self, Vec<Fault>> {
        todo!()
    }

    /// The messages for this event: one for each recipient, equal ones once; each that cannot be
    /// made says why, and its neighbours go on.
    pub fn make(&self, _facts: &Facts, _country: Option<Country>) -> Vec<Result<Made, Unmade>> {
        todo!()
    }
}
