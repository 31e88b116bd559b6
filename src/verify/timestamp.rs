//! How old may a signed time be?

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Denied;
use super::place::{OneOrMore, Place};
use super::view::malformed;
use crate::model::{Fault, Span};

/// `timestamp:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimestampSettings {
    /// The header that carries the time.
    #[schemars(extend("examples" = ["X-Timestamp"]))]
    pub header: Option<OneOrMore>,
    /// The parameter of the query that carries it.
    #[schemars(extend("examples" = ["timestamp"]))]
    pub query: Option<String>,
    /// The dotted path in the body at which it stands.
    #[schemars(extend("examples" = ["signature.timestamp"]))]
    pub field: Option<String>,
    /// Where it stands in the same header as the signature: what is before it there, as `t=`. Empty
    /// if it is the first of the list.
    #[schemars(extend("examples" = ["t="]))]
    pub prefix: Option<String>,
    /// How it is written, by default `s`.
    #[schemars(extend("examples" = ["ms"]))]
    pub unit: Option<Unit>,
    /// How far it may lie from now, by default 5m.
    #[schemars(extend("examples" = ["5m"]))]
    pub tolerance: Option<Span>,
    /// Whether a time ahead of now is held to the same tolerance, by default `limited`.
    #[schemars(extend("examples" = ["any"]))]
    pub future: Option<Future>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Whole seconds since 1970 (UTC).
    #[default]
    S,
    /// Milliseconds since then.
    Ms,
    /// Either: twelve digits or more are milliseconds.
    Auto,
    /// As in `2026-01-02T03:04:05.678Z` (RFC 3339).
    Rfc3339,
}

/// What becomes of a signed time that lies ahead of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Future {
    /// It is held to the same tolerance.
    #[default]
    Limited,
    /// It is not looked at.
    Any,
}

impl TimestampSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        let own_place = self.header.is_some() || self.query.is_some() || self.field.is_some();
        let place = if own_place { self } else { preset };
        Self {
            header: place.header.clone(),
            query: place.query.clone(),
            field: place.field.clone(),
            prefix: self.prefix.clone().or_else(|| place.prefix.clone()),
            unit: self.unit.or(preset.unit),
            tolerance: self.tolerance.or(preset.tolerance),
            future: self.future.or(preset.future),
        }
    }

    fn build(&self, faults: &mut Vec<Fault>) -> Option<SignedTime> {
        let named = (self.header.as_ref(), self.query.as_deref(), self.field.as_deref());
        let place = match (&self.prefix, named) {
            (Some(prefix), (None, None, None)) => TimePlace::InList(prefix.clone()),
            _ => TimePlace::At(Place::build("timestamp", named, faults)?),
        };
        let tolerance = Tolerance::new(self.tolerance, self.future.unwrap_or_default());
        Some(SignedTime { place, unit: self.unit.unwrap_or_default(), tolerance })
    }
}

/// A time that is under the signature.
#[derive(Clone, Debug)]
pub(super) struct SignedTime {
    pub(super) place: TimePlace,
    unit: Unit,
    tolerance: Tolerance,
}

/// Where it stands.
#[derive(Clone, Debug)]
pub(super) enum TimePlace {
    /// In the list that holds the signatures, after this prefix.
    InList(String),
    /// Anywhere else.
    At(Place),
}

impl SignedTime {
    /// The time that `verify.timestamp` names; `None` without one, or with a fault.
    pub(super) fn build(
        settings: Option<&TimestampSettings>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        settings?.build(faults)
    }

    /// Whether it stands in the body, and so is signed with it.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.place, TimePlace::At(Place::Field(_)))
    }

    /// Its seconds since 1970, of its text.
    pub(super) fn read(&self, text: &str) -> Result<i64, Denied> {
        self.unit.seconds(text).ok_or_else(|| {
            let part = match &self.place {
                TimePlace::InList(prefix) => format!("the time after `{prefix}`"),
                TimePlace::At(place) => place.to_string(),
            };
            malformed(&part, self.unit.wrong())
        })
    }

    /// How `now` is written.
    pub(super) fn write(&self, now: Timestamp) -> String {
        match self.unit {
            Unit::S => now.as_second().to_string(),
            Unit::Ms | Unit::Auto => now.as_millisecond().to_string(),
            Unit::Rfc3339 => now.to_string(),
        }
    }

    pub(super) fn check(&self, at: i64, now: Timestamp) -> Result<(), Denied> {
        self.tolerance.check(at, now)
    }
}

/// As in `X-Timestamp: the time, at most 300 s old`.
impl fmt::Display for SignedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            TimePlace::InList(prefix) if prefix.is_empty() => {
                f.write_str("the first of the list")?;
            }
            TimePlace::InList(prefix) => f.write_str(prefix)?,
            TimePlace::At(place) => write!(f, "{place}:")?,
        }
        let unit = match self.unit {
            Unit::S => "",
            Unit::Ms => " in ms",
            Unit::Auto => " in s or ms",
            Unit::Rfc3339 => " as RFC 3339",
        };
        write!(f, " the time{unit}, {}", self.tolerance)
    }
}

impl Unit {
    fn wrong(self) -> &'static str {
        match self {
            Self::S => "not a time in whole seconds since 1970",
            Self::Ms => "not a time in milliseconds since 1970",
            Self::Auto => "not a time in seconds or milliseconds since 1970",
            Self::Rfc3339 => "not a time as in 2026-01-02T03:04:05Z",
        }
    }

    /// The whole seconds since 1970 that a text says; `None` for anything else.
    pub(super) fn seconds(self, text: &str) -> Option<i64> {
        let digits = || {
            let fits = (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            if fits { text.parse::<i64>().ok() } else { None }
        };
        match self {
            Self::S => digits().filter(|_| text.len() <= 12),
            Self::Ms => digits().map(|ms| ms.div_euclid(1000)),
            Self::Auto if text.len() >= 12 => Self::Ms.seconds(text),
            Self::Auto => Self::S.seconds(text),
            Self::Rfc3339 => text.parse::<Timestamp>().ok().map(Timestamp::as_second),
        }
    }
}

/// How far a signed time may lie from now, in whole seconds; exactly as far is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    seconds: i64,
    future: Future,
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
    fn a_time_is_read_in_its_own_unit_and_nothing_else() {
        for (unit, text, expected) in [
            (Unit::S, "1700000000", Some(1_700_000_000)),
            (Unit::Ms, "1700000000999", Some(1_700_000_000)),
            (Unit::Auto, "1700000000", Some(1_700_000_000)),
            (Unit::Auto, "1700000000999", Some(1_700_000_000)),
            (Unit::Rfc3339, "2023-11-14T22:13:20Z", Some(1_700_000_000)),
            (Unit::Rfc3339, "2023-11-14T22:13:20.123456789Z", Some(1_700_000_000)),
            (Unit::Rfc3339, "1700000000", None),
            (Unit::Rfc3339, "2023-11-14", None),
        ] {
            assert_eq!(unit.seconds(text), expected, "{text}");
        }
        for wrong in ["", "+1", "-1", " 1", "1.5", "1e9", "1234567890123", "１"] {
            assert_eq!(Unit::S.seconds(wrong), None, "{wrong}");
        }
    }
}
