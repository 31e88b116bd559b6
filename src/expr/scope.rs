//! What can the texts of one rule name besides what every expression sees?

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::facts::Root;
use super::table::Table;
use super::tree::Expr;
use super::{Read, compile, template};
use crate::model::Fault;

/// How many names a rule may give.
const LETS_MAX: usize = 100;
/// The words of the language itself, and what it sets by itself.
const RESERVED: [&str; 17] = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None",
    "loop", "item", "events", "request",
];

/// Finds the table of a file name that a template names, or says what is wrong with it.
pub type FindTable<'t> = &'t dyn Fn(&str) -> Result<Arc<Table>, String>;

/// The names that a rule gives (`let:`, `each:`), and the tables that its texts may look into.
#[derive(Clone, Default)]
pub struct Scope<'t> {
    pub(super) lets: Vec<Arc<Let>>,
    pub(super) element: Option<Arc<ElementName>>,
    /// Whether the element is known already; a condition of the rule is judged before it is.
    pub(super) in_element: bool,
    pub(super) tables: Option<FindTable<'t>>,
}

/// One name of `let:`.
#[derive(Debug)]
pub(super) struct Let {
    pub(super) name: Box<str>,
    pub(super) source: Arc<str>,
    pub(super) expr: Expr,
    /// How deep it is nested, with the names in it.
    pub(super) depth: usize,
    pub(super) uses_element: bool,
}

/// The name of an element of `each:`, and where its list is, once that is read.
#[derive(Debug)]
pub(super) struct ElementName {
    pub(super) name: Box<str>,
    pub(super) list: OnceLock<String>,
}

impl<'t> Scope<'t> {
    /// A scope without names whose texts look into these tables.
    pub fn with_tables(find: FindTable<'t>) -> Self {
        Self { tables: Some(find), ..Self::default() }
    }

    /// The same names, whose texts look into other tables.
    #[must_use]
    pub fn looking_into(&self, find: FindTable<'t>) -> Self {
        Self { tables: Some(find), ..self.clone() }
    }

    /// Adds a name of `let:`. It may use the names before it.
    ///
    /// # Errors
    /// When the name cannot be used or the expression is wrong; the ranges are in the expression.
    pub fn add_let(&mut self, name: &str, text: &str) -> Result<(), Vec<Fault>> {
        if let Some(fault) = self.refused(name) {
            return Err(vec![fault]);
        }
        let made = compile::named(text, &self.seen_in_element())?;
        self.lets.push(Arc::new(Let {
            name: name.into(),
            source: made.source,
            expr: made.expr,
            depth: made.depth,
            uses_element: made.uses_element,
        }));
        Ok(())
    }

    /// The same, where an element of `each:` is known, if the rule has that.
    #[must_use]
    pub fn seen_in_element(&self) -> Self {
        Self { in_element: true, ..self.clone() }
    }

    /// Every place where a name of `let:` reads a path, with the name.
    pub fn reads(&self) -> Vec<(&str, Read)> {
        let mut reads = Vec::new();
        for bound in &self.lets {
            bound.expr.each_read(false, &mut |path, needed| {
                let read = template::read(&bound.source, path, needed);
                reads.extend(read.map(|read| (&*bound.name, read)));
            });
        }
        reads
    }

    fn refused(&self, name: &str) -> Option<Fault> {
        let fault =
            |code, message: String, help: &str| Some(Fault::error("", code, message).help(help));
        let taken = "choose another name";
        if Root::named(name).is_some() {
            return fault(
                "name-taken",
                format!("`{name}` is taken: every template sees it"),
                taken,
            );
        }
        if RESERVED.contains(&name) || self.element.as_ref().is_some_and(|it| *it.name == *name) {
            return fault("name-taken", format!("`{name}` means something already"), taken);
        }
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !begins || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let help = "write letters, digits and `_`, a letter first";
            return fault("name", format!("`{name}` cannot be a name in an expression"), help);
        }
        if self.lets.len() >= LETS_MAX {
            return fault(
                "too-many",
                format!("a rule gives at most {LETS_MAX} names"),
                "drop some",
            );
        }
        None
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("lets", &self.lets).field("element", &self.element).finish()
    }
}
