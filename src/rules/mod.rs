//! Which events matter?

mod pattern;
mod read;
mod operator;
mod test;
mod decimal;
mod walk;
mod rule_set;

pub use pattern::{Pattern, PatternStep};
pub use read::EXACT;
pub use rule_set::{Matcher, RuleSet};
