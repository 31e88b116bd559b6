//! What can be said about a lane?

use schemars::JsonSchema;
use serde::Deserialize;

use super::Pace;

/// One entry of `wachat.instances`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LaneSettings {
    /// How fast it sends; the default is a careful 10/min.
    pub pace: Option<Pace>,
    /// How many may go out at once after a rest; default 3.
    pub burst: Option<u32>,
    /// How many attempts may be under way at once; default 1.
    pub in_flight: Option<u32>,
}
