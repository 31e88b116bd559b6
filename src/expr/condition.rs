//! `when:`: the templates' syntax, judged by types.

use super::{EvalError, Facts};
use crate::model::Fault;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition;

/// One comparison of a condition, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// As it is written: `head_branch == default_branch`.
    pub wants: String,
    /// With the values it saw: `"main" == "main"`, `missing`.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
}

impl Condition {
    /// Compiles `text`; every mistake in it is told, with its range.
    pub fn compile(_text: &str) -> Result<Self, Vec<Fault>> {
        todo!()
    }

    /// Whether it holds. A missing value makes it false.
    ///
    /// # Errors
    /// [`EvalError::Types`] when different types are compared.
    pub fn holds(&self, _facts: &Facts) -> Result<bool, EvalError> {
        todo!()
    }

    /// Its comparisons, each with the values it saw.
    pub fn steps(&self, _facts: &Facts) -> Vec<Step> {
        todo!()
    }
}
