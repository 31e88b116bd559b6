//! The language of the rule file: a lazy view of an event, templates, typed conditions, filters.
//!
//! One syntax (Jinja's, read by minijinja's parser) and one evaluator for templates and `when:`.
//! It is our own because of three promises: a missing value is an error that names its path, never
//! an empty hole; comparing different types is an error, never an order; and a number keeps every
//! digit. minijinja's own evaluator cannot keep them: to it null is a value that prints `None`, 1 is
//! less than "a", and numbers are binary. A test compares both construct by construct where they
//! should agree.

pub mod json;
mod batch;
mod facts;
mod view;
mod scope;
mod template;
mod condition;
mod each;
mod told;
mod tree;
mod kept;
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
mod written;
mod decimal;
mod filters;
mod neutral;
mod marks;
mod markdown;
mod locale;
mod money;
mod date;
mod country;
mod recipient;
mod card;
mod table;
mod error;

pub use batch::{BatchPath, TooMany};
pub use condition::{Condition, Step};
pub use country::Country;
pub use date::moment;
pub(crate) use decimal::Decimal;
pub use each::{ELEMENTS_MAX, Each, Elements};
pub use error::EvalError;
pub use facts::{AmountUnit, Facts, Surroundings};
pub use filters::{FilterDoc, Parameter, Topic, filter_table};
pub use json::{Json, Node, NotJson, Value};
pub use recipient::{NotARecipient, recipient};
pub use scope::{FindTable, Scope};
pub use table::{TABLE_MAX, Table};
pub use template::{Escape, Read, Template, Values};
pub use told::{EachTrace, ElementStep, Named, Names};
pub use view::{Fuel, View};
