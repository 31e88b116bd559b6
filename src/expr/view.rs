//! What does one send see: the event, or one element of it, and how much work may it make?

use std::cell::Cell;

use super::EvalError;
use super::Facts;
use super::value::Val;

/// How many steps all texts of one rule may take together for one event.
const RULE_STEPS_MAX: u32 = 1_000_000;

/// The steps that one rule has left for one event.
#[derive(Debug)]
pub struct Fuel(Cell<u32>);

impl Default for Fuel {
    fn default() -> Self {
        Self(Cell::new(RULE_STEPS_MAX))
    }
}

impl Fuel {
    pub(super) fn left(&self) -> u32 {
        self.0.get()
    }

    pub(super) fn spend(&self, steps: u32) {
        self.0.set(self.0.get().saturating_sub(steps));
    }
}

/// An event, or with `each:` one element of it.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub(super) facts: &'a Facts,
    pub(super) element: Option<Element<'a>>,
    pub(super) fuel: Option<&'a Fuel>,
}

/// One element of `each:`.
#[derive(Clone, Debug)]
pub(super) struct Element<'a> {
    pub(super) item: Val<'a>,
    place: usize,
    count: usize,
}

impl<'a> From<&'a Facts> for View<'a> {
    fn from(facts: &'a Facts) -> Self {
        Self { facts, element: None, fuel: None }
    }
}

impl<'a> View<'a> {
    /// The event, with the steps that its rule has left.
    pub fn with_fuel(facts: &'a Facts, fuel: &'a Fuel) -> Self {
        Self { facts, element: None, fuel: Some(fuel) }
    }

    /// Where times without a zone of their own are.
    pub fn timezone(&self) -> &'a jiff::tz::TimeZone {
        &self.facts.surroundings().timezone
    }

    /// The same with an element: `place` from 0 among `count`.
    pub(super) fn with_element(self, item: Val<'a>, place: usize, count: usize) -> Self {
        Self { element: Some(Element { item, place, count }), ..self }
    }
}

impl<'a> Element<'a> {
    /// `loop` of the element.
    pub(super) fn looped(&self) -> Result<Val<'a>, EvalError> {
        loop_facts(self.place, self.count)
    }
}

/// `loop.index`, `loop.first` and so on.
pub(super) fn loop_facts<'a>(place: usize, count: usize) -> Result<Val<'a>, EvalError> {
    Val::map(vec![
        ("index".into(), Val::number(place + 1)),
        ("index0".into(), Val::number(place)),
        ("first".into(), Val::Bool(place == 0)),
        ("last".into(), Val::Bool(place + 1 >= count)),
        ("length".into(), Val::number(count)),
        ("revindex".into(), Val::number(count.saturating_sub(place))),
        ("revindex0".into(), Val::number(count.saturating_sub(place + 1))),
    ])
}
