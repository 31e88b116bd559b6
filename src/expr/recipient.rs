//! Which number do people mean?

use super::country::{Country, without_double_prefix};
use crate::model::{Recipient, mask_number};

/// Why a text is no recipient. The number in it is masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotARecipient(pub String);

/// What stands before numbers that are links.
const LINKS: [&str; 7] = [
    "https://api.whatsapp.com/send?phone=",
    "https://wa.me/",
    "http://wa.me/",
    "wa.me/",
    "whatsapp:",
    "tel:",
    "phone:",
];

/// Countries without a trunk prefix whose numbers have ten digits at home.
const TEN_DIGITS_AT_HOME: [&str; 6] = ["CA", "CO", "GR", "IT", "MX", "US"];
/// From so many digits on a number without `+` is taken for an international one where no default
/// country is set: that is how WhatsApp's own tools write them. A shorter one may as well lack its
/// calling code, and would reach a stranger.
const PROBABLY_INTERNATIONAL: usize = 11;
/// The same where a default country is set; no country's own numbers are that long.
const SURELY_INTERNATIONAL: usize = 13;

/// The recipient that `written` means: `+62 812-3456-7890`, `0812…` (with a default country),
/// `0062…`, `tel:…`, `…@g.us`. The error masks the number.
///
/// Numbers of Mexico, Argentina and Brazil stay as they are written: which form WhatsApp knows
/// depends on when an account was made.
pub fn recipient(written: &str, country: Option<Country>) -> Result<Recipient, NotARecipient> {
    let plain = plain(written);
    let text = plain.trim();
    if text.is_empty() {
        return Err(NotARecipient("there is no number".to_owned()));
    }
    let refuse = |why: &str| Err(NotARecipient(format!("{}: {why}", masked(text))));
    if let Some((local, server)) = text.split_once('@') {
        return match server.to_ascii_lowercase().as_str() {
            "g.us" => Recipient::group(&format!("{local}@g.us")).map_or_else(
                || refuse("is no group id: it is about 18 digits and `@g.us`, copied whole"),
                Ok,
            ),
            // `628…:12@s.whatsapp.net` names a device of a person.
            "s.whatsapp.net" | "c.us" => {
                let person = local.split_once(':').map_or(local, |(person, _)| person);
                Recipient::person(person)
                    .map_or_else(|| refuse("has no international number before the `@`"), Ok)
            }
            "lid" => refuse("a hidden id (`@lid`) is no phone number: write the number itself"),
            "newsletter" => refuse("a channel (`@newsletter`) cannot be written to"),
            _ => refuse("is neither a number nor a group (`…@g.us`)"),
        };
    }
    let number = unlinked(text);
    let (international, digits) = match digits(number) {
        Ok(read) => read,
        Err(why) => return refuse(why),
    };
    if digits.len() < 5 {
        return refuse("has too few digits for a phone number");
    }
    let linked = number.len() < text.len() && !text.to_ascii_lowercase().starts_with("tel:");
    let full = match complete(&digits, international || linked, country) {
        Ok(full) => full,
        Err(why) => return refuse(&why),
    };
    let full = without_double_prefix(&full).unwrap_or(full);
    match Recipient::person(&full) {
        Some(person) => Ok(person),
        None if full.len() > 15 => {
            refuse("has more than 15 digits: two numbers in one field? A group id ends in `@g.us`")
        }
        None if full.starts_with('0') => refuse("there is no calling code that starts with 0"),
        None => refuse("has too few digits for a phone number"),
    }
}

/// Full-width digits and signs as ASCII ones, odd spaces as spaces, invisible marks gone.
fn plain(written: &str) -> String {
    written
        .chars()
        .filter_map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{ad}'
            | '\u{feff}' => None,
            c if c.is_whitespace() => Some(' '),
            c => Some(c),
        })
        .collect()
}

/// Without the link around it.
fn unlinked(text: &str) -> &str {
    let found = LINKS.iter().find_map(|link| {
        let start = text.get(..link.len())?;
        if start.eq_ignore_ascii_case(link) { text.get(link.len()..) } else { None }
    });
    match found {
        // What follows in a link is the message, not the number.
        Some(rest) => rest.split(['?', '&', ';', '/']).next().unwrap_or(rest).trim(),
        None => text,
    }
}

/// Whether it says its calling code, and the digits.
fn digits(number: &str) -> Result<(bool, String), &'static str> {
    let (international, rest) = match number.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let rest = rest.strip_prefix("%2B").unwrap_or(rest);
    // `+44 (0) 20 …`: the zero in brackets is for callers at home.
    let rest = if international { rest.replacen("(0)", "", 1) } else { rest.to_owned() };
    let lower = rest.to_ascii_lowercase();
    if lower.contains("ext") || lower.contains('x') || rest.contains('#') {
        return Err("has an extension, which WhatsApp does not know");
    }
    if rest.contains(['/', ',', ';', '|', '+', '&']) {
        return Err("looks like several numbers in one field: make a list of them");
    }
    if rest.contains(|c: char| !(c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')'))) {
        return Err("is no phone number: there are other characters than digits in it");
    }
    Ok((international, rest.chars().filter(char::is_ascii_digit).collect()))
}

/// The digits with their calling code.
fn complete(digits: &str, international: bool, country: Option<Country>) -> Result<String, String> {
    if international && !digits.starts_with('0') {
        return Ok(digits.to_owned());
    }
    let Some(country) = country else {
        if let Some(abroad) = digits.strip_prefix("00") {
            return Ok(abroad.to_owned());
        }
        if digits.starts_with('0') {
            return Err("is written as at home: write its calling code (`+62…`), or set \
                        `defaults.country`"
                .to_owned());
        }
        if digits.len() < PROBABLY_INTERNATIONAL {
            return Err("does not say its country: write its calling code (`+62…`), or set \
                        `defaults.country`"
                .to_owned());
        }
        return Ok(digits.to_owned());
    };
    let abroad = digits.strip_prefix("00").filter(|rest| !rest.starts_with('0'));
    let abroad = digits.strip_prefix(country.abroad()).or(abroad);
    if let Some(abroad) = abroad.filter(|rest| rest.len() >= 8) {
        return Ok(abroad.to_owned());
    }
    let (code, trunk) = (country.code(), country.trunk());
    if trunk.starts_with('0')
        && let Some(national) = digits.strip_prefix(trunk)
    {
        return Ok(format!("{code}{national}"));
    }
    if digits.starts_with('0') {
        // Italy's zero belongs to the number; elsewhere without a trunk prefix there is none.
        return if country.iso() == "IT" {
            Ok(format!("{code}{digits}"))
        } else {
            Err(format!("no number of {} starts with 0: write its calling code", country.iso()))
        };
    }
    if trunk == "8" && digits.len() == 11 && digits.starts_with('8') {
        return Ok(format!("{code}{}", &digits[1..]));
    }
    let national = if TEN_DIGITS_AT_HOME.contains(&country.iso()) {
        digits.len() == 10
    } else {
        trunk.is_empty() && digits.len() <= 9
    };
    if national {
        return Ok(format!("{code}{digits}"));
    }
    if digits.starts_with(code) && digits.len() >= code.len() + 7
        || digits.len() >= SURELY_INTERNATIONAL
    {
        return Ok(digits.to_owned());
    }
    Err(format!(
        "it is not clear whether this begins with a calling code: write `+{code}…`{}",
        if trunk.starts_with('0') { format!(" or `{trunk}…`") } else { String::new() }
    ))
}

/// The number for an error: digits alone, masked; no words, which may be a name.
fn masked(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    mask_number(&digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(written: &str, country: &str) -> Result<String, String> {
        recipient(written, Country::of(country))
            .map(|recipient| recipient.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (written, country, digits) in [
            ("+62 812-3456-7890", "", "6281234567890"),
            ("081234567890", "ID", "6281234567890"),
            ("0812.3456.7890", "id", "6281234567890"),
            ("6281234567890", "", "6281234567890"),
            ("6281234567890", "ID", "6281234567890"),
            ("006281234567890", "", "6281234567890"),
            ("006281234567890", "ID", "6281234567890"),
            ("+62 0812 3456 7890", "", "6281234567890"),
            ("62081234567890", "ID", "6281234567890"),
            ("+62 (0) 812 3456 7890", "", "6281234567890"),
            ("tel:+62-812-3456-7890", "", "6281234567890"),
            ("tel:0812-3456-7890", "ID", "6281234567890"),
            ("https://wa.me/6281234567890?text=hi", "", "6281234567890"),
            ("https://api.whatsapp.com/send?phone=6281234567890&text=x", "", "6281234567890"),
            ("6281234567890@s.whatsapp.net", "", "6281234567890"),
            ("6281234567890:3@c.us", "", "6281234567890"),
            ("\u{202a}+62\u{a0}812\u{2011}3456\u{2011}7890\u{202c}", "", "6281234567890"),
            ("＋６２８１２３４５６７８９０", "", "6281234567890"),
            ("4915112345678", "ID", "4915112345678"),
            ("+1 (415) 555-0132", "ID", "14155550132"),
            ("(415) 555-0132", "US", "14155550132"),
            ("011 62 812 3456 7890", "US", "6281234567890"),
            ("8 912 345-67-89", "RU", "79123456789"),
            ("06 20 123 4567", "HU", "36201234567"),
            ("347 123 4567", "IT", "393471234567"),
            ("06 1234 5678", "IT", "390612345678"),
            ("+39 06 1234 5678", "ID", "390612345678"),
            ("9123 4567", "SG", "6591234567"),
            ("+65 9123 4567", "", "6591234567"),
            ("+52 1 55 1234 5678", "", "5215512345678"),
            ("+54 9 11 1234-5678", "", "5491112345678"),
            ("07911 123456", "GB", "447911123456"),
            ("120363000000000123@g.us", "ID", "120363000000000123@g.us"),
        ] {
            assert_eq!(read(written, country).as_deref(), Ok(digits), "{written:?} {country}");
        }
    }

    #[test]
    fn what_is_no_sure_number_is_refused_with_a_remedy_and_masked() {
        for (written, country, part) in [
            ("", "ID", "no number"),
            ("081234567890", "", "defaults.country"),
            ("8123456789", "", "calling code"),
            ("81234567890", "ID", "write `+62…` or `0…`"),
            ("0812345678/0813456789", "ID", "several numbers"),
            ("+6281234567890, +6281234567891", "", "several numbers"),
            ("628123456789628198765432", "", "more than 15 digits"),
            ("+62 812 3456 7890 ext. 5", "", "extension"),
            ("+62 812 3456 7890 x5", "", "extension"),
            ("+6212", "", "too few digits"),
            ("Budi", "ID", "other characters"),
            ("None", "ID", "other characters"),
            ("120363000000000123", "", "15 digits"),
            ("abc@g.us", "", "group id"),
            ("123456789012345@lid", "", "hidden id"),
            ("123456789012345@newsletter", "", "channel"),
            ("budi@example.com", "", "neither a number nor a group"),
            ("+0812345678", "", "calling code"),
        ] {
            let told = read(written, country).unwrap_err();
            assert!(told.contains(part), "{written:?}: {told}");
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            assert!(digits.len() < 7 || !told.contains(&digits), "{told}");
            assert!(!told.contains("Budi"), "{told}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_recipient_or_refused(written in "(\\PC|[0-9+() -]|\u{ff10}|@g.us|tel:|00){0,30}", country in "(ID|US|IT|RU|)") {
            if let Ok(recipient) = recipient(&written, Country::of(&country)) {
                let id = recipient.expose();
                prop_assert!(id.ends_with("@g.us") || id.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
