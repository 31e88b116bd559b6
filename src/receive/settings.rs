//! How much may a stranger cost? Every limit of the public listener, by name.

use std::time::Duration;

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
}
