//! Where in the file does a part of a text stand?
//!
//! YAML folds lines, doubles quotes and escapes characters, but what it changes is white space and
//! escapes alone: every other character of a text stands in the file, in the same order. So the two
//! are walked side by side over the characters that are no white space.

use std::ops::Range;

use super::node::Style;

/// The bytes of `written` (how a scalar stands in the file) in which `range` of its text stands,
/// white space at its ends left out; `None` if they do not go together.
pub(super) fn written_range(
    (text, style): (&str, Style),
    written: &str,
    range: Range<usize>,
) -> Option<Range<usize>> {
    let part = text.get(range.clone())?;
    let start = range.start + part.len() - part.trim_start_matches(is_blank).len();
    let mut marks = Marks::of(style, written);
    let mut behind = marks.at;
    let mut found: Option<Range<usize>> = None;
    for (offset, c) in text.char_indices().filter(|(_, c)| !is_blank(*c)) {
        if offset >= range.end.max(start) {
            break;
        }
        let mark = marks.next()?;
        if mark.meant != Some(c) {
            return None;
        }
        if offset >= start {
            let first = found.map_or(mark.range.start, |found| found.start);
            found = Some(first..mark.range.end);
        }
        behind = mark.range.end;
    }
    // A place between two words is where the text before it ends.
    Some(found.unwrap_or(behind..behind))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A character as it stands in the file.
struct Mark {
    /// What it means; `None` for an escape that YAML does not know.
    meant: Option<char>,
    range: Range<usize>,
}

/// The characters of a scalar as it is written, white space left out.
struct Marks<'w> {
    written: &'w str,
    at: usize,
    end: usize,
    /// `"` or `'`, if it stands in quotes.
    quote: Option<char>,
}

impl<'w> Marks<'w> {
    fn of(style: Style, written: &'w str) -> Self {
        let quote = written.chars().next().filter(|c| style == Style::Quoted && "\"'".contains(*c));
        let (at, end) = match quote {
            Some(_) => (1, written.len().saturating_sub(1)),
            None => (0, written.len()),
        };
        Self { written, at, end, quote }
    }

    /// The escape behind a backslash: what it means, and its length.
    fn escape(&self) -> (Option<char>, usize) {
        let rest = self.written.get(self.at + 1..self.end).unwrap_or("");
        let Some(name) = rest.chars().next() else { return (None, 1) };
        let digits = match name {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if digits > 0 {
            let code = rest.get(1..=digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            return (code.and_then(char::from_u32), 2 + digits);
        }
        let meant = match name {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' => '\t',
            'n' | '\n' | '\r' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            same => same,
        };
        (Some(meant), 1 + name.len_utf8())
    }
}

impl Iterator for Marks<'_> {
    type Item = Mark;

    fn next(&mut self) -> Option<Mark> {
        loop {
            let c = self.written.get(self.at..self.end)?.chars().next()?;
            let (meant, len) = match (c, self.quote) {
                ('\\', Some('"')) => self.escape(),
                ('\'', Some('\'')) => (Some('\''), 2),
                (c, _) => (Some(c), c.len_utf8()),
            };
            let range = self.at..(self.at + len).min(self.end);
            self.at = range.end;
            if meant.is_none_or(|meant| !is_blank(meant)) {
                return Some(Mark { meant, range });
            }
        }
    }
}
