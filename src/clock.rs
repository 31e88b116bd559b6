//! What time is it, and what does chance say? The only place that asks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
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

/// What is less is the daily work of who keeps the clock right.
const SET_BACK: SignedDuration = SignedDuration::from_mins(1);

/// By how much the system's clock was set back, if that is much: it showed `before`, and so long after
/// it shows `now`. One that was set ahead, or went on while the program slept, is none.
pub fn set_back(before: Timestamp, passed: Duration, now: Timestamp) -> Option<SignedDuration> {
    let passed = SignedDuration::try_from(passed).ok()?;
    let back = before.duration_since(now).checked_add(passed)?;
    (SET_BACK <= back).then_some(back)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_is_noticed_and_no_other() {
        let now: Timestamp = "2026-10-25T00:30:00Z".parse().unwrap();
        let after = |passed_s: u64, shown_s: i64| {
            let shown = now.checked_add(SignedDuration::from_secs(shown_s)).unwrap();
            set_back(now, Duration::from_secs(passed_s), shown).map(|back| back.as_secs())
        };
        for (passed_s, shown_s, told) in [
            (10, 10, None),
            // Seconds are nobody's concern.
            (10, -20, None),
            (10, -50, Some(60)),
            (10, 10 - 3600, Some(3600)),
            // Set ahead, or asleep meanwhile.
            (10, 10 + 3600, None),
            // The summer's end sets no clock of this kind; being stopped for long is no such thing.
            (7200, 7200, None),
            (7200, 3600, Some(3600)),
        ] {
            assert_eq!(after(passed_s, shown_s), told, "{passed_s} s later it shows {shown_s}");
        }
    }
}
