//! `each:`: for which elements of an event is there a message of its own?

use std::sync::{Arc, OnceLock};

use super::eval::Eval;
use super::facts::Root;
use super::scope::ElementName;
use super::tree::{Compiled, Expr};
use super::value::Val;
use super::{Escape, EvalError, Read, Scope, View, compile, template};
use crate::model::Fault;

/// How many elements of one event make messages by one rule.
pub const ELEMENTS_MAX: usize = 500;
/// The name of an element whose rule gives it none.
const ITEM: &str = "item";

/// A compiled `each:`, written as a loop of a template is: `event.lines`, `line in event.lines`,
/// `line in event.lines if line.qty > 0`. Without a name the element is `item`.
#[derive(Clone, Debug)]
pub struct Each {
    pub(super) over: Compiled<Looped>,
    element: Arc<ElementName>,
}

/// The list, and which of its elements count.
#[derive(Debug)]
pub(super) struct Looped {
    pub(super) over: Expr,
    pub(super) only_if: Option<Expr>,
}

/// The elements that make messages.
#[derive(Debug)]
pub struct Elements<'a> {
    /// What the sends see, with the element's place in the list from 0; at most [`ELEMENTS_MAX`].
    pub views: Vec<(u32, View<'a>)>,
    /// How many more there would have been.
    pub left_out: usize,
}

impl Each {
    /// The name of the element, before anything else is read: the names of `let:` may use it.
    pub fn announce(text: &str, scope: &mut Scope<'_>) {
        let name = split(text).0;
        scope.element = Some(Arc::new(ElementName { name: name.into(), list: OnceLock::new() }));
    }

    /// Compiles the text that was [announced](Self::announce) in this scope.
    ///
    /// # Errors
    /// Every mistake in it, with its range.
    pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        let (name, list, start) = split(text);
        if Root::named(name).is_some() {
            let message = format!("`{name}` is taken: every template sees it");
            let fault = Fault::error("", "name-taken", message).at(0..start.min(text.len()));
            return Err(vec![fault.help("choose another name")]);
        }
        let over = compile::each(text, list, start, scope)?;
        let element = scope
            .element
            .clone()
            .unwrap_or_else(|| Arc::new(ElementName { name: name.into(), list: OnceLock::new() }));
        if let Some(read) = template::read(&over.source, &over.tree.over, true) {
            let _ = element.list.set(read.path);
        }
        Ok(Self { over, element })
    }

    /// Every place where it reads a path.
    pub fn reads(&self) -> Vec<Read> {
        let mut reads = Vec::new();
        let source = &self.over.source;
        let mut found = |path: &Expr, needed| reads.extend(template::read(source, path, needed));
        self.over.tree.over.each_read(false, &mut found);
        if let Some(test) = &self.over.tree.only_if {
            test.each_read(false, &mut found);
        }
        reads
    }

    /// The elements of an event that count. There are none where the list is missing.
    ///
    /// # Errors
    /// When it is no list, or its condition cannot be judged.
    pub fn elements<'a>(&'a self, view: &View<'a>) -> Result<Elements<'a>, EvalError> {
        let eval = Eval::new(view.clone(), &self.over.source, Escape::None);
        let over = eval.lenient(&self.over.tree.over)?;
        if matches!(over, Val::Missing) {
            return Ok(Elements { views: Vec::new(), left_out: 0 });
        }
        let Some(count) = over.elements_len() else {
            let written = eval.written(&self.over.tree.over);
            let described = over.described();
            return Err(EvalError::Other(format!("{written} is no list but {described}")));
        };
        let mut kept = Vec::new();
        for (place, item) in (0_u32..).zip(eval.elements_of(&over)?) {
            if let Some(test) = &self.over.tree.only_if {
                let within = view.clone().with_element(item.clone(), 0, count);
                if !eval.for_element(within).truth(test)? {
                    continue;
                }
            }
            kept.push((place, item));
        }
        let count = kept.len();
        let views = (0..).zip(kept).take(ELEMENTS_MAX).map(|(place, (of_list, item))| {
            (of_list, view.clone().with_element(item, place, count))
        });
        Ok(Elements { views: views.collect(), left_out: count.saturating_sub(ELEMENTS_MAX) })
    }

    /// What an element is called.
    pub fn name(&self) -> &str {
        &self.element.name
    }
}

/// The name of the element, the rest of the text, and where that begins.
fn split(text: &str) -> (&str, &str, usize) {
    let lead = text.len() - text.trim_start().len();
    let trimmed = text.trim_start();
    let end = trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
    let (name, after) = trimmed.split_at(end);
    let rest = after.trim_start();
    let is_word = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    match rest.strip_prefix("in").filter(|list| list.starts_with(char::is_whitespace)) {
        Some(list) if is_word => (name, list, text.len() - list.len()),
        _ => (ITEM, trimmed, lead),
    }
}
