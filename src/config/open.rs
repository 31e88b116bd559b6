//! What of a list or mapping is read while it is not closed yet?

use std::collections::HashSet;
use std::ops::Range;

use super::node::{Content, Key, Node, Origin};
use super::parse::Mistake;
use crate::model::Fault;

/// Among so few entries a key is looked for one by one.
const ENTRIES_FEW: usize = 16;

/// A list or mapping that is not closed yet.
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) anchor: usize,
    pub(super) inside: Inside,
}

pub(super) enum Inside {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
pub(super) struct OpenMap {
    pub(super) entries: Vec<(Key, Node)>,
    /// The keys of many entries.
    seen: HashSet<String>,
    /// A key whose value is yet to come.
    pub(super) key: Option<Key>,
    pub(super) merged: Vec<Node>,
    /// Whether a key was no text, so that the mapping is none that could be read.
    pub(super) refused: bool,
}

impl OpenMap {
    /// Adds an entry, if there is none with its key.
    pub(super) fn add(&mut self, key: Key, value: Node) -> Result<(), Key> {
        let is_new = if self.entries.len() < ENTRIES_FEW {
            self.entries.iter().all(|(known, _)| known.text != key.text)
        } else {
            if self.seen.is_empty() {
                self.seen.extend(self.entries.iter().map(|(known, _)| known.text.clone()));
            }
            self.seen.insert(key.text.clone())
        };
        if is_new {
            self.entries.push((key, value));
            Ok(())
        } else {
            Err(key)
        }
    }
}

pub(super) fn as_key(node: &Node) -> Option<Key> {
    let text = node.scalar()?.text.clone();
    Some(Key { text, file: node.file, span: node.span.clone() })
}

pub(super) fn duplicate(key: &Key) -> Mistake {
    let fault = Fault::error(
        key.text.as_str(),
        "duplicate-key",
        format!("`{}` stands here a second time", key.text),
    )
    .help("keep one of the two, or rename one");
    Mistake { fault, range: key.span.clone() }
}

pub(super) fn no_mapping(range: Range<usize>) -> Mistake {
    let fault = Fault::error("", "yaml-merge", "`<<` takes in a mapping, and this is none")
        .help("name a mapping with `&name` and write `<<: *name`, or a list of such names");
    Mistake { fault, range }
}

/// What `<<: *name` brings in: everything that the mapping does not say itself; `false` if it is no
/// mapping.
pub(super) fn merge(map: &mut OpenMap, from: Node) -> bool {
    match from.into_content() {
        Content::Map(more) => {
            for (key, value) in more {
                // What it says itself stays.
                let _ = map.add(key, value);
            }
            true
        }
        Content::List(list) => {
            // All of them, whether one is wrong or not.
            let mut all = true;
            for node in list {
                all &= merge(map, node);
            }
            all
        }
        Content::Scalar(scalar) => scalar.origin == Origin::Unset,
    }
}
