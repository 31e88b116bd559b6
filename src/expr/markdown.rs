//! What is GitHub's Markdown in WhatsApp's markup?
//!
//! WhatsApp's marks act only at the edges of words and within one line. So while the text is
//! written they are characters of their own, and become `*`, `_` and `~` at the end where they would
//! act; elsewhere they go. Marks that the author meant as characters are made harmless.

use std::fmt::Write as _;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream};

use super::marks::{MARKS, resolve};
use super::neutral;

/// How deep lists are indented; what is deeper stays there.
const INDENT_MAX: usize = 6;

/// `markdown` as a message.
pub(super) fn to_whatsapp(markdown: &str) -> String {
    let options = Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut writer = Writer::default();
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        writer.event(event);
    }
    resolve(&writer.out).trim().to_owned()
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Line breaks that come before whatever is written next.
    gap: usize,
    /// A bullet was just written: what follows stands beside it.
    beside: bool,
    /// The lists around, each with the number of its next element.
    lists: Vec<Option<u64>>,
    quotes: usize,
    /// How many of each mark are open.
    open: [usize; 3],
    /// Where the words of each link around begin, and its address.
    links: Vec<(usize, String)>,
    images: usize,
    in_code: bool,
    in_comment: bool,
    cells: usize,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => self.code_lines(&text),
            Event::Text(text) => self.words(&text),
            Event::Code(text) => self.push(&neutral::code(&text)),
            Event::Html(html) => self.html(&html),
            Event::InlineHtml(html) if html.starts_with("<br") => self.new_line(),
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.apart(2);
                self.push("———");
                self.apart(2);
            }
            Event::TaskListMarker(done) => self.push(if done { "☑ " } else { "☐ " }),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.apart(if self.lists.is_empty() { 2 } else { 1 }),
            Tag::Heading { .. } => {
                self.apart(2);
                self.mark(0, true);
            }
            Tag::BlockQuote(_) => {
                self.apart(2);
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.apart(if matches!(kind, CodeBlockKind::Indented) { 1 } else { 2 });
                self.push("```");
                self.in_code = true;
            }
            Tag::List(first) => {
                self.apart(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(_) => self.apart(2),
            Tag::TableHead | Tag::TableRow => {
                self.apart(1);
                self.cells = 0;
            }
            Tag::TableCell => {
                if self.cells > 0 {
                    self.push(" | ");
                }
                self.cells += 1;
            }
            Tag::Strong => self.mark(0, true),
            Tag::Emphasis => self.mark(1, true),
            Tag::Strikethrough => self.mark(2, true),
            Tag::Link { dest_url, .. } => {
                self.flush();
                self.links.push((self.out.len(), dest_url.into_string()));
            }
            Tag::Image { .. } => self.images += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Table => {
                self.apart(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Heading(_) => {
                self.mark(0, false);
                self.apart(2);
            }
            TagEnd::BlockQuote(_) => {
                self.quotes -= 1;
                self.apart(2);
            }
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.out.truncate(self.out.trim_end_matches('\n').len());
                self.out.push_str("```");
                self.apart(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.beside = false;
                self.apart(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Item => {
                self.beside = false;
                self.apart(1);
            }
            TagEnd::Strong => self.mark(0, false),
            TagEnd::Emphasis => self.mark(1, false),
            TagEnd::Strikethrough => self.mark(2, false),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.images -= 1,
            _ => {}
        }
    }

    fn item(&mut self) {
        self.apart(1);
        self.flush();
        let depth = self.lists.len().saturating_sub(1).min(INDENT_MAX);
        self.out.push_str(&"  ".repeat(depth));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                let _ = write!(self.out, "{number}. ");
                *number = number.saturating_add(1);
            }
            _ => self.out.push_str("- "),
        }
        self.beside = true;
    }

    /// The address behind the words, unless they are it.
    fn end_link(&mut self) {
        let Some((start, address)) = self.links.pop() else { return };
        let words = self.out.get(start..).unwrap_or_default().trim();
        let bare = |text: &str| text.trim_end_matches('/').to_owned();
        if words.is_empty() || !neutral::is_web_address(&address) || bare(words) == bare(&address) {
            return;
        }
        let _ = write!(self.out, " ({address})");
    }

    /// At least so many line breaks before what comes.
    fn apart(&mut self, lines: usize) {
        if !self.beside {
            self.gap = self.gap.max(lines);
        }
    }

    fn flush(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        self.beside = false;
        if self.out.is_empty() {
            self.prefix();
            return;
        }
        for _ in 0..gap {
            self.out.push('\n');
        }
        if gap > 0 {
            self.prefix();
        }
    }

    fn prefix(&mut self) {
        if self.quotes > 0 {
            self.out.push_str("> ");
        }
    }

    fn push(&mut self, text: &str) {
        if self.images == 0 && !text.is_empty() {
            self.flush();
            self.out.push_str(text);
        }
    }

    fn words(&mut self, text: &str) {
        self.push(&neutral::disarmed_words(text));
    }

    fn new_line(&mut self) {
        if self.images > 0 {
            return;
        }
        if self.open.iter().any(|open| *open > 0) || !self.links.is_empty() {
            self.out.push(' ');
        } else {
            self.out.push('\n');
            self.prefix();
        }
    }

    fn code_lines(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let shown: String =
                line.chars().filter(|c| *c == '\n' || !neutral::is_invisible(*c)).collect();
            self.out.push_str(&shown.replace('`', "ˋ"));
        }
    }

    fn mark(&mut self, kind: usize, opens: bool) {
        let Some((_, open, close)) = MARKS.get(kind) else { return };
        let Some(count) = self.open.get_mut(kind) else { return };
        *count = if opens { *count + 1 } else { count.saturating_sub(1) };
        // Bold inside of bold is bold.
        let outermost = *count == usize::from(opens);
        if outermost && self.images == 0 {
            if opens {
                self.flush();
            }
            self.out.push(if opens { *open } else { *close });
        }
    }

    /// The words of HTML without its tags and comments.
    fn html(&mut self, html: &str) {
        let mut words = String::new();
        let mut rest = html;
        while !rest.is_empty() {
            if self.in_comment {
                let Some((_, after)) = rest.split_once("-->") else { return self.words(&words) };
                (self.in_comment, rest) = (false, after);
            } else if let Some((before, after)) = rest.split_once('<') {
                words.push_str(before);
                self.in_comment = after.starts_with("!--");
                rest = if self.in_comment {
                    after
                } else {
                    after.split_once('>').map_or("", |it| it.1)
                };
            } else {
                words.push_str(rest);
                break;
            }
        }
        if !words.trim().is_empty() {
            self.apart(1);
            self.words(words.trim());
            self.apart(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_markdown_has_its_form() {
        for (markdown, message) in [
            (
                "## New\n\n**bold** and ~~gone~~, [docs](https://x.test)\n- a",
                "*New*\n\n*bold* and ~gone~, docs (https://x.test)\n\n- a",
            ),
            ("*it* _it_ __b__ ***both***", "_it_ _it_ *b* _*both*_"),
            ("in**side**of a word", "insideof a word"),
            ("2 \\* 3 and \\*not bold\\*", "2 * 3 and ∗not bold∗"),
            ("snake_case https://x.test/a_b_", "snake_case https://x.test/a_b_"),
            ("1. a\n2. b\n   - c\n3. d", "1. a\n2. b\n  - c\n3. d"),
            ("> quoted\n> more\n\nafter", "> quoted\n> more\n\nafter"),
            ("```rust\nlet a = 1;\nb\n```\nx", "```let a = 1;\nb```\n\nx"),
            ("`a*b`", "`a*b`"),
            ("![logo](https://x.test/a.png) text", "text"),
            ("[![ci](https://b.test)](https://c.test) x", "x"),
            ("<https://x.test>", "https://x.test"),
            ("[bad](javascript:alert(1))", "bad"),
            ("<!-- hidden\nhidden -->\nshown", "shown"),
            ("<details><summary>More</summary>\n\ninner\n</details>", "More\n\ninner"),
            ("- [x] done\n- [ ] open", "- ☑ done\n- ☐ open"),
            ("| a | b |\n|---|---|\n| 1 | **2** |", "a | b\n1 | *2*"),
            ("a\nb  \nc", "a\nb\nc"),
            ("a\n\n---\n\nb", "a\n\n———\n\nb"),
            ("**a\nb**", "*a b*"),
            ("# **x** y", "*x y*"),
            ("\u{202e}evil\u{e000}", "evil"),
        ] {
            assert_eq!(to_whatsapp(markdown), message, "{markdown:?}");
        }
    }
}
