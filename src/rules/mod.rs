//! Which events matter?

mod pattern;
mod rule_set;

pub use pattern::{Pattern, PatternStep};
pub use rule_set::{Matcher, RuleSet};
