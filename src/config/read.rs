//! How are all mistakes found at once, when serde stops at the first?
//!
//! Each settings struct is declared once, where it belongs, with serde's derive. Reading it is
//! tried again after each mistake: what was wrong is left out of the next try, a key that is
//! missing gets a stand-in, and an element that cannot be read at all is dropped. Every try finds
//! the next mistake, so in the end all are known.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::de::Deserialize;

use super::blot::is_secret;
use super::deserializer::{At, Trail};
use super::node::{Content, Key, Node, Origin, Scalar, Style};
use crate::model::Fault;

/// No file has more different mistakes than this; the rest is not of interest.
const MISTAKES_MAX: usize = 200;

/// How many values are read at most, again and again after each mistake: a mistake at the top of a
/// file makes all below it be read once more.
const VALUES_MAX: usize = 8_000_000;

/// Keys of later versions: refused with their own words.
const LATER: [&str; 11] = [
    "amounts",
    "events",
    "id",
    "key",
    "kind",
    "lists",
    "media",
    "public_url",
    "test_events",
    "url",
    "verify",
];

/// The keys of a file that is included, and those of the main file alone.
const INCLUDED: [&str; 2] = ["rules", "tests"];
const MAIN: [&str; 9] =
    ["wachat", "server", "store", "include", "defaults", "alerts", "recipients", "vars", "sources"];

/// Whether the main file may have this key at its top.
pub(super) fn is_known_at_top(key: &str) -> bool {
    MAIN.contains(&key) || INCLUDED.contains(&key)
}

/// How a remedy begins.
const REMEDIES: [&str; 3] = ["write", "did you mean", "known are"];

/// What one reading of a file has found so far.
pub(super) struct Reading {
    poisoned: RefCell<HashSet<usize>>,
    filled: RefCell<HashMap<usize, Vec<&'static str>>>,
    faults: RefCell<Vec<(Fault, usize, Range<usize>)>>,
    /// How many mistakes there were in all.
    told: Cell<usize>,
    values: Cell<usize>,
    /// Stands in for a key that is missing, so that the rest can be read.
    pub(super) stand_in: Node,
}

/// Why a value could not be read.
#[derive(Debug)]
pub(super) struct ReadError<'n> {
    pub(super) what: What,
    pub(super) place: Option<Place<'n>>,
}

#[derive(Clone, Debug)]
pub(super) struct Place<'n> {
    pub(super) path: String,
    pub(super) node: &'n Node,
    /// The key, if the key itself is wrong or the mapping that it names lacks something.
    pub(super) key: Option<&'n Key>,
}

#[derive(Debug)]
pub(super) enum What {
    Message(String),
    Type { found: String, expected: String },
    Damage { code: &'static str, message: String, help: String },
    Missing(&'static str),
    UnknownKey { key: String, allowed: &'static [&'static str] },
    UnknownWord { word: String, allowed: &'static [&'static str] },
}

impl Reading {
    pub(super) fn new() -> Self {
        let scalar = Scalar {
            text: "missing".to_owned(),
            style: Style::Quoted,
            origin: Origin::Unset,
            comment: None,
            filled: None,
        };
        Self {
            poisoned: RefCell::default(),
            filled: RefCell::default(),
            faults: RefCell::default(),
            told: Cell::new(0),
            values: Cell::new(0),
            stand_in: Node::new(0, 0..0, Content::Scalar(scalar)),
        }
    }

    /// Reads `node` as a `T`; `None` if too much is wrong with it. What is wrong is kept.
    pub(super) fn read<'n, T: Deserialize<'n>>(
        &'n self,
        node: &'n Node,
        trail: &Trail<'_, 'n>,
    ) -> Option<T> {
        loop {
            match T::deserialize(At { node, trail, reading: self }) {
                Ok(value) => return Some(value),
                Err(error) => {
                    if !self.note(error, node, trail) {
                        return None;
                    }
                }
            }
        }
    }

    /// Counts a value that is read.
    pub(super) fn count(&self) {
        self.values.set(self.values.get() + 1);
    }

    pub(super) fn is_poisoned(&self, node: &Node) -> bool {
        self.poisoned.borrow().contains(&node.address())
    }

    /// The keys of this mapping that need a stand-in.
    pub(super) fn filled(&self, node: &Node) -> Vec<&'static str> {
        self.filled.borrow().get(&node.address()).cloned().unwrap_or_default()
    }

    /// Whether this value was left out of what was read, so that what follows from its absence is
    /// no mistake of its own.
    pub(super) fn left_out(&self, holder: &Node, rest: &str) -> bool {
        let name = rest.split(['.', '[']).next().unwrap_or(rest);
        self.filled(holder).contains(&name)
            || holder.get(name).is_some_and(|child| self.is_poisoned(child))
    }

    /// What was found wrong since this was last asked.
    pub(super) fn take_faults(&self) -> Vec<(Fault, usize, Range<usize>)> {
        self.faults.take()
    }

    /// Keeps the mistake; `false` if another try is of no use.
    fn note<'n>(&self, error: ReadError<'n>, root: &'n Node, trail: &Trail<'_, 'n>) -> bool {
        let place = error.place.unwrap_or_else(|| trail.place(root));
        if self.told.get() >= MISTAKES_MAX {
            return false;
        }
        if let What::Missing(field) = error.what {
            return self.fill(field, &place);
        }
        let stands_in = place.node.scalar().is_some_and(|s| s.origin == Origin::Unset);
        // What is said of the whole may follow from a part that was left out.
        let follows = matches!(error.what, What::Message(_)) && self.lacks_a_part(place.node);
        if !stands_in && !follows {
            self.record(describe(&error.what, &place), &place);
        }
        let fresh = self.poisoned.borrow_mut().insert(place.node.address());
        fresh && place.node.address() != root.address() && self.values.get() <= VALUES_MAX
    }

    /// Whether something below this node was left out.
    fn lacks_a_part(&self, node: &Node) -> bool {
        let lacks = |child: &Node| self.is_poisoned(child) || self.lacks_a_part(child);
        match node.content() {
            Content::Scalar(_) => false,
            Content::List(list) => list.iter().any(lacks),
            Content::Map(entries) => entries.iter().any(|(_, child)| lacks(child)),
        }
    }

    /// Whether something is remembered of a node below this one.
    pub(super) fn is_noted(&self, node: &Node) -> bool {
        if self.poisoned.borrow().is_empty() && self.filled.borrow().is_empty() {
            return false;
        }
        let noted = |child: &Node| {
            self.is_poisoned(child)
                || self.filled.borrow().contains_key(&child.address())
                || self.is_noted(child)
        };
        match node.content() {
            Content::Scalar(_) => false,
            Content::List(list) => list.iter().any(noted),
            Content::Map(entries) => entries.iter().any(|(_, child)| noted(child)),
        }
    }

    /// Whether so much is wrong that the rest is not of interest.
    pub(super) fn is_over(&self) -> bool {
        self.told.get() >= MISTAKES_MAX || self.values.get() > VALUES_MAX
    }

    /// Notes that a key is missing and gives it a stand-in for the next try.
    fn fill(&self, field: &'static str, place: &Place<'_>) -> bool {
        let address = place.node.address();
        let mut filled = self.filled.borrow_mut();
        let fields = filled.entry(address).or_default();
        if fields.contains(&field) {
            return false;
        }
        fields.push(field);
        // A key that stands there with a wrong value has been told already.
        if place.node.get(field).is_none() {
            let message = format!("the key `{field}` is missing");
            let fault = Fault::error(field, "missing-key", message).under(&place.path);
            self.record(fault.help(format!("add `{field}:` here")), place);
        }
        true
    }

    fn record(&self, fault: Fault, place: &Place<'_>) {
        let (file, range) = match place.key {
            Some(key) => (key.file, key.span.clone()),
            None => (place.node.file, place.node.span.clone()),
        };
        let range = match comment_of(place.node, fault.code) {
            Some(comment) => comment,
            None => range,
        };
        self.faults.borrow_mut().push((fault, file, range));
        self.told.set(self.told.get() + 1);
    }
}

fn comment_of(node: &Node, code: &str) -> Option<Range<usize>> {
    let scalar = node.scalar().filter(|_| code == "yaml-comment")?;
    scalar.comment.as_ref().map(|comment| comment.span.clone())
}

fn describe(what: &What, place: &Place<'_>) -> Fault {
    let path = place.path.clone();
    let secret = is_secret(&path)
        || place.node.scalar().is_some_and(|scalar| scalar.origin != Origin::Written);
    match what {
        What::Message(message) if secret => {
            let _ = message;
            Fault::error(path, "value", "this value cannot be used here")
        }
        What::Message(message) => match what_and_remedy(message) {
            Some((wrong, help)) => Fault::error(path, "value", wrong).help(help),
            None => Fault::error(path, "value", message),
        },
        What::Type { found, expected } => {
            let found = if secret { "this" } else { found };
            Fault::error(path, "type", format!("{found} is not {expected}"))
                .help(format!("write {expected}"))
        }
        What::Damage { code, message, help } => {
            let (message, help) = if secret {
                ("YAML would change this value".to_owned(), "put it in quotes".to_owned())
            } else {
                (message.clone(), help.clone())
            };
            Fault::error(path, code, message).help(help)
        }
        What::Missing(field) => Fault::error(path, "missing-key", format!("`{field}` is missing")),
        What::UnknownKey { key, allowed } => unknown_key(path, key, allowed),
        What::UnknownWord { word, allowed } => {
            let word = if secret { "…" } else { word };
            Fault::error(path, "unknown-value", format!("`{word}` is not allowed here"))
                .help(allowed_or_nearest(word, allowed))
        }
    }
}

/// What is wrong, and what to do about it, where a room says both in one sentence.
fn what_and_remedy(message: &str) -> Option<(&str, &str)> {
    [": ", "; "].into_iter().find_map(|between| {
        REMEDIES.iter().find_map(|begins| {
            let at = message.find(&format!("{between}{begins} "))?;
            Some((&message[..at], &message[at + between.len()..]))
        })
    })
}

fn unknown_key(path: String, key: &str, allowed: &[&str]) -> Fault {
    if *allowed == INCLUDED && MAIN.contains(&key) {
        let message = format!("`{key}` cannot be in a file that is included");
        return Fault::error(path, "unknown-key", message)
            .help("it has `rules` and `tests` only: move this to the main file");
    }
    if LATER.contains(&key) {
        return Fault::error(path, "not-yet", format!("`{key}` is not in this version yet"))
            .help("remove it; a later version will know it");
    }
    if key.contains('\u{a0}') {
        let shown = key.replace('\u{a0}', "␣");
        return Fault::error(path, "unknown-key", format!("the key `{shown}` contains U+00A0"))
            .help("a no-break space, pasted from somewhere: write the key again");
    }
    let shown: String = key.chars().take(60).collect();
    Fault::error(path, "unknown-key", format!("unknown key `{shown}`"))
        .help(allowed_or_nearest(key, allowed))
}

/// `did you mean …?`, or the whole list.
pub(super) fn allowed_or_nearest(word: &str, allowed: &[&str]) -> String {
    match nearest(word, allowed.iter().copied()) {
        _ if allowed.is_empty() => "nothing is allowed here".to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("allowed: {}", allowed.join(", ")),
    }
}

/// The one of `allowed` that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, allowed: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(60).collect::<String>().to_lowercase();
    let distance = |other: &str| {
        let other = other.to_lowercase();
        if word.trim() == other { 0 } else { strsim::osa_distance(&word, &other) }
    };
    let limit = 1 + word.chars().count() / 4;
    let near = allowed.map(|other| (distance(other), other)).min()?;
    (near.0 <= limit).then_some(near.1)
}
