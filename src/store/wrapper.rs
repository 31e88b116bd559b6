//! How do the keys of a store lie in it? Sealed, with what follows from a secret of the rule file.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::secret::Secret;
use crate::store::StoreError;

/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;

/// A key itself.
pub(super) type KeyBytes = [u8; KEY_LEN];

/// What the keys of a store are sealed with: it follows from a secret of the rule file.
pub(super) struct Wrapper {
    key: LessSafeKey,
    /// By what the secret is recognised.
    pub(super) mark: String,
}

impl Wrapper {
    pub(super) fn of(secret: &Secret) -> Result<Self, StoreError> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().trim().as_bytes());
        let mut key = [0; KEY_LEN];
        key.copy_from_slice(hmac::sign(&secret, b"kabari store key").as_ref());
        let mark = hex::encode(short::<4>(&hmac_key(&key, "mark"), b""));
        Ok(Self { key: aead(&key)?, mark })
    }

    /// Key number `number`, sealed; how far the store is goes into it, so that nobody else can say
    /// that something in it is not sealed yet.
    pub(super) fn wrap(
        &self,
        number: u16,
        whole: bool,
        key: &KeyBytes,
    ) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::Unavailable("a key cannot be sealed".to_owned());
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut wrapped = [&nonce[..], key].concat();
        let bound = bound(number, whole);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, bound, &mut wrapped[NONCE_LEN..]);
        wrapped.extend_from_slice(tag.map_err(failed)?.as_ref());
        Ok(wrapped)
    }

    /// The key in there; `None` if it was sealed with another secret, or for a store that is not so
    /// far, or farther.
    pub(super) fn unwrap(
        &self,
        number: u16,
        whole: bool,
        mut wrapped: Vec<u8>,
    ) -> Option<KeyBytes> {
        let nonce = Nonce::assume_unique_for_key(*wrapped.first_chunk::<NONCE_LEN>()?);
        let key =
            self.key.open_within(nonce, bound(number, whole), &mut wrapped, NONCE_LEN..).ok()?;
        KeyBytes::try_from(&*key).ok()
    }
}

/// What a key is bound to: its number, and whether all of the store is sealed.
fn bound(number: u16, whole: bool) -> Aad<Vec<u8>> {
    let state: &[u8] = if whole { b"" } else { b"half" };
    Aad::from([&number.to_be_bytes(), state].concat())
}

/// So many bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| StoreError::Unavailable("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}

/// What seals and opens with a key.
pub(super) fn aead(key: &KeyBytes) -> Result<LessSafeKey, StoreError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key);
    key.map(LessSafeKey::new)
        .map_err(|_| StoreError::Broken("a key of the wrong length".to_owned()))
}

/// A key for one purpose.
pub(super) fn hmac_key(key: &KeyBytes, purpose: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &derived(key, purpose))
}

/// What follows from a key for one purpose.
pub(super) fn derived(key: &KeyBytes, purpose: &str) -> KeyBytes {
    short(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose.as_bytes())
}

/// The first bytes of an HMAC, 32 at most.
pub(super) fn short<const N: usize>(key: &hmac::Key, bytes: &[u8]) -> [u8; N] {
    let mut short = [0; N];
    short.copy_from_slice(&hmac::sign(key, bytes).as_ref()[..N]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_with_its_own_secret_under_its_own_number_in_a_store_that_is_so_far() {
        let with = |text: &str| Wrapper::of(&Secret::new(text)).unwrap();
        let inside = with("one").wrap(3, true, &[5; KEY_LEN]).unwrap();
        assert_eq!(with("one\n").unwrap(3, true, inside.clone()), Some([5; KEY_LEN]));
        assert_eq!(with("two").unwrap(3, true, inside.clone()), None);
        assert_eq!(with("one").unwrap(4, true, inside.clone()), None);
        assert_eq!(with("one").unwrap(3, false, inside), None);
        assert_ne!(with("one").mark, with("two").mark);
    }
}
