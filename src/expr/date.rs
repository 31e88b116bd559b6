//! How is a moment shown?

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::locale::Locale;
use super::value::shortened;
use super::{EvalError, Facts};

/// `22 Nov 2026 14:05`
const FORMAT: &str = "d MMM yyyy HH:mm";
/// The longest format, in bytes.
const FORMAT_MAX: usize = 200;
/// The longest text that is a time, in characters.
const MOMENT_MAX: usize = 60;
/// Unix times from here on are taken for milliseconds: as seconds they lie beyond the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// How many seconds a unit has; a month and a year on average.
const UNITS: [i64; 6] = [1, 60, 3_600, 86_400, 2_629_746, 31_556_952];

/// How it is to be shown.
pub(super) struct Style<'a> {
    pub(super) format: Option<Cow<'a, str>>,
    pub(super) zone: Option<Cow<'a, str>>,
    pub(super) locale: Locale,
}

/// `moment` (Unix seconds or milliseconds, RFC 3339, or a local date) in this style; where that
/// says nothing, in the time zone of the event's surroundings.
pub(super) fn date(moment: &str, style: &Style<'_>, facts: &Facts) -> Result<String, EvalError> {
    shown(moment, style, &facts.surroundings().timezone, facts.received_at())
}

fn shown(
    moment: &str,
    style: &Style<'_>,
    timezone: &TimeZone,
    now: Timestamp,
) -> Result<String, EvalError> {
    let timezone = match &style.zone {
        None => timezone.clone(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            EvalError::Other(format!("{name:?} is no time zone: write a name as Asia/Jakarta"))
        })?,
    };
    let moment = &*shortened(moment.trim(), MOMENT_MAX);
    let timestamp = self::moment(moment, &timezone).ok_or_else(|| {
        EvalError::Other(format!(
            "{moment:?} is no time: Unix seconds or a text as 2026-11-22T14:05:00Z"
        ))
    })?;
    let format = style.format.as_deref().unwrap_or(FORMAT);
    if format == "relative" {
        return Ok(relative(timestamp, now, style.locale));
    }
    let refused = |why: &str| {
        EvalError::Other(format!("the format {:?}: {why}", shortened(format, MOMENT_MAX)))
    };
    // `%1000000d` would fill the memory.
    if format.len() > FORMAT_MAX || has_long_number(format) {
        return Err(refused("it is too long"));
    }
    let moment = timestamp.to_zoned(timezone);
    if format.contains('%') {
        return strtime::format(format, &moment).map_err(|error| refused(&error.to_string()));
    }
    pattern(format, &moment, style.locale).map_err(|letters| {
        refused(&format!(
            "`{letters}` means nothing; known are d MMM yyyy EEEE HH mm ss a and 'words'"
        ))
    })
}

fn has_long_number(format: &str) -> bool {
    format.as_bytes().windows(3).any(|three| three.iter().all(u8::is_ascii_digit))
}

/// A pattern of letters (Unicode TR 35, "Date Field Symbol Table"); the letters that it does not
/// know are the error.
fn pattern(format: &str, moment: &Zoned, locale: Locale) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'').unwrap_or(quoted.len());
            out.push_str(if end == 0 { "'" } else { quoted.get(..end).unwrap_or_default() });
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if first.is_ascii_alphabetic() {
            out.push_str(&field(first, run.len(), moment, locale).ok_or_else(|| run.to_owned())?);
        } else {
            out.push_str(run);
        }
        rest = after;
    }
    Ok(out)
}

fn field(letter: char, count: usize, moment: &Zoned, locale: Locale) -> Option<String> {
    let words = locale.words();
    let named = |names: &[&'static str], place: i8| {
        names.get(usize::try_from(place).ok()?).map(|name| (*name).to_owned())
    };
    let number = |number: i16| Some(format!("{number:0count$}"));
    let hour = moment.hour();
    match (letter, count) {
        ('d', 1 | 2) => number(moment.day().into()),
        ('M' | 'L', 1 | 2) => number(moment.month().into()),
        ('M' | 'L', 3) => named(&words.short_months, moment.month() - 1),
        ('M' | 'L', 4) => named(&words.months, moment.month() - 1),
        ('y', 2) => Some(format!("{:02}", moment.year().rem_euclid(100))),
        ('y' | 'u', 1 | 4) => Some(moment.year().to_string()),
        ('E', 1..=3) => named(&words.short_days, moment.weekday().to_monday_zero_offset()),
        ('E', 4) => named(&words.days, moment.weekday().to_monday_zero_offset()),
        ('H', 1 | 2) => number(hour.into()),
        ('h', 1 | 2) => number(i16::from((hour + 11) % 12 + 1)),
        ('m', 1 | 2) => number(moment.minute().into()),
        ('s', 1 | 2) => number(moment.second().into()),
        ('a', 1) => Some(if hour < 12 { "AM" } else { "PM" }.to_owned()),
        ('z', 1..=3) => Some(moment.strftime("%Z").to_string()),
        ('x' | 'X', 1..=3) => Some(moment.strftime("%:z").to_string()),
        _ => None,
    }
}

/// `2 hours ago`, `in 3 days`: the largest unit of which there is one, rounded down.
fn relative(moment: Timestamp, now: Timestamp, locale: Locale) -> String {
    let words = locale.words();
    let seconds = now.as_second().saturating_sub(moment.as_second());
    let units = UNITS.iter().zip(&words.units).rev();
    let Some((size, (one, many))) = units.into_iter().find(|(size, _)| seconds.abs() >= **size)
    else {
        return words.now.to_owned();
    };
    let count = seconds.abs() / size;
    let span = format!("{count} {}", if count == 1 { one } else { many });
    (if seconds > 0 { words.ago } else { words.ahead }).replace('#', &span)
}

/// Reads a moment as senders write it: Unix seconds or milliseconds, RFC 3339, or a date and time in
/// `timezone`.
pub fn moment(moment: &str, timezone: &TimeZone) -> Option<Timestamp> {
    let whole = moment.split_once('.').map_or(moment, |(whole, _)| whole);
    if let Ok(number) = whole.parse::<i64>()
        && moment.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    {
        return if number.unsigned_abs() >= MILLISECONDS_FROM {
            Timestamp::from_millisecond(number).ok()
        } else {
            Timestamp::from_second(number).ok()
        };
    }
    if let Ok(timestamp) = moment.parse() {
        return Some(timestamp);
    }
    let local: DateTime = moment.parse().ok()?;
    timezone.to_timestamp(local).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown_as(
        moment: &str,
        format: Option<&str>,
        zone: Option<&str>,
        locale: Locale,
    ) -> Result<String, EvalError> {
        let style = Style { format: format.map(Cow::from), zone: zone.map(Cow::from), locale };
        let seven = TimeZone::fixed(jiff::tz::offset(7));
        shown(moment, &style, &seven, Timestamp::from_second(1_795_331_100).unwrap())
    }

    #[test]
    fn moments_are_read_as_senders_write_them() {
        for moment in [
            "1795331100",
            "1795331100.0",
            "1795331100000",
            "2026-11-22T07:05:00Z",
            "2026-11-22 14:05",
        ] {
            let shown = shown_as(moment, None, None, Locale::En);
            assert_eq!(shown.as_deref(), Ok("22 Nov 2026 14:05"), "{moment}");
        }
        for (moment, format, zone) in [
            ("soon", None, None),
            ("-9223372036854775808", None, None),
            ("-9223372036854775808.5", None, None),
            ("9223372036854775807", None, None),
            ("0", Some("%!"), None),
            ("0", Some("%99999999d"), None),
            ("0", Some("bogus"), None),
            ("0", None, Some("Mars/Base")),
        ] {
            assert!(shown_as(moment, format, zone, Locale::En).is_err(), "{moment} {format:?}");
        }
    }

    /// The years from -9999 to 9999.
    const LEAST: i64 = -377_705_023_201;
    const MOST: i64 = 253_402_207_200;

    /// A number near this one.
    fn around(number: i64) -> impl Strategy<Value = i64> {
        (-100_000..100_000_i64).prop_map(move |by| number.saturating_add(by))
    }

    proptest! {
        #[test]
        fn no_number_of_a_sender_is_too_large_to_be_looked_at(
            number in prop_oneof![
                any::<i64>(),
                around(0),
                around(1_795_331_100),
                around(100_000_000_000),
                around(-100_000_000_000),
                around(1_795_331_100_000),
                around(MOST * 1000),
                around(LEAST * 1000),
                around(i64::MIN),
                around(i64::MAX),
            ],
            fraction in "(\\.[0-9]{0,3})?",
        ) {
            let zone = TimeZone::UTC;
            let read = moment(&format!("{number}{fraction}"), &zone).map(Timestamp::as_second);
            let is_fine = number.unsigned_abs() >= 100_000_000_000;
            let seconds = if is_fine { number / 1000 } else { number };
            // At the very ends part of a second decides.
            if !(seconds == LEAST || seconds == MOST) {
                prop_assert_eq!(read, Some(seconds).filter(|it| (LEAST..=MOST).contains(it)));
            }
            for text in [format!("-{number}"), format!("{number}-"), format!("{number}{number}")] {
                moment(&text, &zone);
            }
        }
    }

    #[test]
    fn patterns_name_months_and_days_in_the_language() {
        for (format, locale, expected) in [
            ("%Y", Locale::En, "2026"),
            ("d MMMM yyyy", Locale::Id, "22 November 2026"),
            ("EEEE, dd/MM/yy", Locale::Id, "Minggu, 22/11/26"),
            ("d 'de' MMMM 'de' yyyy", Locale::Pt, "22 de novembro de 2026"),
            ("EEE h:mm a", Locale::En, "Sun 2:05 PM"),
            ("HH.mm.ss xxx", Locale::De, "14.05.00 +07:00"),
        ] {
            let shown = shown_as("1795331100", Some(format), None, locale);
            assert_eq!(shown.as_deref(), Ok(expected), "{format}");
        }
    }

    #[test]
    fn a_span_before_or_after_the_event_is_told_in_its_largest_unit() {
        for (seconds, locale, expected) in [
            (0, Locale::En, "now"),
            (-1, Locale::En, "1 second ago"),
            (-7_200, Locale::En, "2 hours ago"),
            (-7_199, Locale::En, "1 hour ago"),
            (86_400 * 3, Locale::En, "in 3 days"),
            (-7_200, Locale::Id, "2 jam yang lalu"),
            (60, Locale::De, "in 1 Minute"),
            (-86_400 * 800, Locale::Fr, "il y a 2 ans"),
        ] {
            let moment = (1_795_331_100_i64 + seconds).to_string();
            let shown = shown_as(&moment, Some("relative"), None, locale);
            assert_eq!(shown.as_deref(), Ok(expected), "{seconds}");
        }
    }
}
