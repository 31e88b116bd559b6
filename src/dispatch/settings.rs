//! What can be said about a lane?

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::Fault;

use super::Pace;

/// How many may go out at once after a rest, unless said otherwise.
const BURST_DEFAULT: u32 = 3;
/// How many attempts may be under way at once, unless said otherwise. A WhatsApp session is serial
/// by nature, and gateways do not keep the order of requests that overlap.
const IN_FLIGHT_DEFAULT: u32 = 1;
/// The most attempts of one lane under way at once.
const IN_FLIGHT_MAX: u32 = 256;

/// One entry of `wachat.instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LaneSettings {
    /// How fast it sends; the default is a careful 10/min.
    #[schemars(extend("default" = "10/min", "examples" = ["off"]))]
    pub pace: Option<Pace>,
    /// How many may go out at once after a rest; default 3.
    #[schemars(extend("default" = 3, "examples" = [1]))]
    pub burst: Option<u32>,
    /// How many attempts may be under way at once; default 1.
    #[schemars(extend("default" = 1, "examples" = [1]))]
    pub in_flight: Option<u32>,
}

impl LaneSettings {
    /// What is wrong with them, for `check`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.burst == Some(0) {
            let fault = Fault::error("burst", "bad-burst", "`burst: 0` would never send anything");
            faults.push(fault.help("write 1 or more, or leave it out for 3"));
        }
        if self.in_flight.is_some_and(|n| n == 0 || IN_FLIGHT_MAX < n) {
            let message = "`in_flight` is how many messages are on their way at once";
            let fault = Fault::error("in_flight", "bad-in-flight", message);
            faults.push(fault.help(format!("write a number from 1 to {IN_FLIGHT_MAX}")));
        }
        faults
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace.unwrap_or_default()
    }

    pub(super) fn burst(&self) -> u32 {
        self.burst.unwrap_or(BURST_DEFAULT).max(1)
    }

    pub(super) fn in_flight(&self) -> usize {
        let window = self.in_flight.unwrap_or(IN_FLIGHT_DEFAULT).clamp(1, IN_FLIGHT_MAX);
        usize::try_from(window).unwrap_or(1)
    }
}

/// As it is said at start: `10/min, burst 3, one at a time`.
impl fmt::Display for LaneSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, burst {}, {} at a time", self.pace(), self.burst(), self.in_flight())
    }
}

#[cfg(test)]
mod tests {
    use super::LaneSettings;

    #[test]
    fn a_lane_that_could_never_send_is_refused() {
        let none = LaneSettings { burst: Some(0), in_flight: Some(0), ..Default::default() };
        let paths: Vec<String> = none.faults().into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["burst", "in_flight"]);
        assert!(LaneSettings::default().faults().is_empty());
    }
}
