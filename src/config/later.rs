//! What of a tree is read again when it is asked for? Rules: there may be very many, and each is
//! needed for a moment only.
//!
//! A value of a tree takes many times the memory of its text. So a rule is parsed with the file, for
//! its mistakes, and again when it is read, and both times forgotten.

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
        let later = Self { text: Arc::clone(text), line, content: OnceLock::new() };
        (alone && !whole.contains("${")).then_some(later)
    }

    pub(super) fn content(&self, file: usize, span: &Range<usize>) -> &Content {
        self.content.get_or_init(|| {
            let node = parse::entry(file, &self.text, self.line..span.end);
            Box::new(node.filter(|node| node.span == *span).map_or_else(lost, Node::into_content))
        })
    }

    pub(super) fn forget(&mut self) {
        self.content.take();
    }
}

/// Not the same as before: no rule, so that it is refused and not left out without a word.
fn lost() -> Content {
    Content::Scalar(Scalar {
        text: "…".to_owned(),
        style: Style::Quoted,
        origin: Origin::Written,
        comment: None,
    })
}

/// Without the text: it may hold secrets.
impl std::fmt::Debug for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Later({})", self.line)
    }
}
        filled: None,
