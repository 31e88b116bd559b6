//! Where do WhatsApp's marks (`*`, `_`, `~`) act? At the edges of words, within one line.

/// Bold, italic, strike: while the text is written, from Unicode's private use area.
pub(super) const MARKS: [(char, char, char); 3] =
    [('*', '\u{e000}', '\u{e001}'), ('_', '\u{e002}', '\u{e003}'), ('~', '\u{e004}', '\u{e005}')];
/// The text with its marks: those that would act, as pairs at the edges of words within a line.
pub(super) fn resolve(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (mark, open, close) in MARKS {
        let mut start = None;
        for place in 0..chars.len() {
            if chars[place] == open {
                start = Some(place);
            } else if chars[place] == close {
                let acts = start.filter(|start| acts(&chars, *start, place));
                if let Some(start) = acts {
                    (chars[start], chars[place]) = (mark, mark);
                }
                start = None;
            }
        }
    }
    chars.into_iter().filter(|c| !is_own(*c)).collect()
}

fn is_own(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{e005}')
}

/// Whether marks at these places would act.
fn acts(chars: &[char], start: usize, end: usize) -> bool {
    let inside = chars.get(start + 1..end).unwrap_or_default();
    let mut shown = inside.iter().copied().filter(|c| !is_own(*c));
    let (first, last) = (shown.clone().next(), shown.clone().next_back());
    let before = chars[..start].iter().rev().copied().find(|c| !is_own(*c));
    let after = chars.get(end + 1..).unwrap_or_default().iter().copied().find(|c| !is_own(*c));
    let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let solid = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    solid(first) && solid(last) && !in_word(before) && !in_word(after) && !shown.any(|c| c == '\n')
}

/// A text that was cut, with the markup that was cut open closed or dropped.
pub(super) fn close(cut: &str) -> String {
    let mut text = cut.to_owned();
    if text.matches("```").count() % 2 == 1 {
        text.push_str("```");
        return text;
    }
    let line_start = text.rfind('\n').map_or(0, |place| place + 1);
    let line = text.get(line_start..).unwrap_or_default();
    if !line.contains("```") && line.matches('`').count() % 2 == 1 {
        text.push('`');
        return text;
    }
    let mut chars: Vec<char> = line.chars().collect();
    for (mark, ..) in MARKS {
        let acting: Vec<usize> = (0..chars.len())
            .filter(|place| chars[*place] == mark && may_act(&chars, *place))
            .collect();
        if let Some(last) = acting.last().filter(|_| acting.len() % 2 == 1) {
            chars.remove(*last);
        }
    }
    let line: String = chars.into_iter().collect();
    text.truncate(line_start);
    text.push_str(line.trim_end());
    text
}

/// Whether the mark at a place stands at the edge of a word.
fn may_act(chars: &[char], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| chars.get(before));
    let after = chars.get(place + 1);
    let in_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    let space = |c: Option<&char>| c.is_none_or(|c| c.is_whitespace());
    // At the end stands what says that the text was cut.
    let inert =
        in_word(before) && in_word(after) || space(before) && after.is_some() && space(after);
    !inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_that_is_cut_open_is_closed_or_dropped() {
        for (cut, closed) in [
            ("*bold* and *bo", "*bold* and bo"),
            ("a_b *x* _y", "a_b *x* y"),
            ("see `co", "see `co`"),
            ("```let", "```let```"),
            ("*a*\n*b", "*a*\nb"),
            ("5 * 3", "5 * 3"),
        ] {
            assert_eq!(close(cut), closed, "{cut}");
        }
    }
}
