//! One attempt: send, see what it means, settle.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::clock::{self, Stopwatch};
use crate::model::{Attempt, Fate, Message, Reason, Scope, State, Verdict};
use crate::store::{Claimed, Lease, Settlement};
use crate::wachat::Client;

use super::Shared;
use super::desk::Desk;
use super::settle::settle;

/// Why a message that met an account's restriction before a restart is put back unsent.
const STILL_RESTRICTED: &str = "not tried: before the restart WhatsApp had restricted this \
     account; resume the lane once the restriction is lifted";

/// Makes the attempt that `claimed` is the right to, and settles it.
pub(super) async fn attempt(
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    client: Client,
    claimed: Claimed,
    probe: bool,
) {
    let Claimed { message, lease } = claimed;
    let started_at = (shared.now)();
    let stopwatch = Stopwatch::start();
    let restricted = message.reason == Some(Reason::Account) && !desk.account_cleared();
    let verdict = if restricted { still_restricted() } else { send(&client, &message).await };
    let took_ms = u64::try_from(stopwatch.elapsed().as_millis()).unwrap_or(u64::MAX);
    let now = (shared.now)();
    // Before the message is anybody's again, so that a lane in trouble does not take it at once.
    desk.answered(&verdict, probe, now, &shared.timings);
    let attempt =
        Attempt { message: message.id, number: message.attempts, started_at, took_ms, verdict };
    let settlement = settle(&message, &attempt, now, clock::dice().f64(), &shared.timings);
    if !restricted {
        tell(&message, &settlement);
        shared.observer.attempt(&message, &settlement.attempt, settlement.state);
    }
    keep(&shared, &lease, &settlement).await;
    desk.ended();
}

async fn send(client: &Client, message: &Message) -> Verdict {
    if let (Some(to), Some(content)) = (&message.recipient, &message.content) {
        return client.send(&message.instance, to, content).await;
    }
    Verdict {
        fate: Fate::Failed,
        reason: Some(Reason::BadRequest),
        scope: Scope::Message,
        status: None,
        detail: "there is nothing to send, or nobody to send it to".into(),
    }
}

fn still_restricted() -> Verdict {
    Verdict {
        fate: Fate::Retry { after: None },
        reason: Some(Reason::Account),
        scope: Scope::Lane,
        status: None,
        detail: STILL_RESTRICTED.into(),
    }
}

/// Settles for certain: what was sent must not be forgotten because the disk is full just now.
async fn keep(shared: &Shared, lease: &Lease, settlement: &Settlement) {
    let mut rest = shared.timings.store_rest;
    loop {
        let lease = Lease { message: lease.message, attempt: lease.attempt };
        let message = lease.message;
        match shared.store.settle(lease, settlement.clone()).await {
            Ok(true) => return,
            Ok(false) => {
                warn!(
                    target: "kabari::dispatch", message = %message,
                    "message {message} is no longer ours to settle"
                );
                return;
            }
            Err(problem) => error!(
                target: "kabari::dispatch", message = %message, error = %problem,
                "the outcome of message {message} could not be kept yet: {problem}"
            ),
        }
        tokio::time::sleep(rest).await;
        rest = rest.saturating_mul(2).min(shared.timings.store_rest_max);
    }
}

/// One line an attempt.
fn tell(message: &Message, settlement: &Settlement) {
    let Attempt { verdict, took_ms, number, .. } = &settlement.attempt;
    let to = message.recipient.as_ref().map(ToString::to_string).unwrap_or_default();
    let (fate, reason) = (verdict.fate.as_str(), verdict.reason.map(Reason::as_str));
    let wait =
        settlement.due_at.filter(|_| settlement.state == State::Waiting && settlement.counts);
    macro_rules! line {
        ($level:ident) => {
            $level!(
                target: "kabari::dispatch",
                message = %message.id,
                event = %message.event,
                source = message.source,
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
                detail = verdict.detail,
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
