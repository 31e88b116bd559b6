//! How is a number shown where it must not be shown whole?

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// How many digits make a number that may be a phone's (E.164 allows 15); ids are often longer,
/// amounts shorter.
const PHONE_DIGITS: RangeInclusive<usize> = 11..=15;

/// The number with its middle hidden: `6281234567890` becomes `62812••••7890`.
///
/// Of a group id only the end is kept; of anything short, nothing.
pub fn mask_number(number: &str) -> String {
    let (digits, domain) = match number.split_once('@') {
        Some((digits, domain)) => (digits, Some(domain)),
        None => (number, None),
    };
    let chars: Vec<char> = digits.chars().collect();
    let keep_start = if domain.is_some() { 0 } else { 5 };
    let mut masked = if chars.len() < keep_start + 6 {
        "••••".to_owned()
    } else {
        let start: String = chars[..keep_start].iter().collect();
        let end: String = chars[chars.len() - 4..].iter().collect();
        format!("{start}••••{end}")
    };
    if let Some(domain) = domain {
        masked.push('@');
        masked.push_str(domain);
    }
    masked
}

/// The text, or, if it may be the number of a phone, its ends.
pub fn mask_if_phone(text: &str) -> Cow<'_, str> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let phone_like = |c: char| c.is_ascii_digit() || " +-()".contains(c);
    if PHONE_DIGITS.contains(&digits) && text.chars().all(phone_like) {
        Cow::Owned(mask_number(text))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{mask_if_phone, mask_number};

    #[test]
    fn what_may_be_a_phone_number_is_masked_and_other_text_is_not() {
        for (text, shown) in [
            ("+62 812-3456-7890", "+62 8••••7890"),
            ("081234567890", "08123••••7890"),
            ("2026-01-02", "2026-01-02"),
            ("INV-081234567890", "INV-081234567890"),
        ] {
            assert_eq!(mask_if_phone(text), shown);
        }
    }

    #[test]
    fn a_number_is_never_shown_whole() {
        for (number, masked) in [
            ("6281234567890", "62812••••7890"),
            ("120363000000000123@g.us", "••••0123@g.us"),
            ("62812345", "••••"),
            ("", "••••"),
        ] {
            assert_eq!(mask_number(number), masked);
        }
    }
}
