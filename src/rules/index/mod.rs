//! Which of a group of rules want this event, without asking each of them?
//!
//! Each rule waits at one path, under what it wants there: a value, a beginning, an end, a part of a
//! text, a range. The event is gone through once along the paths where somebody waits, and each
//! value there wakes the rules under it, which are then asked in full. A rule chooses the path where
//! it is woken least in vain, which is the one whose keys the fewest others share.
//!
//! Why not the crate `quamina` (0.7.0): by `cargo bench --bench matching` on GitHub bodies of 12 KB
//! it is slower (10 µs an event beside 6 at 10 rules, 19 beside 6 at 1,000) and panics where more
//! than 255 rules share a state. This index builds 100,000 rules in 0.22 to 0.24 s with 65 to 79 MB,
//! and with them an event takes 6 to 7 µs. Of the parts only what is general comes from a crate:
//! `aho-corasick` finds the literals of wildcards, `regex-syntax` those of regular expressions.

mod keys;
mod paths;
mod waiting;
mod digests;
mod affixes;
mod fragments;
mod intervals;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use self::keys::Census;
use self::paths::Paths;
use self::waiting::Draft;
use super::matcher::Matcher;
use super::test::Test;
use super::walk::{self, Wanted};
use crate::expr::Node;

pub(super) use self::affixes::Affixes;

/// Rules that are asked together.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where they wait, by their places in `waiters`.
    paths: Paths,
    waiters: Vec<Waiter>,
    /// Those who are content when nothing is there: they are always asked.
    always: Vec<Branch>,
}

/// A rule that waits, with what it wants where it waits: found at once, for there may be very many.
#[derive(Debug)]
struct Waiter {
    branch: Branch,
    tests: Arc<[Test]>,
    /// Whether it wants nothing else.
    is_alone: bool,
}

/// A rule, and which of the patterns without `$or` that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    rule: u32,
    number: u32,
}

impl Branch {
    fn wanted(self, matchers: &[Matcher]) -> &[Wanted] {
        &matchers[self.rule as usize].pattern.branches()[self.number as usize]
    }
}

impl Index {
    /// Indexes the rules at these places. `hasher` tells values apart.
    pub(super) fn build(rules: &[u32], matchers: &[Matcher], hasher: &RandomState) -> Self {
        let branches = || {
            rules.iter().flat_map(|rule| {
                let branches = matchers[*rule as usize].pattern.branches();
                (0_u32..).zip(branches).map(|(branch, wanted)| (*rule, branch, wanted))
            })
        };
        let mut census = Census::new(hasher);
        branches().flat_map(|(_, _, wanted)| wanted).for_each(|wanted| census.count(wanted));
        let mut drafts: BTreeMap<&str, Draft> = BTreeMap::new();
        let (mut waiters, mut always) = (Vec::new(), Vec::new());
        for (rule, number, all) in branches() {
            let branch = Branch { rule, number };
            let priced = all.iter().filter_map(|wanted| {
                let (cost, keys) = census.cheapest(wanted)?;
                Some((cost, wanted, keys))
            });
            let Some((_, wanted, keys)) = priced.min_by_key(|(cost, ..)| *cost) else {
                always.push(branch);
                continue;
            };
            let draft = drafts.entry(&wanted.path).or_default();
            let number = u32::try_from(waiters.len()).unwrap_or(u32::MAX);
            for key in keys {
                draft.add(key, number);
            }
            let tests = Arc::clone(&wanted.tests);
            waiters.push(Waiter { branch, tests, is_alone: all.len() == 1 });
        }
        drop(census);
        let waiting = drafts.into_iter().map(|(path, draft)| (path, draft.build()));
        Self { paths: Paths::build(waiting.collect()), waiters, always }
    }

    /// Adds the places of the rules whose pattern fits to `found`, some perhaps twice.
    pub(super) fn find(
        &self,
        body: Node<'_>,
        matchers: &[Matcher],
        hasher: &RandomState,
        found: &mut Vec<u32>,
    ) {
        let mut woken: Vec<Branch> = Vec::new();
        self.paths.walk(body, &mut |waiting, value| {
            waiting.find(value, hasher, &mut |waiters| {
                for waiter in waiters.iter().map(|waiter| &self.waiters[*waiter as usize]) {
                    let Waiter { branch, tests, is_alone } = waiter;
                    if !tests.iter().any(|test| test.holds(value)) {
                        continue;
                    }
                    // One path alone needs no agreement with others.
                    if *is_alone { found.push(branch.rule) } else { woken.push(*branch) }
                }
            });
        });
        woken.sort_unstable();
        woken.dedup();
        let asked = woken.iter().chain(&self.always);
        let fits = asked.filter(|branch| walk::holds(body, branch.wanted(matchers)));
        found.extend(fits.map(|branch| branch.rule));
    }
}
