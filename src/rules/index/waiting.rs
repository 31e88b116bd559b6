//! Who waits at one path, and whom does a value there wake?

use core::net::IpAddr;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::affixes::Affixes;
use super::digests::{Digests, digest};
use super::fragments::Fragments;
use super::intervals::{Intervals, Point};
use super::keys::{Address, Key, address};
use crate::expr::{Decimal, Value};
use crate::rules::range::{End, Hair};
use crate::rules::text::{Affix, fold};

/// Waiters by a part of a text.
type Parts = Vec<(Box<[u8]>, u32)>;

/// The waiters of one path while they come.
#[derive(Debug, Default)]
pub(super) struct Draft {
    values: Vec<(u64, u32)>,
    any_case: Vec<(u64, u32)>,
    /// Beginnings and ends, these backwards; as written and in any case.
    affixes: [[Parts; 2]; 2],
    fragments: Parts,
    ranges: Vec<(End, End, u32)>,
    addresses: Vec<(Address, Address, u32)>,
    present: Vec<u32>,
}

/// The waiters of one path.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    values: Digests,
    any_case: Digests,
    /// As written and in any case.
    prefixes: [Affixes; 2],
    /// The same, backwards.
    suffixes: [Affixes; 2],
    fragments: Option<Fragments>,
    ranges: Intervals<End>,
    addresses: Intervals<Address>,
    present: Vec<u32>,
}

impl Draft {
    pub(super) fn add(&mut self, key: Key, waiter: u32) {
        match key {
            Key::Value(digest) => self.values.push((digest, waiter)),
            Key::AnyCase(digest) => self.any_case.push((digest, waiter)),
            Key::Prefix(affix) => {
                let start = affix.sought().as_bytes().into();
                self.affixes[0][case(&affix)].push((start, waiter));
            }
            Key::Suffix(affix) => {
                let end = affix.sought().bytes().rev().collect();
                self.affixes[1][case(&affix)].push((end, waiter));
            }
            Key::Fragment(part) => self.fragments.push((part, waiter)),
            Key::Range(range) if range.is_empty() => {}
            Key::Range(range) => self.ranges.push((range.low, range.high, waiter)),
            Key::Addresses(first, last) => self.addresses.push((first, last, waiter)),
            Key::Present => self.present.push(waiter),
        }
    }

    pub(super) fn build(self) -> Waiting {
        let mut present = self.present;
        let waiters: Vec<u32> = self.fragments.iter().map(|(_, waiter)| *waiter).collect();
        let fragments = if waiters.is_empty() { None } else { Fragments::build(self.fragments) };
        if fragments.is_none() {
            present.extend(waiters);
        }
        let [prefixes, suffixes] = self.affixes.map(|affixes| affixes.map(Affixes::build));
        present.shrink_to_fit();
        Waiting {
            values: Digests::build(self.values),
            any_case: Digests::build(self.any_case),
            prefixes,
            suffixes,
            fragments,
            ranges: Intervals::build(self.ranges),
            addresses: Intervals::build(self.addresses),
            present,
        }
    }
}

impl Point for End {
    fn rough(&self) -> u64 {
        match self {
            End::Least => 0,
            End::At(number, _) => number.rough(),
            End::Greatest => u64::MAX,
        }
    }
}

impl Point for Address {
    fn rough(&self) -> u64 {
        let (is_sixth, number) = self;
        let start = u64::try_from(number >> 65).unwrap_or_default() | 1 << 63;
        if *is_sixth { start } else { u64::try_from(*number).unwrap_or_default() }
    }
}

fn case(affix: &Affix) -> usize {
    usize::from(affix.folded.is_some())
}

impl Waiting {
    /// Calls `wake` with all whom this value wakes; some perhaps more than once.
    pub(super) fn find(
        &self,
        value: &Value<'_>,
        hasher: &RandomState,
        wake: &mut impl FnMut(&[u32]),
    ) {
        wake(&self.present);
        if !self.values.is_empty() {
            wake(self.values.find(digest(hasher, value)));
        }
        match value {
            Value::Number(written) if !self.ranges.is_empty() => {
                if let Some(number) = Decimal::parse_any_size(written) {
                    let point = End::At(number, Hair::On);
                    self.ranges.find(&point, &mut |waiter| wake(&[waiter]));
                }
            }
            Value::Text(text) => self.find_text(text, hasher, wake),
            _ => {}
        }
    }

    fn find_text(&self, text: &str, hasher: &RandomState, wake: &mut impl FnMut(&[u32])) {
        let [as_written, any_case] = &self.prefixes;
        let [ends_as_written, ends_any_case] = &self.suffixes;
        as_written.find(text.as_bytes(), wake);
        if !ends_as_written.is_empty() {
            ends_as_written.find(&backwards(text), wake);
        }
        if !(self.any_case.is_empty() && any_case.is_empty() && ends_any_case.is_empty()) {
            let folded = fold(text);
            wake(self.any_case.find(hasher.hash_one(&*folded)));
            any_case.find(folded.as_bytes(), wake);
            ends_any_case.find(&backwards(&folded), wake);
        }
        if let Some(fragments) = &self.fragments {
            fragments.find(text, wake);
        }
        if !self.addresses.is_empty()
            && let Ok(ip) = text.parse::<IpAddr>()
        {
            self.addresses.find(&address(ip), &mut |waiter| wake(&[waiter]));
        }
    }
}

fn backwards(text: &str) -> Vec<u8> {
    text.bytes().rev().collect()
}
