//! What did the user write? Templates and conditions as a small tree with the place of each part.

use std::ops::Range;
use std::sync::Arc;

use super::decimal::Reckoning;
use super::facts::Root;
use super::filters::FilterDoc;
use super::scope::{ElementName, Let};
use super::table::{Columns, Table};

/// An expression and where it stands in its text, in bytes.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) span: Range<usize>,
    pub(super) what: What,
}

/// The kinds of expressions.
#[derive(Debug)]
pub(super) enum What {
    Root(Root),
    /// A name that the template sets.
    Local(Box<str>),
    /// A name that the rule gives.
    Let(Arc<Let>),
    /// The element of `each:`.
    Element(Arc<ElementName>),
    /// Its place in the list.
    Loop,
    Text(Box<str>),
    /// As it is written.
    Number(Box<str>),
    Bool(bool),
    None,
    Attr(Box<Expr>, Box<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 2]),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Reckon(Reckoning, Box<Expr>, Box<Expr>),
    Join(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Compare, Expr)>),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    Filter(&'static FilterDoc, Box<Expr>, Vec<Option<Expr>>),
    /// What a table has for a key.
    Lookup(Box<Expr>, Arc<Table>, Columns),
    Test(Test, Box<Expr>, Option<Box<Expr>>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Range(Vec<Expr>),
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Compare {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }
}

/// What can follow `is`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Defined,
    Missing,
    Bool,
    Number,
    Integer,
    Text,
    List,
    Map,
    True,
    False,
    Odd,
    Even,
    DivisibleBy,
    StartingWith,
    EndingWith,
}

impl Test {
    /// All names; several can mean one test.
    pub(super) const ALL: [(&'static str, Self); 21] = [
        ("defined", Self::Defined),
        ("undefined", Self::Missing),
        ("none", Self::Missing),
        ("missing", Self::Missing),
        ("boolean", Self::Bool),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("int", Self::Integer),
        ("string", Self::Text),
        ("text", Self::Text),
        ("sequence", Self::List),
        ("list", Self::List),
        ("iterable", Self::List),
        ("mapping", Self::Map),
        ("true", Self::True),
        ("false", Self::False),
        ("odd", Self::Odd),
        ("even", Self::Even),
        ("divisibleby", Self::DivisibleBy),
        ("startingwith", Self::StartingWith),
        ("endingwith", Self::EndingWith),
    ];

    /// Whether it needs an argument.
    pub(super) fn wants_argument(self) -> bool {
        matches!(self, Self::DivisibleBy | Self::StartingWith | Self::EndingWith)
    }
}

/// One part of a template.
#[derive(Debug)]
pub(super) enum Part {
    Words(Box<str>),
    Print(Expr),
    If(Box<Expr>, Vec<Part>, Vec<Part>),
    For(Box<For>),
    Set(Box<str>, Expr),
    /// Names that hold within it.
    With(Vec<(Box<str>, Expr)>, Vec<Part>),
}

/// A loop.
#[derive(Debug)]
pub(super) struct For {
    /// One name, or two for the parts of a pair.
    pub(super) names: Vec<Box<str>>,
    pub(super) over: Expr,
    pub(super) only_if: Option<Expr>,
    pub(super) body: Vec<Part>,
    pub(super) otherwise: Vec<Part>,
}

/// A text and what was read in it. Cheap to clone.
#[derive(Debug)]
pub(super) struct Compiled<T> {
    pub(super) source: Arc<str>,
    pub(super) tree: Arc<T>,
    /// Whether it uses neither names nor tables of its rule, so that it means the same without them.
    pub(super) is_free: bool,
}

impl<T> Clone for Compiled<T> {
    fn clone(&self) -> Self {
        let is_free = self.is_free;
        Self { source: Arc::clone(&self.source), tree: Arc::clone(&self.tree), is_free }
    }
}

impl Expr {
    /// Whether this is a name followed by keys alone.
    pub(super) fn is_path(&self) -> bool {
        match &self.what {
            What::Root(_) | What::Local(_) | What::Let(_) | What::Element(_) | What::Loop => true,
            What::Attr(inner, _) | What::Item(inner, _) => inner.is_path(),
            _ => false,
        }
    }

    /// Whether this looks into a table.
    pub(super) fn is_lookup(&self) -> bool {
        match &self.what {
            What::Lookup(..) => true,
            What::Filter(filter, ..) => filter.is_lookup(),
            _ => false,
        }
    }

    /// Whether this is a path from a name that the template did not set itself.
    pub(super) fn starts_at_root(&self) -> bool {
        match &self.what {
            What::Root(_) | What::Let(_) | What::Element(_) => true,
            What::Attr(inner, _) | What::Item(inner, _) => inner.starts_at_root(),
            _ => false,
        }
    }

    /// The expressions directly inside.
    pub(super) fn children(&self) -> Vec<&Expr> {
        match &self.what {
            What::Root(_)
            | What::Local(_)
            | What::Let(_)
            | What::Element(_)
            | What::Loop
            | What::Text(_)
            | What::Number(_)
            | What::Bool(_)
            | What::None => Vec::new(),
            What::Attr(inner, _)
            | What::Not(inner)
            | What::Minus(inner)
            | What::Lookup(inner, ..) => vec![inner],
            What::Item(left, right)
            | What::And(left, right)
            | What::Or(left, right)
            | What::Reckon(_, left, right)
            | What::Join(left, right) => vec![left, right],
            What::Slice(inner, bounds) => {
                let mut all = vec![&**inner];
                all.extend(bounds.iter().flatten().map(|bound| &**bound));
                all
            }
            What::Compare(first, others) => {
                let mut all = vec![&**first];
                all.extend(others.iter().map(|(_, other)| other));
                all
            }
            What::If(test, yes, no) => {
                let mut all = vec![&**test, &**yes];
                all.extend(no.as_deref());
                all
            }
            What::Filter(_, input, arguments) => {
                let mut all = vec![&**input];
                all.extend(arguments.iter().flatten());
                all
            }
            What::Test(_, input, argument) => {
                let mut all = vec![&**input];
                all.extend(argument.as_deref());
                all
            }
            What::List(items) | What::Range(items) => items.iter().collect(),
            What::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    /// Calls `found` with the outermost paths in this expression.
    pub(super) fn each_path<'e>(&'e self, found: &mut dyn FnMut(&'e Expr)) {
        if self.is_path() {
            found(self);
            // The keys of a path can be paths themselves: `vars.team[event.sender.login]`.
            let mut inner = self;
            loop {
                match &inner.what {
                    What::Attr(next, _) => inner = next,
                    What::Item(next, key) => {
                        key.each_path(found);
                        inner = next;
                    }
                    _ => return,
                }
            }
        }
        for child in self.children() {
            child.each_path(found);
        }
    }

    /// Calls `found` with the outermost paths, and with whether it is a mistake if nothing is there.
    pub(super) fn each_read<'e>(&'e self, needed: bool, found: &mut dyn FnMut(&'e Expr, bool)) {
        if self.is_path() {
            self.each_path(&mut |path| found(path, needed));
            return;
        }
        match &self.what {
            What::Filter(filter, input, arguments) if filter.is_default() => {
                input.each_read(false, found);
                arguments.iter().flatten().for_each(|argument| argument.each_read(needed, found));
            }
            What::Or(left, right) => {
                left.each_read(false, found);
                right.each_read(needed, found);
            }
            What::If(test, yes, no) => {
                test.each_read(false, found);
                yes.each_read(needed, found);
                if let Some(no) = no {
                    no.each_read(needed, found);
                }
            }
            What::Test(..) | What::Not(_) | What::And(..) | What::Compare(..) => {
                self.children().into_iter().for_each(|child| child.each_read(false, found));
            }
            _ => self.children().into_iter().for_each(|child| child.each_read(needed, found)),
        }
    }
}
