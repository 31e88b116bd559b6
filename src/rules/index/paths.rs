//! Which values of an event are at the paths where somebody waits?
//!
//! The event is gone through along a tree of these paths; what is on none of them is not opened.
//! Paths are joined, so a member may go several steps at once: `{"a.b": 1}` is at `a.b`.

use std::collections::HashSet;

use super::waiting::Waiting;
use crate::expr::{Node, Value};

/// How many names of one object are remembered in a plain list.
const NAMES_FEW: usize = 16;

/// Among how many steps it is faster to try each than to search.
const STEPS_FEW: usize = 8;

/// A tree of paths, step by step.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Sorted by name.
    steps: Vec<(Box<str>, Paths)>,
    /// Who waits here.
    waiting: Option<Box<Waiting>>,
}

impl Paths {
    /// A tree of paths; `all` is sorted.
    pub(super) fn build(all: Vec<(&str, Waiting)>) -> Self {
        let mut root = Self::default();
        for (path, waiting) in all {
            let mut here = &mut root;
            for name in path.split('.') {
                let place = here.steps.binary_search_by(|(step, _)| (**step).cmp(name));
                let at = place.unwrap_or_else(|free| {
                    here.steps.insert(free, (name.into(), Self::default()));
                    free
                });
                here = &mut here.steps[at].1;
            }
            here.waiting = Some(Box::new(waiting));
        }
        root
    }

    /// Calls `see` with every value where somebody waits.
    pub(super) fn walk<'b>(&self, node: Node<'b>, see: &mut impl FnMut(&Waiting, &Value<'b>)) {
        let value = node.value();
        if value == Value::List {
            for element in node.elements() {
                self.walk(element, see);
            }
            return;
        }
        if let Some(waiting) = &self.waiting {
            see(waiting, &value);
        }
        if value != Value::Map || self.steps.is_empty() {
            return;
        }
        let mut seen = Names::default();
        // From the end: of two members of one name, the last counts.
        for (name, child) in node.entries().rev() {
            if let Some(further) = self.follow(name)
                && seen.is_new(name)
            {
                further.walk(child, see);
            }
        }
    }

    fn follow(&self, name: &str) -> Option<&Self> {
        // Nearly all names of an event lead nowhere, and a comparison tells.
        if self.steps.len() <= STEPS_FEW
            && !self.steps.iter().any(|(step, _)| name.starts_with(&**step))
        {
            return None;
        }
        let mut here = self;
        for step in name.split('.') {
            let at = here.steps.binary_search_by(|(known, _)| (**known).cmp(step)).ok()?;
            here = &here.steps[at].1;
        }
        Some(here)
    }
}

/// The names that were seen in one object.
#[derive(Default)]
struct Names<'b> {
    few: Vec<&'b str>,
    many: HashSet<&'b str>,
}

impl<'b> Names<'b> {
    fn is_new(&mut self, name: &'b str) -> bool {
        if self.few.len() < NAMES_FEW {
            let is_new = !self.few.contains(&name);
            if is_new {
                self.few.push(name);
            }
            return is_new;
        }
        !self.few.contains(&name) && self.many.insert(name)
    }
}
