//! `match:`: an EventBridge-style pattern on the body.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::expr::Node;

/// A compiled pattern. It reads itself from the rule file: nested or dotted paths, each with a
/// literal or a list of alternatives.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
pub struct Pattern;

/// One path of a pattern, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternStep {
    /// The path in the body.
    pub path: String,
    /// What the rule wants: `"failure" or "timed_out"`.
    pub wants: String,
    /// What is there: `null`, `missing`, `text "200"`.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
}

impl Pattern {
    /// Whether the body has it all.
    pub fn matches(&self, _body: Node<'_>) -> bool {
        todo!()
    }

    /// Its paths, each with what was seen there.
    pub fn steps(&self, _body: Node<'_>) -> Vec<PatternStep> {
        todo!()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}
