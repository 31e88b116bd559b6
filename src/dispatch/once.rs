//! One message now, from a process that owns the lanes and runs none: `kabari send`.

use jiff::Timestamp;

use crate::clock::Stopwatch;
use crate::model::{Attempt, Fate, MessageId, Scope, State};
use crate::store::{Settlement, SharedStore, StoreError};
use crate::wachat::Client;

use super::attempt::keep;
use super::timings::Timings;

/// Makes the one attempt for a waiting message and settles it for good: whoever sends by hand sees
/// what came of it and decides. `false` if it is not its turn: an earlier message to the same
/// number waits. What came of it is kept, however long the store cannot be used.
pub async fn once(
    store: &SharedStore,
    client: &Client,
    message: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(claimed) = store.claim_one(message, now).await? else { return Ok(false) };
    let message = claimed.message;
    let (Some(recipient), Some(content)) = (&message.recipient, &message.content) else {
        return Ok(false);
    };
    let watch = Stopwatch::start();
    let verdict = client.send(&message.instance, recipient, content).await;
    let attempt = Attempt {
        message: message.id,
        number: message.attempts,
        started_at: now,
        took_ms: u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX),
        verdict,
    };
    let state = match attempt.verdict.fate {
        Fate::Sent => State::Sent,
        Fate::Uncertain => State::Uncertain,
        Fate::Retry { .. } | Fate::Failed => State::Failed,
    };
    let settlement = Settlement {
        state,
        reason: attempt.verdict.reason,
        detail: Some(attempt.verdict.detail.clone()).filter(|detail| !detail.is_empty()),
        due_at: None,
        counts: attempt.verdict.scope != Scope::Lane,
        attempt,
    };
    Ok(keep(store, &claimed.lease, &settlement, &Timings::default()).await)
}
