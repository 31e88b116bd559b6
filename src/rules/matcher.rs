//! Which events does a rule take, and surely all that another one takes?

use super::Pattern;
use super::range::Range;
use super::test::Test;
use super::walk::Wanted;
use crate::expr::Condition;

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

impl Matcher {
    /// Whether every event that `other` takes is surely taken by this one too. Answered from what
    /// is written: yes is certain, no may be unknown.
    pub fn covers(&self, other: &Self) -> bool {
        let same_when = match (&self.when, &other.when) {
            (None, _) => true,
            (Some(own), Some(theirs)) => own.source() == theirs.source(),
            (Some(_), None) => false,
        };
        self.source == other.source
            && same_when
            && covers_kinds(&self.kinds, &other.kinds)
            && other
                .pattern
                .branches()
                .iter()
                .all(|theirs| self.pattern.branches().iter().any(|own| covers_branch(own, theirs)))
    }
}

fn covers_kinds(own: &[String], theirs: &[String]) -> bool {
    let covers_one = |their: &String| own.iter().any(|own| covers_kind(own, their));
    own.is_empty() || (!theirs.is_empty() && theirs.iter().all(covers_one))
}

/// A source may read `a` as `a` and all that goes on behind a dot, so only a star at the end is
/// certain to take all that another kind takes.
fn covers_kind(own: &str, their: &str) -> bool {
    let start = own.strip_suffix('*').filter(|start| !start.contains(['*', '?']));
    own == their || start.is_some_and(|start| their.starts_with(start))
}

/// Fewer paths want less, and each may want less. Where a path may be missing, though, the other
/// paths decide in which element of a list it may be, so then they have to be the same ones.
fn covers_branch(own: &[Wanted], theirs: &[Wanted]) -> bool {
    let may_miss = own.iter().any(Wanted::takes_nothing);
    (!may_miss || own.len() == theirs.len())
        && own.iter().all(|own| {
            let their = theirs.iter().find(|their| their.path == own.path);
            their.is_some_and(|their| covers_tests(&own.tests, &their.tests))
        })
}

fn covers_tests(own: &[Test], theirs: &[Test]) -> bool {
    theirs.iter().all(|their| own.iter().any(|own| covers_test(own, their)))
}

fn covers_test(own: &Test, their: &Test) -> bool {
    if own == their {
        return true;
    }
    match (own, their) {
        (Test::Missing, _) | (_, Test::Missing) => false,
        (Test::Exists, _) => true,
        (_, Test::Is(literal)) => own.holds(&literal.value()),
        (Test::Prefix(own), Test::Prefix(their)) if own.folded.is_some() => {
            own.begins(&their.written)
        }
        (Test::Suffix(own), Test::Suffix(their)) if own.folded.is_some() => {
            own.ends(&their.written)
        }
        (Test::Prefix(own), Test::Prefix(their)) => {
            their.folded.is_none() && own.begins(&their.written)
        }
        (Test::Suffix(own), Test::Suffix(their)) => {
            their.folded.is_none() && own.ends(&their.written)
        }
        (Test::Numeric(own), Test::Numeric(their)) => Range::of(own).covers(&Range::of(their)),
        (Test::Cidr(own), Test::Cidr(their)) => own.contains(their),
        (Test::NoneOf(own), Test::NoneOf(their)) => own.iter().all(|test| their.contains(test)),
        _ => false,
    }
}
