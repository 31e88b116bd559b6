//! How is a secret kept from being seen?

use std::fmt;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;

/// A secret text: never printed, wiped when dropped, compared in constant time.
#[derive(Clone, JsonSchema)]
#[schemars(with = "String")]
pub struct Secret(#[schemars(skip)] SecretString);

impl Secret {
    /// Takes a text into hiding.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: to sign, to verify and to log in with, never to print.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it. Spaces alone are nothing.
    pub fn is_empty(&self) -> bool {
        self.expose().trim().is_empty()
    }

    /// Whether `given` is this secret, in a time that does not depend on where they differ.
    pub fn equals(&self, given: &[u8]) -> bool {
        same(self.expose().as_bytes(), given)
    }
}

/// Secrets of which the first is used and all are known, so that one can follow another.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// These, in their order.
    pub fn new(all: Vec<Secret>) -> Self {
        Self(all)
    }

    /// The one that is used.
    pub fn first(&self) -> Option<&Secret> {
        self.0.first()
    }

    /// All that are known, the one that is used before the others.
    pub fn all(&self) -> &[Secret] {
        &self.0
    }

    /// Whether they are the same, in the same order.
    pub fn equals(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs.fold(true, |all, (one, other)| all & one.equals(other.expose().as_bytes()))
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone: the only
/// comparison by which signatures and tokens are judged.
pub fn same(expected: &[u8], given: &[u8]) -> bool {
    expected.ct_eq(given).into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, Secrets, same};

    #[test]
    fn a_secret_is_not_in_its_debug_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn equal_means_equal_in_length_and_in_every_byte() {
        let secret = Secret::new("hunter2");
        assert!(secret.equals(b"hunter2"));
        for wrong in [&b""[..], b"hunter", b"hunter2 ", b"Hunter2"] {
            assert!(!secret.equals(wrong));
        }
        assert!(same(b"", b""));
    }

    #[test]
    fn several_are_the_same_if_all_are_and_in_the_same_order() {
        let all =
            |texts: &[&str]| Secrets::new(texts.iter().map(|text| Secret::new(*text)).collect());
        assert!(all(&["a", "b"]).equals(&all(&["a", "b"])));
        for other in [&["b", "a"][..], &["a"], &["a", "c"], &[]] {
            assert!(!all(&["a", "b"]).equals(&all(other)), "{other:?}");
        }
    }
}
