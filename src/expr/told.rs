//! What did the names and the elements of a rule come to, for `explain`?

use std::sync::Arc;

use super::each::ELEMENTS_MAX;
use super::eval::Eval;
use super::scope::Let;
use super::value::{Val, shortened};
use super::{Each, Escape, EvalError, Scope, View};

/// How many members of an object are shown.
const MEMBERS_MAX: usize = 4;
/// How much of an element or a name is shown, in characters.
const BRIEF_MAX: usize = 100;

/// The names that a rule gives by `let:`.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<Arc<Let>>);

/// What one name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its value in brief, `missing`, or what is wrong with it.
    pub saw: String,
}

/// One element of the list of `each:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementStep {
    /// Its place in the list, from 0.
    pub place: usize,
    /// Whether its `if` lets it make messages.
    pub holds: bool,
    /// What it is, in brief.
    pub saw: String,
    /// The names that differ by element; none for an element that makes no messages.
    pub names: Vec<Named>,
}

/// What `each:` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EachTrace {
    /// As it is written.
    pub over: String,
    /// Its elements, as many as may make messages.
    pub elements: Vec<ElementStep>,
    /// Why there are none: the list is missing or empty, is no list, or an element cannot be judged.
    pub none_because: Option<String>,
}

impl Scope<'_> {
    /// The names of `let:`.
    pub fn names(&self) -> Names {
        Names(self.lets.clone())
    }
}

impl Names {
    /// What those stand for that are the same for every element.
    pub fn told(&self, view: &View<'_>) -> Vec<Named> {
        self.0.iter().filter(|it| !it.uses_element).map(|it| told(it, view)).collect()
    }

    /// What those stand for that differ by element.
    fn told_of_element(&self, view: &View<'_>) -> Vec<Named> {
        self.0.iter().filter(|it| it.uses_element).map(|it| told(it, view)).collect()
    }
}

fn told(bound: &Let, view: &View<'_>) -> Named {
    let eval = Eval::new(view.clone(), &bound.source, Escape::None);
    let saw = eval.lenient(&bound.expr).map_or_else(|error| error.to_string(), |it| it.brief());
    Named { name: bound.name.to_string(), saw }
}

impl Each {
    /// Every element with what became of it.
    pub fn told<'a>(&'a self, view: &View<'a>, names: &'a Names) -> EachTrace {
        // It is read as a loop is, which nobody wrote.
        let source = self.over.source.trim();
        let list = source.strip_prefix("{% for item in").unwrap_or(source);
        let list = list.strip_suffix("%}{% endfor %}").unwrap_or(list).trim();
        let over = format!("{} in {list}", self.name());
        match self.steps(view, names) {
            Ok(elements) => {
                let none = "no list, or an empty one: no element, no message";
                let none_because = elements.is_empty().then(|| none.to_owned());
                EachTrace { over, elements, none_because }
            }
            Err(error) => {
                EachTrace { over, elements: Vec::new(), none_because: Some(error.to_string()) }
            }
        }
    }

    fn steps<'a>(
        &'a self,
        view: &View<'a>,
        names: &'a Names,
    ) -> Result<Vec<ElementStep>, EvalError> {
        let eval = Eval::new(view.clone(), &self.over.source, Escape::None);
        let over = eval.lenient(&self.over.tree.over)?;
        let items = eval.elements_of(&over)?;
        let count = items.len();
        let mut steps = Vec::new();
        for (place, item) in items.into_iter().enumerate().take(ELEMENTS_MAX) {
            let saw = item.brief();
            let within = view.clone().with_element(item, place, count);
            // One that cannot be judged leaves all of them without a message.
            let holds = match &self.over.tree.only_if {
                Some(test) => {
                    let judged = eval.for_element(within.clone()).truth(test);
                    judged.map_err(|error| EvalError::Other(format!("[{place}] {error}")))?
                }
                None => true,
            };
            let names = if holds { names.told_of_element(&within) } else { Vec::new() };
            steps.push(ElementStep { place, holds, saw, names });
        }
        Ok(steps)
    }
}

impl Val<'_> {
    /// The value on one line: of an object its first members, of a list how long it is.
    fn brief(&self) -> String {
        let Some(entries) = self.entries() else {
            return match self.elements_len() {
                Some(len) => format!("a list of {len}"),
                None => self.show(),
            };
        };
        let within = |value: &Val<'_>| match value.type_name() {
            "object" => "{…}".to_owned(),
            "list" => "[…]".to_owned(),
            _ => value.show(),
        };
        let shown = entries.iter().take(MEMBERS_MAX);
        let mut shown: Vec<_> = shown.map(|(key, it)| format!("{key}: {}", within(it))).collect();
        if entries.len() > MEMBERS_MAX {
            shown.push("…".to_owned());
        }
        shortened(&format!("{{ {} }}", shown.join(", ")), BRIEF_MAX)
    }
}
