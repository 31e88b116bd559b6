//! Does a text hold somebody's number, however it is written?

/// The first digits of a number are its country's code, of three digits at most: who writes it as
/// people of that country do leaves them out.
const COUNTRY_CODE_MAX: usize = 3;
/// So few digits would be found in any text; then the whole number is looked for.
const DIGITS_MIN: usize = 7;
/// Parts of a number stand apart by no more than so many characters.
const GAP_MAX: u32 = 3;

/// What is looked for.
#[derive(Clone, Debug)]
pub(super) struct Spelling {
    digits: Vec<u8>,
}

impl Spelling {
    /// Of a person's international digits, or of a group's id.
    pub(super) fn of(recipient: &str) -> Self {
        let digits = recipient.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0');
        let mut digits: Vec<u8> = digits.collect();
        let is_person = !recipient.contains('@');
        if is_person && DIGITS_MIN + COUNTRY_CODE_MAX <= digits.len() {
            digits.drain(..COUNTRY_CODE_MAX);
        }
        Self { digits }
    }

    /// Whether it is in there, with or without country code, in groups of digits, and also in JSON's
    /// or a form's escapes. It may say yes of a longer row of digits with these in it.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        if self.digits.is_empty() {
            return false;
        }
        let (mut run, mut gap): (Vec<u8>, u32) = (Vec::new(), 0);
        let mut rest = text;
        while let Some((c, after)) = next(rest) {
            rest = after;
            if let Some(digit) = c.to_digit(10) {
                gap = 0;
                run.push(u8::try_from(digit).unwrap_or(0));
                if run.ends_with(&self.digits) {
                    return true;
                }
            } else if is_between(c) && gap < GAP_MAX {
                gap += 1;
            } else {
                (gap, run) = (0, Vec::new());
            }
        }
        false
    }
}

/// What people put between the digits of a number.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || "-.()/+\u{2010}\u{2011}\u{2012}\u{2013}\u{200e}\u{202a}\u{202c}".contains(c)
}

/// The first character, and what is behind it.
fn next(text: &[u8]) -> Option<(char, &[u8])> {
    let hex = |from: usize, to: usize| {
        let digits = std::str::from_utf8(text.get(from..to)?).ok()?;
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
    };
    match text {
        [] => None,
        [b'\\', b'u', ..] => match hex(2, 6) {
            Some(c) => Some((c, &text[6..])),
            None => Some(('\\', &text[1..])),
        },
        [b'\\', b'/', rest @ ..] => Some(('/', rest)),
        [b'%', ..] => match hex(1, 3).filter(char::is_ascii) {
            Some(c) => Some((c, &text[3..])),
            None => Some(('%', &text[1..])),
        },
        [byte, rest @ ..] if byte.is_ascii() => Some((char::from(*byte), rest)),
        _ => {
            let length = (2..=4)
                .find(|n| text.get(..*n).is_some_and(|part| std::str::from_utf8(part).is_ok()));
            let Some(length) = length else {
                return Some((char::REPLACEMENT_CHARACTER, &text[1..]));
            };
            let c = std::str::from_utf8(&text[..length]).ok().and_then(|part| part.chars().next());
            Some((c.unwrap_or(char::REPLACEMENT_CHARACTER), &text[length..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_every_spelling_and_another_is_not() {
        let anna = Spelling::of("6281234567890");
        for text in [
            "6281234567890",
            "+62 812-3456-7890",
            "0812 3456 7890",
            "(0812) 3456.7890",
            r#"{"phone":"\u002b62\u00a0812\u00a03456\u00a07890"}"#,
            "phone=%2B62+812+3456+7890",
            "tel:+62-812-3456-7890",
            "0062 812\u{2011}3456\u{2011}7890",
            r#"{"from":"6281234567890@c.us","n":81234567890}"#,
        ] {
            assert!(anna.is_in(text.as_bytes()), "{text}");
        }
        for text in [
            "6281234567891",
            "",
            "812, 345, 678, 90",
            "0812 3456\n\n\n\n7890",
            "\\u00",
            "%",
            "\u{fd}",
        ] {
            assert!(!anna.is_in(text.as_bytes()), "{text}");
        }
        let group = Spelling::of("120363000000000123@g.us");
        assert!(group.is_in(b"120363000000000123@g.us") && !group.is_in(b"000000000123"));
    }
}
