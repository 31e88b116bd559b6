//! What time is it, and what does chance say? The only place that asks.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use crate::model::EventId;

/// The time of day, from the system.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A stopwatch that no change of the system's clock disturbs. It goes as tokio's time does.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A new event id for a request that arrived at `now`.
pub fn event_id(now: Timestamp, dice: &mut fastrand::Rng) -> EventId {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut random = [0_u8; 10];
    dice.fill(&mut random);
    EventId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// A source of chance that nobody can foresee, for ids and jitter; never for keys.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn dice() -> fastrand::Rng {
    let (high, low) = Uuid::new_v4().as_u64_pair();
    fastrand::Rng::with_seed(high ^ low.rotate_left(32))
}
