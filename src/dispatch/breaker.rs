//! When does a whole lane stand still, and when is it tried again?
//!
//! An answer that speaks of the lane opens its breaker: the queue is kept, and from time to time one
//! message tries whether the trouble is over. An answer that says "too fast" or "not now" speaks of the
//! lane too, although its message waits by itself: the lane rests, and another message tries.
//! A restricted or banned account is never tried, since
//! each attempt makes that worse: a person resumes it.
//! An answer that leaves it open whether the message was sent speaks of its message alone, but a few of
//! them in a row do not: a gateway that answers nothing clear would make the whole queue uncertain, one
//! by one.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Fate, Reason, Scope, Verdict};
use crate::store::Shut;

use super::pace::later;
use super::timings::Timings;

/// So many uncertain attempts in a row, to whomever, stop their lane.
const UNCERTAIN_MAX: u32 = 3;

/// Whether a lane may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Breaker {
    /// Why and how it stands still, if it does.
    pub(super) open: Option<Open>,
    /// How many attempts in a row were uncertain.
    uncertain: u32,
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
    /// As it was left before the program started, if it was left so that it must not just go on: an
    /// account that was restricted waits for a person. Where answers were uncertain, one message tries
    /// the lane: others found that out already.
    pub(super) fn recalled(shut: Shut, now: Timestamp) -> Self {
        let Shut { reason, detail, since } = shut;
        let probe_at = match reason {
            Reason::Account => None,
            Reason::UncertainAnswers => Some(now),
            _ => return Self::default(),
        };
        let trouble = Trouble { reason, detail, passing: false };
        let open = Open { trouble, since, probe_at, found_at: now, failures: 0 };
        Self { open: Some(open), uncertain: 0 }
    }

    /// The breaker after an attempt; `probe` if the attempt was made to try an open lane.
    pub(super) fn after(
        mut self,
        verdict: &Verdict,
        probe: bool,
        now: Timestamp,
        timings: &Timings,
    ) -> Self {
        let is_uncertain = verdict.fate == Fate::Uncertain;
        let (since, failures) = match &self.open {
            None => (now, 0),
            // A restriction is not disproved by what was under way, and nothing outweighs it.
            Some(open) if open.probe_at.is_none() => return self,
            Some(_) if !probe && verdict.reason != Some(Reason::Account) => return self,
            Some(open) => (open.since, open.failures + 1),
        };
        self.uncertain = if is_uncertain { self.uncertain.saturating_add(1) } else { 0 };
        let found = Trouble::of(verdict).or_else(|| self.in_doubt(verdict));
        let opened = |trouble: Trouble, failures, after| {
            trouble.opened((since, failures), after, now, timings)
        };
        self.open = match (self.open, found) {
            (None, None) => None,
            (None, Some((trouble, after))) => Some(opened(trouble, failures, after)),
            (Some(before), Some((trouble, after))) => {
                let same = trouble.reason == before.trouble.reason;
                Some(opened(trouble, if same { failures } else { 0 }, after))
            }
            (Some(before), None) => match verdict.fate {
                // Wachat dealt with the message: the lane works.
                Fate::Sent | Fate::Failed => None,
                // An unknown outcome proves nothing: try again later.
                Fate::Uncertain | Fate::Retry { .. } => {
                    Some(opened(before.trouble, failures, None))
                }
            },
        };
        self
    }

    /// What too many uncertain answers in a row say of their lane.
    fn in_doubt(&self, verdict: &Verdict) -> Option<(Trouble, Option<Duration>)> {
        (UNCERTAIN_MAX <= self.uncertain).then(|| {
            let (reason, count) = (Reason::UncertainAnswers, self.uncertain);
            let last = verdict.reason.map_or("unknown", Reason::as_str);
            let detail = format!(
                "{count} messages in a row may or may not have been sent; the last one: {last}: {}",
                verdict.detail
            );
            (Trouble { reason, detail, passing: false }, None)
        })
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
    ) -> Open {
        let growing = |first: Duration, longest: Duration| {
            Some(first.saturating_mul(1 << failures.min(20)).min(longest))
        };
        let gap = match self.reason {
            Reason::Account => None,
            Reason::Session => growing(timings.probe_first, timings.probe_max),
            // Each of these costs a message that a person has to look after.
            Reason::UncertainAnswers => growing(timings.probe_first, timings.probe_costly_max),
            Reason::Network => growing(timings.backoff_base, timings.probe_max),
            _ if self.passing => growing(timings.backoff_base, timings.probe_max),
            _ => Some(timings.probe_slow),
        };
        let asked = after.unwrap_or_default().min(timings.retry_after_max);
        let probe_at = gap.map(|gap| later(now, gap.max(asked)));
        Open { trouble: self, since, probe_at, found_at: now, failures }
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
        let open = breaker.open.as_ref().expect("closed");
        open.probe_at.map(|at| at.as_second() - now.as_second())
    }

    #[test]
    fn a_session_is_tried_at_growing_gaps_and_closes_with_the_first_success() {
        let timings = Timings::default();
        let mut breaker = Breaker::default();
        for gap in [30, 60, 120, 240, 480, 900, 900] {
            breaker = breaker.after(&trouble(Reason::Session), true, at(0), &timings);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
        assert_eq!(breaker.after(&sent(), true, at(9), &timings), Breaker::default());
    }

    #[test]
    fn a_restricted_account_waits_for_a_person_whatever_comes_in_late() {
        let timings = Timings::default();
        let mut breaker =
            Breaker::default().after(&trouble(Reason::Account), false, at(0), &timings);
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
            let breaker = Breaker::default().after(&trouble(reason), false, at(0), &timings);
            let again = breaker.after(&trouble(reason), true, at(300), &timings);
            assert_eq!(probe_after(&again, at(300)), Some(300));
        }
    }

    #[test]
    fn what_wachat_asks_for_is_the_least() {
        let fate = Fate::Retry { after: Some(Duration::from_secs(77)) };
        let asked = verdict(fate, Some(Reason::Session), Scope::Lane);
        let breaker = Breaker::default().after(&asked, false, at(0), &Timings::default());
        assert_eq!(probe_after(&breaker, at(0)), Some(77));
    }

    #[test]
    fn trouble_of_one_message_opens_nothing_and_an_unknown_outcome_closes_nothing() {
        let timings = Timings::default();
        let retry = verdict(Fate::Retry { after: None }, Some(Reason::Media), Scope::Message);
        let unknown = verdict(Fate::Uncertain, Some(Reason::NoAnswer), Scope::Message);
        for verdict in [&retry, &unknown] {
            assert_eq!(Breaker::default().after(verdict, false, at(0), &timings).open, None);
            let open = Breaker::default().after(&trouble(Reason::Session), false, at(0), &timings);
            assert_eq!(probe_after(&open.after(verdict, true, at(30), &timings), at(30)), Some(60));
        }
    }

    #[test]
    fn too_fast_and_not_now_rest_the_lane_at_growing_gaps_until_something_goes_through() {
        let timings = Timings::default();
        for reason in [Reason::Rate, Reason::Server] {
            let not_now = |after| verdict(Fate::Retry { after }, Some(reason), Scope::Message);
            let mut breaker = Breaker::default();
            for gap in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
                breaker = breaker.after(&not_now(None), true, at(0), &timings);
                assert_eq!(probe_after(&breaker, at(0)), Some(gap), "{reason:?}");
            }
            let asked = not_now(Some(Duration::from_secs(1800)));
            let longer = breaker.clone().after(&asked, true, at(0), &timings);
            assert_eq!(probe_after(&longer, at(0)), Some(1800));
            assert_eq!(breaker.after(&sent(), true, at(9), &timings), Breaker::default());
        }
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing_but_a_restriction_does() {
        let timings = Timings::default();
        let open = Breaker::default().after(&trouble(Reason::Session), false, at(0), &timings);
        for late in [sent(), trouble(Reason::Session), trouble(Reason::Network)] {
            assert_eq!(open.clone().after(&late, false, at(1), &timings), open);
        }
        let banned = open.after(&trouble(Reason::Account), false, at(1), &timings);
        assert_eq!(probe_after(&banned, at(1)), None);
    }

    #[test]
    fn a_network_that_is_away_is_tried_soon_and_then_less_often() {
        let timings = Timings::default();
        let mut breaker = Breaker::default();
        for gap in [5, 10, 20] {
            breaker = breaker.after(&trouble(Reason::Network), true, at(0), &timings);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
    }

    fn unclear() -> Verdict {
        verdict(Fate::Uncertain, Some(Reason::Server), Scope::Message)
    }

    #[test]
    fn a_third_uncertain_answer_in_a_row_opens_it_and_gaps_grow_to_an_hour() {
        let timings = Timings::default();
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker = breaker.after(&unclear(), false, at(0), &timings);
            assert_eq!(breaker.open, None);
        }
        for gap in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            breaker = breaker.after(&unclear(), true, at(0), &timings);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
        assert_eq!(breaker.after(&sent(), true, at(9), &timings), Breaker::default());
    }

    #[test]
    fn an_answer_that_is_clear_begins_the_count_anew() {
        let timings = Timings::default();
        let failed = verdict(Fate::Failed, Some(Reason::Media), Scope::Message);
        let again = verdict(Fate::Retry { after: None }, Some(Reason::Media), Scope::Message);
        for clear in [sent(), failed, again] {
            let mut breaker = Breaker::default();
            for answer in [unclear(), unclear(), clear, unclear(), unclear()] {
                breaker = breaker.after(&answer, false, at(0), &timings);
                assert_eq!(breaker.open, None);
            }
        }
    }

    #[test]
    fn probes_of_other_trouble_that_are_uncertain_become_trouble_of_their_own() {
        let timings = Timings::default();
        let mut breaker =
            Breaker::default().after(&trouble(Reason::Session), false, at(0), &timings);
        for (reason, gap) in [
            (Reason::Session, 60),
            (Reason::Session, 120),
            (Reason::UncertainAnswers, 30),
            (Reason::UncertainAnswers, 60),
        ] {
            breaker = breaker.after(&unclear(), true, at(0), &timings);
            assert_eq!(breaker.open.as_ref().unwrap().trouble.reason, reason);
            assert_eq!(probe_after(&breaker, at(0)), Some(gap));
        }
    }

    #[test]
    fn after_a_restart_one_message_tries_where_answers_were_uncertain_and_none_where_restricted() {
        let shut = |reason| Shut { reason, detail: String::new(), since: at(0) };
        let recalled = |reason| Breaker::recalled(shut(reason), at(50));
        assert_eq!(probe_after(&recalled(Reason::UncertainAnswers), at(50)), Some(0));
        assert_eq!(probe_after(&recalled(Reason::Account), at(50)), None);
        assert_eq!(recalled(Reason::Session), Breaker::default(), "it is found anew");
    }
}
