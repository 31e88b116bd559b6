//! The language of the rule file: a lazy view of an event, templates, typed conditions, filters.
//!
//! One syntax (Jinja's, by minijinja) in two evaluators: templates are minijinja's, with a missing
//! value as an error; `when:` is parsed by the same parser and judged by our own typed evaluator,
//! in which comparing different types is an error at its place.

pub mod json;
mod facts;
mod template;
mod condition;
mod filters;
mod error;

pub use condition::{Condition, Step};
pub use error::EvalError;
pub use facts::{AmountUnit, Facts, Surroundings};
pub use json::{Json, Node, NotJson, Value};
pub use template::{Escape, Template, Values};
