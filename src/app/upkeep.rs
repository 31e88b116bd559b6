//! When does what has had its time go? A little at a time, and never in anybody's way.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::store::{Pruned, Retention, Round, SharedStore, StoreError};
use crate::telemetry::Metrics;

/// Time between two rounds.
const ROUNDS: Duration = Duration::from_secs(10 * 60);
/// Time between two looks at the store's size.
const LOOKS: Duration = Duration::from_secs(30);
/// Time between two steps of a round: whoever has waited for the writer comes first.
const REST: Duration = Duration::from_millis(20);

/// Removes what has had its time, in rounds, until it is told to stop. Other settings begin a new
/// round at once.
pub(super) async fn run(
    store: &SharedStore,
    metrics: &Metrics,
    mut retention: watch::Receiver<Retention>,
    stop: &CancellationToken,
) {
    let mut next_round = Instant::now();
    loop {
        match store.size().await {
            Ok(size) => metrics.store_bytes(size.file, size.used),
            Err(error) => tracing::debug!(%error, "the store does not say its size"),
        }
        if next_round <= Instant::now() {
            let keep = *retention.borrow_and_update();
            if let Err(error) = round(store, metrics, keep, stop).await {
                tracing::warn!(%error, "what has had its time could not be removed; tried again later");
            }
            next_round = Instant::now() + ROUNDS;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = retention.changed() => {
                if changed.is_err() {
                    return;
                }
                next_round = Instant::now();
            }
            () = sleep_until(next_round.min(Instant::now() + LOOKS)) => {}
        }
    }
}

/// One round, a step at a time.
async fn round(
    store: &SharedStore,
    metrics: &Metrics,
    keep: Retention,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let (mut place, mut total) = (Round::default(), Pruned::default());
    loop {
        let pruned = store.prune(keep, clock::now(), place).await?;
        metrics.pruned(pruned.bodies, pruned.events, pruned.messages);
        total.bodies += pruned.bodies;
        total.events += pruned.events;
        total.messages += pruned.messages;
        let Some(next) = pruned.next.filter(|_| !stop.is_cancelled()) else { break };
        place = next;
        sleep(REST).await;
    }
    let Pruned { bodies, events, messages, .. } = total;
    if 0 < bodies + events + messages {
        tracing::info!(bodies, events, messages, "removed what has had its time");
    }
    Ok(())
}
