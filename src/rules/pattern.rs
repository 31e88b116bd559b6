//! `match:`: an EventBridge-style pattern on the body.

use schemars::JsonSchema;

use super::test::{Literal, Test, list};
use super::walk::{self, Wanted};
use crate::expr::{Node, Value};

/// How much of what was seen is shown by `explain`, in characters.
const SAW_MAX: usize = 80;
/// How many values of one path are shown.
const SAW_VALUES_MAX: usize = 5;

/// A compiled pattern. It reads itself from the rule file: nested or dotted paths, each with a
/// literal or a list of alternatives.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema)]
#[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
pub struct Pattern {
    #[schemars(skip)]
    pub(super) wanted: Vec<Wanted>,
}

/// One path of a pattern, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternStep {
    /// The path in the body.
    pub path: String,
    /// What the rule wants: `"failure" or "timed_out"`.
    pub wants: String,
    /// What is there: `null`, `missing`, `"200" (text)`.
    pub saw: String,
    /// Whether it held.
    pub holds: bool,
    /// A value that would hold, as JSON, where one is easily named.
    pub would_hold: Option<String>,
}

impl Pattern {
    /// Whether the body has it all.
    pub fn matches(&self, body: Node<'_>) -> bool {
        walk::holds(body, &self.wanted)
    }

    /// Its paths, each with what was seen there.
    ///
    /// Where each path holds alone, but not in one element of a list together, a last step says so.
    pub fn steps(&self, body: Node<'_>) -> Vec<PatternStep> {
        let mut steps: Vec<PatternStep> = self.wanted.iter().map(|it| step(it, body)).collect();
        if steps.iter().all(|step| step.holds) && !self.matches(body) {
            let paths: Vec<&str> = self.wanted.iter().map(|wanted| &*wanted.path).collect();
            steps.push(PatternStep {
                path: paths.join(", "),
                wants: "all in the same element of a list".to_owned(),
                saw: "each in another one".to_owned(),
                holds: false,
                would_hold: None,
            });
        }
        steps
    }

    /// The paths that it reads, as `data.object.livemode`.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(|wanted| &*wanted.path)
    }

    /// The paths where a body has a value of another type than the one literal type that is wanted:
    /// the path, what is wanted, and what is there.
    pub fn mistyped(&self, body: Node<'_>) -> Vec<(&str, String, String)> {
        let mut found = Vec::new();
        for wanted in &self.wanted {
            let literals = wanted.tests.iter().map(|test| match test {
                Test::Is(literal @ (Literal::Number(..) | Literal::Text(_) | Literal::Bool(_))) => {
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
            if let Some(other) = other.filter(|_| !same) {
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
    PatternStep {
        path: wanted.path.to_string(),
        wants: list(&wanted.tests, " or "),
        saw,
        holds: walk::holds(body, std::slice::from_ref(wanted)),
        would_hold: wanted.tests.iter().find_map(Test::example),
    }
}

/// A value, with its type where a literal of another type is wanted.
fn shown(value: &Value<'_>, tests: &[Test]) -> String {
    let wants_number =
        tests.iter().any(|test| matches!(test, Test::Is(Literal::Number(..)) | Test::Numeric(_)));
    let wants_text = tests
        .iter()
        .any(|test| matches!(test, Test::Is(Literal::Text(_)) | Test::Prefix(_) | Test::Suffix(_)));
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
