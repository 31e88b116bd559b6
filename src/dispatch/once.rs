//! One message now, from a process that owns the lanes and runs none: `kabari send`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::{self, Stopwatch};
use crate::model::{Attempt, Fate, MessageId, Reason, Recipient, Scope, State};
use crate::store::{Claimed, Settlement, SharedStore, StoreError};
use crate::wachat::Client;

use super::LaneSettings;
use super::attempt::keep;
use super::people::People;
use super::settle::spends;
use super::timings::Timings;
use super::turn::Turn;

/// What became of a message that was to go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// The attempt was made and settled.
    Tried,
    /// An earlier message to the same number waits, and it goes first.
    Behind,
    /// Its lane stands still until a person says otherwise.
    Shut(Reason),
    /// Its lane's pace and limits do not let it go before.
    Until(Timestamp),
}

/// Whose message it is to be: the lane's settings, and who may be messaged.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The lanes that the rule file names.
    pub lanes: &'a BTreeMap<String, LaneSettings>,
    /// Who may be messaged.
    pub people: &'a People,
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

/// Makes the one attempt for a waiting message, if its lane's pace and limits let it go now, and
/// settles it for good: whoever sends by hand sees what came of it and decides. What came of it is
/// kept, however long the store cannot be used.
pub async fn once(
    store: &SharedStore,
    client: &Client,
    rules: Rules<'_>,
    message: MessageId,
    now: Timestamp,
) -> Result<Once, StoreError> {
    let claimed = match claim(store, rules, message, now).await? {
        Ok(claimed) => claimed,
        Err(once) => return Ok(once),
    };
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

/// Takes it as its lane would, or says what keeps it.
async fn claim(
    store: &SharedStore,
    Rules { lanes, people }: Rules<'_>,
    id: MessageId,
    now: Timestamp,
) -> Result<Result<Claimed, Once>, StoreError> {
    let Some((message, _)) = store.message(id).await? else { return Ok(Err(Once::Behind)) };
    let memory = store.lane(&message.instance).await?;
    if let Some(shut) = memory.shut
        && matches!(shut.reason, Reason::Account | Reason::ByHand)
    {
        return Ok(Err(Once::Shut(shut.reason)));
    }
    let lane = lanes.get(&message.instance).cloned().unwrap_or_default();
    let turn = Arc::new(Turn::of(&lane, Arc::new(people.clone()), now, now));
    let (lane, dice) = ((message.instance.as_str(), &lane), || clock::dice().f64());
    let claim = match turn.claim(lane, 1, memory.paced_until, now, dice) {
        Ok(claim) => claim,
        Err(next) => return Ok(Err(Once::Until(next))),
    };
    let mut claims = store.claim_one(id, claim).await?;
    if let Some(claimed) = claims.taken.pop() {
        return Ok(Ok(claimed));
    }
    let decided = store.message(id).await?.map(|(message, _)| message);
    Ok(Err(match decided {
        _ if claims.closed_until.is_some() => claims.closed_until.map_or(Once::Behind, Once::Until),
        Some(message) if message.state != State::Waiting => Once::Tried,
        Some(message) if now < message.due_at => Once::Until(message.due_at),
        _ => Once::Behind,
    }))
}
