//! How much may a stranger cost? Every limit of the public listener, by name.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::Fault;

/// The largest body, in bytes, where the rule file names none: GitHub's own cap is 25 MiB
/// (docs.github.com, "Webhook events and payloads").
pub const BODY_LIMIT: u64 = 25 << 20;
/// What all bodies of requests under way may take together, in bytes.
pub const BODY_BUDGET: u64 = 64 << 20;
/// How long a sender may take over one body.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How many requests of one address may fail verification at once before it hears 429.
pub const FAILURES_BURST: u32 = 1_000;
/// How many more of them a second.
pub const FAILURES_PER_S: u32 = 10;
/// How many keys one address may have us ask their sender for at once, and one more a second.
pub(super) const KEYS_BURST: u32 = 4;
/// Lines in the log about denied requests, and as many about otherwise refused ones, for each
/// source in [`REFUSED_WINDOW_S`].
pub(super) const REFUSED_LINES_MAX: u32 = 10;
/// In seconds.
pub(super) const REFUSED_WINDOW_S: i64 = 60;

/// The public listener's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest body, in bytes: `server.body_limit`.
    pub body_limit: u64,
    /// What all bodies of requests under way may take together, in bytes. A quarter of it is for
    /// bodies of usual size, so less than 4/3 of `body_limit` would keep the largest out for ever.
    pub body_budget: u64,
    /// How long a sender may take over one body.
    pub body_time: Duration,
    /// How many requests of one address may fail verification at once before it hears 429.
    pub failures_burst: u32,
    /// How many more of them a second.
    pub failures_per_s: u32,
}

/// `server.unverified`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UnverifiedSettings {
    /// How many at once; 1000 or more, since many senders may have one address.
    #[schemars(extend("default" = 1000, "examples" = [5000]))]
    pub burst: Option<u32>,
    /// How many more of them a second.
    #[schemars(extend("default" = 10, "examples" = [50]))]
    pub per_second: Option<u32>,
}

impl UnverifiedSettings {
    /// What is wrong with them, for `check`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.burst.is_some_and(|burst| burst < FAILURES_BURST) {
            let wrong =
                "a mistaken secret of one sender would shut out all others behind its address";
            faults.push(Fault::error("burst", "value", wrong).help("write 1000 or more"));
        }
        if self.per_second == Some(0) {
            let wrong = "an address that was over once would be shut out for ever";
            faults.push(Fault::error("per_second", "value", wrong).help("write 1 or more"));
        }
        faults
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: BODY_LIMIT,
            body_budget: BODY_BUDGET,
            body_time: BODY_TIME,
            failures_burst: FAILURES_BURST,
            failures_per_s: FAILURES_PER_S,
        }
    }
}

impl Settings {
    /// The usual limits with another largest body; the budget grows with it where it must.
    pub fn with_body_limit(body_limit: u64) -> Self {
        Self {
            body_limit,
            body_budget: BODY_BUDGET.max(body_limit.saturating_mul(2)),
            ..Self::default()
        }
    }

    /// The same with another limit of failures.
    #[must_use]
    pub fn with_unverified(self, unverified: UnverifiedSettings) -> Self {
        Self {
            failures_burst: unverified.burst.unwrap_or(self.failures_burst),
            failures_per_s: unverified.per_second.unwrap_or(self.failures_per_s),
            ..self
        }
    }
}
