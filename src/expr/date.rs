//! How is a moment shown?

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::EvalError;
use super::value::shortened;

/// `22 Nov 2026 14:05`
const FORMAT: &str = "%-d %b %Y %H:%M";
/// The longest text that is a time, in characters.
const MOMENT_MAX: usize = 60;
/// Unix times from here on are taken for milliseconds: as seconds they lie beyond the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// `moment` (Unix seconds or milliseconds, RFC 3339, or a local date) by `format` (strftime) in
/// the time zone of this name, or in `timezone`.
pub(super) fn date(
    moment: &str,
    format: Option<&str>,
    zone: Option<&str>,
    timezone: &TimeZone,
) -> Result<String, EvalError> {
    let timezone = match zone {
        None => timezone.clone(),
        Some(name) => TimeZone::get(name).map_err(|_| {
            EvalError::Other(format!(
                "date: {name:?} is no time zone: write a name as Asia/Jakarta"
            ))
        })?,
    };
    let moment = &*shortened(moment.trim(), MOMENT_MAX);
    let timestamp = self::moment(moment, &timezone).ok_or_else(|| {
        EvalError::Other(format!(
            "date: {moment:?} is no time: Unix seconds or a text as 2026-11-22T14:05:00Z"
        ))
    })?;
    let format = format.unwrap_or(FORMAT);
    strtime::format(format, &timestamp.to_zoned(timezone))
        .map_err(|error| EvalError::Other(format!("date: the format {format:?}: {error}")))
}

/// Reads a moment as senders write it: Unix seconds or milliseconds, RFC 3339, or a date and time in
/// `timezone`.
pub fn moment(moment: &str, timezone: &TimeZone) -> Option<Timestamp> {
    let whole = moment.split_once('.').map_or(moment, |(whole, _)| whole);
    if let Ok(number) = whole.parse::<i64>()
        && moment.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    {
        return if number.abs() >= MILLISECONDS_FROM {
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
    use super::*;

    #[test]
    fn moments_are_read_as_senders_write_them() {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        for moment in [
            "1795331100",
            "1795331100.0",
            "1795331100000",
            "2026-11-22T07:05:00Z",
            "2026-11-22 14:05",
        ] {
            let shown = date(moment, None, None, &zone);
            assert_eq!(shown.as_deref(), Ok("22 Nov 2026 14:05"), "{moment}");
        }
        assert_eq!(date("0", Some("%Y"), Some("UTC"), &zone).as_deref(), Ok("1970"));
        for (moment, format, name) in
            [("soon", None, None), ("0", Some("%!"), None), ("0", None, Some("Mars/Base"))]
        {
            assert!(date(moment, format, name, &zone).is_err(), "{moment}");
        }
    }
}
