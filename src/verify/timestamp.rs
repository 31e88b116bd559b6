//! How old may a signed time be?

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Denied;
use crate::model::Span;

/// `timestamp:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimestampSettings {
    /// The header that carries the time, in whole seconds since 1970 (UTC).
    pub header: Option<String>,
    /// How far it may lie from now, by default 5m.
    pub tolerance: Option<Span>,
}

/// How far a signed time may lie from now, in whole seconds; exactly as far is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    seconds: i64,
    future: Future,
}

/// What becomes of a signed time that lies ahead of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Future {
    /// It is held to the same tolerance.
    Limited,
    /// It is not looked at.
    Any,
}

impl Tolerance {
    /// What is allowed where nobody says otherwise: five minutes, as Stripe and most others do.
    pub(super) const DEFAULT: Duration = Duration::from_secs(300);

    pub(super) fn new(span: Option<Span>, future: Future) -> Self {
        let span = span.map_or(Self::DEFAULT, |span| span.0);
        Self { seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), future }
    }

    /// Whether a time signed at `signed` (seconds since 1970) is believed at `now`.
    pub(super) fn check(self, signed: i64, now: Timestamp) -> Result<(), Denied> {
        let age_s = now.as_second().saturating_sub(signed);
        let too_old = age_s > self.seconds;
        let too_new = self.future == Future::Limited && age_s < -self.seconds;
        if too_old || too_new {
            return Err(Denied::Stale { age_s, tolerance_s: self.seconds });
        }
        Ok(())
    }
}

/// As in `at most 300 s old`.
impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} s old", self.seconds)
    }
}

/// The seconds that a text of digits says; `None` for anything else.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let fits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_tolerance_is_accepted_and_a_second_more_is_not() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let both_ways = Tolerance::new(None, Future::Limited);
        for (signed, fine) in [(300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(both_ways.check(1_700_000_000 - signed, now).is_ok(), fine, "{signed}");
        }
        let past_only = Tolerance::new(None, Future::Any);
        assert!(past_only.check(1_700_009_999, now).is_ok());
        assert!(past_only.check(1_699_999_699, now).is_err());
    }

    #[test]
    fn parts_of_a_second_do_not_count() {
        let now = Timestamp::from_millisecond(1_700_000_300_999).unwrap();
        assert!(Tolerance::new(None, Future::Limited).check(1_700_000_000, now).is_ok());
    }

    #[test]
    fn a_time_is_digits_and_nothing_else() {
        assert_eq!(seconds("1700000000"), Some(1_700_000_000));
        for wrong in ["", "+1", "-1", " 1", "1.5", "1e9", "1234567890123", "１"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
