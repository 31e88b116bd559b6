//! Where in a line do markers act, and where are addresses?

const LINK_START: &str = "https://";

/// A stretch of text within one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Plain(&'a str),
    Mono(&'a str),
    Link(&'a str),
    Styled(Style, Vec<Piece<'a>>),
}

/// What a pair of markers does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Bold,
    Italic,
    Strike,
}

pub(super) fn pieces(line: &str) -> Vec<Piece<'_>> {
    styled_pieces(line, &[('*', Style::Bold), ('_', Style::Italic), ('~', Style::Strike)])
}

/// The pieces of a line in which these markers act. Each recursion has one marker less, and a
/// marker that found no partner is not looked for again, so the work is linear in the line.
fn styled_pieces<'a>(line: &'a str, markers: &[(char, Style)]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut alone: Vec<char> = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    let mut before: Option<char> = None;
    while let Some(c) = line[at..].chars().next() {
        let at_edge = before.is_none_or(|c| !c.is_alphanumeric());
        let found = if c == '`' && !alone.contains(&c) {
            let end = line[at + 1..].find('`').map(|length| at + 1 + length);
            if end.is_none() {
                alone.push(c);
            }
            end.filter(|end| !line[at + 1..*end].trim().is_empty())
                .map(|end| (Piece::Mono(&line[at + 1..end]), end + 1))
        } else if c == 'h' && at_edge && line[at..].starts_with(LINK_START) {
            let url = link(&line[at..]);
            url.map(|url| (Piece::Link(url), at + url.len()))
        } else if let Some((marker, style)) =
            markers.iter().find(|(marker, _)| *marker == c && at_edge && !alone.contains(marker))
        {
            let end = closing(line, at, *marker);
            if end == Closing::Never {
                alone.push(c);
            }
            if let Closing::At(end) = end {
                let fewer: Vec<_> = markers.iter().copied().filter(|(m, _)| m != marker).collect();
                let inner = styled_pieces(&line[at + 1..end], &fewer);
                Some((Piece::Styled(*style, inner), end + 1))
            } else {
                None
            }
        } else {
            None
        };
        if let Some((piece, end)) = found {
            if plain_from < at {
                pieces.push(Piece::Plain(&line[plain_from..at]));
            }
            pieces.push(piece);
            before = line[..end].chars().next_back();
            at = end;
            plain_from = end;
        } else {
            before = Some(c);
            at += c.len_utf8();
        }
    }
    if plain_from < line.len() {
        pieces.push(Piece::Plain(&line[plain_from..]));
    }
    pieces
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    At(usize),
    /// This one opens nothing.
    NotHere,
    /// No marker of this kind closes anything in the rest of the line.
    Never,
}

/// Where the marker that opens at `open` closes: after a character that is no space, before one
/// that belongs to no word.
fn closing(line: &str, open: usize, marker: char) -> Closing {
    let inside = &line[open + 1..];
    match inside.chars().next() {
        None => return Closing::Never,
        Some(c) if c.is_whitespace() || c == marker => return Closing::NotHere,
        Some(_) => {}
    }
    let mut before: Option<char> = None;
    let mut chars = inside.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        let closes = c == marker
            && before.is_some_and(|c| !c.is_whitespace())
            && after.is_none_or(|c| !c.is_alphanumeric());
        if closes {
            return Closing::At(open + 1 + index);
        }
        before = Some(c);
    }
    Closing::Never
}

/// The address at the start of `text`, without the punctuation that ends a sentence.
fn link(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`".contains(c))
        .unwrap_or(text.len());
    let url = text[..end].trim_end_matches(|c| ".,;:!?)]}'*_~".contains(c));
    (url.len() > LINK_START.len()).then_some(url)
}
