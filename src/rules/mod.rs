//! Which events matter?

mod pattern;
mod read;
mod path;
mod literal;
mod operator;
mod operand;
mod choice;
mod test;
mod text;
mod words;
mod walk;
mod range;
mod contradiction;
mod matcher;
mod schema;
mod index;
mod rule_set;

pub use literal::EXACT;
pub use matcher::Matcher;
pub use pattern::{Pattern, PatternStep};
pub use rule_set::RuleSet;
