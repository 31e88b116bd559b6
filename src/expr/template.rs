//! Text with holes: `{{ … }}` filled from an event.

use super::{EvalError, Facts};
use crate::model::Fault;

/// How foreign text is put into a template's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As it is: numbers, URLs, keys.
    None,
    /// Neutralised for a WhatsApp message: the `text` filter on whatever is not marked as safe.
    Message,
    /// Made fit for a file name.
    FileName,
}

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template;

/// What an expression gives where one or several values are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// One text.
    One(String),
    /// One for each element of a list; `None` for an element that is missing.
    Many(Vec<Option<String>>),
    /// Nothing: undefined, null, "" or an empty list.
    Nothing,
}

impl Template {
    /// Compiles `text`; every mistake in it is told, with its range.
    pub fn compile(_text: &str, _escape: Escape) -> Result<Self, Vec<Fault>> {
        todo!()
    }

    /// Fills it.
    ///
    /// # Errors
    /// When a value is missing or a filter refuses; the error names the path.
    pub fn render(&self, _facts: &Facts) -> Result<String, EvalError> {
        todo!()
    }

    /// Fills it where a list is welcome: a template that is one `{{ expression }}` keeps its list.
    pub fn values(&self, _facts: &Facts) -> Result<Values, EvalError> {
        todo!()
    }

    /// The paths that it reads, as `event.data.object.id`.
    pub fn paths(&self) -> Vec<String> {
        todo!()
    }
}
