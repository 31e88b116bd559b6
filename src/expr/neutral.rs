//! How is foreign text kept from acting as WhatsApp markup, or as a path?
//!
//! WhatsApp has no escape character: a backslash is shown. A zero-width character beside a marker
//! disarms it on some clients only, and spoils a copied text without being seen. So a marker that
//! could act is replaced by a character that looks alike: there is nothing left to act, whatever
//! the client takes for a word, and who copies the text sees what he copies. A marker that cannot
//! act (`snake_case`, `5 * 3`) stays as it is.

use std::borrow::Cow;

/// The longest file name, in bytes; what file systems and phones take without trouble.
pub(super) const FILE_NAME_MAX: usize = 100;

/// `text` as one line without anything that it would act on. A whole https URL stays as it is.
pub(super) fn neutralise(text: &str) -> Cow<'_, str> {
    if is_url(text)
        || text.bytes().all(is_harmless) && !text.starts_with(' ') && !text.ends_with(' ')
    {
        return match disarm_start(text) {
            Some(disarmed) => Cow::Owned(disarmed),
            None => Cow::Borrowed(text),
        };
    }
    let line = one_line(text);
    let chars: Vec<char> = line.chars().collect();
    let disarmed: String = chars
        .iter()
        .enumerate()
        .map(|(place, &marker)| {
            let before = place.checked_sub(1).and_then(|before| chars.get(before));
            disarm(marker, before.copied(), chars.get(place + 1).copied())
        })
        .collect();
    Cow::Owned(disarm_start(&disarmed).unwrap_or(disarmed))
}

/// Whether a byte is neither a marker nor part of a character that might have to go.
fn is_harmless(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'*' | b'_' | b'~' | b'`')
}

/// Whether `text` is one https URL and nothing else.
fn is_url(text: &str) -> bool {
    text.starts_with("https://") && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'`')
}

/// What stands instead of a marker, if it could act between its neighbours. The ends of a value
/// count as acting: nobody knows what the template has there.
fn disarm(marker: char, before: Option<char>, after: Option<char>) -> char {
    let look_alike = match marker {
        '*' => '∗',        // U+2217
        '_' => 'ˍ',        // U+02CD
        '~' => '∼',        // U+223C
        '`' => return 'ˋ', // U+02CB; backticks act inside of words too
        other => return other,
    };
    let inside_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let beside_space = |c: Option<char>| c.is_some_and(|c| c == ' ');
    let inert = (inside_word(before) && inside_word(after))
        || (beside_space(before) && beside_space(after));
    if inert { marker } else { look_alike }
}

/// The text with a leading quote, bullet or list number made harmless; `None` if it has none.
fn disarm_start(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('>') {
        return Some(format!("›{rest}"));
    }
    if let Some(rest) = text.strip_prefix('-')
        && (rest.is_empty() || rest.starts_with(' '))
    {
        return Some(format!("–{rest}"));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    let rest = after.strip_prefix('.')?;
    // One dot leader, U+2024.
    (digits > 0 && (rest.is_empty() || rest.starts_with(' ')))
        .then(|| format!("{number}\u{2024}{rest}"))
}

/// Line breaks and other white space folded into single spaces, what cannot be seen taken out.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if is_joiner(c) {
            // Joiners make one emoji of several and shape Persian and Indic words; between other
            // characters they only hide.
            let joins = line.chars().next_back().is_some_and(|before| !before.is_ascii())
                && chars.peek().is_some_and(|after| !after.is_ascii() && !is_invisible(*after));
            if joins {
                line.push(c);
            }
        } else if !is_invisible(c) {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Control, direction and zero-width characters (line breaks are white space), and the few private
/// ones that stand for marks while Markdown is read.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e000}'..='\u{e005}' | '\u{e0000}'..='\u{e007f}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// `text` in the form that a file can have on every system: no separators, no reserved or hidden
/// characters, at most [`FILE_NAME_MAX`] bytes with its extension kept, never empty.
pub(super) fn file_name(text: &str) -> String {
    let cleaned: String = one_line(text)
        .chars()
        .map(|c| {
            if matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') { '-' } else { c }
        })
        .collect();
    let name = cleaned.trim_matches(|c: char| c == '.' || c == ' ' || c == '-');
    if name.is_empty() {
        return "file".to_owned();
    }
    if name.len() <= FILE_NAME_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 10 && !extension.contains(' ') => {
            (stem, format!(".{extension}"))
        }
        _ => (name, String::new()),
    };
    let mut end = FILE_NAME_MAX - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", stem.get(..end).unwrap_or("file").trim_end())
}

/// `text` as inline code: exact but for line breaks, what cannot be seen, and backticks.
pub(super) fn code(text: &str) -> String {
    let line: String = one_line(text).chars().filter(|c| *c != '`').collect();
    if line.is_empty() { line } else { format!("`{line}`") }
}

/// Some words of a line, with the marks in them made harmless. White space at their ends stays, and
/// so do whole URLs.
pub(super) fn disarmed_words(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() {
        return if text.is_empty() { String::new() } else { " ".to_owned() };
    }
    let mut out = String::with_capacity(text.len() + 2);
    if text.starts_with(char::is_whitespace) {
        out.push(' ');
    }
    let chars: Vec<char> = line.chars().collect();
    let mut place = 0;
    for word in line.split_inclusive(' ') {
        let length = word.chars().count();
        if is_url(word.trim_end()) {
            out.push_str(word);
        } else {
            for at in place..place + length {
                let before = at.checked_sub(1).and_then(|before| chars.get(before));
                let (before, after) = (before.copied(), chars.get(at + 1).copied());
                out.extend(chars.get(at).map(|marker| disarm(*marker, before, after)));
            }
        }
        place += length;
    }
    if text.ends_with(char::is_whitespace) {
        out.push(' ');
    }
    out
}

/// Whether it can be opened in a browser, and holds nothing that ends it early.
pub(super) fn is_web_address(address: &str) -> bool {
    (address.starts_with("https://") || address.starts_with("http://"))
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"`()".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_that_could_act_are_replaced_and_others_stay() {
        for (text, neutral) in [
            ("plain", "plain"),
            ("snake_case_name", "snake_case_name"),
            ("5 * 3 ~ 15", "5 * 3 ~ 15"),
            ("*bold*", "∗bold∗"),
            ("_My Name_", "ˍMy Nameˍ"),
            ("~gone~", "∼gone∼"),
            ("a `b` ```c```", "a ˋbˋ ˋˋˋcˋˋˋ"),
            ("> quoted", "› quoted"),
            ("- item", "– item"),
            ("* item", "∗ item"),
            ("1. item", "1\u{2024} item"),
            ("a\nTotal: 0", "a Total: 0"),
            ("\u{202e}evil\u{200b}", "evil"),
            ("  two   spaces ", "two spaces"),
            ("https://x.test/a_*b*_~c", "https://x.test/a_*b*_~c"),
            ("see https://x.test/*b*", "see https://x.test/∗b∗"),
            ("👨‍👩‍👧 ok", "👨‍👩‍👧 ok"),
            ("\n\u{200b} ", ""),
        ] {
            assert_eq!(neutralise(text), neutral, "{text:?}");
        }
    }

    #[test]
    fn a_file_name_is_fit_for_every_system() {
        let long = format!("{}.pdf", "é".repeat(200));
        assert!(file_name(&long).len() <= FILE_NAME_MAX && file_name(&long).ends_with("é.pdf"));
        for (text, name) in [
            ("Invoice-INV/2026/11.pdf", "Invoice-INV-2026-11.pdf"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\u{202e}fdp.exe\n", "afdp.exe"),
            ("", "file"),
            ("...", "file"),
        ] {
            assert_eq!(file_name(text), name, "{text:?}");
        }
    }
}
