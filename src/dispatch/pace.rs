//! How fast may a lane send?

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// A pace: `10/min`, `1/s`, `80/h`, `500/d`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Pace;

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}
