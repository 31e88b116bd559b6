//! Where do rules and their conditions stand? For what is said about them later.

use std::collections::BTreeMap;

use super::book::{Book, TreeId};
use super::node::{Content, Node};
use super::text::FileText;

/// Where a rule stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulePlace {
    /// File and line, as `rules.yaml:28`.
    pub at: String,
    /// The line of its `kind:`.
    pub kind: Option<usize>,
    /// The line of its `when:`.
    pub when: Option<usize>,
    /// The lines of the names of `let:`.
    pub names: BTreeMap<String, usize>,
    /// The line of its `each:`.
    pub each: Option<usize>,
    /// The lines of what `match:` wants, by the path in the body.
    pub pattern: BTreeMap<String, usize>,
}

/// Where the rule at `path` stands.
pub(super) fn of_rule(book: &Book, id: TreeId, path: &str) -> RulePlace {
    let mut place = RulePlace { at: book.place(id, path), ..RulePlace::default() };
    let Some((Content::Map(entries), text)) =
        book.node(id, path).and_then(|node| Some((&node.content, book.text(node.file)?)))
    else {
        return place;
    };
    for (key, value) in entries {
        let line = text.place(key.span.start).0;
        match key.text.as_str() {
            "kind" => place.kind = Some(line),
            "when" => place.when = Some(line),
            "each" => place.each = Some(line),
            "let" => wanted(value, "", text, &mut place.names),
            "match" => wanted(value, "", text, &mut place.pattern),
            _ => {}
        }
    }
    place
}

fn wanted(node: &Node, under: &str, text: &FileText, lines: &mut BTreeMap<String, usize>) {
    let Content::Map(entries) = &node.content else { return };
    for (key, value) in entries {
        let dot = if under.is_empty() { "" } else { "." };
        let path = format!("{under}{dot}{}", key.text.replace('"', ""));
        wanted(value, &path, text, lines);
        lines.insert(path, text.place(key.span.start).0);
    }
}
