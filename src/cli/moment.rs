//! Since when, until when? A time, a day, or how long ago.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::clock;
use crate::model::Span;

/// A moment of a command line: `2026-03-01T09:00:00Z`, `2026-03-01` (its start in UTC), or `2h`
/// (so long ago).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, clock::now()).ok_or_else(|| {
            "write how long ago (`2h`, `7d`), a day (`2026-03-01`) or a time with its zone \
             (`2026-03-01T09:00:00+07:00`)"
                .to_owned()
        })
    }
}

impl Moment {
    fn read(text: &str, now: Timestamp) -> Option<Self> {
        if let Ok(span) = Span::parse(text) {
            let span = SignedDuration::try_from(span.0).ok()?;
            return Some(Self(now.checked_sub(span).unwrap_or(Timestamp::MIN)));
        }
        if let Ok(time) = text.parse() {
            return Some(Self(time));
        }
        let day = Date::strptime("%Y-%m-%d", text).ok()?;
        Some(Self(day.in_tz("UTC").ok()?.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_span_ago_a_day_or_a_time() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        for (text, is) in [
            ("2h", "2026-03-02T10:00:00Z"),
            ("1d12h", "2026-03-01T00:00:00Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01T09:00:00+07:00", "2026-03-01T02:00:00Z"),
        ] {
            assert_eq!(Moment::read(text, now), Some(Moment(is.parse().unwrap())), "{text}");
        }
        for wrong in ["", "yesterday", "2026-03-01T09:00:00", "5"] {
            assert_eq!(Moment::read(wrong, now), None, "{wrong}");
        }
    }
}
