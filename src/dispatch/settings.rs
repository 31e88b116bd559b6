//! What can be said about a lane?

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::model::{Fault, Span};

use super::Pace;
use super::caps::{Cap, Caps, DayCaps, warming_up};

/// How many may go out at once after a rest, unless said otherwise.
const BURST_DEFAULT: u32 = 3;
/// How many attempts may be under way at once, unless said otherwise. A WhatsApp session is serial
/// by nature, and gateways do not keep the order of requests that overlap.
const IN_FLIGHT_DEFAULT: u32 = 1;
/// The most attempts of one lane under way at once.
const IN_FLIGHT_MAX: u32 = 256;
/// The longest pause between two messages that chance adds, unless said otherwise, as a part of the
/// pace's interval: who sends with the regularity of a machine looks like one.
const JITTER_PART: u32 = 4;
/// How long one recipient is left in peace after an attempt, unless said otherwise; the low end of
/// what communities of such gateways advise.
const GAP_DEFAULT: Duration = Duration::from_secs(10);

/// The longest pause between two messages that can be meant.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// One entry of `wachat.instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LaneSettings {
    /// How fast it sends; the default is a careful 10/min. `off` lifts every limit here.
    #[schemars(extend("default" = "10/min", "examples" = ["off"]))]
    pub pace: Option<Pace>,
    /// How many may go out at once after a rest; default 3.
    #[schemars(extend("default" = 3, "examples" = [1]))]
    pub burst: Option<u32>,
    /// How much chance adds to each wait at most; default a quarter of the pace's interval.
    #[schemars(extend("examples" = ["3s"]))]
    pub jitter: Option<Span>,
    /// How many attempts may be under way at once; default 1.
    #[schemars(extend("default" = 1, "examples" = [1]))]
    pub in_flight: Option<u32>,
    /// How long after a message the same recipient gets the next one at the soonest; default 10s.
    #[schemars(extend("examples" = ["10s"]))]
    pub gap: Option<Span>,
    /// How many go out in a day; default 500, of them 20 to people who were never messaged before.
    pub caps: Option<Caps>,
    /// The day on which a new WhatsApp account began: for eleven days it does less. At first 20 a day, 5
    /// of them first contacts; from the fourth day on 50 and 10, from the eighth on 200 and 15.
    #[serde(deserialize_with = "day")]
    #[schemars(with = "Option<String>")]
    #[schemars(extend("examples" = ["2026-11-20"]))]
    pub warm_up: Option<Date>,
}

/// A day of the calendar.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let written = String::deserialize(deserializer)?;
    let read = written.trim().parse().map(Some);
    read.map_err(|_| {
        de::Error::custom(format!("`{written}` is no day: write it as in `2026-11-20`"))
    })
}

impl LaneSettings {
    /// What is wrong with them, for `check`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.burst == Some(0) {
            let fault = Fault::error("burst", "bad-burst", "`burst: 0` would never send anything");
            faults.push(fault.help("write 1 or more, or leave it out for 3"));
        }
        for (path, span) in [("jitter", self.jitter), ("gap", self.gap)] {
            if span.is_some_and(|span| PAUSE_MAX < span.0) {
                let message = "nothing would be sent for longer than a day";
                let fault = Fault::error(path, "value", message);
                faults.push(fault.help("write 1d or less, as `10s`"));
            }
        }
        if self.in_flight.is_some_and(|n| n == 0 || IN_FLIGHT_MAX < n) {
            let message = "`in_flight` is how many messages are on their way at once";
            let fault = Fault::error("in_flight", "bad-in-flight", message);
            faults.push(fault.help(format!("write a number from 1 to {IN_FLIGHT_MAX}")));
        }
        if self.caps.is_some_and(|caps| caps.day == Some(Cap::At(0))) {
            let fault = Fault::error("caps.day", "bad-cap", "`day: 0` would never send anything");
            faults.push(fault.help("write 1 or more, `off`, or pause the lane"));
        }
        faults
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace.unwrap_or_default()
    }

    pub(super) fn burst(&self) -> u32 {
        self.burst.unwrap_or(BURST_DEFAULT).max(1)
    }

    pub(super) fn jitter(&self) -> Duration {
        let interval = self.pace().interval().unwrap_or_default();
        self.jitter.map_or(interval / JITTER_PART, |span| span.0)
    }

    pub(super) fn in_flight(&self) -> usize {
        let window = self.in_flight.unwrap_or(IN_FLIGHT_DEFAULT).clamp(1, IN_FLIGHT_MAX);
        usize::try_from(window).unwrap_or(1)
    }

    pub(super) fn gap(&self) -> Duration {
        self.gap.map_or(GAP_DEFAULT, |span| span.0)
    }

    /// The caps of a day.
    pub(super) fn caps_on(&self, day: Date) -> DayCaps {
        let written = self.caps.unwrap_or_default().or_default();
        let warming = self.warm_up.and_then(|began| warming_up(began, day));
        warming.map_or(written, |warming| written.at_most(warming))
    }
}

/// As it is said at start: `10/min (jitter up to 1.5s), burst 3, 1 at a time, …`.
impl fmt::Display for LaneSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pace, burst, in_flight) = (self.pace(), self.burst(), self.in_flight());
        if pace == Pace::OFF {
            return write!(f, "pace off: no limits, {in_flight} at a time");
        }
        let jitter = self.jitter().as_secs_f64();
        write!(f, "{pace} (jitter up to {jitter:.1}s), burst {burst}, {in_flight} at a time, ")?;
        write!(f, "{}s between two to the same recipient, ", self.gap().as_secs())?;
        write!(f, "{}", self.caps.unwrap_or_default().or_default())?;
        match self.warm_up {
            Some(began) => write!(f, "; less while the account of {began} warms up"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_could_never_send_is_refused() {
        let caps = Some(Caps { day: Some(Cap::At(0)), first_contacts: None });
        let none = LaneSettings { burst: Some(0), in_flight: Some(0), caps, ..Default::default() };
        let paths: Vec<String> = none.faults().into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["burst", "in_flight", "caps.day"]);
        assert!(LaneSettings::default().faults().is_empty());
    }

    #[test]
    fn what_is_said_at_start_tells_every_limit() {
        assert_eq!(
            LaneSettings::default().to_string(),
            "10/min (jitter up to 1.5s), burst 3, 1 at a time, 10s between two to the same \
             recipient, 500 a day, 20 of them first contacts"
        );
        let off = LaneSettings { pace: Some(Pace::OFF), ..Default::default() };
        assert_eq!(off.to_string(), "pace off: no limits, 1 at a time");
    }

    #[test]
    fn a_new_account_may_do_more_from_step_to_step_and_never_more_than_is_written() {
        let began: Date = "2026-11-20".parse().unwrap();
        let few = Caps { day: Some(Cap::At(100)), first_contacts: Some(Cap::Off) };
        let lane = LaneSettings { warm_up: Some(began), caps: Some(few), ..Default::default() };
        for (day, attempts, first) in [
            ("2026-11-20", Some(20), Some(5)),
            ("2026-11-22", Some(20), Some(5)),
            ("2026-11-23", Some(50), Some(10)),
            ("2026-11-27", Some(100), Some(15)),
            ("2026-12-01", Some(100), None),
        ] {
            let caps = lane.caps_on(day.parse().unwrap());
            assert_eq!((caps.attempts, caps.first_contacts), (attempts, first), "{day}");
        }
    }
}
