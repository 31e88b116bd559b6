//! When may a message go out? Days and hours on a wall clock somewhere.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// How far ahead an open day is looked for: a year of holidays.
const DAYS_AHEAD: i32 = 400;

/// The days and hours in which a message may be sent, and what becomes of it outside of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// One bit a day, Monday's the lowest.
    pub days: u8,
    /// When they begin, in minutes after midnight.
    pub from: u16,
    /// When they end, in minutes after midnight; up to 1440. Not after `from`: on the next day.
    pub to: u16,
    /// The time zone, as `Asia/Jakarta`.
    pub zone: String,
    /// The file with the days that are closed, as it is written in the rule file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<String>,
    /// What becomes of a message outside.
    pub otherwise: Otherwise,
}

/// What becomes of a message that may not be sent now.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It waits until it may.
    #[default]
    Wait,
    /// It is skipped.
    Skip,
}

/// How a window stands at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Now,
    /// It opens then.
    At(Timestamp),
    /// It does not open within a year.
    Never,
}

impl Hours {
    /// How they stand at `now`. Where the clock is put forward over the beginning, they begin as
    /// much later; where an hour comes twice, they begin with the first.
    pub fn opening(&self, now: Timestamp, is_holiday: &dyn Fn(Date) -> bool) -> Opening {
        let zone = TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC);
        let today = now.to_zoned(zone.clone()).date();
        // A window that began yesterday may still be open.
        let days = (-1..DAYS_AHEAD).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        for day in days.filter(|day| self.is_open_on(*day) && !is_holiday(*day)) {
            let Some((start, end)) = self.window(day, &zone) else { continue };
            if end <= now {
                continue;
            }
            return if start <= now { Opening::Now } else { Opening::At(start) };
        }
        Opening::Never
    }

    fn is_open_on(&self, day: Date) -> bool {
        self.days & bit(day.weekday()) != 0
    }

    fn window(&self, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let at = |day: Date, minutes: u16| {
            let day = if minutes >= DAY_MINUTES { day.tomorrow().ok()? } else { day };
            let minutes = minutes % DAY_MINUTES;
            let (hour, minute) =
                (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
            let time = Time::new(hour, minute, 0, 0).ok()?;
            Some(day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
        };
        let ends_on = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        Some((at(day, self.from)?, at(ends_on, self.to)?))
    }
}

/// Midnight at the end of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// The bit of a day.
pub fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u8 = 0b111_1111;

    fn hours(days: u8, from: u16, to: u16, zone: &str) -> Hours {
        let (zone, otherwise) = (zone.to_owned(), Otherwise::Wait);
        Hours { days, from: from * 60, to: to * 60, zone, holidays: None, otherwise }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn opening(hours: &Hours, now: &str) -> Opening {
        hours.opening(at(now), &|_| false)
    }

    #[test]
    fn the_beginning_belongs_to_them_and_the_end_does_not() {
        // 08:00 in Jakarta is 01:00 in UTC.
        let shop = hours(ALL, 8, 20, "Asia/Jakarta");
        for (now, open) in [
            ("2026-11-20T00:59:59Z", Opening::At(at("2026-11-20T01:00:00Z"))),
            ("2026-11-20T01:00:00Z", Opening::Now),
            ("2026-11-20T12:59:59Z", Opening::Now),
            ("2026-11-20T13:00:00Z", Opening::At(at("2026-11-21T01:00:00Z"))),
        ] {
            assert_eq!(opening(&shop, now), open, "{now}");
        }
    }

    #[test]
    fn closed_days_and_holidays_are_passed_over() {
        // Monday to Friday; the 20th of November 2026 is a Friday, and the Monday is a holiday.
        let office = hours(0b1_1111, 8, 17, "UTC");
        let holiday = "2026-11-23".parse::<Date>().unwrap();
        let found = office.opening(at("2026-11-20T18:00:00Z"), &|day| day == holiday);
        assert_eq!(found, Opening::At(at("2026-11-24T08:00:00Z")));
        assert_eq!(office.opening(at("2026-11-20T18:00:00Z"), &|_| true), Opening::Never);
    }

    #[test]
    fn a_night_shift_goes_over_midnight_and_belongs_to_the_day_on_which_it_began() {
        let friday_night = hours(bit(Weekday::Friday), 22, 6, "UTC");
        assert_eq!(opening(&friday_night, "2026-11-21T05:59:59Z"), Opening::Now);
        let next = Opening::At(at("2026-11-27T22:00:00Z"));
        assert_eq!(opening(&friday_night, "2026-11-21T06:00:00Z"), next);
        assert_eq!(opening(&hours(ALL, 0, 24, "UTC"), "2026-11-21T23:59:59Z"), Opening::Now);
        assert_eq!(opening(&hours(ALL, 9, 9, "UTC"), "2026-11-21T08:00:00Z"), Opening::Now);
    }

    #[test]
    fn a_clock_put_forward_or_back_moves_nothing_but_the_hour_that_is_missing_or_twice() {
        // In Berlin 02:30 is missing on 2026-03-29 and there twice on 2026-10-25.
        let mut berlin = hours(ALL, 2, 4, "Europe/Berlin");
        berlin.from += 30;
        assert_eq!(
            opening(&berlin, "2026-03-29T00:00:00Z"),
            Opening::At(at("2026-03-29T01:30:00Z"))
        );
        assert_eq!(
            opening(&berlin, "2026-10-25T00:00:00Z"),
            Opening::At(at("2026-10-25T00:30:00Z"))
        );
        // Every day the doors open at the same hour on the wall.
        let shop = hours(ALL, 8, 20, "Europe/Berlin");
        for (now, opens) in [
            ("2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"),
            ("2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"),
        ] {
            assert_eq!(opening(&shop, now), Opening::At(at(opens)), "{now}");
        }
    }
}
