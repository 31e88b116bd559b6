//! How long does an answer ask us to wait?

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// An answer's `Retry-After` (RFC 9110, 10.2.3) as a span from now: seconds, or an HTTP date seen
/// from the answer's own `Date`, so that the two machines' clocks need not agree; without a `Date`,
/// from `now`. `None` where there is none or it cannot be read; a date that has passed is zero.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let from = date.and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(then.duration_since(from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";

    fn asked(after: &'static str, date: Option<&'static str>, now: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        let now = httpdate::parse_http_date(now).unwrap();
        retry_after(&headers, now).map(|span| span.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read_and_the_answers_own_clock_counts() {
        let later = "Sun, 06 Nov 1994 12:00:30 GMT";
        assert_eq!(asked("7", None, NOON), Some(7));
        assert_eq!(asked(later, None, NOON), Some(30));
        assert_eq!(asked(later, Some(NOON), "Sun, 06 Nov 1994 18:00:00 GMT"), Some(30));
        assert_eq!(asked(NOON, Some(later), NOON), Some(0));
        assert_eq!(asked("soon", None, NOON), None);
        assert_eq!(asked("-3", None, NOON), None);
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }
}
