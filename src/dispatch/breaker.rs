//! When does a whole lane stand still, and when is it tried again?
//!
//! An answer that speaks of the lane opens its breaker: the queue is kept, and from time to time one
//! message tries whether the trouble is over. An answer that says "too fast" or "not now" speaks of the
//! lane too, although its message waits by itself: the lane rests, and another message tries.
//! A restricted or banned account is never tried, since
//! each attempt makes that worse: a person resumes it.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Fate, Reason, Scope, Verdict};

use super::pace::later;
use super::timings::Timings;

/// Whether a lane may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Breaker {
    /// It may.
    #[default]
    Closed,
    /// It stands still.
    Open(Open),
}

/// Why and how a lane stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// Why.
    pub(super) trouble: Trouble,
    /// Since when.
    pub(super) since: Timestamp,
    /// When one message may try it; `None`: not before a person resumes it.
    pub(super) probe_at: Option<Timestamp>,
    /// When it was last found open.
    pub(super) found_at: Timestamp,
    /// How often it was found open.
    failures: u32,
}

/// What an answer says of its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Why.
    pub(super) reason: Reason,
    /// Wachat's words.
    pub(super) detail: String,
    /// Whether it was said of the message, and passes by itself.
    passing: bool,
}

impl Breaker {
    /// As it was left by an account that was restricted before the program started.
    pub(super) fn restricted(detail: String, since: Timestamp) -> Self {
        let trouble = Trouble { reason: Reason::Account, detail, passing: false };
        Self::Open(Open { trouble, since, probe_at: None, found_at: since, failures: 0 })
    }

    /// The breaker after an attempt; `probe` if the attempt was made to try an open lane.
    pub(super) fn after(
        self,
        verdict: &Verdict,
        probe: bool,
        now: Timestamp,
        timings: &Timings,
    ) -> Self {
        let (since, failures) = match &self {
            Self::Closed => (now, 0),
            // A restriction is not disproved by what was under way, and nothing outweighs it.
            Self::Open(open) if open.probe_at.is_none() => return self,
            Self::Open(_) if !probe && verdict.reason != Some(Reason::Account) => return self,
            Self::Open(open) => (open.since, open.failures + 1),
        };
        let again = |trouble: Trouble, failures, after| {
            trouble.opened((since, failures), after, now, timings)
        };
        match (self, Trouble::of(verdict)) {
            (Self::Closed, None) => Self::Closed,
            (Self::Closed, Some((trouble, after))) => again(trouble, failures, after),
            (Self::Open(before), Some((trouble, after))) => {
                let same = trouble.reason == before.trouble.reason;
                again(trouble, if same { failures } else { 0 }, after)
            }
            (Self::Open(before), None) => match verdict.fate {
                // Wachat dealt with the message: the lane works.
                Fate::Sent | Fate::Failed => Self::Closed,
                // An unknown outcome proves nothing: try again later.
                Fate::Uncertain | Fate::Retry { .. } => again(before.trouble, failures, None),
            },
        }
    }
}

impl Trouble {
    /// What a verdict says of its lane, with the least that it asks to wait.
    fn of(verdict: &Verdict) -> Option<(Self, Option<Duration>)> {
        let Fate::Retry { after } = verdict.fate else { return None };
        let reason = verdict.reason.unwrap_or(Reason::Server);
        let passing = verdict.scope != Scope::Lane;
        if passing && !matches!(reason, Reason::Rate | Reason::Server) {
            return None;
        }
        Some((Self { reason, detail: verdict.detail.clone(), passing }, after))
    }

    fn opened(
        self,
        (since, failures): (Timestamp, u32),
        after: Option<Duration>,
        now: Timestamp,
        timings: &Timings,
    ) -> Breaker {
        let growing = |first: Duration| {
            Some(first.saturating_mul(1 << failures.min(20)).min(timings.probe_max))
        };
        let gap = match self.reason {
            Reason::Account => None,
            Reason::Session => growing(timings.probe_first),
            Reason::Network => growing(timings.backoff_base),
            _ if self.passing => growing(timings.backoff_base),
            _ => Some(timings.probe_slow),
        };
        let asked = after.unwrap_or_default().min(timings.retry_after_max);
        let probe_at = gap.map(|gap| later(now, gap.max(asked)));
        Breaker::Open(Open { trouble: self, since, probe_at, found_at: now, failures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + s).unwrap()
    }

    fn verdict(fate: Fate, reason: Option<Reason>, scope: Scope) -> Verdict {
        Verdict { fate, reason, scope, status: None, detail: "words".into() }
    }

    fn trouble(reason: Reason) -> Verdict {
        verdict(Fate::Retry { after: None }, Some(reason), Scope::Lane)
    }

    fn sent() -> Verdict {
        verdict(Fate::Sent, None, Scope::Message)
    }

    fn probe_after(breaker: &Breaker, now: Timestamp) -> Option<i64> {
        let Breaker::Open(open) = breaker else { panic!("closed") };
        open.probe_at.map(|at| at.as_second() - now.as_second())
    }

    #[test]
    fn a_session_is_tried_at_growing_gaps_and_closes_with_the_first_success() {
        let timings = Timings::default();
        let mut breaker = Breaker::Closed;
        for gap in [30, 60, 120, 240, 480, 900, 900] {
            breaker = breaker.after(&trouble(Reason::Session), true, at(0), &timings);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
        assert_eq!(breaker.after(&sent(), true, at(9), &timings), Breaker::Closed);
    }

    #[test]
    fn a_restricted_account_waits_for_a_person_whatever_comes_in_late() {
        let timings = Timings::default();
        let mut breaker = Breaker::Closed.after(&trouble(Reason::Account), false, at(0), &timings);
        for late in
            [sent(), trouble(Reason::Session), verdict(Fate::Uncertain, None, Scope::Message)]
        {
            breaker = breaker.after(&late, true, at(1), &timings);
            assert_eq!(probe_after(&breaker, at(1)), None);
        }
    }

    #[test]
    fn what_is_configured_wrongly_is_tried_every_five_minutes() {
        let timings = Timings::default();
        // A quota is Wachat's affair, unlike a pace that was too fast for the moment.
        for reason in [Reason::Auth, Reason::UnknownInstance, Reason::Rate] {
            let breaker = Breaker::Closed.after(&trouble(reason), false, at(0), &timings);
            let again = breaker.after(&trouble(reason), true, at(300), &timings);
            assert_eq!(probe_after(&again, at(300)), Some(300));
        }
    }

    #[test]
    fn what_wachat_asks_for_is_the_least() {
        let fate = Fate::Retry { after: Some(Duration::from_secs(77)) };
        let asked = verdict(fate, Some(Reason::Session), Scope::Lane);
        let breaker = Breaker::Closed.after(&asked, false, at(0), &Timings::default());
        assert_eq!(probe_after(&breaker, at(0)), Some(77));
    }

    #[test]
    fn trouble_of_one_message_opens_nothing_and_an_unknown_outcome_closes_nothing() {
        let timings = Timings::default();
        let retry = verdict(Fate::Retry { after: None }, Some(Reason::Media), Scope::Message);
        let unknown = verdict(Fate::Uncertain, Some(Reason::NoAnswer), Scope::Message);
        for verdict in [&retry, &unknown] {
            assert_eq!(Breaker::Closed.after(verdict, false, at(0), &timings), Breaker::Closed);
            let open = Breaker::Closed.after(&trouble(Reason::Session), false, at(0), &timings);
            assert_eq!(probe_after(&open.after(verdict, true, at(30), &timings), at(30)), Some(60));
        }
    }

    #[test]
    fn too_fast_and_not_now_rest_the_lane_at_growing_gaps_until_something_goes_through() {
        let timings = Timings::default();
        for reason in [Reason::Rate, Reason::Server] {
            let not_now = |after| verdict(Fate::Retry { after }, Some(reason), Scope::Message);
            let mut breaker = Breaker::Closed;
            for gap in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
                breaker = breaker.after(&not_now(None), true, at(0), &timings);
                assert_eq!(probe_after(&breaker, at(0)), Some(gap), "{reason:?}");
            }
            let asked = not_now(Some(Duration::from_secs(1800)));
            let longer = breaker.clone().after(&asked, true, at(0), &timings);
            assert_eq!(probe_after(&longer, at(0)), Some(1800));
            assert_eq!(breaker.after(&sent(), true, at(9), &timings), Breaker::Closed);
        }
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing_but_a_restriction_does() {
        let timings = Timings::default();
        let open = Breaker::Closed.after(&trouble(Reason::Session), false, at(0), &timings);
        for late in [sent(), trouble(Reason::Session), trouble(Reason::Network)] {
            assert_eq!(open.clone().after(&late, false, at(1), &timings), open);
        }
        let banned = open.after(&trouble(Reason::Account), false, at(1), &timings);
        assert_eq!(probe_after(&banned, at(1)), None);
    }

    #[test]
    fn a_network_that_is_away_is_tried_soon_and_then_less_often() {
        let timings = Timings::default();
        let mut breaker = Breaker::Closed;
        for gap in [5, 10, 20] {
            breaker = breaker.after(&trouble(Reason::Network), true, at(0), &timings);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
    }
}
