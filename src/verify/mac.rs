//! How is a MAC made of several parts, and written into a header?

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::Sha256;

use super::Denied;
use crate::secret::{Secret, same};

/// The hash under an HMAC (RFC 2104).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-256.
    #[default]
    Sha256,
}

/// How a MAC's bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Lower-case hexadecimal digits.
    #[default]
    Hex,
    /// Base64 with `+`, `/` and padding (RFC 4648, part 4).
    Base64,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        })
    }
}

/// The written MAC of `parts`, one after the other.
///
/// The parts are fed as they lie: a body is never copied.
pub(super) fn written<'p>(
    hash: Hash,
    encoding: Encoding,
    key: &Secret,
    parts: impl Iterator<Item = &'p [u8]>,
) -> String {
    let bytes = match hash {
        Hash::Sha256 => sha256(key, parts),
    };
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
    }
}

fn sha256<'p>(key: &Secret, parts: impl Iterator<Item = &'p [u8]>) -> Vec<u8> {
    // HMAC takes keys of every length, so the error cannot occur; no MAC matches an empty one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// What is wrong with the shape of a written MAC, before any is computed.
pub(super) fn misshapen(hash: Hash, encoding: Encoding, given: &str) -> Option<&'static str> {
    let right_length = match (hash, encoding) {
        (Hash::Sha256, Encoding::Hex) => 64,
        (Hash::Sha256, Encoding::Base64) => 44,
    };
    let right_character = |byte: u8| match encoding {
        Encoding::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        Encoding::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
    };
    if given.is_empty() {
        return Some("the signature is empty");
    }
    if given.len() < right_length {
        return Some("the signature is too short for its hash and encoding");
    }
    if given.len() > right_length {
        return Some("the signature is too long for its hash and encoding");
    }
    if !given.bytes().all(right_character) {
        return Some(match encoding {
            Encoding::Hex => "the signature is not in lower-case hexadecimal digits",
            Encoding::Base64 => "the signature is not in base64",
        });
    }
    None
}

/// A signature that held.
pub(super) struct Match {
    /// The place of the secret that made it, from 0.
    pub(super) secret: usize,
    /// As it is written.
    pub(super) mac: String,
}

/// The first secret whose MAC satisfies `fits`. An empty secret makes no MAC: anybody could sign
/// with it.
pub(super) fn matching_secret(
    secrets: &[Secret],
    mac_of: impl Fn(&Secret) -> String,
    fits: impl Fn(&str) -> bool,
) -> Result<Match, Denied> {
    let made = secrets.iter().enumerate().filter(|(_, secret)| !secret.is_empty());
    made.map(|(place, secret)| Match { secret: place, mac: mac_of(secret) })
        .find(|made| fits(&made.mac))
        .ok_or(Denied::Mismatch { secrets: secrets.len() })
}

/// Whether a computed MAC is the one that was sent, in constant time.
pub(super) fn is(computed: &str, given: &str) -> bool {
    !computed.is_empty() && same(computed.as_bytes(), given.as_bytes())
}
