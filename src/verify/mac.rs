//! How is a hash or a MAC made of several parts, and written into a request?

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use schemars::JsonSchema;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::Denied;
use super::look::Look;
use crate::secret::{Secret, same};

/// A hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// MD5, for `digest` alone: one payment provider has nothing else.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Lower-case hexadecimal digits.
    #[default]
    Hex,
    /// Upper-case hexadecimal digits.
    HexUpper,
    /// Base64 with `+`, `/` and padding (RFC 4648, part 4).
    Base64,
    /// Base64 with `-`, `_` and no padding (RFC 4648, part 5).
    Base64url,
}

impl Hash {
    /// How many bytes it makes.
    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hex => "hex",
            Self::HexUpper => "upper-case hex",
            Self::Base64 => "base64",
            Self::Base64url => "base64url",
        })
    }
}

impl Encoding {
    /// Bytes as they are written.
    pub(super) fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64url => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// The bytes of a text, if it is exactly how they would be written.
    pub(super) fn read(self, text: &str) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Hex | Self::HexUpper => hex::decode(text).ok()?,
            Self::Base64 => STANDARD.decode(text).ok()?,
            Self::Base64url => URL_SAFE_NO_PAD.decode(text).ok()?,
        };
        same(self.write(&bytes).as_bytes(), text.as_bytes()).then_some(bytes)
    }

    fn length(self, bytes: usize) -> usize {
        match self {
            Self::Hex | Self::HexUpper => 2 * bytes,
            Self::Base64 => bytes.div_ceil(3) * 4,
            Self::Base64url => (bytes * 4).div_ceil(3),
        }
    }

    fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::HexUpper => matches!(byte, b'0'..=b'9' | b'A'..=b'F'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Base64url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    }
}

/// The HMAC (RFC 2104) of parts, one after the other.
///
/// The parts are fed as they lie: a body is never copied.
pub(super) fn hmac(hash: Hash, key: &[u8], parts: &[Cow<'_, [u8]>]) -> Vec<u8> {
    macro_rules! with {
        ($hash:ty) => {{
            // HMAC takes keys of every length, so there is no error; no MAC matches an empty one.
            let Ok(mut mac) = Hmac::<$hash>::new_from_slice(key) else { return Vec::new() };
            for part in parts {
                mac.update(part);
            }
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match hash {
        Hash::Md5 => with!(Md5),
        Hash::Sha1 => with!(Sha1),
        Hash::Sha256 => with!(Sha256),
        Hash::Sha384 => with!(Sha384),
        Hash::Sha512 => with!(Sha512),
    }
}

/// The hash of parts, one after the other.
pub(super) fn hash(hash: Hash, parts: &[Cow<'_, [u8]>]) -> Vec<u8> {
    macro_rules! with {
        ($hash:ty) => {{
            let mut hash = <$hash>::new();
            for part in parts {
                hash.update(part);
            }
            hash.finalize().to_vec()
        }};
    }
    match hash {
        Hash::Md5 => with!(Md5),
        Hash::Sha1 => with!(Sha1),
        Hash::Sha256 => with!(Sha256),
        Hash::Sha384 => with!(Sha384),
        Hash::Sha512 => with!(Sha512),
    }
}

/// The HMAC-SHA-256 of a challenge, with which a sender finds out whether we know the secret.
///
/// Only short words are answered: otherwise a stranger could have us sign what looks like an event.
pub fn answer_challenge(secret: &Secret, challenge: &str, encoding: Encoding) -> Option<String> {
    let usable = !secret.is_empty() && is_challenge(challenge);
    let pieces = [Cow::Borrowed(challenge.as_bytes())];
    usable.then(|| encoding.write(&hmac(Hash::Sha256, secret.expose().as_bytes(), &pieces)))
}

/// Whether a text is a challenge that is safe to be sent back: `[A-Za-z0-9_-]{1,128}`.
pub fn is_challenge(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

/// Whether a written MAC has the right shape, before any is computed.
pub(super) fn is_shaped(hash: Hash, encoding: Encoding, given: &str) -> bool {
    given.len() == encoding.length(hash.length()) && given.bytes().all(|byte| encoding.has(byte))
}

/// What is wrong with the shape of a written MAC, without its text.
pub(super) fn misshapen(hash: Hash, encoding: Encoding, given: &str) -> Option<String> {
    if is_shaped(hash, encoding, given) {
        return None;
    }
    let letters = match encoding {
        Encoding::Hex => "hex digits",
        Encoding::HexUpper => "upper-case hex digits",
        Encoding::Base64 => "characters of base64",
        Encoding::Base64url => "characters of base64url",
    };
    let length = encoding.length(hash.length());
    Some(format!("{length} {letters} expected, got {}", Look::of(given)))
}

/// A signature that held.
pub(super) struct Match {
    /// The place of the secret that made it, from 0.
    pub(super) secret: usize,
    /// As it is written.
    pub(super) mac: String,
}

/// The first secret by which `held` finds a signature that holds. An empty secret is passed over:
/// anybody could sign with it.
pub(super) fn matching_secret(
    secrets: &[Secret],
    mut held: impl FnMut(&Secret) -> Result<Option<String>, Denied>,
) -> Result<Match, Denied> {
    for (place, secret) in secrets.iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
        if let Some(mac) = held(secret)? {
            return Ok(Match { secret: place, mac });
        }
    }
    Err(Denied::Mismatch { secrets: secrets.len() })
}

/// Whether a computed MAC is the one that was sent, in constant time.
pub(super) fn is(computed: &str, given: &str) -> bool {
    !computed.is_empty() && same(computed.as_bytes(), given.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_the_right_shape_and_is_read_back() {
        for hash in [Hash::Md5, Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let bytes = hmac(hash, b"key", &[Cow::Borrowed(b"a"), Cow::Borrowed(b"b")]);
            assert_eq!(bytes, hmac(hash, b"key", &[Cow::Borrowed(b"ab")]));
            for encoding in
                [Encoding::Hex, Encoding::HexUpper, Encoding::Base64, Encoding::Base64url]
            {
                let written = encoding.write(&bytes);
                assert_eq!(misshapen(hash, encoding, &written), None, "{written}");
                assert_eq!(encoding.read(&written), Some(bytes.clone()));
            }
        }
        assert_eq!(Encoding::Hex.read("0A"), None);
        assert_eq!(Encoding::Base64url.read("tLa="), None);
    }
}
