//! What becomes of a message after an attempt? Numbers in, settlement out.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Attempt, Fate, Message, Reason, Scope, State, Verdict};
use crate::store::Settlement;

use super::backoff::backoff;
use super::pace::later;
use super::timings::Timings;

/// The settlement of `attempt`, which was the `message.attempts`-th for `message` and ended at
/// `now`, when it was `age` old; `dice` is anything from 0 to 1.
pub(super) fn settle(
    message: &Message,
    attempt: &Attempt,
    (now, age): (Timestamp, Duration),
    dice: f64,
    timings: &Timings,
) -> Settlement {
    let verdict = &attempt.verdict;
    let words = Some(verdict.detail.clone()).filter(|words| !words.is_empty());
    let to = |state, reason, detail, due_at| Settlement {
        state,
        reason,
        detail,
        due_at,
        counts: true,
        spends: spends(verdict),
        attempt: attempt.clone(),
    };
    let again = |after: Option<Duration>| {
        let own = backoff(message.attempts, timings.backoff_base, timings.backoff_max, dice);
        let asked = after.unwrap_or_default().min(timings.retry_after_max);
        let due_at = Some(later(now, own.max(asked)));
        to(State::Waiting, verdict.reason, words.clone(), due_at)
    };
    match verdict.fate {
        Fate::Sent => to(State::Sent, None, None, None),
        Fate::Failed => to(State::Failed, verdict.reason, words, None),
        // The lane stands still, not the message: it keeps its place and its attempts.
        Fate::Retry { .. } if verdict.scope == Scope::Lane => {
            let due_at = Some(message.due_at.min(now));
            Settlement { counts: false, ..to(State::Waiting, verdict.reason, words, due_at) }
        }
        Fate::Retry { after } => match used_up(message, age) {
            None => again(after),
            Some(limit) => {
                let reason = verdict.reason.map_or("unknown", Reason::as_str);
                let detail = format!("{limit}; the last one: {reason}: {}", verdict.detail);
                to(State::Failed, Some(Reason::AttemptsUsedUp), Some(detail), None)
            }
        },
        Fate::Uncertain
            if message.policy.may_resend(message.attempts) && used_up(message, age).is_none() =>
        {
            again(None)
        }
        Fate::Uncertain => to(State::Uncertain, verdict.reason, words, None),
    }
}

/// Whether an attempt uses up something of its lane's day: if a message may have gone out, or WhatsApp
/// itself may have counted it.
pub(super) fn spends(verdict: &Verdict) -> bool {
    match verdict.fate {
        Fate::Sent | Fate::Uncertain => true,
        Fate::Retry { .. } => matches!(verdict.reason, Some(Reason::Account | Reason::Rate)),
        Fate::Failed => {
            verdict.scope == Scope::Recipient || verdict.reason == Some(Reason::Recipient)
        }
    }
}

/// Which limit of its policy a message has reached, if any.
fn used_up(message: &Message, age: Duration) -> Option<String> {
    let policy = message.policy;
    let age_s = age.as_secs();
    if policy.attempts_max <= message.attempts {
        Some(format!("tried {} times", message.attempts))
    } else if policy.age_max_s <= age_s {
        Some(format!("tried for {age_s} s"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use crate::model::{EventId, MessageId, OnUncertain, Origin, Policy, Terms};

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + s).unwrap()
    }

    fn message(attempts: u32, on_uncertain: OnUncertain) -> Message {
        Message {
            id: MessageId(Uuid::from_u128(1)),
            event: EventId(Uuid::from_u128(2)),
            source: "github".into(),
            origin: Origin { rule: "r".into(), send: 0, element: 0 },
            instance: "shop".into(),
            recipient: None,
            content: None,
            state: State::Sending,
            reason: None,
            detail: None,
            attempts,
            created_at: at(0),
            due_at: at(3),
            policy: Policy { attempts_max: 3, age_max_s: 100, on_uncertain },
            terms: Terms::default(),
        }
    }

    fn settled(message: &Message, fate: Fate, scope: Scope, now: Timestamp) -> Settlement {
        settle_with(message, fate, scope, now, 1.0)
    }

    fn settle_with(
        message: &Message,
        fate: Fate,
        scope: Scope,
        now: Timestamp,
        dice: f64,
    ) -> Settlement {
        let reason = (fate != Fate::Sent).then_some(Reason::Server);
        let verdict = Verdict { fate, reason, scope, status: Some(503), detail: "words".into() };
        let attempt = Attempt {
            message: message.id,
            number: message.attempts,
            started_at: at(0),
            took_ms: 1,
            verdict,
        };
        let age = now.duration_since(message.created_at).try_into().unwrap();
        settle(message, &attempt, (now, age), dice, &Timings::default())
    }

    const RETRY: Fate = Fate::Retry { after: None };

    #[test]
    fn each_fate_leads_to_its_state() {
        let hold = message(1, OnUncertain::Hold);
        for (fate, state, reason, due) in [
            (Fate::Sent, State::Sent, None, None),
            (Fate::Failed, State::Failed, Some(Reason::Server), None),
            (Fate::Uncertain, State::Uncertain, Some(Reason::Server), None),
            (RETRY, State::Waiting, Some(Reason::Server), Some(at(15))),
        ] {
            let settled = settled(&hold, fate, Scope::Message, at(10));
            let told = (settled.state, settled.reason, settled.due_at, settled.counts);
            assert_eq!(told, (state, reason, due, true));
        }
    }

    #[test]
    fn it_tries_again_until_attempts_or_age_are_used_up_and_says_which() {
        for (attempts, now, state) in [
            (2, 99, State::Waiting),
            (3, 10, State::Failed),
            (4, 10, State::Failed),
            (1, 100, State::Failed),
        ] {
            let settled =
                settled(&message(attempts, OnUncertain::Hold), RETRY, Scope::Message, at(now));
            assert_eq!(settled.state, state, "{attempts} {now}");
            if state == State::Failed {
                assert_eq!(settled.reason, Some(Reason::AttemptsUsedUp));
                assert!(settled.detail.unwrap().ends_with("server: words"));
            }
        }
    }

    #[test]
    fn by_default_an_outage_of_many_hours_is_outlived_and_a_day_is_not() {
        for dice in [0.1, 0.5, 1.0] {
            let mut message =
                Message { policy: Policy::default(), ..message(0, OnUncertain::Hold) };
            let mut now = at(0);
            let end = loop {
                message.attempts += 1;
                let settled = settle_with(&message, RETRY, Scope::Message, now, dice);
                let Some(due) = settled.due_at else { break now };
                now = due;
            };
            let lived = end.duration_since(at(0)).as_hours();
            assert_eq!(lived, 24, "{dice}");
        }
    }

    #[test]
    fn what_may_have_arrived_each_time_is_sent_again_ten_times_at_most() {
        let policy = Policy { on_uncertain: OnUncertain::Resend, ..Policy::default() };
        for (attempts, state) in [(9, State::Waiting), (10, State::Uncertain)] {
            let message = Message { policy, ..message(attempts, OnUncertain::Resend) };
            let settled = settled(&message, Fate::Uncertain, Scope::Message, at(10));
            assert_eq!(settled.state, state, "{attempts}");
        }
    }

    #[test]
    fn retry_after_is_the_least_and_has_a_limit() {
        let message = message(1, OnUncertain::Hold);
        for (asked_s, due_s) in [(1, 15), (60, 70), (u64::MAX, 10 + 24 * 60 * 60)] {
            let fate = Fate::Retry { after: Some(Duration::from_secs(asked_s)) };
            let settled = settled(&message, fate, Scope::Message, at(10));
            assert_eq!(settled.due_at, Some(at(due_s)), "{asked_s}");
        }
    }

    #[test]
    fn an_uncertain_message_is_only_sent_again_if_its_rule_says_so_and_attempts_last() {
        for (policy, attempts, state) in [
            (OnUncertain::Hold, 1, State::Uncertain),
            (OnUncertain::Resend, 1, State::Waiting),
            (OnUncertain::Resend, 3, State::Uncertain),
        ] {
            let message = message(attempts, policy);
            let settled = settled(&message, Fate::Uncertain, Scope::Message, at(10));
            assert_eq!(settled.state, state);
        }
    }

    #[test]
    fn the_lanes_trouble_costs_the_message_neither_attempt_nor_place() {
        let settled = settled(&message(9, OnUncertain::Hold), RETRY, Scope::Lane, at(999));
        let told = (settled.state, settled.counts, settled.due_at);
        assert_eq!(told, (State::Waiting, false, Some(at(3))));
    }
}
