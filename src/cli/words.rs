//! How do two texts differ, word by word?

use owo_colors::OwoColorize;
use similar::algorithms::{Capture, Replace, myers};
use similar::{ChangeTag, DiffableStr};

/// The new text with what it has lost and gained: coloured, or between `[-…-]` and `{+…+}`.
///
/// Words are compared, and the blanks between them; line breaks are shown as they are.
pub(super) fn changed(old: &str, new: &str, colour: bool) -> String {
    let (old, new) = (old.tokenize_words(), new.tokenize_words());
    let mut found = Replace::new(Capture::new());
    // Whoever leaves the choice of the algorithm open gets all of them into the program, 0.4 MB.
    let Ok(()) = myers::diff(&mut found, &*old, 0..old.len(), &*new, 0..new.len());
    let mut parts: Vec<(ChangeTag, String)> = Vec::new();
    for (tag, words) in found.into_inner().ops().iter().flat_map(|op| op.iter_slices(&old, &new)) {
        match parts.last_mut() {
            Some((last, text)) if *last == tag => text.push_str(&words.concat()),
            _ => parts.push((tag, words.concat())),
        }
    }
    let mut shown = String::new();
    for (tag, text) in joined(parts) {
        let text = calm(&text);
        match (tag, colour) {
            (ChangeTag::Equal, _) => shown.push_str(&text),
            (ChangeTag::Delete, true) => shown.push_str(&text.red().strikethrough().to_string()),
            (ChangeTag::Insert, true) => shown.push_str(&text.green().to_string()),
            (ChangeTag::Delete, false) => shown.extend(["[-", &text, "-]"]),
            (ChangeTag::Insert, false) => shown.extend(["{+", &text, "+}"]),
        }
    }
    shown
}

/// A blank between two changed words belongs to the change: `[-a b-]{+c d+}` reads better than
/// four changes.
fn joined(parts: Vec<(ChangeTag, String)>) -> Vec<(ChangeTag, String)> {
    let mut out = Vec::new();
    let (mut lost, mut gained) = (String::new(), String::new());
    let mut parts = parts.into_iter().peekable();
    while let Some((tag, text)) = parts.next() {
        let changing = !lost.is_empty() || !gained.is_empty();
        match tag {
            ChangeTag::Delete => lost.push_str(&text),
            ChangeTag::Insert => gained.push_str(&text),
            ChangeTag::Equal if changing && text == " " && parts.peek().is_some() => {
                lost.push_str(&text);
                gained.push_str(&text);
            }
            ChangeTag::Equal => {
                flush(&mut lost, &mut gained, &mut out);
                out.push((tag, text));
            }
        }
    }
    flush(&mut lost, &mut gained, &mut out);
    out
}

fn flush(lost: &mut String, gained: &mut String, out: &mut Vec<(ChangeTag, String)>) {
    for (tag, text) in [(ChangeTag::Delete, lost), (ChangeTag::Insert, gained)] {
        if !text.is_empty() {
            out.push((tag, std::mem::take(text)));
        }
    }
}

/// A text without what would move the terminal's cursor or colour; line breaks stay.
fn calm(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn what_was_lost_and_gained_is_marked_word_by_word() {
        for (old, new, shown) in [
            ("Hi Ann, thanks", "Hi Kak Ann, thanks", "Hi {+Kak +}Ann, thanks"),
            ("same", "same", "same"),
            ("", "new", "{+new+}"),
            ("a b c d", "a x y d", "a [-b c-]{+x y+} d"),
            ("one\ntwo", "one\nthree", "one\n[-two-]{+three+}"),
            ("a\u{1b}[2Jb", "a\u{1b}[2Jb", "a [2Jb"),
        ] {
            assert_eq!(changed(old, new, false), shown);
        }
        assert!(changed("a", "b", true).contains("\u{1b}["));
    }
}
