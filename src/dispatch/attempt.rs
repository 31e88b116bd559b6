//! One attempt: send, see what it means, settle.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tracing::{error, info, warn};

use crate::clock::Stopwatch;
use crate::model::{Attempt, Fate, Message, MessageId, Reason, Scope, State, Verdict};
use crate::store::{Claimed, Ended, Lease, Settlement, SharedStore};
use crate::wachat::Carrier;

use super::Shared;
use super::desk::Desk;
use super::settle::settle;
use super::timings::Timings;

/// What is said of a message during whose attempt kabari panicked.
const PANICKED: &str = "kabari broke off while this was being sent, which is a bug: look at the \
     chat before you send it again";

/// How an attempt is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Because it is its turn.
    Turn,
    /// To try whether the lane's trouble is over.
    Probe,
}

/// Makes the attempt that `claimed` is the right to; how it ended is to be kept. `dice` (0 to 1) says
/// how long a retry waits.
pub(super) async fn attempt(
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    carrier: Arc<dyn Carrier>,
    claimed: Claimed,
    (way, dice): (Way, f64),
) -> Ended {
    let Claimed { message, kind, lease, age } = claimed;
    let started_at = (shared.now)();
    let stopwatch = Stopwatch::start();
    let verdict = send(&*carrier, &message).await;
    let took = stopwatch.elapsed();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let now = (shared.now)();
    // Before the message is anybody's again, so that a lane in trouble does not take it at once, not
    // even after a crash.
    desk.answered(&verdict, way == Way::Probe, now, &shared.timings);
    shared.remember(&desk).await;
    let attempt =
        Attempt { message: message.id, number: message.attempts, started_at, took_ms, verdict };
    let settlement = settle(&message, &attempt, (now, age + took), dice, &shared.timings);
    tell(&message, &kind, &settlement);
    // What was sent is kept, whatever becomes of those who look on.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        shared.observer.attempt(&message, &settlement.attempt, settlement.state);
    }));
    Ended { lease, settlement }
}

async fn send(carrier: &dyn Carrier, message: &Message) -> Verdict {
    if let (Some(to), Some(content)) = (&message.recipient, &message.content) {
        let call = AssertUnwindSafe(carrier.send(&message.instance, to, content));
        // A message that stayed `sending` would hold up its recipient until the next start.
        return call.catch_unwind().await.unwrap_or_else(|_| Verdict {
            fate: Fate::Uncertain,
            reason: Some(Reason::Interrupted),
            scope: Scope::Message,
            status: None,
            detail: PANICKED.into(),
        });
    }
    Verdict {
        fate: Fate::Failed,
        reason: Some(Reason::BadRequest),
        scope: Scope::Message,
        status: None,
        detail: "there is nothing to send, or nobody to send it to".into(),
    }
}

/// Settles for certain: what was sent must not be forgotten because the disk is full just now.
/// Whether the lease still held.
pub(super) async fn keep(
    store: &SharedStore,
    lease: &Lease,
    settlement: &Settlement,
    timings: &Timings,
) -> bool {
    let mut rest = timings.store_rest;
    loop {
        let lease = Lease { message: lease.message, attempt: lease.attempt, share: lease.share };
        let id = lease.message;
        match store.settle(lease, settlement.clone()).await {
            Ok(true) => return true,
            Ok(false) => {
                not_ours(id);
                return false;
            }
            Err(problem) => error!(
                target: "kabari::dispatch", message_id = %id, error = %problem,
                "the outcome of message {id} could not be kept yet: {problem}"
            ),
        }
        tokio::time::sleep(rest).await;
        rest = longer(rest, timings.store_rest_max);
    }
}

/// The lease of a message has passed to somebody else.
pub(super) fn not_ours(id: MessageId) {
    warn!(
        target: "kabari::dispatch", message_id = %id,
        "message {id} is no longer ours to settle"
    );
}

/// One line an attempt.
fn tell(message: &Message, kind: &str, settlement: &Settlement) {
    let Attempt { verdict, took_ms, number, .. } = &settlement.attempt;
    let to = message.recipient.as_ref().map(ToString::to_string).unwrap_or_default();
    let (fate, reason) = (verdict.fate.as_str(), verdict.reason.map(Reason::as_str));
    // In the words about a success some gateways quote the message.
    let detail = Some(&verdict.detail).filter(|_| verdict.fate != Fate::Sent);
    let wait =
        settlement.due_at.filter(|_| settlement.state == State::Waiting && settlement.counts);
    macro_rules! line {
        ($level:ident) => {
            $level!(
                target: "kabari::dispatch",
                message_id = %message.id,
                event = %message.event,
                source = message.source,
                kind,
                rule = message.origin.rule,
                instance = message.instance,
                number = to,
                fate,
                reason,
                state = settlement.state.as_str(),
                status = verdict.status,
                took_ms,
                attempt = number,
                due_at = wait.map(tracing::field::display),
                detail,
                "{fate} {}", message.id
            )
        };
    }
    match verdict.fate {
        Fate::Sent => line!(info),
        Fate::Retry { .. } | Fate::Uncertain | Fate::Failed => line!(warn),
    }
}

/// How long `rest` is after another failure.
pub(super) fn longer(rest: Duration, longest: Duration) -> Duration {
    rest.saturating_mul(2).min(longest)
}
