//! Where in which file is this byte?

use std::ops::Range;

/// How many lines a file may have.
pub(super) const LINES_MAX: usize = 4_000_000;

/// One file's text with its line starts.
#[derive(Clone, Default)]
pub(super) struct FileText {
    /// The name as it is shown.
    pub(super) name: String,
    pub(super) text: String,
    line_starts: Vec<u32>,
}

impl FileText {
    pub(super) fn new(name: String, text: String) -> Self {
        // A file is never so long that its bytes could not be counted so.
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = ends.filter_map(|(at, _)| u32::try_from(at + 1).ok());
        let mut line_starts: Vec<u32> = std::iter::once(0).chain(starts).take(LINES_MAX).collect();
        line_starts.shrink_to_fit();
        Self { name, text, line_starts }
    }

    /// Whether it has more lines than a rule file may have.
    pub(super) fn is_too_long(&self) -> bool {
        self.line_starts.len() >= LINES_MAX
    }

    /// The line of a byte, from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// Where the line of a byte begins.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.line_starts.get(self.line_of(offset)).map_or(0, |start| *start as usize)
    }

    /// Line and column of a byte, both from 1; a column counts characters.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.line_of(offset);
        let start = self.line_starts.get(line).map_or(0, |start| *start as usize);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line + 1, column + 1)
    }

    /// The bytes of a line (from 0), without its line break.
    pub(super) fn line_range(&self, line: usize) -> Option<Range<usize>> {
        let start = *self.line_starts.get(line)? as usize;
        let next = self.line_starts.get(line + 1);
        let end = next.map_or(self.text.len(), |next| *next as usize - 1);
        let text = self.text.get(start..end)?;
        Some(start..start + text.strip_suffix('\r').unwrap_or(text).len())
    }

    /// A line (from 0) without its line break.
    pub(super) fn line(&self, line: usize) -> Option<&str> {
        self.line_range(line).and_then(|range| self.text.get(range))
    }

    /// The nearest character boundary at or before `offset`.
    pub(super) fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// Without the text: it may hold secrets.
impl std::fmt::Debug for FileText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileText({}, {} bytes)", self.name, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::FileText;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let file = FileText::new("f".into(), "a\néb: c\r\n".into());
        assert_eq!(file.place(0), (1, 1));
        assert_eq!(file.place(4), (2, 2));
        assert_eq!(file.place(3), (2, 1), "inside a character");
        assert_eq!(file.place(999), (3, 1));
        assert_eq!(file.line(1), Some("éb: c"));
        assert_eq!(file.line(9), None);
    }
}
