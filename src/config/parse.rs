//! How does YAML become a tree with places? Events in, [`Node`]s out, within limits.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::later::{self, Later};
use super::node::{Content, Key, Node, Origin, Scalar, Style};
use super::open::{Frame, Inside, OpenMap, as_key, duplicate, merge, no_mapping};
use super::scalar::comment_after;
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
/// How many keys and values all files may hold, those that are put off left out: a value takes many
/// times the memory of its text.
pub(super) const NODES_MAX: usize = 600_000;
/// How many entries may be put off in all.
const LATER_MAX: usize = 200_000;
/// After so many mistakes the rest is not of interest.
const MISTAKES_MAX: usize = 100;

/// A mistake at a place in the file in hand; `fault.path` is empty.
pub(super) struct Mistake {
    pub(super) fault: Fault,
    pub(super) range: Range<usize>,
}

/// What came of a file.
pub(super) struct Parsed {
    /// `None` for an empty one, or where its syntax is broken.
    pub(super) root: Option<Node>,
    pub(super) mistakes: Vec<Mistake>,
    /// What there is in it.
    pub(super) counts: Counts,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Keys and values that are kept.
    nodes: usize,
    /// Entries that are put off.
    later: usize,
}

/// Reads one document; `before` is what the files before it hold.
pub(super) fn parse(file: usize, text: &Arc<FileText>, before: Counts) -> Parsed {
    let refused = |fault: Fault| {
        let mistakes = vec![Mistake { fault, range: 0..0 }];
        Parsed { root: None, mistakes, counts: before }
    };
    if text.text.len() > FILE_MAX {
        return refused(Fault::error("", "too-large", "the file is larger than 64 MiB"));
    }
    if text.is_too_long() {
        let message = format!("the file has more than {LINES_MAX} lines");
        let fault = Fault::error("", "too-large", message);
        return refused(fault.help("divide it, with `include:`"));
    }
    let mut builder = Builder::new(file, text);
    builder.counts = before;
    builder.puts_off = true;
    builder.take_all(0..text.text.len());
    let Builder { root, mistakes, counts, .. } = builder;
    Parsed { root, mistakes, counts }
}

/// Reads an entry of a list alone: `part` begins with the line of its dash.
pub(super) fn entry(file: usize, text: &Arc<FileText>, part: Range<usize>) -> Option<Node> {
    let mut builder = Builder::new(file, text);
    builder.take_all(part);
    match builder.root.filter(|_| builder.mistakes.is_empty())?.into_content() {
        Content::List(entries) => entries.into_iter().next(),
        _ => None,
    }
}

struct Builder<'t> {
    file: usize,
    text: &'t Arc<FileText>,
    /// Where in the text the part that is read begins.
    base: usize,
    /// Whether entries may be put off, and whether there is something in the one in hand for which
    /// it may not: a name or what refers to one, or a mistake.
    puts_off: bool,
    is_bound: bool,
    open: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    /// What anchors name, once they are complete.
    anchors: HashMap<usize, Node>,
    alias_nodes: usize,
    alias_bytes: usize,
    counts: Counts,
    /// The same before the entry in hand.
    counts_before: Counts,
    mistakes: Vec<Mistake>,
    stopped: bool,
}

impl<'t> Builder<'t> {
    fn new(file: usize, text: &'t Arc<FileText>) -> Self {
        Self {
            file,
            text,
            base: 0,
            puts_off: false,
            is_bound: false,
            open: Vec::new(),
            root: None,
            documents: 0,
            anchors: HashMap::new(),
            alias_nodes: 0,
            alias_bytes: 0,
            counts: Counts::default(),
            counts_before: Counts::default(),
            mistakes: Vec::new(),
            stopped: false,
        }
    }

    fn take_all(&mut self, part: Range<usize>) {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = DEPTH_MAX;
        options.block_nesting_limit = DEPTH_MAX;
        self.base = part.start;
        let text = self.text.text.get(part).unwrap_or_default();
        for event in Parser::new_from_str_with_options(text, options) {
            match event {
                Ok((event, span)) => self.take(event, &span),
                Err(error) => self.mistakes.push(syntax::explain(&error, self.text)),
            }
            if self.stopped || self.mistakes.len() >= MISTAKES_MAX {
                self.root = None;
                return;
            }
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) {
        let range = span.byte_range().unwrap_or(0..0);
        let range = range.start + self.base..range.end + self.base;
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
        let comment =
            if style == Style::Plain { comment_after(self.text, range.end) } else { None };
        let origin = if refused { Origin::Unset } else { Origin::Written };
        let scalar = Scalar { text: text.to_owned(), style, origin, comment, filled: None };
        Node::new(self.file, range, Content::Scalar(scalar))
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return false };
        let range = span.tag_span().and_then(|span| span.byte_range());
        let range = range.or_else(|| span.byte_range()).unwrap_or(0..0);
        let range = range.start + self.base..range.end + self.base;
        let fault = Fault::error(
            "",
            "yaml-tag",
            format!("`{}` is a YAML tag here, not part of a text", tag.original()),
        )
        .help("in a condition write `not …`; in a text put the whole text in quotes");
        self.mistakes.push(Mistake { fault, range });
        self.is_bound = true;
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
        self.begin_entry();
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
            Inside::Map(mut map) => {
                for from in std::mem::take(&mut map.merged) {
                    let span = from.span.clone();
                    if !merge(&mut map, from) {
                        self.mistakes.push(no_mapping(span));
                    }
                }
                map.entries.shrink_to_fit();
                Content::Map(map.entries)
            }
        };
        // A block ends where the next one begins; its last line break is not part of it.
        let end = end.max(frame.start);
        let mut node = Node::new(self.file, frame.start..end, content);
        if let Some(later) = self.later(&node, frame.anchor) {
            self.counts = Counts { later: self.counts.later + 1, ..self.counts_before };
            if self.counts.later > LATER_MAX {
                let message = format!("more than {LATER_MAX} rules are too many");
                let help = "write what many have in common once, with `each:` and a table";
                self.stop(node.span.clone(), "too-many", &message, help);
            }
            node.put_off(later);
        }
        self.put(node, frame.anchor);
    }

    /// Whether the next value is an entry of the section whose entries are put off.
    fn is_entry(&self) -> bool {
        let [top, list] = self.open.as_slice() else { return false };
        let section = match &top.inside {
            Inside::Map(map) => map.key.as_ref(),
            Inside::List(_) => None,
        };
        self.puts_off
            && matches!(list.inside, Inside::List(_))
            && [top.anchor, list.anchor] == [0, 0]
            && section.is_some_and(|key| key.text == later::SECTION)
    }

    fn begin_entry(&mut self) {
        if self.is_entry() {
            self.counts_before = self.counts;
            self.is_bound = false;
        }
    }

    /// What stands for a complete value until it is asked for.
    fn later(&self, node: &Node, anchor: usize) -> Option<Later> {
        if self.is_bound || anchor != 0 || !self.is_entry() {
            return None;
        }
        let mistaken = self.mistakes.iter().any(|mistake| node.span.contains(&mistake.range.start));
        if mistaken { None } else { Later::of(self.text, node) }
    }

    /// Takes an alias for what it names, as long as the budget lasts.
    fn alias(&mut self, id: usize, range: Range<usize>) {
        self.is_bound = true;
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
        self.counts.nodes += 1;
        if self.counts.nodes > NODES_MAX {
            let message = format!("more than {NODES_MAX} keys and values are too many");
            let help = "keep data beside it, in a table for `lookup`; put rules into several files";
            self.stop(node.span.clone(), "too-many", &message, help);
            return;
        }
        if anchor != 0 {
            self.is_bound = true;
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
                Some(key) => {
                    if let Err(key) = map.add(key, node) {
                        self.mistakes.push(duplicate(&key));
                    }
                }
            },
        }
    }

    fn refuse_key(&mut self, node: &Node) {
        let start = node.span.start;
        let opens = self.text.text.get(start.saturating_sub(1)..).unwrap_or("");
        if opens.starts_with("{{") {
            let at = start.saturating_sub(1);
            self.mistakes.push(syntax::bare_template(self.text, at));
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
        filled: None,
    }
}
