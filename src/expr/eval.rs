//! What is the value of an expression, for one event?

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::decimal::{Decimal, Reckoning};
use super::facts::Root;
use super::tree::{Expr, What};
use super::value::Val;
use super::{Escape, EvalError, Facts, Node, borrowed, neutral};

/// How many steps one template or condition may take.
pub(super) const STEPS_MAX: u32 = 50_000;
/// How long a text may become, in bytes; Wachat takes 64 KiB.
pub(super) const TEXT_MAX: usize = 128 * 1024;

/// One evaluation.
pub(super) struct Eval<'a> {
    pub(super) facts: &'a Facts,
    source: &'a str,
    escape: Escape,
    pub(super) locals: RefCell<Vec<(&'a str, Val<'a>)>>,
    steps: Cell<u32>,
}

impl<'a> Eval<'a> {
    pub(super) fn new(facts: &'a Facts, source: &'a str, escape: Escape) -> Self {
        Self { facts, source, escape, locals: RefCell::default(), steps: Cell::new(STEPS_MAX) }
    }

    /// One step; an error when there were too many.
    pub(super) fn step(&self) -> Result<(), EvalError> {
        match self.steps.get().checked_sub(1) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => Err(EvalError::Other(format!(
                "out of fuel: it takes more than {STEPS_MAX} steps; is there a loop over too much?"
            ))),
        }
    }

    /// The value of `expr`; a missing value is a value.
    pub(super) fn value(&self, expr: &'a Expr) -> Result<Val<'a>, EvalError> {
        self.step()?;
        match &expr.what {
            What::Root(root) => Ok(self.facts.root(*root)),
            What::Local(name) => Ok(self.local(name)),
            What::Text(text) => Ok(Val::safe(&**text)),
            What::Number(text) => Ok(Val::Number(Cow::Borrowed(text))),
            What::Bool(value) => Ok(Val::Bool(*value)),
            What::None => Ok(Val::Missing),
            What::Attr(inner, name) => match self.node(inner) {
                Some(node) => Ok(node.get(name).map_or(Val::Missing, Val::of_node)),
                None => Ok(self.value(inner)?.get(name)),
            },
            What::Item(inner, key) => self.item(inner, key),
            What::Slice(inner, bounds) => self.slice(inner, bounds),
            What::Not(inner) => Ok(Val::Bool(!self.truth(inner)?)),
            What::Minus(inner) => self.minus(inner),
            What::And(left, right) => {
                if self.truth(left)? {
                    self.lenient(right)
                } else {
                    self.lenient(left)
                }
            }
            What::Or(left, right) => {
                if self.truth(left)? {
                    self.value(left)
                } else {
                    self.lenient(right)
                }
            }
            What::Reckon(operator, left, right) => self.reckon(*operator, left, right),
            What::Join(left, right) => self.join(left, right),
            What::Compare(first, others) => self.compare_all(first, others).map(Val::Bool),
            What::If(test, yes, no) => match (self.truth(test)?, no) {
                (true, _) => self.value(yes),
                (false, Some(no)) => self.value(no),
                (false, None) => Ok(Val::safe("")),
            },
            What::Filter(..) | What::Borrowed(..) => self.filtered(expr),
            What::Test(test, input, argument) => {
                self.test(*test, input, argument.as_deref()).map(Val::Bool)
            }
            What::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.value(item)).collect();
                Ok(Val::List(Rc::new(items?)))
            }
            What::Map(entries) => self.map(entries),
            What::Range(bounds) => self.range(bounds),
        }
    }

    /// The short way through the event: the node of a path of names that exists.
    fn node(&self, path: &'a Expr) -> Option<Node<'a>> {
        match &path.what {
            What::Root(Root::Event) => Some(self.facts.json().root()),
            What::Attr(inner, name) => self.node(inner)?.get(name),
            _ => None,
        }
    }

    /// The same, where a value that could not be made for want of another is missing too.
    pub(super) fn lenient(&self, expr: &'a Expr) -> Result<Val<'a>, EvalError> {
        match self.value(expr) {
            Err(EvalError::Missing { .. }) => Ok(Val::Missing),
            other => other,
        }
    }

    /// Whether it counts as yes; what is missing does not.
    pub(super) fn truth(&self, expr: &'a Expr) -> Result<bool, EvalError> {
        Ok(self.lenient(expr)?.is_true())
    }

    /// The value of `expr`, which must be there.
    pub(super) fn needed(&self, expr: &'a Expr) -> Result<Val<'a>, EvalError> {
        match self.value(expr)? {
            Val::Missing => Err(self.missing(expr)),
            value => Ok(value),
        }
    }

    /// What `expr` prints, fit for where it goes.
    pub(super) fn shown(&self, expr: &'a Expr) -> Result<Cow<'a, str>, EvalError> {
        let value = self.needed(expr)?;
        let empty_on_purpose = value.is_safe() && value.is_blank();
        match self.fit(&value) {
            Some(text) if !text.is_empty() || empty_on_purpose => Ok(text),
            _ => Err(self.missing(expr)),
        }
    }

    /// What a value prints, fit for where it goes; `None` if it is missing.
    pub(super) fn fit(&self, value: &Val<'a>) -> Option<Cow<'a, str>> {
        let text = value.shown()?;
        if !self.fits_foreign() || value.is_safe() {
            return Some(text);
        }
        Some(match text {
            Cow::Borrowed(text) => neutral::neutralise(text),
            Cow::Owned(text) => Cow::Owned(neutral::neutralise(&text).into_owned()),
        })
    }

    /// Whether foreign text is neutralised where it is printed.
    pub(super) fn fits_foreign(&self) -> bool {
        self.escape == Escape::Message
    }

    /// How an expression is written.
    pub(super) fn written(&self, expr: &Expr) -> &'a str {
        self.source.get(expr.span.clone()).unwrap_or("").trim()
    }

    fn local(&self, name: &str) -> Val<'a> {
        let locals = self.locals.borrow();
        let found = locals.iter().rev().find(|(known, _)| *known == name);
        found.map_or(Val::Missing, |(_, value)| value.clone())
    }

    fn minus(&self, inner: &'a Expr) -> Result<Val<'a>, EvalError> {
        match self.value(inner)? {
            Val::Number(text) => Ok(Val::Number(match text.strip_prefix('-') {
                Some(positive) => positive.to_owned().into(),
                None => format!("-{text}").into(),
            })),
            Val::Missing => Ok(Val::Missing),
            other => Err(EvalError::Types(format!(
                "`-` wants a number: {} is {}",
                self.written(inner),
                other.described()
            ))),
        }
    }

    fn reckon(
        &self,
        operator: Reckoning,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<Val<'a>, EvalError> {
        let (one, other) = (self.value(left)?, self.value(right)?);
        let (a, b) = match (&one, &other) {
            (Val::Number(one), Val::Number(other)) => (one, other),
            (Val::Missing, _) | (_, Val::Missing) => return Ok(Val::Missing),
            _ => {
                return Err(EvalError::Types(format!(
                    "only numbers can be reckoned with: {} is {}, {} is {} (texts are joined by `~`)",
                    self.written(left),
                    one.described(),
                    self.written(right),
                    other.described()
                )));
            }
        };
        let result = Decimal::parse(a)
            .zip(Decimal::parse(b))
            .and_then(|(one, other)| one.reckon(operator, &other));
        match result {
            Some(number) => Ok(Val::Number(number.plain().into())),
            None => Err(EvalError::Other(format!(
                "{a} and {b} cannot be reckoned with: division by zero, or too many digits"
            ))),
        }
    }

    /// In a message, foreign text beside the user's own is made fit before they become one.
    fn join(&self, left: &'a Expr, right: &'a Expr) -> Result<Val<'a>, EvalError> {
        let (one, other) = (self.needed(left)?, self.needed(right)?);
        let mut text = self.fit(&one).unwrap_or_default().into_owned();
        text.push_str(&self.fit(&other).unwrap_or_default());
        if text.len() > TEXT_MAX {
            return Err(EvalError::Other(format!("a text becomes longer than {TEXT_MAX} bytes")));
        }
        Ok(Val::text(text, self.fits_foreign() || one.is_safe() && other.is_safe()))
    }

    fn filtered(&self, expr: &'a Expr) -> Result<Val<'a>, EvalError> {
        match &expr.what {
            What::Filter(filter, input, arguments) if filter.is_default() => {
                let value = self.lenient(input)?;
                match arguments.first() {
                    Some(Some(instead)) if value.is_blank() => self.value(instead),
                    _ => Ok(value),
                }
            }
            What::Filter(filter, input, arguments) => {
                let value = self.needed(input)?;
                let arguments: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|argument| argument.as_ref().map_or(Ok(Val::Missing), |a| self.needed(a)))
                    .collect();
                (filter.run)(self, &value, &arguments?)
            }
            What::Borrowed(name, input, arguments) => {
                let value = self.needed(input)?;
                let (mut positional, mut named) = (Vec::new(), Vec::new());
                for (key, argument) in arguments {
                    let argument = self.value(argument)?;
                    match key {
                        Some(key) => named.push((&**key, argument)),
                        None => positional.push(argument),
                    }
                }
                borrowed::apply(name, &value, &positional, &named)
            }
            _ => self.value(expr),
        }
    }

    fn map(&self, entries: &'a [(Expr, Expr)]) -> Result<Val<'a>, EvalError> {
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.needed(key)?.shown().unwrap_or_default();
            map.push((key, self.value(value)?));
        }
        Ok(Val::Map(Rc::new(map)))
    }
}
