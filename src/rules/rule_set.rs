//! Which rules want this event, without asking each of them?
//!
//! The cost follows the event. Rules are grouped by source and kind; within a group, each rule that
//! wants an exact value somewhere waits under the rarest such value, so that it is only asked when
//! the event has that value there.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, Hasher};

use super::Pattern;
use super::test::Test;
use super::walk::{self, Wanted};
use crate::expr::{Condition, Decimal, Json, Node, Value};

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
pub struct RuleSet {
    matchers: Vec<Matcher>,
    sources: HashMap<String, OfSource>,
    hasher: RandomState,
}

/// The rules of one source.
#[derive(Debug, Default)]
struct OfSource {
    /// Rules for all kinds.
    any: Group,
    /// Rules for a kind that is named.
    exact: HashMap<String, Group>,
    /// Rules for kinds with `*` or `?`.
    globs: Vec<(String, Group)>,
}

/// By the digest of a value: the rules that wait under it.
type ByValue = HashMap<u64, Vec<u32>>;

/// Rules that are asked together.
#[derive(Debug, Default)]
struct Group {
    /// By path. A digest that two values share costs a question and nothing else.
    waiting: Vec<(Box<str>, ByValue)>,
    /// Rules that are always asked.
    always: Vec<u32>,
}

impl RuleSet {
    /// Indexes the matchers; their places in the list are the answers.
    pub fn build(matchers: Vec<Matcher>) -> Self {
        let hasher = RandomState::new();
        let mut places: BTreeMap<(&str, Option<&str>), Vec<u32>> = BTreeMap::new();
        for (matcher, place) in matchers.iter().zip(0_u32..) {
            if matcher.kinds.is_empty() {
                places.entry((&matcher.source, None)).or_default().push(place);
            }
            for kind in &matcher.kinds {
                places.entry((&matcher.source, Some(kind))).or_default().push(place);
            }
        }
        let mut sources: HashMap<String, OfSource> = HashMap::new();
        for ((source, kind), places) in places {
            let group = Group::build(&places, &matchers, &hasher);
            let of_source = sources.entry(source.to_owned()).or_default();
            match kind {
                None => of_source.any = group,
                Some(kind) if kind.contains(['*', '?']) => {
                    of_source.globs.push((kind.to_owned(), group));
                }
                Some(kind) => {
                    of_source.exact.insert(kind.to_owned(), group);
                }
            }
        }
        Self { matchers, sources, hasher }
    }

    /// The places, in file order, of the rules whose source, kind and pattern fit. `when` is not
    /// asked. `kind_matches` says how this source reads a kind pattern.
    pub fn matching(
        &self,
        source: &str,
        kind: &str,
        body: &Json,
        kind_matches: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<usize> {
        let Some(of_source) = self.sources.get(source) else { return Vec::new() };
        let mut asked = Vec::new();
        let mut seen = Seen { hasher: &self.hasher, body: body.root(), paths: Vec::new() };
        of_source.any.candidates(&mut seen, &mut asked);
        // A source may let `pull_request` take `pull_request.opened`, so each beginning is tried.
        let dots = kind.match_indices('.').map(|(dot, _)| dot);
        for end in dots.chain([kind.len()]) {
            let name = &kind[..end];
            if let Some(group) = of_source.exact.get(name)
                && kind_matches(name, kind)
            {
                group.candidates(&mut seen, &mut asked);
            }
        }
        for (glob, group) in &of_source.globs {
            if kind_matches(glob, kind) {
                group.candidates(&mut seen, &mut asked);
            }
        }
        asked.sort_unstable();
        asked.dedup();
        let fits = |place: &usize| self.matchers[*place].pattern.matches(body.root());
        asked.into_iter().map(|place| place as usize).filter(fits).collect()
    }

    /// One matcher.
    ///
    /// # Panics
    /// If there is none at this place.
    pub fn matcher(&self, place: usize) -> &Matcher {
        &self.matchers[place]
    }

    /// All matchers of a source, with their places.
    pub fn of_source(&self, source: &str) -> impl Iterator<Item = (usize, &Matcher)> {
        self.matchers.iter().enumerate().filter(move |(_, matcher)| matcher.source == source)
    }
}

impl Group {
    fn build(places: &[u32], matchers: &[Matcher], hasher: &RandomState) -> Self {
        let pattern = |place: u32| &matchers[place as usize].pattern;
        let mut common: HashMap<(&str, u64), usize> = HashMap::new();
        for place in places {
            for (wanted, digests) in exact(pattern(*place), hasher) {
                for digest in digests {
                    *common.entry((&wanted.path, digest)).or_default() += 1;
                }
            }
        }
        let mut waiting: HashMap<&str, ByValue> = HashMap::new();
        let mut always = Vec::new();
        for place in places {
            let rarest = exact(pattern(*place), hasher).min_by_key(|(wanted, digests)| {
                let count = |digest: &u64| common.get(&(&*wanted.path, *digest)).copied();
                digests.iter().filter_map(count).sum::<usize>()
            });
            match rarest {
                Some((wanted, digests)) => {
                    let at_path = waiting.entry(&wanted.path).or_default();
                    for digest in digests {
                        at_path.entry(digest).or_default().push(*place);
                    }
                }
                None => always.push(*place),
            }
        }
        let waiting = waiting.into_iter().map(|(path, places)| (path.into(), places));
        Self { waiting: waiting.collect(), always }
    }

    fn candidates<'s>(&'s self, seen: &mut Seen<'_, 's>, asked: &mut Vec<u32>) {
        asked.extend_from_slice(&self.always);
        for (path, by_value) in &self.waiting {
            for digest in seen.at(path) {
                if let Some(places) = by_value.get(digest) {
                    asked.extend_from_slice(places);
                }
            }
        }
    }
}

/// The paths of a pattern that want exact values, with the digests of these.
fn exact<'p>(
    pattern: &'p Pattern,
    hasher: &'p RandomState,
) -> impl Iterator<Item = (&'p Wanted, Vec<u64>)> {
    let branches = pattern.branches();
    let only = if branches.len() == 1 { branches } else { &[] };
    only.iter().flatten().filter_map(|wanted| {
        let digests = wanted.tests.iter().map(|test| match test {
            Test::Is(literal) => Some(digest(hasher, &literal.value())),
            _ => None,
        });
        Some((wanted, digests.collect::<Option<Vec<u64>>>()?))
    })
}

/// Equal values have equal digests: 1 and 1.0, but not 1 and "1".
fn digest(hasher: &RandomState, value: &Value<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    match value {
        Value::Null => 0_u8.hash(&mut state),
        Value::Bool(value) => (1_u8, value).hash(&mut state),
        Value::Number(written) => (2_u8, Decimal::parse_any_size(written)).hash(&mut state),
        Value::Text(text) => (3_u8, &**text).hash(&mut state),
        Value::List | Value::Map => 4_u8.hash(&mut state),
    }
    state.finish()
}

/// What an event has at the indexed paths: each is looked up once.
struct Seen<'b, 's> {
    hasher: &'b RandomState,
    body: Node<'b>,
    paths: Vec<(&'s str, Vec<u64>)>,
}

impl<'s> Seen<'_, 's> {
    fn at(&mut self, path: &'s str) -> &[u64] {
        let known = self.paths.iter().position(|(earlier, _)| *earlier == path);
        let place = known.unwrap_or_else(|| {
            let mut digests = Vec::new();
            walk::values(self.body, path, &mut |node| {
                digests.push(digest(self.hasher, &node.value()));
            });
            self.paths.push((path, digests));
            self.paths.len() - 1
        });
        &self.paths[place].1
    }
}
