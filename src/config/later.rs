//! What of a tree is read again when it is asked for? Rules: there may be very many, and each is
//! needed for a moment only.
//!
//! A value of a tree takes many times the memory of its text. So a rule is parsed with the file, for
//! its mistakes, and again when it is read, and both times forgotten.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::node::{Content, Node, Origin, Scalar, Style};
use super::parse;
use super::text::FileText;

/// The section whose entries are put off.
pub(super) const SECTION: &str = "rules";

/// An entry of a list in the style `- …`.
#[derive(Clone)]
pub(super) struct Later {
    text: Arc<FileText>,
    /// Where the line of its dash begins.
    line: usize,
    /// What was read with the file, in short: nothing may ever be read differently the second time.
    brief: u64,
    content: OnceLock<Box<Content>>,
}

impl Later {
    /// What can be said of an entry whose value is `node`; `None` if it cannot be read alone: because
    /// something else stands before it, or `${` in it, which is filled in at once.
    pub(super) fn of(text: &Arc<FileText>, node: &Node) -> Option<Self> {
        let line = text.line_start(node.span.start);
        let before = text.text.get(line..node.span.start)?;
        let dash = before.trim_start_matches(' ').strip_prefix('-')?;
        let alone = !dash.is_empty() && dash.bytes().all(|byte| byte == b' ');
        let whole = text.text.get(node.span.clone())?;
        if !alone || whole.contains("${") {
            return None;
        }
        let brief = brief(node.content());
        let later = Self { text: Arc::clone(text), line, brief, content: OnceLock::new() };
        (is_usual(whole) || later.read(node.file, &node.span).is_some()).then_some(later)
    }

    pub(super) fn content(&self, file: usize, span: &Range<usize>) -> &Content {
        self.content.get_or_init(|| Box::new(self.read(file, span).unwrap_or_else(lost)))
    }

    /// What it is when it is read alone, if that is the same.
    fn read(&self, file: usize, span: &Range<usize>) -> Option<Content> {
        let node = parse::entry(file, &self.text, self.line..span.end)?;
        let content = (node.span == *span).then(|| node.into_content())?;
        (brief(&content) == self.brief).then_some(content)
    }

    pub(super) fn forget(&mut self) {
        self.content.take();
    }
}

/// Whether nothing stands in it that what is behind it might change: the lines that `|+` keeps, or
/// what else is seldom written. Of the rest it is tried at once whether it is the same alone.
fn is_usual(text: &str) -> bool {
    let keeps =
        |pair: &[u8]| pair[1] == b'+' && (b"|>".contains(&pair[0]) || pair[0].is_ascii_digit());
    !text.contains(['\t', '\r']) && !text.as_bytes().windows(2).any(keeps)
}

/// What tells one content from another, places included.
fn brief(content: &Content) -> u64 {
    let mut hasher = DefaultHasher::new();
    add(content, &mut hasher);
    hasher.finish()
}

fn add(content: &Content, hasher: &mut DefaultHasher) {
    match content {
        Content::Scalar(scalar) => {
            (&scalar.text, scalar.style, scalar.origin).hash(hasher);
            scalar.comment.as_ref().map(|comment| &comment.span).hash(hasher);
        }
        Content::List(list) => {
            hasher.write_usize(list.len());
            for node in list {
                node.span.hash(hasher);
                add(node.content(), hasher);
            }
        }
        Content::Map(entries) => {
            hasher.write_usize(entries.len());
            for (key, node) in entries {
                (&key.text, &key.span, &node.span).hash(hasher);
                add(node.content(), hasher);
            }
        }
    }
}

/// Not the same as before: no rule, so that it is refused and not left out without a word.
fn lost() -> Content {
    Content::Scalar(Scalar {
        text: "…".to_owned(),
        style: Style::Quoted,
        origin: Origin::Written,
        comment: None,
        filled: None,
    })
}

/// Without the text: it may hold secrets.
impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Later({})", self.line)
    }
}
