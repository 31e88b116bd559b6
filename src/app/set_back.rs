//! Was the system's clock set back? Said each time, with what it means.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Stopwatch, set_back};
use crate::store::{EventFilter, SharedStore};

/// How often to look.
const LOOK: Duration = Duration::from_secs(10);

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

fn say(back: Option<SignedDuration>, when: &str) {
    let Some(back) = back else { return };
    let by = SignedDuration::from_secs(back.as_secs());
    tracing::warn!(
        seconds = by.as_secs(),
        "the system's clock was set back by {by:#} {when}: what waits for its time (another try, the \
         end of a group, room under a `throttle`) waits that much longer, and signatures that carry a time may be refused until the clock is right"
    );
}
