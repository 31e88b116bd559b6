//! One message now, from a process that owns the lanes and runs none: `kabari send`.

use jiff::Timestamp;

use crate::clock::Stopwatch;
use crate::model::{Attempt, Fate, MessageId, Reason, Recipient, Scope, State};
use crate::store::{Settlement, SharedStore, StoreError};
use crate::wachat::Client;

use super::attempt::keep;
use super::people::People;
use super::settle::spends;
use super::timings::Timings;

/// What became of a message that was to go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// The attempt was made and settled.
    Tried,
    /// An earlier message to the same number waits, and it goes first.
    Behind,
    /// Its lane stands still until a person says otherwise.
    Shut(Reason),
}

/// Why this recipient is not to be messaged, if so: the lists, and whether they opted out.
///
/// # Errors
/// [`StoreError`] if the store cannot say.
pub async fn barred(
    store: &SharedStore,
    people: &People,
    recipient: &Recipient,
) -> Result<Option<(Reason, String)>, StoreError> {
    let opted_out = store.is_opted_out(recipient).await?;
    Ok(people.bar(recipient, opted_out).map(|(reason, detail)| (reason, detail.to_owned())))
}

/// Makes the one attempt for a waiting message and settles it for good: whoever sends by hand sees
/// what came of it and decides. `false` if it is not its turn: an earlier message to the same
/// number waits. What came of it is kept, however long the store cannot be used.
pub async fn once(
    store: &SharedStore,
    client: &Client,
    message: MessageId,
    now: Timestamp,
) -> Result<Once, StoreError> {
    if let Some((about, _)) = store.message(message).await?
        && let Some(shut) = store.lane(&about.instance).await?.shut
        && matches!(shut.reason, Reason::Account | Reason::ByHand)
    {
        return Ok(Once::Shut(shut.reason));
    }
    let Some(claimed) = store.claim_one(message, now).await? else { return Ok(Once::Behind) };
    let message = claimed.message;
    let (Some(recipient), Some(content)) = (&message.recipient, &message.content) else {
        return Ok(Once::Behind);
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
        spends: spends(&attempt.verdict),
        attempt,
    };
    keep(store, &claimed.lease, &settlement, &Timings::default()).await;
    Ok(Once::Tried)
}
