//! Which part of a text was written in the file, when some of it was filled in?

use std::ops::Range;

/// How a text was made of what is written and of what variables and files hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    /// The text before anything was filled in.
    pub(super) written: String,
    pieces: Vec<Piece>,
}

/// One `${…}`, or a `$${` that stands for `${`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// Where it is written.
    pub(super) written: Range<usize>,
    /// What stands for it in the text.
    pub(super) text: Range<usize>,
    /// Whether it stands inside an expression, so that what is written around it means something
    /// else with another value.
    pub(super) in_code: bool,
}

impl Filled {
    pub(super) fn new(written: String, pieces: Vec<Piece>) -> Self {
        Self { written, pieces }
    }

    /// The part of what is written that a part of the text comes from: of something filled in, the
    /// whole `${…}`.
    pub(super) fn written(&self, text: Range<usize>) -> Range<usize> {
        let before = |at: usize| self.pieces.iter().rfind(|piece| piece.text.start <= at);
        let start = match before(text.start) {
            Some(piece) if text.start < piece.text.end => piece.written.start,
            Some(piece) => piece.written.end + (text.start - piece.text.end),
            None => text.start,
        };
        // Of what ends where something filled in begins, that is no part.
        let end = match before(text.end.saturating_sub(1)) {
            Some(piece) if text.end <= piece.text.end => piece.written.end,
            Some(piece) => piece.written.end + (text.end - piece.text.end),
            None => text.end,
        };
        start..end.max(start)
    }

    /// Whether what is said of this part is so whatever is filled in.
    pub(super) fn is_written(&self, text: &Range<usize>) -> bool {
        let is_apart = |it: &Piece| it.text.end <= text.start || text.end <= it.text.start;
        self.pieces.iter().all(|piece| !piece.in_code && is_apart(piece))
    }

    /// Whether these words stand in the file, in one piece and outside of every `${…}`.
    pub(super) fn shows(&self, words: &str) -> bool {
        let mut from = 0;
        let in_front = self.pieces.iter().any(|piece| {
            let part = self.written.get(from..piece.written.start).unwrap_or("");
            from = piece.written.end;
            part.contains(words)
        });
        in_front || self.written.get(from..).unwrap_or("").contains(words)
    }
}

#[cfg(test)]
mod tests {
    use super::{Filled, Piece};

    /// `ab ${X} cd ${Y}` with `12345` and nothing for them.
    fn filled() -> Filled {
        let piece = |written, text| Piece { written, text, in_code: false };
        Filled::new("ab ${X} cd ${Y}".to_owned(), vec![piece(3..7, 3..8), piece(11..15, 12..12)])
    }

    #[test]
    fn a_part_of_the_text_is_found_where_it_is_written() {
        for (text, written) in [
            (0..2, 0..2),
            (0..3, 0..3),
            (3..8, 3..7),
            (4..5, 3..7),
            (1..5, 1..7),
            (6..11, 3..10),
            (9..11, 8..10),
            (0..12, 0..11),
            (12..12, 15..15),
        ] {
            assert_eq!(filled().written(text.clone()), written, "{text:?}");
        }
    }

    #[test]
    fn only_what_is_written_is_shown_and_certain() {
        let filled = filled();
        assert!(filled.shows("cd") && filled.shows("ab "));
        assert!(!filled.shows("X") && !filled.shows("ab  cd") && !filled.shows("123"));
        assert!(filled.is_written(&(0..3)) && filled.is_written(&(8..12)));
        assert!(!filled.is_written(&(0..4)) && !filled.is_written(&(7..9)));
    }
}
