//! The language of the rule file: a lazy view of an event, templates, typed conditions, filters.
//!
//! One syntax (Jinja's, read by minijinja's parser) and one evaluator for templates and `when:`.
//! It is our own because of three promises: a missing value is an error that names its path, never
//! an empty hole; comparing different types is an error, never an order; and a number keeps every
//! digit. minijinja's own evaluator cannot keep them: to it null is a value that prints `None`, 1 is
//! less than "a", and numbers are binary. Filters that promise nothing special are minijinja's, and a
//! test compares both construct by construct where they should agree.

pub mod json;
mod facts;
mod template;
mod condition;
mod tree;
mod compile;
mod blocks;
mod expressions;
mod calls;
mod nearest;
mod eval;
mod places;
mod missing;
mod judge;
mod value;
mod decimal;
mod filters;
mod borrowed;
mod money;
mod date;
mod neutral;
mod error;

pub use condition::{Condition, Step};
pub use date::moment;
pub use error::EvalError;
pub use facts::{AmountUnit, Facts, Surroundings};
pub use json::{Json, Node, NotJson, Value};
pub use template::{Escape, Read, Template, Values};
