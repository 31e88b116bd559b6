//! Which rules want this event, without asking each of them?

use super::Pattern;
use crate::expr::{Condition, Json};

/// The part of a rule that decides whether it wants an event.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The source that it listens to.
    pub source: String,
    /// The kinds that it takes, globs allowed; empty takes all.
    pub kinds: Vec<String>,
    /// The pattern on the body.
    pub pattern: Pattern,
    /// The condition over everything.
    pub when: Option<Condition>,
}

/// All rules' matchers, indexed.
#[derive(Debug)]
pub struct RuleSet;

impl RuleSet {
    /// Indexes the matchers; their places in the list are the answers.
    pub fn build(_matchers: Vec<Matcher>) -> Self {
        todo!()
    }

    /// The places, in file order, of the rules whose source, kind and pattern fit. `when` is not
    /// asked. `kind_matches` says how this source reads a kind pattern.
    pub fn matching(
        &self,
        _source: &str,
        _kind: &str,
        _body: &Json,
        _kind_matches: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<usize> {
        todo!()
    }

    /// One matcher.
    pub fn matcher(&self, _place: usize) -> &Matcher {
        todo!()
    }
}
