//! How does somebody who was forgotten go on getting no messages? By a digest of the number.
//!
//! Whoever has the store and tries all numbers can tell which are in it; nobody can read one. In a
//! store with a secret that takes the secret too.

use sha2::{Digest as _, Sha256};

use crate::store::OptOut;
use crate::store::seal::Seal;

/// How it begins: no number does.
const PREFIX: &str = "sha256:";

/// What a digest begins with that was made with the store's secret.
const SEALED: &str = "sealed:";

/// From where up to where in their order those digests lie that were made without a secret.
pub(super) const UNSEALED: [&str; 2] = [PREFIX, "sha256:sealed:"];

/// What is kept in the place of the number.
pub(super) fn digest(recipient: &str, seal: &Seal) -> String {
    let mut hash = Sha256::new();
    hash.update(b"kabari opt-out\0");
    hash.update(recipient.as_bytes());
    let digest = format!("{PREFIX}{}", hex::encode(hash.finalize()));
    sealed(&digest, seal).unwrap_or(digest)
}

/// What is kept in the place of a digest that was made without a secret; `None` if this is none, or
/// there is no secret.
pub(super) fn sealed(kept: &str, seal: &Seal) -> Option<String> {
    let digest = kept.strip_prefix(PREFIX).filter(|it| seal.is_on() && !it.starts_with(SEALED))?;
    Some(format!("{PREFIX}{SEALED}{}", seal.forgotten(digest)))
}

/// Whether this is kept in the place of a number.
pub(super) fn is_digest(kept: &str) -> bool {
    kept.starts_with(PREFIX)
}

impl OptOut {
    /// Whether the number itself is no longer known.
    pub fn is_forgotten(&self) -> bool {
        is_digest(self.recipient.expose())
    }
}
