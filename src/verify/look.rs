//! What does a text look like? Its length, its letters and how it begins, never itself: what the
//! log may say of a secret or a signature.

use std::fmt;

/// How secrets and signatures are known to begin. Each is a word that everybody knows: it gives
/// nothing away.
const BEGINNINGS: [&str; 29] = [
    "whsec_",
    "whpk_",
    "whsk_",
    "polar_whs_",
    "sha1=",
    "sha256=",
    "sha384=",
    "sha512=",
    "HMACSHA256=",
    "v0=",
    "v1=",
    "v1,",
    "v1a,",
    "h1=",
    "t=",
    "ts=",
    "Bearer ",
    "Basic ",
    "sk_live_",
    "sk_test_",
    "pk_live_",
    "pk_test_",
    "rk_live_",
    "ghp_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "shpss_",
    "-----BEGIN ",
];

/// What can be said of a text without saying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    spaces_around: bool,
    quotes_around: bool,
    beginning: Option<&'static str>,
    /// In characters, without what stands around and the beginning.
    length: usize,
    letters: Letters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letters {
    Hex,
    HexUpper,
    HexMixed,
    Alphanumeric,
    Base64,
    Base64url,
    Ascii,
    Other,
}

impl Look {
    pub(super) fn of(text: &str) -> Self {
        let trimmed = text.trim();
        let bare = unquoted(trimmed);
        let beginning = BEGINNINGS.into_iter().find(|known| bare.starts_with(known));
        let rest = &bare[beginning.map_or(0, str::len)..];
        Self {
            spaces_around: trimmed.len() < text.len(),
            quotes_around: bare.len() < trimmed.len(),
            beginning,
            length: rest.chars().count(),
            letters: Letters::of(rest),
        }
    }
}

impl Letters {
    fn of(text: &str) -> Self {
        let all = |fits: fn(u8) -> bool| text.bytes().all(fits);
        let has = |some: &[u8]| text.bytes().any(|byte| some.contains(&byte));
        if !text.is_ascii() {
            Self::Other
        } else if all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Self::Hex
        } else if all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')) {
            Self::HexUpper
        } else if all(|byte| byte.is_ascii_hexdigit()) {
            Self::HexMixed
        } else if all(|byte| byte.is_ascii_alphanumeric()) {
            Self::Alphanumeric
        } else if all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) && has(b"+/=")
        {
            Self::Base64
        } else if all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            Self::Base64url
        } else {
            Self::Ascii
        }
    }
}

/// As in: `whsec_` and 44 characters of base64, in quotes.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(beginning) = self.beginning {
            write!(f, "`{beginning}` and ")?;
        }
        let length = self.length;
        match self.letters {
            _ if length == 0 => f.write_str("nothing")?,
            Letters::Hex => write!(f, "{length} hex digits")?,
            Letters::HexUpper => write!(f, "{length} upper-case hex digits")?,
            Letters::HexMixed => write!(f, "{length} hex digits of mixed case")?,
            Letters::Alphanumeric => write!(f, "{length} letters and digits")?,
            Letters::Base64 => write!(f, "{length} characters of base64")?,
            Letters::Base64url => write!(f, "{length} characters of base64url")?,
            Letters::Ascii => write!(f, "{length} characters")?,
            Letters::Other => write!(f, "{length} characters, not all of them ASCII")?,
        }
        if self.quotes_around {
            f.write_str(", in quotes")?;
        }
        if self.spaces_around {
            f.write_str(", with spaces or a line break around it")?;
        }
        Ok(())
    }
}

/// A text without one pair of quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Look;

    #[test]
    fn a_text_is_told_by_length_letters_and_beginning() {
        for (text, told) in [
            ("", "nothing"),
            ("  ", "nothing, with spaces or a line break around it"),
            ("00ff", "4 hex digits"),
            ("00FF", "4 upper-case hex digits"),
            ("00Ff", "4 hex digits of mixed case"),
            ("kabari1", "7 letters and digits"),
            ("AAAA+w==", "8 characters of base64"),
            ("AAAA-w", "6 characters of base64url"),
            ("sha256=00ff", "`sha256=` and 4 hex digits"),
            ("whsec_AAA=", "`whsec_` and 4 characters of base64"),
            (
                "\"whsec_AAA=\"\n",
                "`whsec_` and 4 characters of base64, in quotes, with spaces or a line break around it",
            ),
            ("a b", "3 characters"),
            ("кот", "3 characters, not all of them ASCII"),
            ("whsec_", "`whsec_` and nothing"),
        ] {
            assert_eq!(Look::of(text).to_string(), told, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_a_text_is_shown_but_its_known_beginning(text in "[!-~]{9,80}") {
            let told = Look::of(&text).to_string();
            let piece = &text[text.len() - 8..];
            prop_assert!(!told.contains(piece), "{told}");
        }
    }
}
