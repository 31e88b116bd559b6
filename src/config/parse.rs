//! How does YAML become a tree with places? Events in, [`Node`]s out, within limits.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::node::{Comment, Content, Key, Node, Origin, Scalar, Style};
use super::syntax;
use super::text::{FileText, LINES_MAX};
use crate::model::Fault;

/// The largest rule file, in bytes.
const FILE_MAX: usize = 64 << 20;
/// How deep values may be nested.
const DEPTH_MAX: usize = 64;
/// How many values aliases may add to those that are written: against "billion laughs".
const ALIAS_NODES_MAX: usize = 100_000;
/// The same for the bytes of their texts.
const ALIAS_BYTES_MAX: usize = 16 << 20;
/// How many keys and values one file may hold: 100,000 rules have some two and a half million.
const NODES_MAX: usize = 3_000_000;
/// So many of them may be as short as they like.
const NODES_SHORT_MAX: usize = 600_000;
/// Beyond that they take at least so many bytes of the file each, as those of rules do: a value
/// takes many times the memory of its text.
const NODE_BYTES_MIN: usize = 8;
/// After so many mistakes the rest is not of interest.
const MISTAKES_MAX: usize = 100;

/// A mistake at a place in the file in hand; `fault.path` is empty.
pub(super) struct Mistake {
    pub(super) fault: Fault,
    pub(super) range: Range<usize>,
}

/// Reads one document. `None` for an empty one, or where its syntax is broken.
pub(super) fn parse(file: usize, text: &FileText) -> (Option<Node>, Vec<Mistake>) {
    if text.text.len() > FILE_MAX {
        let fault = Fault::error("", "too-large", "the file is larger than 64 MiB");
        return (None, vec![Mistake { fault, range: 0..0 }]);
    }
    if text.is_too_long() {
        let message = format!("the file has more than {LINES_MAX} lines");
        let fault = Fault::error("", "too-large", message).help("divide it, with `include:`");
        return (None, vec![Mistake { fault, range: 0..0 }]);
    }
    let mut builder = Builder::new(file, text);
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    for event in Parser::new_from_str_with_options(&text.text, options) {
        match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => builder.mistakes.push(syntax::explain(&error, text)),
        }
        if builder.stopped || builder.mistakes.len() >= MISTAKES_MAX {
            return (None, builder.mistakes);
        }
    }
    (builder.root, builder.mistakes)
}

struct Builder<'t> {
    file: usize,
    text: &'t FileText,
    open: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    /// What anchors name, once they are complete.
    anchors: HashMap<usize, Node>,
    alias_nodes: usize,
    alias_bytes: usize,
    nodes: usize,
    mistakes: Vec<Mistake>,
    stopped: bool,
}

/// A list or mapping that is not closed yet.
struct Frame {
    start: usize,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<(Key, Node)>,
    seen: HashSet<String>,
    /// A key whose value is yet to come.
    key: Option<Key>,
    merged: Vec<Node>,
    /// Whether a key was no text, so that the mapping is none that could be read.
    refused: bool,
}

impl<'t> Builder<'t> {
    fn new(file: usize, text: &'t FileText) -> Self {
        Self {
            file,
            text,
            open: Vec::new(),
            root: None,
            documents: 0,
            anchors: HashMap::new(),
            alias_nodes: 0,
            alias_bytes: 0,
            nodes: 0,
            mistakes: Vec::new(),
            stopped: false,
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents == 2 {
                    let help = "a rule file is one document: remove the `---`";
                    self.stop(range, "documents", "a second document begins here", help);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span, range);
                self.put(node, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Inside::List(Vec::new()), anchor, tag.as_deref(), span, range.start);
            }
            Event::MappingStart(_, anchor, tag) => {
                let inside = Inside::Map(OpenMap::default());
                self.begin(inside, anchor, tag.as_deref(), span, range.start);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range.end),
            Event::Alias(id) => self.alias(id, range),
            _ => {}
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
        range: Range<usize>,
    ) -> Node {
        let style = match style {
            ScalarStyle::Plain if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) => {
                Style::Quoted
            }
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        };
        let refused = self.refuse_tag(tag, span);
        // The parser writes `~` for a value that was left out.
        let text = if range.is_empty() && style == Style::Plain { "" } else { text };
        let comment = if style == Style::Plain { self.comment_after(range.end) } else { None };
        let origin = if refused { Origin::Unset } else { Origin::Written };
        let scalar = Scalar { text: text.to_owned(), style, origin, comment };
        Node { file: self.file, span: range, content: Content::Scalar(scalar) }
    }

    /// A comment behind a plain text on the same line.
    fn comment_after(&self, end: usize) -> Option<Box<Comment>> {
        let line = self.text.line_range(self.text.line_of(end))?;
        let rest = self.text.text.get(end..line.end)?;
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let comment = rest[blank..].strip_prefix('#').filter(|_| blank > 0)?;
        let glued = !(comment.is_empty() || comment.starts_with([' ', '\t', '#']));
        Some(Box::new(Comment { span: end + blank..line.end, glued }))
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return false };
        let range = span.tag_span().and_then(|span| span.byte_range());
        let range = range.or_else(|| span.byte_range()).unwrap_or(0..0);
        let fault = Fault::error(
            "",
            "yaml-tag",
            format!("`{}` is a YAML tag here, not part of a text", tag.original()),
        )
        .help("in a condition write `not …`; in a text put the whole text in quotes");
        self.mistakes.push(Mistake { fault, range });
        true
    }

    fn begin(
        &mut self,
        inside: Inside,
        anchor: usize,
        tag: Option<&Tag>,
        span: &Span,
        start: usize,
    ) {
        self.refuse_tag(tag, span);
        if self.open.len() >= DEPTH_MAX {
            let help = "64 levels are the limit";
            self.stop(start..start, "too-deep", "values are nested too deep", help);
        }
        self.open.push(Frame { start, anchor, inside });
    }

    fn end(&mut self, end: usize) {
        let Some(frame) = self.open.pop() else { return };
        let content = match frame.inside {
            Inside::List(mut list) => {
                list.shrink_to_fit();
                Content::List(list)
            }
            Inside::Map(map) if map.refused => Content::Scalar(stand_in()),
            Inside::Map(OpenMap { mut entries, mut seen, merged, .. }) => {
                for from in merged {
                    let span = from.span.clone();
                    if !merge(&mut entries, &mut seen, from) {
                        self.mistakes.push(no_mapping(span));
                    }
                }
                entries.shrink_to_fit();
                Content::Map(entries)
            }
        };
        // A block ends where the next one begins; its last line break is not part of it.
        let end = end.max(frame.start);
        let node = Node { file: self.file, span: frame.start..end, content };
        self.put(node, frame.anchor);
    }

    /// Takes an alias for what it names, as long as the budget lasts.
    fn alias(&mut self, id: usize, range: Range<usize>) {
        let Some(node) = self.anchors.get(&id) else {
            self.stop(range, "alias", "this alias stands inside what it names", "write it out");
            return;
        };
        let size = node.measure();
        self.alias_nodes += size.nodes;
        self.alias_bytes += size.bytes;
        if self.aliases_are_too_many() || self.open.len() + size.height > DEPTH_MAX {
            let help = "write the values out, or use fewer aliases";
            self.stop(range, "alias", "aliases make this file grow without measure", help);
            return;
        }
        let node = node.clone();
        self.put(node, 0);
    }

    fn aliases_are_too_many(&self) -> bool {
        self.alias_nodes > ALIAS_NODES_MAX || self.alias_bytes > ALIAS_BYTES_MAX
    }

    fn put(&mut self, node: Node, anchor: usize) {
        self.nodes += 1;
        if self.nodes > NODES_MAX.min(NODES_SHORT_MAX + node.span.start / NODE_BYTES_MIN) {
            let message = format!("more than {} keys and values are too many", self.nodes - 1);
            let help = "keep data beside it, in a table for `lookup`; put rules into several files";
            self.stop(node.span.clone(), "too-many", &message, help);
            return;
        }
        if anchor != 0 {
            let size = node.measure();
            self.alias_nodes += size.nodes;
            self.alias_bytes += size.bytes;
            if self.aliases_are_too_many() {
                let help = "name smaller parts with `&`";
                self.stop(node.span.clone(), "alias", "anchors name too much", help);
                return;
            }
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|frame| &mut frame.inside) {
            None => self.root = Some(node),
            Some(Inside::List(list)) => list.push(node),
            Some(Inside::Map(map)) => match map.key.take() {
                None => match as_key(&node) {
                    Some(found) => map.key = Some(found),
                    None => self.refuse_key(&node),
                },
                Some(key) if key.text == "<<" => map.merged.push(node),
                Some(key) if map.seen.insert(key.text.clone()) => map.entries.push((key, node)),
                Some(key) => self.mistakes.push(duplicate(&key)),
            },
        }
    }

    fn refuse_key(&mut self, node: &Node) {
        let start = node.span.start;
        let opens = self.text.text.get(start.saturating_sub(1)..).unwrap_or("");
        if opens.starts_with("{{") {
            self.mistakes.push(syntax::bare_template(self.text, start - 1));
        } else {
            let fault = Fault::error("", "yaml-key", "a key must be a text")
                .help("remove the `?`, or put the value in quotes");
            self.mistakes.push(Mistake { fault, range: node.span.clone() });
        }
        if let Some(Inside::Map(map)) = self.open.last_mut().map(|frame| &mut frame.inside) {
            map.refused = true;
            let text = format!("\u{0}{start}");
            map.key = Some(Key { text, file: node.file, span: node.span.clone() });
        }
    }

    fn stop(&mut self, range: Range<usize>, code: &'static str, message: &str, help: &str) {
        let fault = Fault::error("", code, message).help(help);
        self.mistakes.push(Mistake { fault, range });
        self.stopped = true;
    }
}

/// What stands for a value that is wrong in a way that has been told.
fn stand_in() -> Scalar {
    Scalar {
        text: "missing".to_owned(),
        style: Style::Quoted,
        origin: Origin::Unset,
        comment: None,
    }
}

fn as_key(node: &Node) -> Option<Key> {
    let text = node.scalar()?.text.clone();
    Some(Key { text, file: node.file, span: node.span.clone() })
}

fn duplicate(key: &Key) -> Mistake {
    let fault = Fault::error(
        key.text.as_str(),
        "duplicate-key",
        format!("`{}` stands here a second time", key.text),
    )
    .help("keep one of the two, or rename one");
    Mistake { fault, range: key.span.clone() }
}

fn no_mapping(range: Range<usize>) -> Mistake {
    let fault = Fault::error("", "yaml-merge", "`<<` takes in a mapping, and this is none")
        .help("name a mapping with `&name` and write `<<: *name`, or a list of such names");
    Mistake { fault, range }
}

/// What `<<: *name` brings in: everything that the mapping does not say itself; `false` if it is no
/// mapping.
fn merge(entries: &mut Vec<(Key, Node)>, seen: &mut HashSet<String>, from: Node) -> bool {
    match from.content {
        Content::Map(more) => {
            for (key, value) in more {
                if seen.insert(key.text.clone()) {
                    entries.push((key, value));
                }
            }
            true
        }
        Content::List(list) => {
            // All of them, whether one is wrong or not.
            let mut all = true;
            for node in list {
                all &= merge(entries, seen, node);
            }
            all
        }
        Content::Scalar(scalar) => scalar.origin == Origin::Unset,
    }
}
