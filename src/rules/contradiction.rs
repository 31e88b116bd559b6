//! Can a pattern match at all?

use super::range::Range;
use super::test::{Literal, Test};
use super::walk::Wanted;
use super::words;
use super::{Matcher, Pattern};
use crate::expr::{Decimal, Value};

impl Pattern {
    /// Why no event can ever match it, where that is certain. Where it is not, `None`.
    pub fn contradiction(&self) -> Option<String> {
        let mut reason = None;
        for branch in self.branches() {
            let alone = branch.iter().find_map(nothing_satisfies);
            let impossible = alone.or_else(|| nothing_is_above_and_below(branch))?;
            reason.get_or_insert(impossible);
        }
        reason
    }

    /// What it wants at `path` instead of this text, where no event that has the text there can
    /// match. A number or a truth may be written like the text.
    pub fn instead_of(&self, path: &str, text: &str) -> Option<String> {
        let mut values = vec![Value::Text(text.into())];
        values.extend(Decimal::parse_any_size(text).map(|_| Value::Number(text)));
        values.extend(text.parse().ok().map(Value::Bool));
        self.wants_none_of(path, &values)
    }

    /// What it wants at `path`, if that is none of these values.
    fn wants_none_of(&self, path: &str, values: &[Value<'_>]) -> Option<String> {
        let other = |branch: &Vec<Wanted>| {
            let wanted = branch.iter().find(|wanted| *wanted.path == *path)?;
            let holds = |test: &Test| values.iter().any(|value| test.holds(value));
            (!wanted.tests.iter().any(holds)).then(|| words::list(&wanted.tests, " or "))
        };
        let all: Option<Vec<String>> = self.branches().iter().map(other).collect();
        all?.into_iter().next()
    }
}

impl Matcher {
    /// Why no event can ever match it, where that is certain: its pattern can never hold, or its
    /// condition wants another value than its pattern.
    pub fn contradiction(&self) -> Option<String> {
        self.pattern.contradiction().or_else(|| self.contradicts_itself())
    }

    fn contradicts_itself(&self) -> Option<String> {
        let wanted = self.when.as_ref()?.equalities();
        wanted.into_iter().find_map(|(path, value)| {
            let literal = match &value {
                serde_json::Value::String(text) => Literal::Text(text.as_str().into()),
                serde_json::Value::Bool(truth) => Literal::Bool(*truth),
                _ => return None,
            };
            let pattern = self.pattern.wants_none_of(&path, &[literal.value()])?;
            Some(format!("`when` wants {literal} at `{path}`, and `match` wants {pattern}"))
        })
    }
}

/// Why what is wanted at one path leaves no room for what is wanted below it.
fn nothing_is_above_and_below(branch: &[Wanted]) -> Option<String> {
    branch.iter().find_map(|above| {
        let start = format!("{}.", above.path);
        let below = branch.iter().find(|it| it.path.starts_with(&start) && !it.takes_nothing())?;
        above.tests.iter().all(takes_no_object).then(|| {
            let tests: Vec<String> = above.tests.iter().map(words::written).collect();
            let (wants, below) = (tests.join(" or "), &below.path);
            format!("where `{}` is {wants} there is no `{below}`", above.path)
        })
    })
}

/// Whether an object never satisfies it.
fn takes_no_object(test: &Test) -> bool {
    !matches!(test, Test::Exists | Test::NoneOf(_))
}

/// Why no value satisfies any of the alternatives.
fn nothing_satisfies(wanted: &Wanted) -> Option<String> {
    if !wanted.tests.iter().all(is_impossible) {
        return None;
    }
    let tests: Vec<String> = wanted.tests.iter().map(words::written).collect();
    Some(format!("no value of `{}` satisfies {}", wanted.path, tests.join(" or ")))
}

fn is_impossible(test: &Test) -> bool {
    match test {
        Test::Numeric(bounds) => Range::of(bounds).is_empty(),
        Test::NoneOf(tests) => tests.contains(&Test::Exists),
        _ => false,
    }
}
