//! How long does dispatch wait for what?

use std::time::Duration;

/// Every span that dispatch waits, by name. The default is for production; a test may want the
/// same a thousand times faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// The longest wait before the second attempt for a message; it doubles with each further one.
    /// Also how long a lane that could not reach Wachat waits at first before it tries again.
    pub backoff_base: Duration,
    /// The longest wait before any attempt for a message, unless Wachat asks for more.
    pub backoff_max: Duration,
    /// How long Wachat's `Retry-After` can make a message wait.
    pub retry_after_max: Duration,
    /// How long a lane whose session is gone waits before one message tries it; it doubles with
    /// each failure.
    pub probe_first: Duration,
    /// The longest such wait.
    pub probe_max: Duration,
    /// The same where answers are uncertain: a message that tries it may be lost or arrive twice.
    pub probe_costly_max: Duration,
    /// The same for what only a person can mend (token, unknown instance, quota).
    pub probe_slow: Duration,
    /// How long to wait after the store could not be used; it doubles up to `store_rest_max`.
    pub store_rest: Duration,
    /// The longest such wait.
    pub store_rest_max: Duration,
    /// How long an idle lane waits before it looks again, although nothing was announced.
    pub poll: Duration,
    /// How long attempts under way may go on after the program was told to stop: as long as a call
    /// may take, so that stopping puts none in doubt. Then they are left in state `sending`, which
    /// the next start marks as uncertain.
    pub stop_max: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            backoff_base: Duration::from_secs(5),
            backoff_max: Duration::from_secs(15 * 60),
            retry_after_max: Duration::from_secs(24 * 60 * 60),
            probe_first: Duration::from_secs(30),
            probe_max: Duration::from_secs(15 * 60),
            probe_costly_max: Duration::from_secs(60 * 60),
            probe_slow: Duration::from_secs(5 * 60),
            store_rest: Duration::from_millis(200),
            store_rest_max: Duration::from_secs(10),
            poll: Duration::from_secs(30),
            stop_max: Duration::from_secs(115),
        }
    }
}

impl Timings {
    /// The same with every wait for a retry or a probe divided by `factor`.
    #[must_use]
    pub fn faster(self, factor: u32) -> Self {
        let factor = factor.max(1);
        Self {
            backoff_base: self.backoff_base / factor,
            backoff_max: self.backoff_max / factor,
            probe_first: self.probe_first / factor,
            probe_max: self.probe_max / factor,
            probe_costly_max: self.probe_costly_max / factor,
            probe_slow: self.probe_slow / factor,
            ..self
        }
    }
}
