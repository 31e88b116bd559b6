//! Which rules want this event, without asking each of them?
//!
//! The cost follows the event. Rules are grouped by source and kind, and each group has an index
//! over its patterns.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};

use super::index::{Affixes, Index};
use super::matcher::Matcher;
use crate::expr::Json;

/// What makes a kind a pattern of kinds.
const GLOB: [char; 2] = ['*', '?'];

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
    any: Index,
    /// Rules for a kind that is named.
    exact: HashMap<String, Index>,
    /// Rules for kinds with `*` or `?`.
    globs: Vec<(String, Index)>,
    /// The globs by what stands before their first `*` or `?`.
    glob_starts: Affixes,
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
            let index = Index::build(&places, &matchers, &hasher);
            let of_source = sources.entry(source.to_owned()).or_default();
            match kind {
                None => of_source.any = index,
                Some(kind) if kind.contains(GLOB) => of_source.globs.push((kind.to_owned(), index)),
                Some(kind) => {
                    of_source.exact.insert(kind.to_owned(), index);
                }
            }
        }
        for of_source in sources.values_mut() {
            let starts = of_source.globs.iter().zip(0_u32..).map(|((glob, _), at)| {
                let start = glob.split(GLOB).next().unwrap_or_default();
                (start.as_bytes().into(), at)
            });
            of_source.glob_starts = Affixes::build(starts.collect());
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
        let mut found = Vec::new();
        let mut ask = |index: &Index| {
            index.find(body.root(), &self.matchers, &self.hasher, &mut found);
        };
        ask(&of_source.any);
        // A source may let `pull_request` take `pull_request.opened`, so each beginning is tried.
        let dots = kind.match_indices('.').map(|(dot, _)| dot);
        for end in dots.chain([kind.len()]) {
            let name = &kind[..end];
            if let Some(index) = of_source.exact.get(name)
                && kind_matches(name, kind)
            {
                ask(index);
            }
        }
        of_source.glob_starts.find(kind.as_bytes(), &mut |globs| {
            for glob in globs {
                let (glob, index) = &of_source.globs[*glob as usize];
                if kind_matches(glob, kind) {
                    ask(index);
                }
            }
        });
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|place| place as usize).collect()
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
