//! What can be done to a value? The one table of filters: each with what it takes, what it does and
//! examples, beside the function that does it.
//!
//! The documentation is made of this table and a test plays every example in it.

mod message;
mod customer;
mod texts;
mod numbers;
mod lists;
mod rows;
mod choose;

use std::borrow::Cow;
use std::sync::LazyLock;

pub(super) use texts::encoded;

use super::EvalError;
use super::eval::Eval;
use super::value::Val;

/// A filter, as it is documented and as it works: `value | name(parameters)`.
pub struct FilterDoc {
    /// As it is written after `|`.
    pub name: &'static str,
    /// Other names for the same.
    pub aliases: &'static [&'static str],
    /// What it is about; the documentation groups by it.
    pub topic: Topic,
    /// What it takes in parentheses, in order; each can also be given by its name.
    pub parameters: &'static [Parameter],
    /// What it does, in a sentence or two of plain Markdown.
    pub does: &'static str,
    /// Templates, each with what it prints.
    pub examples: &'static [(&'static str, &'static str)],
    /// The value is there, except for `default`, which the evaluator knows itself; an argument that
    /// was not given is missing.
    run: Run,
}

/// What a filter takes in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name: `date(tz="UTC")`.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
}

/// What a filter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Foreign text in a message.
    Message,
    /// Money, time, numbers and names as customers read them.
    Customer,
    /// Any text.
    Text,
    /// Numbers.
    Number,
    /// Lists and objects.
    List,
}

impl Topic {
    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Message => "Foreign text in messages",
            Self::Customer => "For people who write to customers",
            Self::Text => "Texts",
            Self::Number => "Numbers",
            Self::List => "Lists and objects",
        }
    }

    /// A filter about this, without other names.
    const fn filter(
        self,
        name: &'static str,
        parameters: &'static [Parameter],
        does: &'static str,
        examples: &'static [(&'static str, &'static str)],
        run: Run,
    ) -> FilterDoc {
        FilterDoc { name, aliases: &[], topic: self, parameters, does, examples, run }
    }
}

type Made<'a> = Result<Val<'a>, EvalError>;
type Run = for<'a> fn(&Eval<'a>, &Val<'a>, &[Val<'a>]) -> Made<'a>;

static TABLE: LazyLock<Vec<FilterDoc>> = LazyLock::new(|| {
    let mut table = Vec::new();
    table.extend(message::filters());
    table.extend(customer::filters());
    table.extend(texts::filters());
    table.extend(numbers::filters());
    table.extend(lists::filters());
    table.extend(rows::filters());
    table.extend(choose::filters());
    table.sort_by_key(|filter: &FilterDoc| filter.topic);
    table
});

/// All filters of templates and conditions, by topic.
pub fn filter_table() -> &'static [FilterDoc] {
    &TABLE
}

/// The filter of this name or alias.
pub(super) fn find(name: &str) -> Option<&'static FilterDoc> {
    TABLE.iter().find(|filter| filter.name == name || filter.aliases.contains(&name))
}

/// Whether `select` and its like know a test of this name.
pub(super) fn is_test(name: &str) -> bool {
    choose::is_test(name)
}

/// Every name that a filter has.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .flat_map(|filter| std::iter::once(filter.name).chain(filter.aliases.iter().copied()))
}

impl FilterDoc {
    /// Whether it stands in for a missing value.
    pub(super) fn is_default(&self) -> bool {
        self.name == "default"
    }

    /// Whether it finds its value in a table.
    pub(super) fn is_lookup(&self) -> bool {
        self.name == "lookup"
    }

    pub(super) fn apply<'a>(
        &self,
        eval: &Eval<'a>,
        value: &Val<'a>,
        arguments: &[Val<'a>],
    ) -> Made<'a> {
        (self.run)(eval, value, arguments).map_err(|error| match error {
            EvalError::Other(message) => EvalError::Other(format!("{}: {message}", self.name)),
            other => other,
        })
    }
}

impl std::fmt::Debug for FilterDoc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn needs(name: &'static str) -> Parameter {
    Parameter { name, required: true }
}

const fn may(name: &'static str) -> Parameter {
    Parameter { name, required: false }
}

/// An error of a filter; its name is put before it.
fn refuse<'a>(message: impl Into<String>) -> Made<'a> {
    Err(EvalError::Other(message.into()))
}

/// What a value prints, of any length.
fn printed<'a>(value: &Val<'a>) -> Cow<'a, str> {
    value.shown().unwrap_or_default()
}

/// The text of an argument, if it was given.
fn argument<'a>(arguments: &[Val<'a>], place: usize) -> Option<Cow<'a, str>> {
    arguments.get(place).and_then(Val::shown)
}

/// The whole number of an argument.
fn count(arguments: &[Val<'_>], place: usize) -> Result<Option<usize>, EvalError> {
    let Some(written) = argument(arguments, place) else { return Ok(None) };
    match written.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(EvalError::Other(format!("{written:?} is no whole number from 0"))),
    }
}

/// Whether an argument says yes.
fn flag(arguments: &[Val<'_>], place: usize) -> bool {
    arguments.get(place).is_some_and(Val::is_true)
}
