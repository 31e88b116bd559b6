//! How many are too many? A rate as people write it, and a count that lets only so many through.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};

/// So many in a unit of time: `10/s`, `600/min`, `80/h`, `500/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Rate {
    #[schemars(skip)]
    count: u32,
    #[schemars(skip)]
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unit {
    name: &'static str,
    seconds: i64,
}

const UNITS: [Unit; 4] = [
    Unit { name: "s", seconds: 1 },
    Unit { name: "min", seconds: 60 },
    Unit { name: "h", seconds: 3_600 },
    Unit { name: "d", seconds: 86_400 },
];
const COUNT_MAX: u32 = 1_000_000;

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate: write how many in s, min, h or d, from 1 to 1000000, as in `600/min`")]
pub struct RateError(String);

impl Rate {
    /// Reads a rate.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let read = || {
            let (count, unit) = text.trim().split_once('/')?;
            let count = count.trim().parse().ok().filter(|it| (1..=COUNT_MAX).contains(it))?;
            let unit = UNITS.into_iter().find(|known| known.name == unit.trim())?;
            Some(Self { count, unit })
        };
        read().ok_or_else(|| RateError(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit.name)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Lets through what a rate allows: as many at once as it names, then only as they drain. Within
/// any window of T it lets rate × T and that many more through.
#[derive(Debug)]
pub struct Meter {
    /// How long one weighs, in microseconds.
    weight_us: i64,
    full_us: i64,
    /// When it will have drained, in microseconds since 1970.
    drained_at: AtomicI64,
}

impl Meter {
    /// Nothing has come yet.
    pub fn new(rate: Rate) -> Self {
        let weight_us = (rate.unit.seconds * 1_000_000 / i64::from(rate.count)).max(1);
        let full_us = weight_us * i64::from(rate.count);
        Self { weight_us, full_us, drained_at: AtomicI64::new(0) }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// When it is one too many, how long until the next may come; it is not counted then.
    pub fn take(&self, now: Timestamp) -> Result<(), Duration> {
        let now_us = now.as_microsecond();
        let mut over_us = 0;
        let count = |empty_at_us: i64| {
            // A clock that was set back must not shut the door for longer than it takes to drain.
            let level_us = empty_at_us.saturating_sub(now_us).clamp(0, self.full_us);
            over_us = level_us + self.weight_us - self.full_us;
            let level_us = if over_us > 0 { level_us } else { level_us + self.weight_us };
            Some(now_us.saturating_add(level_us))
        };
        // Never an error: it is counted anew until nobody comes between.
        let _ = self.drained_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        match u64::try_from(over_us) {
            Ok(0) | Err(_) => Ok(()),
            Ok(over_us) => Err(Duration::from_micros(over_us)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_rate_reads_as_it_is_written_and_nothing_else_does() {
        for text in ["1/s", "600/min", "80/h", "1000000/d"] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "10", "10/", "/s", "0/s", "-1/s", "1.5/s", "10/m", "1/s/s", "1000001/s"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn as_many_as_the_rate_names_pass_at_once_and_then_as_they_drain() {
        let meter = Meter::new(Rate::parse("60/min").unwrap());
        assert!((0..60).all(|_| meter.take(at(0)).is_ok()));
        assert_eq!(meter.take(at(0)), Err(Duration::from_secs(1)));
        assert_eq!(meter.take(at(400)), Err(Duration::from_millis(600)));
        assert_eq!(meter.take(at(1000)), Ok(()));
        assert!(meter.take(at(1000)).is_err());
        assert!((0..60).all(|_| meter.take(at(100_000)).is_ok()), "it has drained");
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_no_door() {
        let meter = Meter::new(Rate::parse("1/s").unwrap());
        meter.take(at(3_600_000)).unwrap();
        assert_eq!(meter.take(at(0)), Err(Duration::from_secs(1)));
        assert_eq!(meter.take(at(1000)), Ok(()));
    }

    #[test]
    fn no_more_than_the_rate_pass_however_many_come_at_once() {
        let meter = Meter::new(Rate::parse("100/h").unwrap());
        let passed: usize = std::thread::scope(|scope| {
            let turns = (0..4)
                .map(|_| scope.spawn(|| (0..100).filter(|_| meter.take(at(0)).is_ok()).count()));
            turns.collect::<Vec<_>>().into_iter().map(|turn| turn.join().unwrap()).sum()
        });
        assert_eq!(passed, 100);
    }
}
