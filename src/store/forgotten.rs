//! How does somebody who was forgotten go on getting no messages? By a digest of the number.
//!
//! Whoever has the store and tries all numbers can tell which are in it; nobody can read one.

use sha2::{Digest as _, Sha256};

use crate::model::Recipient;
use crate::store::OptOut;

/// How it begins: no number does.
const PREFIX: &str = "sha256:";

/// What is kept in the place of the number.
pub(super) fn digest(recipient: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"kabari opt-out\0");
    hash.update(recipient.as_bytes());
    format!("{PREFIX}{}", hex::encode(hash.finalize()))
}

impl OptOut {
    /// Whether it is this recipient who wants no messages.
    pub fn is_of(&self, recipient: &Recipient) -> bool {
        let forgotten = || Recipient::from_stored(digest(recipient.expose()));
        self.recipient == *recipient || (self.is_forgotten() && self.recipient == forgotten())
    }

    /// Whether the number itself is no longer known.
    pub fn is_forgotten(&self) -> bool {
        let kept = self.recipient.expose();
        kept.strip_prefix(PREFIX).is_some()
    }
}
