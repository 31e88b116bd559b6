//! Who can get a WhatsApp message?
//!
//! Facts: a person is addressed by international digits without `+`, at most 15 of them (ITU-T
//! E.164); a group by an id that ends in `@g.us`. Engines read an overlong run of digits as a
//! group, so more than 15 digits are refused. How people write numbers is read in `render`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mask_number;

/// A person's international digits (`6281234567890`), or a group's id (`120363…@g.us`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recipient(String);

impl Recipient {
    /// A person: 7 to 15 digits, the country's calling code first, so never a zero.
    pub fn person(digits: &str) -> Option<Self> {
        let fits = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(digits.to_owned()))
    }

    /// A group, by its whole id: digits (old ones with one `-`) and `@g.us`.
    pub fn group(id: &str) -> Option<Self> {
        let local = id.strip_suffix("@g.us")?;
        let fits = (10..=40).contains(&local.len())
            && local.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
            && local.bytes().filter(|byte| *byte == b'-').count() <= 1
            && !local.starts_with('-')
            && !local.ends_with('-');
        fits.then(|| Self(id.to_owned()))
    }

    /// A recipient as the store kept it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Whether this is a group.
    pub fn is_group(&self) -> bool {
        self.0.ends_with("@g.us")
    }

    /// The whole number or id: for Wachat and for the store, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Shown masked: `62812••••7890`.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_number(&self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Recipient;

    #[test]
    fn a_person_is_seven_to_fifteen_digits_that_do_not_begin_with_zero() {
        assert!(Recipient::person("6281234567890").is_some());
        for wrong in ["081234567890", "+6281234567890", "628123", "6281234567896281", "62 812 345"]
        {
            assert!(Recipient::person(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_group_is_named_by_its_whole_id() {
        assert!(Recipient::group("120363000000000000@g.us").is_some());
        assert!(Recipient::group("6281234567890-1600000000@g.us").is_some());
        for wrong in ["120363000000000000", "@g.us", "a120363000000@g.us", "1-2-3456789012@g.us"] {
            assert!(Recipient::group(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn neither_display_nor_debug_shows_a_whole_number() {
        let Some(recipient) = Recipient::person("6281234567890") else { panic!() };
        assert_eq!(format!("{recipient} {recipient:?}"), "62812••••7890 Recipient(62812••••7890)");
    }
}
