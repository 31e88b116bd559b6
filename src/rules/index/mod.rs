//! Which of a group of rules want this event, without asking each of them?
//!
//! Each rule waits at one path, under what it wants there: a value, a beginning, an end, a part of a
//! text, a range. The event is gone through once along the paths where somebody waits, and each
//! value there wakes the rules under it, which are then asked in full. A rule chooses the path where
//! it is woken least in vain, which is the one whose keys the fewest others share.
//!
//! Why not the crate `quamina` (0.7.0): by `cargo bench --bench matching` on GitHub bodies of 12 KB,
//! it is slower at 1,000 rules (31 µs an event beside 20) and panics from there on where more than
//! 255 rules share a state. At 10 rules it was faster (16 µs beside 19) when a body was still read by
//! `serde_json`, which took most of that time. This index builds 100,000 rules in
//! 0.35 to 0.5 s with 73 to 82 MB. Of the parts only what is general comes from a crate:
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

use self::keys::Census;
use self::paths::Paths;
use self::waiting::Draft;
use super::matcher::Matcher;
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
    always: Vec<Waiter>,
}

/// A rule, which of the patterns without `$or` that it stands for, and at which of its paths that
/// one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiter {
    rule: u32,
    branch: u32,
    path: u32,
}

impl Waiter {
    fn branch(self, matchers: &[Matcher]) -> &[Wanted] {
        &matchers[self.rule as usize].pattern.branches()[self.branch as usize]
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
        for (rule, branch, all) in branches() {
            let priced = (0_u32..).zip(all).filter_map(|(path, wanted)| {
                let (cost, keys) = census.cheapest(wanted)?;
                Some((cost, path, &*wanted.path, keys))
            });
            let Some((_, path, name, keys)) = priced.min_by_key(|(cost, ..)| *cost) else {
                always.push(Waiter { rule, branch, path: 0 });
                continue;
            };
            let draft = drafts.entry(name).or_default();
            let number = u32::try_from(waiters.len()).unwrap_or(u32::MAX);
            for key in keys {
                draft.add(key, number);
            }
            waiters.push(Waiter { rule, branch, path });
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
        let mut woken: Vec<Waiter> = Vec::new();
        self.paths.walk(body, &mut |waiting, value| {
            waiting.find(value, hasher, &mut |waiters| {
                for waiter in waiters.iter().map(|waiter| self.waiters[*waiter as usize]) {
                    let branch = waiter.branch(matchers);
                    let wanted = &branch[waiter.path as usize];
                    if !wanted.tests.iter().any(|test| test.holds(value)) {
                        continue;
                    }
                    // One path alone needs no agreement with others.
                    if branch.len() == 1 { found.push(waiter.rule) } else { woken.push(waiter) }
                }
            });
        });
        woken.sort_unstable();
        woken.dedup();
        let asked = woken.iter().chain(&self.always);
        let fits = asked.filter(|waiter| walk::holds(body, waiter.branch(matchers)));
        found.extend(fits.map(|waiter| waiter.rule));
    }
}
