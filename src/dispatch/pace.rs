//! How fast may a lane send?
//!
//! The generic cell rate algorithm: one time stamp says until when the pace is used up, each
//! attempt moves it on by one interval, and an attempt may begin while it is at most `burst - 1`
//! intervals ahead of now. So within any window of T at most rate × T + burst attempts begin, and
//! what must survive a restart is that one time stamp.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// The most that a pace may say in one of its units.
const COUNT_MAX: u32 = 1_000_000;

/// A pace: `10/min`, `1/s`, `80/h`, `500/d`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Pace(Option<Rate>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    count: u32,
    unit: &'static str,
    unit_s: u32,
}

/// The units, as they are written, in seconds.
const UNITS: [(&str, u32); 4] = [("s", 1), ("min", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)];

/// A text that is no pace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pace: write how many in s, min, h or d, from 1 to 1000000, as in `10/min`, or \
     `off`"
)]
pub struct PaceError(String);

impl Pace {
    /// No limit.
    pub const OFF: Self = Self(None);

    /// Reads a pace.
    pub fn parse(text: &str) -> Result<Self, PaceError> {
        if text.trim() == "off" {
            return Ok(Self::OFF);
        }
        let rate = || {
            let (count, unit) = text.split_once('/')?;
            let count =
                count.trim().parse().ok().filter(|count| (1..=COUNT_MAX).contains(count))?;
            let (unit, unit_s) = *UNITS.iter().find(|(word, _)| *word == unit.trim())?;
            Some(Rate { count, unit, unit_s })
        };
        rate().map(|rate| Self(Some(rate))).ok_or_else(|| PaceError(text.to_owned()))
    }

    /// The time between two attempts at a steady pace; `None` where there is no limit.
    pub fn interval(self) -> Option<Duration> {
        self.0.map(|rate| {
            let unit_ns = u64::from(rate.unit_s) * 1_000_000_000;
            Duration::from_nanos(unit_ns.div_ceil(u64::from(rate.count)))
        })
    }
}

/// Careful: a WhatsApp account that sends faster risks its ban.
impl Default for Pace {
    fn default() -> Self {
        Self(Some(Rate { count: 10, unit: "min", unit_s: 60 }))
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => write!(f, "{}/{}", rate.count, rate.unit),
            None => f.write_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Pace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pace such as `10/min`, or `off`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pace, E> {
                Pace::parse(text).map_err(E::custom)
            }

            // To some readers of YAML an unquoted `off` is a boolean.
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Pace, E> {
                if on { Err(E::custom(PaceError("true".into()))) } else { Ok(Pace::OFF) }
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A lane's pace at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    interval: Duration,
    burst: u32,
    jitter: Duration,
}

impl Beat {
    /// `None` for a lane without a pace. Chance adds up to `jitter` to each interval.
    pub(super) fn of(pace: Pace, burst: u32, jitter: Duration) -> Option<Self> {
        pace.interval().map(|interval| Self { interval, burst: burst.max(1), jitter })
    }

    /// How far ahead of now the pace may be used up while an attempt may still begin.
    pub(super) fn ahead(self) -> Duration {
        self.interval.saturating_mul(self.burst - 1)
    }

    /// How many attempts may begin at `now`, at most `limit`, given until when the pace is used up:
    /// after the n-th of them it is used up until the n-th time stamp. `dice` gives 0 to 1.
    pub(super) fn tokens(
        self,
        paced_until: Option<Timestamp>,
        now: Timestamp,
        limit: usize,
        mut dice: impl FnMut() -> f64,
    ) -> Vec<Timestamp> {
        let mut used_until = self.used_until(paced_until, now);
        let mut taken = Vec::new();
        while taken.len() < limit && used_until <= later(now, self.ahead()) {
            let step = self.interval.saturating_add(self.jitter.mul_f64(dice().clamp(0.0, 1.0)));
            used_until = whole_ms(later(used_until, step));
            taken.push(used_until);
        }
        taken
    }

    /// When the next attempt may begin; `now` if one may begin at once.
    pub(super) fn next(self, paced_until: Option<Timestamp>, now: Timestamp) -> Timestamp {
        earlier(self.used_until(paced_until, now), self.ahead()).max(now)
    }

    /// Never further ahead than this pace itself can lead: a clock that was set back, or a slower pace
    /// of yesterday, must not stop a lane for long. It is to be kept: a later look would see it as far
    /// ahead again.
    pub(super) fn within_reach(
        self,
        paced_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        // Each step may be rounded up by a millisecond.
        let step =
            self.interval.saturating_add(self.jitter).saturating_add(Duration::from_millis(1));
        paced_until.map(|until| until.min(later(now, step.saturating_mul(self.burst))))
    }

    fn used_until(self, paced_until: Option<Timestamp>, now: Timestamp) -> Timestamp {
        self.within_reach(paced_until, now).map_or(now, |until| until.max(now))
    }
}

/// Rounded up: the store keeps milliseconds, and a pace rounded down would be too fast.
fn whole_ms(time: Timestamp) -> Timestamp {
    let ms = time.as_millisecond();
    match Timestamp::from_millisecond(ms) {
        Ok(floor) if floor < time => {
            Timestamp::from_millisecond(ms.saturating_add(1)).unwrap_or(Timestamp::MAX)
        }
        Ok(floor) => floor,
        Err(_) => time,
    }
}

/// `time` and `span` later; the end of time if there is no such time.
pub(super) fn later(time: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn earlier(time: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn paces_read_as_people_write_them() {
        for (text, interval_ms) in [("10/min", 6000), ("1/s", 1000), ("80/h", 45_000)] {
            let pace = Pace::parse(text).unwrap();
            assert_eq!(pace.interval(), Some(Duration::from_millis(interval_ms)), "{text}");
            assert_eq!(pace.to_string(), text);
        }
        assert_eq!(Pace::parse(" 500 / d ").map(|pace| pace.to_string()), Ok("500/d".into()));
        assert_eq!(Pace::parse("off"), Ok(Pace::OFF));
        for wrong in
            ["", "10", "10/", "/s", "0/s", "-1/s", "1.5/s", "10/m", "10/min/s", "1000001/s"]
        {
            assert!(Pace::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn off_is_off_whether_yaml_takes_it_for_a_text_or_not() {
        for yaml in ["off", "\"off\"", "false"] {
            let read: Pace = serde_yaml::from_str(yaml).unwrap();
            assert_eq!(read, Pace::OFF, "{yaml}");
        }
        let read: Pace = serde_yaml::from_str("10/min").unwrap();
        assert_eq!(read, Pace::default());
    }

    fn beat(pace: &str, burst: u32, jitter_ms: u64) -> Beat {
        let pace = Pace::parse(pace).unwrap();
        Beat::of(pace, burst, Duration::from_millis(jitter_ms)).unwrap()
    }

    #[test]
    fn after_a_rest_a_burst_may_go_and_then_one_an_interval() {
        let beat = beat("10/min", 3, 0);
        let first = beat.tokens(None, at(0), 9, || 1.0);
        assert_eq!(first, [at(6000), at(12_000), at(18_000)]);
        assert_eq!(beat.tokens(Some(first[2]), at(5999), 9, || 1.0), []);
        assert_eq!(beat.next(Some(first[2]), at(0)), at(6000));
        assert_eq!(beat.tokens(Some(first[2]), at(6000), 9, || 1.0), [at(24_000)]);
        assert!(Beat::of(Pace::OFF, 3, Duration::ZERO).is_none());
    }

    #[test]
    fn chance_makes_the_wait_longer_and_never_shorter() {
        let beat = beat("10/min", 1, 1500);
        for (dice, next_ms) in [(0.0, 6000), (0.5, 6750), (1.0, 7500), (9.0, 7500)] {
            assert_eq!(beat.tokens(None, at(0), 9, || dice), [at(next_ms)], "{dice}");
        }
    }

    #[test]
    fn a_clock_set_back_does_not_stop_a_lane() {
        assert!(beat("10/min", 3, 0).next(Some(at(3_600_000)), at(0)) <= at(6010));
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_its_pace_and_one_burst(
            count in 1_u32..200, unit in 0..4_usize, burst in 1_u32..6, limit in 1..5_usize,
            jitter_ms in 0_u64..3000, seed in any::<u64>(),
            rests in prop::collection::vec(0_i64..40_000, 1..60),
        ) {
            let beat = beat(&format!("{count}/{}", UNITS[unit].0), burst, jitter_ms);
            let mut dice = fastrand::Rng::with_seed(seed);
            let (mut now, mut paced_until, mut begun) = (at(0), None, Vec::new());
            for rest in rests {
                now = later(now, Duration::from_millis(rest.unsigned_abs()));
                let taken = beat.tokens(paced_until, now, limit, || dice.f64());
                prop_assert!(taken.len() <= limit);
                prop_assert_eq!(taken.is_empty(), now < beat.next(paced_until, now));
                paced_until = taken.last().copied().or(paced_until);
                begun.extend(std::iter::repeat_n(now, taken.len()));
            }
            for (i, from) in begun.iter().enumerate() {
                for (j, to) in begun.iter().enumerate().skip(i) {
                    let window_ns = to.as_nanosecond() - from.as_nanosecond();
                    let most = window_ns.unsigned_abs() / beat.interval.as_nanos() + u128::from(burst);
                    prop_assert!(((j - i + 1) as u128) <= most);
                }
            }
        }
    }
}
