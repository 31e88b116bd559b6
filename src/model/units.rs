//! How are times, sizes and counts written?

use std::fmt::Display;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};

/// A span of time as text: `500ms`, `30s`, `5m`, `2h`, `1d`, also combined (`1h30m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Span(pub Duration);

/// A size in bytes as text: `512KiB`, `25MiB`, `1GiB`, `1000B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct ByteSize(pub u64);

/// A text that is no time or size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a span of time.
    #[error(
        "`{0}` is not a time span: write a number and one of ms, s, m, h, d, as in `5m` or `1h30m`"
    )]
    Span(String),
    /// Longer than anything is meant to last.
    #[error("`{0}` is longer than ten years: write a shorter span, up to 3653d")]
    Long(String),
    /// Not a size.
    #[error("`{0}` is not a size: write a number and one of B, KiB, MiB, GiB, as in `25MiB`")]
    Size(String),
}

/// A count of things for people: `1 event`, `3 events`. The noun's plural ends in `s`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    if count == N::from(1) { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

impl Span {
    /// The longest that a setting may say: ten years.
    pub const LONGEST: Self = Self(Duration::from_secs(3653 * 24 * 60 * 60));

    /// Reads a span.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Span(text.to_owned());
        let mut total = Duration::ZERO;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let (number, unit, after) = number_and_unit(rest).ok_or_else(wrong)?;
            let seconds_per_unit = match unit {
                "ms" => {
                    total = total.checked_add(Duration::from_millis(number)).ok_or_else(wrong)?;
                    rest = after;
                    continue;
                }
                "s" => 1,
                "m" | "min" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => return Err(wrong()),
            };
            let seconds = number.checked_mul(seconds_per_unit).ok_or_else(wrong)?;
            total = total.checked_add(Duration::from_secs(seconds)).ok_or_else(wrong)?;
            rest = after;
        }
        Ok(Self(total))
    }
}

impl ByteSize {
    /// Reads a size.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Size(text.to_owned());
        let (number, unit, after) = number_and_unit(text.trim()).ok_or_else(wrong)?;
        let factor: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        match number.checked_mul(factor) {
            Some(bytes) if after.is_empty() => Ok(Self(bytes)),
            _ => Err(wrong()),
        }
    }
}

fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number = text[..digits].parse().ok()?;
    let rest = text[digits..].trim_start_matches(' ');
    let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    Some((number, &rest[..unit_end], rest[unit_end..].trim_start()))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = Self::parse(&text).map_err(de::Error::custom)?;
        // A slip, and added to a time it would lead to the end of all time.
        if Self::LONGEST.0 < span.0 {
            return Err(de::Error::custom(UnitError::Long(text)));
        }
        Ok(span)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("1h30m", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(Span::parse(text), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for wrong in ["", "5", "5 parsecs", "m", "-3s", "99999999999999999999d", "5m3"] {
            assert!(Span::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_setting_lasts_longer_than_ten_years() {
        let read = |text: &str| serde_json::from_value::<Span>(text.into());
        assert_eq!(read("3653d").unwrap(), Span::LONGEST);
        for long in ["3653d1s", "90000000d", "18446744073709551615s"] {
            assert!(read(long).unwrap_err().to_string().contains("ten years"), "{long}");
        }
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(ByteSize::parse("25MiB"), Ok(ByteSize(25 << 20)));
        assert_eq!(ByteSize::parse("10 KiB"), Ok(ByteSize(10 << 10)));
        for wrong in ["25", "25MB", "MiB", "1KiB2", "99999999999GiB"] {
            assert!(ByteSize::parse(wrong).is_err(), "{wrong}");
        }
    }
}
