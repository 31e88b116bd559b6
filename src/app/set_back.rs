//! Was the system's clock set back? Said each time, with what it means.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Stopwatch};
use crate::store::{EventFilter, SharedStore};

/// How often to look.
const LOOK: Duration = Duration::from_secs(10);
/// What is less is the daily work of who keeps the clock right.
const TOLD: SignedDuration = SignedDuration::from_mins(1);

/// Looks until told to stop. A clock that jumps ahead makes nobody wait, and is not told.
pub(super) async fn watch(store: &SharedStore, stop: CancellationToken) {
    // While the program was stopped only the store knows how late it was.
    let newest = EventFilter { limit: Some(1), ..EventFilter::default() };
    let newest = store.events(newest).await.ok().and_then(|listed| listed.rows.into_iter().next());
    if let Some(newest) = newest {
        say(set_back(newest.received_at, Duration::ZERO, clock::now()), "since the last event");
    }
    while !stop.is_cancelled() {
        let (before, passed) = (clock::now(), Stopwatch::start());
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        say(set_back(before, passed.elapsed(), clock::now()), "just now");
    }
}

/// By how much it was set back, if that is much: it showed `before`, and so long after it shows `now`.
fn set_back(before: Timestamp, passed: Duration, now: Timestamp) -> Option<SignedDuration> {
    let passed = SignedDuration::try_from(passed).ok()?;
    let back = before.duration_since(now).checked_add(passed)?;
    (TOLD <= back).then_some(back)
}

fn say(back: Option<SignedDuration>, when: &str) {
    let Some(back) = back else { return };
    let by = SignedDuration::from_secs(back.as_secs());
    tracing::warn!(
        seconds = by.as_secs(),
        "the system's clock was set back by {by:#} {when}: what waits for its time (another try, the \
         end of a group, room under a `throttle`) waits that much longer, and signatures that carry a time may be refused until the clock is right"
    );
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
