//! Under what can a rule wait at a path, and how many others wait there too?

use core::net::IpAddr;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::digests::digest;
use crate::rules::range::Range;
use crate::rules::test::Test;
use crate::rules::text::{Affix, Expression, Wildcard};
use crate::rules::walk::Wanted;

/// The longest part of a text that is looked for; of a longer one, its end is.
const FRAGMENT_MAX: usize = 32;
/// A part of a text as short as this is found nearly anywhere.
const FRAGMENT_COMMON: usize = 3;
/// How many literals a regular expression may begin or end with and still wait under them.
const LITERALS_MAX: usize = 16;

/// What wakes a rule.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// A value with this digest.
    Value(u64),
    /// A text that has this digest once its case is folded.
    AnyCase(u64),
    Prefix(Affix),
    Suffix(Affix),
    /// A text with this in it.
    Fragment(Box<[u8]>),
    Range(Range),
    /// An address from the first to the last.
    Addresses(Address, Address),
    /// Anything at all.
    Present,
}

/// An address as a number; those of the fourth version come first.
pub(super) type Address = (bool, u128);

pub(super) fn address(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(ip) => (false, u128::from(ip.to_bits())),
        IpAddr::V6(ip) => (true, ip.to_bits()),
    }
}

/// How often each key is there, by path.
pub(super) struct Census<'p> {
    hasher: &'p RandomState,
    counts: HashMap<(&'p str, u64), u32>,
}

impl<'p> Census<'p> {
    pub(super) fn new(hasher: &'p RandomState) -> Self {
        Self { hasher, counts: HashMap::new() }
    }

    /// Counts all that a rule could wait under at this path.
    pub(super) fn count(&mut self, wanted: &'p Wanted) {
        for test in &*wanted.tests {
            for key in options(test, self.hasher).into_iter().flatten().flatten() {
                let name = self.name(&key);
                *self.counts.entry((&wanted.path, name)).or_default() += 1;
            }
        }
    }

    /// The keys under which it costs least to wait for this path, and how much that is; `None` if
    /// the path may be missing.
    pub(super) fn cheapest(&self, wanted: &'p Wanted) -> Option<(u64, Vec<Key>)> {
        let (mut cost, mut all) = (0, Vec::new());
        for test in &*wanted.tests {
            let options = options(test, self.hasher)?.into_iter();
            let priced = options.map(|keys| {
                let cost: u64 = keys.iter().map(|key| self.cost(&wanted.path, key)).sum();
                (cost, keys)
            });
            let (least, keys) = priced.min_by_key(|(cost, _)| *cost)?;
            cost += least;
            all.extend(keys);
        }
        Some((cost, all))
    }

    /// How many rules are woken in vain with this one, at worst.
    fn cost(&self, path: &str, key: &Key) -> u64 {
        let count = self.counts.get(&(path, self.name(key))).copied().map_or(1, u64::from);
        match key {
            Key::Value(_) | Key::AnyCase(_) => count,
            Key::Prefix(affix) | Key::Suffix(affix) if affix.sought().len() > FRAGMENT_COMMON => {
                count + 1
            }
            Key::Fragment(part) if part.len() > FRAGMENT_COMMON => count + 2,
            Key::Prefix(_) | Key::Suffix(_) | Key::Fragment(_) => 8 * count,
            // Ranges overlap: any number may be in half of them.
            Key::Range(_) | Key::Addresses(..) => 2 + count / 2,
            Key::Present => 16 * count + 64,
        }
    }

    /// Equal keys have the same name; so have all ranges, which overlap.
    fn name(&self, key: &Key) -> u64 {
        match key {
            Key::Value(digest) => *digest,
            Key::AnyCase(digest) => self.hasher.hash_one((1_u8, digest)),
            Key::Prefix(affix) => self.hasher.hash_one((2_u8, affix.sought())),
            Key::Suffix(affix) => self.hasher.hash_one((3_u8, affix.sought())),
            Key::Fragment(part) => self.hasher.hash_one((4_u8, part)),
            Key::Range(_) => 5,
            Key::Addresses(..) => 6,
            Key::Present => 7,
        }
    }
}

/// The ways to wait for a test, each with all the keys that it takes; `None` for one that nothing
/// satisfies too.
fn options(test: &Test, hasher: &RandomState) -> Option<Vec<Vec<Key>>> {
    let one = |key| Some(vec![vec![key]]);
    match test {
        Test::Missing => None,
        Test::Is(literal) => one(Key::Value(digest(hasher, &literal.value()))),
        Test::AnyCase(whole) => one(Key::AnyCase(hasher.hash_one(whole.sought()))),
        Test::Prefix(start) if !start.sought().is_empty() => one(Key::Prefix(start.clone())),
        Test::Suffix(end) if !end.sought().is_empty() => one(Key::Suffix(end.clone())),
        Test::Numeric(bounds) => one(Key::Range(Range::of(bounds))),
        Test::Cidr(network) => {
            one(Key::Addresses(address(network.network()), address(network.broadcast())))
        }
        Test::Wildcard(wildcard) => Some(of_wildcard(wildcard)),
        Test::Regex(expression) => Some(vec![of_regex(expression)]),
        Test::Prefix(_) | Test::Suffix(_) | Test::Exists | Test::NoneOf(_) => one(Key::Present),
    }
}

fn of_wildcard(wildcard: &Wildcard) -> Vec<Vec<Key>> {
    let (mut options, parts) = (Vec::new(), wildcard.parts());
    if let [first, .., last] = parts.as_slice() {
        if !first.is_empty() {
            options.push(vec![Key::Prefix(Affix::exact(first))]);
        }
        if !last.is_empty() {
            options.push(vec![Key::Suffix(Affix::exact(last))]);
        }
    }
    if let Some(longest) = parts.iter().max_by_key(|part| part.len())
        && !longest.is_empty()
    {
        options.push(vec![fragment(longest.as_bytes())]);
    }
    if options.is_empty() { vec![vec![Key::Present]] } else { options }
}

fn fragment(part: &[u8]) -> Key {
    Key::Fragment(part[part.len().saturating_sub(FRAGMENT_MAX)..].into())
}

/// One of the literals with which every match begins, or ends, where there are such.
fn of_regex(expression: &Expression) -> Vec<Key> {
    let Ok(parsed) = regex_syntax::parse(expression.written()) else { return vec![Key::Present] };
    for kind in [ExtractKind::Prefix, ExtractKind::Suffix] {
        let found = Extractor::new().kind(kind).limit_total(LITERALS_MAX).extract(&parsed);
        let literals = found.literals().unwrap_or_default();
        if !literals.is_empty() && literals.iter().all(|it| it.len() >= FRAGMENT_COMMON) {
            return literals.iter().map(|literal| fragment(literal.as_bytes())).collect();
        }
    }
    vec![Key::Present]
}
