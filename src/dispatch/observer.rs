//! Who wants to know what dispatch does?

use crate::model::{Attempt, Message, Reason, State};

/// Told of every attempt and of every lane that stops or goes on; for metrics and pages. It is
/// called between two attempts, so it must not block.
pub trait Observer: Send + Sync {
    /// An attempt ended and its message went to `state`.
    fn attempt(&self, message: &Message, attempt: &Attempt, state: State);

    /// A lane stands still for this reason, or goes on.
    fn lane(&self, instance: &str, standing_still: Option<Reason>);
}

/// Nobody.
impl Observer for () {
    fn attempt(&self, _message: &Message, _attempt: &Attempt, _state: State) {}

    fn lane(&self, _instance: &str, _standing_still: Option<Reason>) {}
}
