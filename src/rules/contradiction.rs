//! Can a pattern match at all?

use super::Pattern;
use super::range::Range;
use super::test::Test;
use super::walk::Wanted;
use super::words;

impl Pattern {
    /// Why no event can ever match it, where that is certain. Where it is not, `None`.
    pub fn contradiction(&self) -> Option<String> {
        let mut reason = None;
        for branch in self.branches() {
            let impossible = branch.iter().find_map(nothing_satisfies)?;
            reason.get_or_insert(impossible);
        }
        reason
    }
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
