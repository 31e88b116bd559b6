//! Does a kind fit a pattern with `*` and `?`?

/// Whether all of `text` fits: `*` is any text, dots included, `?` any one character.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on after the last `*` took one character more.
    let mut again: Option<(&str, &str)> = None;
    loop {
        let wanted = pattern.chars().next();
        if wanted == Some('*') {
            pattern = &pattern[1..];
            again = Some((pattern, text));
            continue;
        }
        let found = text.chars().next();
        let fits = match (wanted, found) {
            (None, None) => return true,
            (Some('?'), Some(_)) => true,
            (Some(wanted), Some(found)) => wanted == found,
            _ => false,
        };
        if fits {
            pattern = behind(pattern);
            text = behind(text);
        } else {
            let Some((after_star, from)) = again else { return false };
            if from.is_empty() {
                return false;
            }
            let from = behind(from);
            again = Some((after_star, from));
            (pattern, text) = (after_star, from);
        }
    }
}

/// What makes a text a pattern.
const SIGNS: [char; 2] = ['*', '?'];

/// Whether there is a text that fits both patterns.
pub(super) fn meet(one: &str, other: &str) -> bool {
    match (one.contains(SIGNS), other.contains(SIGNS)) {
        (false, false) => one == other,
        (true, false) => glob(one, other),
        (false, true) => glob(other, one),
        (true, true) => patterns_meet(one, other),
    }
}

fn patterns_meet(one: &str, other: &str) -> bool {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    // meets[j]: whether what is left of `one` and `other[j..]` meet, from the ends towards the front.
    let mut meets = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut diagonal = false;
        for j in (0..=other.len()).rev() {
            let below = meets[j];
            let right = j < other.len() && meets[j + 1];
            meets[j] = match (one.get(i), other.get(j)) {
                (None, None) => true,
                (Some('*'), None) => below,
                (None, Some('*')) => right,
                (Some('*'), Some(_)) | (Some(_), Some('*')) => below || right,
                (Some(a), Some(b)) => diagonal && (a == b || *a == '?' || *b == '?'),
                _ => false,
            };
            diagonal = below;
        }
    }
    meets[0]
}

fn behind(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::{glob, meet};

    #[test]
    fn stars_cross_dots_and_question_marks_take_one() {
        for (pattern, text, expected) in [
            ("push", "push", true),
            ("push", "pushes", false),
            ("*", "", true),
            ("*", "a.b.c", true),
            ("invoice.*", "invoice.paid", true),
            ("invoice.*", "invoice", false),
            ("*.paid", "a.invoice.paid", true),
            ("*.paid", "a.invoice.paid.late", false),
            ("a*b*c", "a.bb.b.c", true),
            ("a*b*c", "a.bb.b", false),
            ("v?", "v1", true),
            ("v?", "v", false),
            ("?é*", "aé", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn two_patterns_meet_where_one_text_fits_both() {
        for (one, other, expected) in [
            ("push", "push", true),
            ("push", "pull", false),
            ("invoice.*", "invoice.paid", true),
            ("*.paid", "invoice.*", true),
            ("*.paid", "v2.*", true),
            ("a*c", "ab*", true),
            ("a*c", "b*", false),
            ("a?c", "a*d", false),
            ("?", "", false),
            ("*", "", true),
            ("", "", true),
        ] {
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
