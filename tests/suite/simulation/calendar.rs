//! Which days and open hours has the week? Reckoned beforehand, from the clock on the wall.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use kabari::model::Hours;

/// As long as the longest week takes until everything is sent.
const DAYS: i32 = 60;

/// The days from before the week's, and the hours in which messages may be sent.
pub(super) struct Calendar {
    midnights: Vec<(Timestamp, Date)>,
    open: Vec<(Timestamp, Timestamp)>,
}

impl Calendar {
    pub(super) fn of(monday: Date, zone: &TimeZone, hours: &Hours) -> Self {
        let days = (-2..DAYS).map(|n| monday.checked_add(n.days()).unwrap());
        let (mut midnights, mut open) = (Vec::new(), Vec::new());
        for day in days {
            let midnight = day.to_zoned(zone.clone()).unwrap().timestamp();
            midnights.push((midnight, day));
            if hours.days & (1 << day.weekday().to_monday_zero_offset()) != 0 {
                open.push((at(day, hours.from, zone), at(day, hours.to, zone)));
            }
        }
        Self { midnights, open }
    }

    pub(super) fn day(&self, now: Timestamp) -> Date {
        self.midnights[self.midnights.partition_point(|(from, _)| *from <= now) - 1].1
    }

    pub(super) fn midnight_before(&self, now: Timestamp) -> Timestamp {
        self.midnights[self.midnights.partition_point(|(from, _)| *from <= now) - 1].0
    }

    pub(super) fn midnight_after(&self, now: Timestamp) -> Timestamp {
        self.midnights[self.midnights.partition_point(|(from, _)| *from <= now)].0
    }

    /// Whether a message may be sent.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        let begun = self.open.partition_point(|(from, _)| *from <= now);
        begun.checked_sub(1).is_some_and(|n| now < self.open[n].1)
    }

    /// When it may again, if not now.
    pub(super) fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.open[self.open.partition_point(|(from, _)| *from <= now)].0;
        (!self.is_open(now)).then_some(next)
    }
}

/// So many minutes after midnight. Where that comes twice, the first time; where it does not come, as
/// much later as the clock was put forward.
fn at(day: Date, minutes: u16, zone: &TimeZone) -> Timestamp {
    let (hour, minute) = ((minutes / 60).try_into().unwrap(), (minutes % 60).try_into().unwrap());
    let local = day.to_datetime(Time::new(hour, minute, 0, 0).unwrap());
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
    };
    offset.to_timestamp(local).unwrap()
}
