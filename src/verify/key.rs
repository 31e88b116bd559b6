//! How does the text of a secret become the bytes of a key?

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};

use crate::secret::Secret;

/// Base64 with or without its padding, as people copy it.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a secret's text stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// The text is the key, whatever it looks like.
    #[default]
    Text,
    /// Its bytes in hexadecimal digits.
    Hex,
    /// Its bytes in base64.
    Base64,
    /// Its bytes in base64 after an optional `whsec_`.
    Whsec,
}

impl KeyForm {
    pub(super) const ALL: [Self; 4] = [Self::Text, Self::Hex, Self::Base64, Self::Whsec];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// As it is written in `key:`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Whsec => "whsec",
        }
    }

    /// The key; `None` if the text is not of this form or there would be nothing in it.
    pub(super) fn key(self, secret: &Secret) -> Option<Cow<'_, [u8]>> {
        let text = secret.expose();
        let bytes = match self {
            Self::Text => return Some(Cow::Borrowed(text.as_bytes())),
            Self::Hex => hex::decode(text.trim()).ok()?,
            Self::Base64 => FORGIVING.decode(text.trim()).ok()?,
            Self::Whsec => {
                let text = text.trim();
                FORGIVING.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?
            }
        };
        (!bytes.is_empty()).then_some(Cow::Owned(bytes))
    }

    /// A secret of this form made of so many random bytes.
    pub(super) fn write(self, random: &[u8]) -> String {
        match self {
            Self::Text | Self::Hex => hex::encode(random),
            Self::Base64 => STANDARD.encode(random),
            Self::Whsec => format!("whsec_{}", STANDARD.encode(random)),
        }
    }
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Hex => "hexadecimal digits",
            Self::Base64 => "base64",
            Self::Whsec => "base64 after an optional `whsec_`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_what_it_writes_and_nothing_empty() {
        for form in [KeyForm::Hex, KeyForm::Base64, KeyForm::Whsec] {
            let secret = Secret::new(form.write(b"0123456789"));
            assert_eq!(form.key(&secret).as_deref(), Some(&b"0123456789"[..]), "{form}");
            assert_eq!(form.key(&Secret::new("whsec_")), None, "{form}");
            assert_eq!(form.key(&Secret::new("no!")), None, "{form}");
        }
        let text = Secret::new("whsec_AAAA");
        assert_eq!(KeyForm::Text.key(&text).as_deref(), Some(&b"whsec_AAAA"[..]));
    }
}
