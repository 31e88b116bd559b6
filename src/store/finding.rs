//! How is something found again that nobody may read? It is always kept in the same way.
//!
//! - **A number** is needed for its own order in line, for caps, opt-outs and filters. It is sealed
//!   under a nonce that follows from itself by HMAC-SHA256, so one number is always one text. So is
//!   a provider's id, by which a second delivery is recognised.
//! - **The keys of brakes and what was signed** only have to be the same: their HMAC is kept.
//! - **Ids of messages** are digests of numbers, of which there are few enough to try all. They must
//!   come back, and keep the time that they begin with, or each would touch another page of their
//!   index: their digest alone goes through a Feistel network of HMACs (Luby and Rackoff's, four
//!   rounds). A block cipher would take the time along.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::hmac;

use crate::store::StoreError;
use crate::store::seal::PREFIX;
use crate::store::wrapper::{KeyBytes, aead, derived, hmac_key, short};

/// Rounds of an id.
const ROUNDS: u8 = 4;

/// What keeps things so that they can be found again.
pub(super) struct Finding {
    nonces: hmac::Key,
    values: LessSafeKey,
    ids: hmac::Key,
    brakes: hmac::Key,
    digests: hmac::Key,
    forgotten: hmac::Key,
}

impl Finding {
    /// With this key.
    pub(super) fn of(key: &KeyBytes) -> Result<Self, StoreError> {
        Ok(Self {
            nonces: hmac_key(key, "nonces"),
            values: aead(&derived(key, "values"))?,
            ids: hmac_key(key, "ids"),
            brakes: hmac_key(key, "brakes"),
            digests: hmac_key(key, "digests"),
            forgotten: hmac_key(key, "forgotten"),
        })
    }

    /// A text of this kind as it is kept.
    pub(super) fn text(&self, what: &str, plain: &str) -> String {
        let said = [what, "\0", plain].concat();
        let nonce: [u8; NONCE_LEN] = short(&self.nonces, said.as_bytes());
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(plain.as_bytes());
        let tag = self.values.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(what.as_bytes()),
            &mut sealed[NONCE_LEN..],
        );
        // It fails for texts of gigabytes alone.
        sealed.extend(tag.iter().flat_map(AsRef::as_ref));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The text of this kind that is kept so; `None` if it is none.
    pub(super) fn open_text(&self, what: &str, kept: &str) -> Option<String> {
        let mut sealed = URL_SAFE_NO_PAD.decode(kept.strip_prefix(PREFIX)?).ok()?;
        let nonce = Nonce::assume_unique_for_key(*sealed.first_chunk::<NONCE_LEN>()?);
        let bound = Aad::from(what.as_bytes());
        let plain = self.values.open_in_place(nonce, bound, &mut sealed[NONCE_LEN..]).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    /// A message's id as it is kept.
    pub(super) fn id(&self, id: [u8; 16]) -> [u8; 16] {
        self.shuffled(id, 0..ROUNDS)
    }

    /// The id that is kept so.
    pub(super) fn open_id(&self, kept: [u8; 16]) -> [u8; 16] {
        self.shuffled(kept, (0..ROUNDS).rev())
    }

    /// The key of a brake as it is kept.
    pub(super) fn brake(&self, key: [u8; 16]) -> [u8; 16] {
        short(&self.brakes, &key)
    }

    /// The digest of what was signed as it is kept.
    pub(super) fn digest(&self, digest: [u8; 16]) -> [u8; 16] {
        short(&self.digests, &digest)
    }

    /// The digest of a number as it is kept of somebody who was forgotten.
    pub(super) fn forgotten(&self, digest: &str) -> String {
        hex::encode(hmac::sign(&self.forgotten, digest.as_bytes()))
    }

    /// The id with its digest put through these rounds; its time goes into each of them. The rounds
    /// in their reverse order undo it.
    fn shuffled(&self, mut id: [u8; 16], rounds: impl Iterator<Item = u8>) -> [u8; 16] {
        let (time, digest) = id.split_at_mut(6);
        let (left, right) = digest.split_at_mut(5);
        for round in rounds {
            // Each changes one half by the other.
            let (changed, by) =
                if round % 2 == 0 { (&mut *left, &*right) } else { (&mut *right, &*left) };
            let said = [&[round], &*time, by].concat();
            let mask: [u8; 5] = short(&self.ids, &said);
            changed.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        id
    }
}
