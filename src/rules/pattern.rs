//! `match:`: an EventBridge-style pattern on the body.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;

use super::choice::{Choice, Part};
use super::test::{Literal, Test};
use super::walk::{self, Wanted};
use super::words::{self, list};
use crate::expr::{Node, Value};

/// How much of what was seen is shown by `explain`, in characters.
const SAW_MAX: usize = 80;
/// How many values of one path are shown.
const SAW_VALUES_MAX: usize = 5;

/// A compiled pattern. It reads itself from the rule file: nested or dotted paths, each with a
/// literal or a list of alternatives, and `$or`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pattern {
    /// As it is written.
    part: Part,
    /// The patterns without `$or` that it stands for; empty if it has none.
    expanded: Vec<Vec<Wanted>>,
}

/// One path of a pattern, or one `$or`, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternStep {
    /// The path in the body; of an `$or`, the path of its level with `$or` behind it.
    pub path: String,
    /// What the rule wants: `"failure" or "timed_out"`.
    pub wants: String,
    /// What is there: `null`, `missing`, `"200" (text)`.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
    /// A value that would hold, as JSON, where one is easily named.
    pub would_hold: Option<String>,
    /// Each alternative as it is written, and whether it held by itself: `{ prefix: "refs/" }`; of
    /// an `$or`, its branches.
    pub alternatives: Vec<(String, bool)>,
}

impl Pattern {
    /// A pattern of what is written; an error if it would stand for too many.
    pub(super) fn of(mut part: Part) -> Result<Self, String> {
        part.wanted.shrink_to_fit();
        let expanded = if part.choices.is_empty() { Vec::new() } else { part.expanded()? };
        Ok(Self { part, expanded })
    }

    /// The patterns without `$or` that it stands for. One of them has to match.
    pub(super) fn branches(&self) -> &[Vec<Wanted>] {
        if self.expanded.is_empty() { slice::from_ref(&self.part.wanted) } else { &self.expanded }
    }

    /// Whether the body has it all.
    pub fn matches(&self, body: Node<'_>) -> bool {
        self.branches().iter().any(|wanted| walk::holds(body, wanted))
    }

    /// Its paths, each with what was seen there, then each `$or`.
    ///
    /// Where each of them holds alone, but not all together, a last step says so: paths through a
    /// list have to find what they want in the same element.
    pub fn steps(&self, body: Node<'_>) -> Vec<PatternStep> {
        let matches = self.matches(body);
        let mut steps = Vec::new();
        for wanted in &self.part.wanted {
            // What every branch replaces is asked nowhere.
            if self.branches().iter().any(|branch| branch.contains(wanted)) {
                steps.push(step(wanted, body));
            }
        }
        steps.extend(self.part.choices.iter().map(|choice| choice_step(choice, body)));
        // Each was asked by itself. Together they may hold all the same: what is missing in the
        // element that the others chose, or what a branch of `$or` wants in another's stead.
        for step in &mut steps {
            step.holds |= matches;
        }
        if steps.iter().all(|step| step.holds) && !matches {
            let paths: Vec<&str> = steps.iter().map(|step| &*step.path).collect();
            steps.push(PatternStep {
                path: paths.join(", "),
                wants: "all in the same element of a list".to_owned(),
                saw: "each in another one".to_owned(),
                holds: false,
                would_hold: None,
                alternatives: Vec::new(),
            });
        }
        steps
    }

    /// The paths that it reads, as `data.object.livemode`, each once.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let mut paths: Vec<&str> =
            self.branches().iter().flatten().map(|wanted| &*wanted.path).collect();
        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(*path));
        paths.into_iter()
    }

    /// The paths where a body has a value of another type than the one literal type that is wanted:
    /// the path, what is wanted, and what is there.
    pub fn mistyped(&self, body: Node<'_>) -> Vec<(&str, String, String)> {
        let mut found: Vec<(&str, String, String)> = Vec::new();
        for wanted in self.branches().iter().flatten() {
            let literals = wanted.tests.iter().map(|test| match test {
                Test::Is(literal @ (Literal::Number(_) | Literal::Text(_) | Literal::Bool(_))) => {
                    Some(literal)
                }
                _ => None,
            });
            let Some(literals) = literals.collect::<Option<Vec<_>>>() else { continue };
            let mut other = None;
            let mut same = false;
            walk::values(body, &wanted.path, &mut |node| {
                let value = node.value();
                let is_same = literals.iter().any(|literal| literal.has_type_of(&value));
                same |= is_same || matches!(value, Value::Null | Value::List | Value::Map);
                other.get_or_insert_with(|| shown(&value, &wanted.tests));
            });
            let is_new = !found.iter().any(|(path, ..)| *path == &*wanted.path);
            if let Some(other) = other.filter(|_| !same && is_new) {
                found.push((&*wanted.path, list(&wanted.tests, " or "), other));
            }
        }
        found
    }
}

fn step(wanted: &Wanted, body: Node<'_>) -> PatternStep {
    let mut seen = Vec::new();
    let mut count = 0_usize;
    walk::values(body, &wanted.path, &mut |node| {
        count += 1;
        if seen.len() < SAW_VALUES_MAX {
            seen.push(shown(&node.value(), &wanted.tests));
        }
    });
    let saw = match (count, seen.len()) {
        (0, _) => "missing".to_owned(),
        (1, _) => seen.concat(),
        (count, shown) if count > shown => {
            format!("{} and {} more", seen.join(", "), count - shown)
        }
        _ => seen.join(", "),
    };
    let alone =
        |tests: Arc<[Test]>| walk::holds(body, &[Wanted { path: Arc::clone(&wanted.path), tests }]);
    let alternatives =
        wanted.tests.iter().map(|test| (words::written(test), alone(Arc::from([test.clone()]))));
    PatternStep {
        path: wanted.path.to_string(),
        wants: list(&wanted.tests, " or "),
        saw,
        holds: alone(Arc::clone(&wanted.tests)),
        would_hold: wanted.tests.iter().find_map(Test::example),
        alternatives: alternatives.collect(),
    }
}

fn choice_step(choice: &Choice, body: Node<'_>) -> PatternStep {
    let alternatives: Vec<(String, bool)> = choice
        .branches
        .iter()
        .map(|branch| {
            // What a pattern could be read with, a part of it can be expanded with.
            let ways = branch.expanded().unwrap_or_default();
            (said(branch), ways.iter().any(|wanted| walk::holds(body, wanted)))
        })
        .collect();
    let held = alternatives.iter().filter(|(_, holds)| *holds).count();
    let under = if choice.under.is_empty() { "" } else { "." };
    PatternStep {
        path: format!("{}{under}$or", choice.under),
        wants: format!("one of {} branches", alternatives.len()),
        saw: match held {
            0 => "none of them".to_owned(),
            held => format!("{held} of them"),
        },
        holds: held > 0,
        would_hold: None,
        alternatives,
    }
}

/// A branch in one line: `status: "paid", amount: { numeric: [">", 0] }`.
fn said(part: &Part) -> String {
    let paths = part.wanted.iter().map(|wanted| {
        let tests: Vec<String> = wanted.tests.iter().map(words::written).collect();
        match tests.as_slice() {
            [one] if !one.starts_with('{') => format!("{}: {one}", wanted.path),
            _ => format!("{}: [{}]", wanted.path, tests.join(", ")),
        }
    });
    let choices = part.choices.iter().map(|choice| {
        let branches: Vec<String> =
            choice.branches.iter().map(|branch| format!("{{ {} }}", said(branch))).collect();
        format!("$or: [{}]", branches.join(", "))
    });
    paths.chain(choices).collect::<Vec<_>>().join(", ")
}

/// A value, with its type where a literal of another type is wanted.
fn shown(value: &Value<'_>, tests: &[Test]) -> String {
    let wants_number =
        tests.iter().any(|test| matches!(test, Test::Is(Literal::Number(_)) | Test::Numeric(_)));
    let wants_text = tests.iter().any(Test::wants_text);
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) if wants_text => format!("{value} (true or false, no text)"),
        Value::Bool(value) => value.to_string(),
        Value::Number(written) if wants_text => format!("{written} (number)"),
        Value::Number(written) => (*written).to_owned(),
        Value::Text(text) if wants_number => format!("{} (text)", cut(text)),
        Value::Text(text) => cut(text),
        Value::List => "a list".to_owned(),
        Value::Map => "an object".to_owned(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SAW_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
