//! Which send says to the same people, of the same events, what another says already?

use std::hash::{DefaultHasher, Hash, Hasher};

use super::book::{Book, TreeId};
use super::compose::{Composed, Place};
use super::node::{Content, Node};
use crate::model::Fault;
use crate::rules::Matcher;

/// The keys of a rule that say which events it takes; what else it says must be the same.
const WHICH: [&str; 5] = ["name", "kind", "match", "when", "send"];
/// With how many earlier sends one is compared.
const COMPARED_MAX: usize = 100;
/// How many comparisons there are in all: of very many rules that send the same, not all are held
/// against each other.
const COMPARISONS_MAX: usize = 500_000;

/// All sends.
#[derive(Default)]
pub(super) struct Repeats {
    sent: Vec<Sent>,
}

/// A send: what it says in short, its file, its path there, and which of the compiled rules is
/// its.
struct Sent {
    brief: u64,
    id: TreeId,
    path: Box<str>,
    rule: usize,
}

impl Repeats {
    /// Remembers the sends of a rule, which will be the compiled rule of that number.
    pub(super) fn note(
        &mut self,
        book: &Book,
        at: Place<'_>,
        rule: usize,
        source: &str,
        sends: &[Composed],
    ) {
        for composed in sends {
            let path = format!("{}.{}", at.path, composed.at).into();
            let brief = brief(book, at, source, composed);
            self.sent.push(Sent { brief, id: at.id, path, rule });
        }
    }

    /// Warns of each send that another one makes useless: all rules apply, so who gets the one
    /// message gets the other too. For that everything that is sent, and every other key of the
    /// rules, is the same, and the other rule takes all events that this one takes.
    pub(super) fn tell(mut self, book: &mut Book, rules: &[Matcher]) {
        let mut left = COMPARISONS_MAX;
        // Those that say the same stay in the order of the file.
        self.sent.sort_by_key(|sent| sent.brief);
        for sent in self.sent.chunk_by(|one, other| one.brief == other.brief) {
            for (place, later) in sent.iter().enumerate().skip(1) {
                let count = place.min(COMPARED_MAX).min(left);
                left -= count;
                for earlier in &sent[..count] {
                    if takes_all_of(rules, earlier, later) {
                        warn(book, later, earlier);
                        break;
                    } else if takes_all_of(rules, later, earlier) {
                        warn(book, earlier, later);
                        break;
                    }
                }
            }
        }
    }
}

fn takes_all_of(rules: &[Matcher], one: &Sent, other: &Sent) -> bool {
    match (rules.get(one.rule), rules.get(other.rule)) {
        (Some(one), Some(other)) => one.covers(other),
        _ => false,
    }
}

fn warn(book: &mut Book, useless: &Sent, other: &Sent) {
    let place = book.place(other.id, &other.path);
    let message = "whoever gets this gets the same from another rule";
    let fault = Fault::warning(&*useless.path, "sent-twice", message)
        .help(format!("remove one of the two; the other is at {place}"));
    book.fault_beside(useless.id, fault, (other.id, &other.path));
}

/// What is sent, and all that decides whether and how, but for which events.
fn brief(book: &Book, at: Place<'_>, source: &str, composed: &Composed) -> u64 {
    let mut state = DefaultHasher::new();
    source.hash(&mut state);
    composed.settings.hash(&mut state);
    if let Some(Content::Map(entries)) = book.node(at.id, at.path).map(Node::content) {
        for (key, value) in entries.iter().filter(|(key, _)| !WHICH.contains(&&*key.text)) {
            key.text.hash(&mut state);
            hash(value, &mut state);
        }
    }
    state.finish()
}

fn hash(node: &Node, state: &mut DefaultHasher) {
    match node.content() {
        Content::Scalar(scalar) => (0_u8, &scalar.text).hash(state),
        Content::List(list) => {
            (1_u8, list.len()).hash(state);
            for child in list {
                hash(child, state);
            }
        }
        Content::Map(entries) => {
            (2_u8, entries.len()).hash(state);
            for (key, value) in entries {
                key.text.hash(state);
                hash(value, state);
            }
        }
    }
}
