//! What stands in the file, and where? A YAML document as a tree that remembers its places.

use std::ops::Range;

use super::filled::Filled;
use super::later::Later;
use super::offsets::written_range;
use super::text::FileText;

/// One value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Which of the files that were read.
    pub(super) file: usize,
    /// Its bytes in that file.
    pub(super) span: Range<usize>,
    held: Held,
}

#[derive(Clone, Debug)]
enum Held {
    Here(Content),
    /// Read from the file when it is asked for.
    Later(Later),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) file: usize,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: Style,
    pub(super) origin: Origin,
    /// What follows on the same line after ` #`.
    pub(super) comment: Option<Box<Comment>>,
    /// What was written, where some of the text was filled in.
    pub(super) filled: Option<Box<Filled>>,
}

/// A comment behind an unquoted text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comment {
    pub(super) span: Range<usize>,
    /// `#42` rather than `# so`: surely meant to be part of the text.
    pub(super) glued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Style {
    /// Without quotes: YAML guesses its type.
    Plain,
    Quoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// Where a scalar's text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// From the file as it stands there.
    Written,
    /// Partly from a variable or another file: never shown.
    Outside,
    /// A stand-in for a variable that is not set.
    Unset,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        (self.file, &self.span, self.content()) == (other.file, &other.span, other.content())
    }
}

impl Node {
    pub(super) fn new(file: usize, span: Range<usize>, content: Content) -> Self {
        Self { file, span, held: Held::Here(content) }
    }

    /// Leaves it to be read again when it is asked for.
    pub(super) fn put_off(&mut self, later: Later) {
        self.held = Held::Later(later);
    }

    /// Forgets what can be read again.
    pub(super) fn forget(&mut self) {
        if let Held::Later(later) = &mut self.held {
            later.forget();
        }
    }

    pub(super) fn content(&self) -> &Content {
        match &self.held {
            Held::Here(content) => content,
            Held::Later(later) => later.content(self.file, &self.span),
        }
    }

    /// What stands here and not elsewhere, to be changed.
    pub(super) fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.held {
            Held::Here(content) => Some(content),
            Held::Later(_) => None,
        }
    }

    /// What stands here, for itself.
    pub(super) fn into_content(self) -> Content {
        match self.held {
            Held::Here(content) => content,
            Held::Later(later) => later.content(self.file, &self.span).clone(),
        }
    }

    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match self.content() {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// An entry of the list at a key, if this is such a mapping.
    pub(super) fn entry_mut(&mut self, name: &str, index: usize) -> Option<&mut Node> {
        let Some(Content::Map(entries)) = self.content_mut() else { return None };
        let (_, list) = entries.iter_mut().find(|(key, _)| key.text == name)?;
        match list.content_mut() {
            Some(Content::List(list)) => list.get_mut(index),
            _ => None,
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        match self.content() {
            Content::Map(entries) => {
                entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Names this node as long as the tree stands still.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether the value was left out: `key:` with nothing after it.
    pub(super) fn is_blank(&self) -> bool {
        self.scalar().is_some_and(|s| {
            s.style == Style::Plain && s.text.is_empty() && s.origin == Origin::Written
        })
    }

    /// How large it is with all that is below it.
    pub(super) fn measure(&self) -> Size {
        let mut size = Size { nodes: 0, bytes: 0, height: 0 };
        let mut open = vec![(self, 1)];
        while let Some((node, depth)) = open.pop() {
            size.nodes += 1;
            size.height = size.height.max(depth);
            match node.content() {
                Content::Scalar(scalar) => size.bytes += scalar.text.len(),
                Content::List(list) => open.extend(list.iter().map(|child| (child, depth + 1))),
                Content::Map(map) => {
                    size.bytes += map.iter().map(|(key, _)| key.text.len()).sum::<usize>();
                    open.extend(map.iter().map(|(_, child)| (child, depth + 1)));
                }
            }
        }
        size
    }

    /// The place in the file of `range` within this scalar's text; the whole scalar if that cannot
    /// be said.
    pub(super) fn range_in_file(&self, range: Range<usize>, file: &FileText) -> Range<usize> {
        let exact = || {
            let scalar = self.scalar()?;
            let written = file.text.get(self.span.clone())?;
            let part = match (&scalar.filled, scalar.origin) {
                (Some(filled), _) => {
                    let range = filled.written(range);
                    written_range((&filled.written, scalar.style), written, range)?
                }
                (None, Origin::Written) => {
                    written_range((&scalar.text, scalar.style), written, range)?
                }
                (None, _) => return None,
            };
            Some(self.span.start + part.start..self.span.start + part.end)
        };
        exact().unwrap_or_else(|| self.span.clone())
    }
}

/// How large a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// How many nodes there are in all.
    pub(super) nodes: usize,
    /// The bytes of their texts and keys.
    pub(super) bytes: usize,
    /// How deep they are nested.
    pub(super) height: usize,
}

/// What a path leads to.
pub(super) enum Found<'n, 'p> {
    /// The value itself.
    Value(&'n Node),
    /// The path ends here: this mapping or list does not have the rest of it.
    Outside(&'n Node, &'p str),
}

/// Follows a path such as `rules[3].send.number`. Keys that contain dots are tried longest first.
pub(super) fn follow<'n, 'p>(root: &'n Node, path: &'p str) -> (Found<'n, 'p>, Option<&'n Key>) {
    let mut node = root;
    let mut key = None;
    let mut rest = path;
    // The key is that of the node in hand; an element of a list has none.
    loop {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return (Found::Value(node), key);
        }
        let step = match node.content() {
            Content::Scalar(_) => None,
            Content::List(list) => list_step(list, rest).map(|(child, rest)| (None, child, rest)),
            Content::Map(entries) => {
                map_step(entries, rest).map(|(key, child, rest)| (Some(key), child, rest))
            }
        };
        match step {
            Some((step_key, child, after)) => (key, node, rest) = (step_key, child, after),
            None => return (Found::Outside(node, rest), key),
        }
    }
}

fn list_step<'n, 'p>(list: &'n [Node], path: &'p str) -> Option<(&'n Node, &'p str)> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((list.get(index.parse::<usize>().ok()?)?, rest))
}

fn map_step<'n, 'p>(
    entries: &'n [(Key, Node)],
    path: &'p str,
) -> Option<(&'n Key, &'n Node, &'p str)> {
    entries
        .iter()
        .filter_map(|(key, child)| {
            let rest = path.strip_prefix(key.text.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then_some((key, child, rest))
        })
        .max_by_key(|(key, _, _)| key.text.len())
}

#[cfg(test)]
mod tests {
    use super::{Found, follow};
    use std::sync::Arc;

    use crate::config::parse::{Counts, parse};
    use crate::config::text::FileText;

    /// What stands in the file where `word` stands in the text at `path`.
    fn pointed_at(yaml: &str, path: &str, word: &str) -> (usize, usize, String) {
        let file = Arc::new(FileText::new("f".to_owned(), yaml.to_owned()));
        let root = parse(0, &file, Counts::default()).root.unwrap();
        let (Found::Value(node), _) = follow(&root, path) else { panic!("{path} is not there") };
        let start = node.scalar().unwrap().text.find(word).unwrap();
        let range = node.range_in_file(start..start + word.len(), &file);
        let (line, column) = file.place(range.start);
        (line, column, file.text[range].to_owned())
    }

    #[test]
    fn a_word_is_found_at_its_place_in_every_style() {
        for (yaml, line, column) in [
            ("a: one wörd WORD x\n", 1, 13),
            ("a: 'one WORD'\n", 1, 9),
            ("a: \"é WORD\"\n", 1, 7),
            ("a: |\n  one\n    WORD\n", 3, 5),
            ("a: |-\n\n\n  one\n\n  é WORD", 6, 5),
            ("a: |2\r\n  one\r\n   WORD\r\n", 3, 4),
            ("a: |+  # kept\n  WORD\n\n\n", 2, 3),
        ] {
            assert_eq!(
                pointed_at(yaml, "a", "WORD"),
                (line, column, "WORD".to_owned()),
                "{yaml:?}"
            );
        }
    }

    #[test]
    fn a_word_is_found_however_lines_are_folded_and_characters_escaped() {
        for (yaml, line, column) in [
            ("a: \"x\\n WORD\"\n", 1, 9),
            ("a: 'it''s WORD'\n", 1, 11),
            ("a: \"\\u00e9\\x20\\\" WORD\"\n", 1, 18),
            ("a: \"one\n  two\\\n  \\  WORD\"\n", 3, 6),
            ("a: 'one\n\n  two WORD'\n", 3, 7),
            ("a: one\n  two\n\n  three WORD\n", 4, 9),
            ("a: >\n  one\n  WORD\n", 3, 3),
            ("a: >-\r\n  one\r\n\r\n    more\r\n  é WORD\r\n", 5, 5),
            ("- a: >2\n     x\n    WORD\n", 3, 5),
        ] {
            let path = if yaml.starts_with('-') { "[0].a" } else { "a" };
            let found = pointed_at(yaml, path, "WORD");
            assert_eq!(found, (line, column, "WORD".to_owned()), "{yaml:?}");
        }
    }

    #[test]
    fn an_escaped_letter_is_shown_as_it_is_written() {
        assert_eq!(pointed_at("a: \"W\\u004fRD\"\n", "a", "WORD").2, "W\\u004fRD");
    }

    #[test]
    fn keys_with_dots_are_followed_longest_first() {
        let yaml = "r:\n  - m: { a.b: x, a: { b: WORD } }\n    n: [ { o: WORD } ]\n";
        assert_eq!(pointed_at(yaml, "r[0].m.a.b", "x").2, "x");
        assert_eq!(pointed_at(yaml, "r[0].n[0].o", "WORD"), (3, 15, "WORD".to_owned()));
    }
}
