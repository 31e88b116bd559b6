//! Which of many parts are in a text?

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// How many finds are collected before those of the same part are thrown together.
const ROOM: usize = 4096;

/// Waiters by a part of a text.
#[derive(Debug)]
pub(super) struct Fragments {
    /// Finds all parts in one pass over the text.
    automaton: AhoCorasick,
    /// Where the waiters of each part end; they begin where those of the part before end.
    ends: Vec<u32>,
    waiters: Vec<u32>,
}

impl Fragments {
    /// `None` if there are more parts than an automaton can hold.
    pub(super) fn build(mut pairs: Vec<(Box<[u8]>, u32)>) -> Option<Self> {
        pairs.sort_unstable();
        pairs.dedup();
        let mut ends: BTreeMap<&[u8], u32> = BTreeMap::new();
        for ((part, _), end) in pairs.iter().zip(1_u32..) {
            ends.insert(part, end);
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(ends.keys())
            .ok()?;
        let ends = ends.into_values().collect();
        Some(Self { automaton, ends, waiters: pairs.into_iter().map(|(_, it)| it).collect() })
    }

    /// Calls `wake` with the waiters of every part that is in `text`.
    pub(super) fn find(&self, text: &str, wake: &mut impl FnMut(&[u32])) {
        let mut parts: Vec<usize> = Vec::new();
        let mut room = ROOM;
        for found in self.automaton.find_overlapping_iter(text) {
            // A part may be there many times.
            if parts.len() == room {
                parts.sort_unstable();
                parts.dedup();
                room = ROOM.max(2 * parts.len());
            }
            parts.push(found.pattern().as_usize());
        }
        parts.sort_unstable();
        parts.dedup();
        for part in parts {
            let begin = part.checked_sub(1).map_or(0, |before| self.ends[before]);
            wake(&self.waiters[begin as usize..self.ends[part] as usize]);
        }
    }
}
