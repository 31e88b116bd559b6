//! Who looks on while lanes send? The metrics, and the bell of the alerts.

use std::sync::Arc;

use crate::alerts::Bell;
use crate::dispatch::Observer;
use crate::model::{Attempt, Message, Reason, State};
use crate::telemetry::Metrics;

/// Counts what the lanes do, and rings where that may need a person.
pub(super) struct Watch {
    pub(super) metrics: Arc<Metrics>,
    pub(super) bell: Bell,
}

impl Observer for Watch {
    fn attempt(&self, message: &Message, attempt: &Attempt, state: State) {
        let verdict = &attempt.verdict;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call")]
        let seconds = attempt.took_ms as f64 / 1000.0;
        self.metrics.attempt(&message.instance, verdict.fate, verdict.reason, seconds);
        if matches!(state, State::Uncertain | State::Failed) {
            self.bell.ring();
        }
    }

    fn lane(&self, instance: &str, standing_still: Option<Reason>) {
        self.metrics.lane_open(instance, standing_still.is_none());
        self.bell.ring();
    }
}
