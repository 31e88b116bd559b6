//! What is the value of an expression, for one event?

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use super::decimal::{Decimal, Reckoning};
use super::facts::Root;
use super::filters::FilterDoc;
use super::scope::Let;
use super::tree::{Expr, What};
use super::value::Val;
use super::view::{Element, Fuel, View};
use super::{Escape, EvalError, Facts, Node, neutral};

/// How many steps one template or condition may take.
pub(super) const STEPS_MAX: u32 = 50_000;
/// How long a text may become, in bytes; Wachat takes 64 KiB.
pub(super) const TEXT_MAX: usize = 128 * 1024;
/// How much text is worked on for the price of one step.
const BYTES_PER_STEP: usize = 256;
/// How many elements of a list are.
const ELEMENTS_PER_STEP: usize = 8;

/// One evaluation.
pub(super) struct Eval<'a> {
    pub(super) facts: &'a Facts,
    element: Option<Element<'a>>,
    fuel: Option<&'a Fuel>,
    source: Cell<&'a str>,
    escape: Escape,
    pub(super) locals: RefCell<Vec<(&'a str, Val<'a>)>>,
    /// The names of `let:` that were worked out already.
    lets: RefCell<Vec<(*const Let, Val<'a>)>>,
    steps: Cell<u32>,
    allowed: u32,
}

/// What was used is missing to the other texts of the rule.
impl Drop for Eval<'_> {
    fn drop(&mut self) {
        if let Some(fuel) = self.fuel {
            fuel.spend(self.allowed - self.steps.get());
        }
    }
}

impl<'a> Eval<'a> {
    pub(super) fn new(view: View<'a>, source: &'a str, escape: Escape) -> Self {
        let View { facts, element, fuel } = view;
        let allowed = fuel.map_or(STEPS_MAX, |fuel| fuel.left().min(STEPS_MAX));
        Self {
            facts,
            element,
            fuel,
            source: Cell::new(source),
            escape,
            locals: RefCell::default(),
            lets: RefCell::default(),
            steps: Cell::new(allowed),
            allowed,
        }
    }

    /// The same text for one element.
    pub(super) fn for_element(&self, view: View<'a>) -> Self {
        Self::new(view, self.source.get(), self.escape)
    }

    /// One step; an error when there were too many.
    pub(super) fn step(&self) -> Result<(), EvalError> {
        self.spend(1)
    }

    /// So many steps.
    pub(super) fn spend(&self, steps: usize) -> Result<(), EvalError> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.get().checked_sub(steps));
        self.steps.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None if self.allowed < STEPS_MAX => Err(EvalError::Other(
                "out of fuel: all texts of the rule together take too many steps; is there a list \
                 that is too long?"
                    .to_owned(),
            )),
            None => Err(EvalError::Other(format!(
                "out of fuel: it takes more than {STEPS_MAX} steps; is there a loop over too much?"
            ))),
        }
    }

    /// What a value prints, for a filter that goes through all of it.
    pub(super) fn worked_on(&self, value: &Val<'a>) -> Result<Cow<'a, str>, EvalError> {
        let text = value.shown().unwrap_or_default();
        self.worked_out(&text)?;
        Ok(text)
    }

    /// Pays for a text, and refuses one that is too long.
    pub(super) fn worked_out(&self, text: &str) -> Result<(), EvalError> {
        if text.len() > TEXT_MAX {
            return Err(EvalError::Other(format!("a text becomes longer than {TEXT_MAX} bytes")));
        }
        self.spend(text.len() / BYTES_PER_STEP)
    }

    /// A text that was made, as safe as what it was made of.
    pub(super) fn text(&self, text: String, safe: bool) -> Result<Val<'a>, EvalError> {
        self.worked_out(&text)?;
        Ok(Val::text(text, safe))
    }

    /// The elements of a list.
    pub(super) fn elements_of(&self, value: &Val<'a>) -> Result<Vec<Val<'a>>, EvalError> {
        self.spend(value.elements_len().unwrap_or(0) / ELEMENTS_PER_STEP)?;
        match (value, value.elements()) {
            (_, Some(elements)) => Ok(elements),
            (Val::Missing, None) => Ok(Vec::new()),
            _ => Err(EvalError::Other(format!("{} is no list", value.described()))),
        }
    }

    /// The value of `expr`; a missing value is a value.
    pub(super) fn value(&self, expr: &'a Expr) -> Result<Val<'a>, EvalError> {
        self.step()?;
        match &expr.what {
            What::Root(root) => Ok(self.facts.root(*root)),
            What::Local(name) => Ok(self.local(name)),
            What::Let(bound) => self.named(bound),
            What::Element(_) => {
                Ok(self.element.as_ref().map_or(Val::Missing, |element| element.item.clone()))
            }
            What::Loop => self.element.as_ref().map_or(Ok(Val::Missing), Element::looped),
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
            What::Filter(filter, input, arguments) => self.filtered(filter, input, arguments),
            What::Lookup(input, table, columns) => {
                let key = self.needed(input)?.shown().unwrap_or_default();
                Ok(table.find(*columns, &key))
            }
            What::Test(test, input, argument) => {
                self.test(*test, input, argument.as_deref()).map(Val::Bool)
            }
            What::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.value(item)).collect();
                Val::list(items?)
            }
            What::Map(entries) => self.map(entries),
            What::Range(bounds) => self.range(bounds),
        }
    }

    /// The short way through the event: the node of a path of names that exists.
    fn node(&self, path: &'a Expr) -> Option<Node<'a>> {
        match &path.what {
            What::Root(Root::Event) => Some(self.facts.json().root()),
            What::Let(bound) => self.node(&bound.expr),
            What::Element(_) => match &self.element.as_ref()?.item {
                Val::Node(node) => Some(*node),
                _ => None,
            },
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
        match self.fit(&value)? {
            Some(text) if !text.is_empty() || empty_on_purpose => Ok(text),
            _ => Err(self.missing(expr)),
        }
    }

    /// What a value prints, fit for where it goes; `None` if it is missing.
    pub(super) fn fit(&self, value: &Val<'a>) -> Result<Option<Cow<'a, str>>, EvalError> {
        let Some(text) = value.shown() else { return Ok(None) };
        self.worked_out(&text)?;
        if !self.fits_foreign() || value.is_safe() {
            return Ok(Some(text));
        }
        Ok(Some(match text {
            Cow::Borrowed(text) => neutral::neutralise(text),
            Cow::Owned(text) => Cow::Owned(neutral::neutralise(&text).into_owned()),
        }))
    }

    /// Whether foreign text is neutralised where it is printed.
    pub(super) fn fits_foreign(&self) -> bool {
        self.escape == Escape::Message
    }

    /// How an expression is written.
    pub(super) fn written(&self, expr: &Expr) -> &'a str {
        self.source.get().get(expr.span.clone()).unwrap_or("").trim()
    }

    /// The value of a name of `let:`, worked out once for each text.
    fn named(&self, bound: &'a Let) -> Result<Val<'a>, EvalError> {
        let known = self.lets.borrow().iter().find(|(it, _)| std::ptr::eq(*it, bound)).cloned();
        if let Some((_, value)) = known {
            return Ok(value);
        }
        let value = self.inside(bound, || self.value(&bound.expr))?;
        self.lets.borrow_mut().push((std::ptr::from_ref(bound), value.clone()));
        Ok(value)
    }

    /// Does something with the expression of a name, whose places are in a text of its own.
    pub(super) fn inside<T>(&self, bound: &'a Let, work: impl FnOnce() -> T) -> T {
        let outside = self.source.replace(&bound.source);
        let done = work();
        self.source.set(outside);
        done
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
        let mut text = self.fit(&one)?.unwrap_or_default().into_owned();
        text.push_str(&self.fit(&other)?.unwrap_or_default());
        self.text(text, self.fits_foreign() || one.is_safe() && other.is_safe())
    }

    fn filtered(
        &self,
        filter: &'static FilterDoc,
        input: &'a Expr,
        arguments: &'a [Option<Expr>],
    ) -> Result<Val<'a>, EvalError> {
        if filter.is_default() {
            let value = self.lenient(input)?;
            return match arguments.first() {
                Some(Some(instead)) if value.is_blank() => self.value(instead),
                _ => Ok(value),
            };
        }
        let value = self.needed(input)?;
        let given = |argument: &'a Option<Expr>| match argument {
            None | Some(Expr { what: What::None, .. }) => Ok(Val::Missing),
            Some(argument) => self.needed(argument),
        };
        let arguments: Result<Vec<_>, _> = arguments.iter().map(given).collect();
        filter.apply(self, &value, &arguments?)
    }

    fn map(&self, entries: &'a [(Expr, Expr)]) -> Result<Val<'a>, EvalError> {
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.needed(key)?.shown().unwrap_or_default();
            map.push((key, self.value(value)?));
        }
        Val::map(map)
    }
}
