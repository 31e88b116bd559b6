//! How is kept what only those may read who have the store's secret?
//!
//! A store with a secret (`store.secret`) keeps sealed: bodies and headers of events, and the
//! providers' own ids; what messages say and what is sent instead of them; their numbers, also of
//! contacts and of who opted out; what was answered and why something failed; the templates of groups.
//! Legible stay: times, states, attempts and reasons; names of sources, kinds, rules and sessions;
//! sizes; how far lists of providers were compared. Whoever has the file learns how much is sent when,
//! and which messages go to the same person; not to whom, nor what.
//!
//! - **A value** is sealed with ChaCha20-Poly1305 under a random nonce. Its place (column, row, and
//!   of a message's content also the number) is bound to it, so that no value can be put in the
//!   place of another. The number of its key stands before it.
//! - **What must be found again** (numbers, providers' ids, keys, digests, ids of messages) is always
//!   the same where it is the same: see [`Finding`].
//! - **The keys** are random, made with the store and kept in it, sealed with a key that follows
//!   from the secret. So a new secret (`secrets: [new, old]`) takes one transaction: what was sealed
//!   stays as it is, what comes is sealed with a new key, and the old secret can go. What must be
//!   found again keeps its key: under another one it would be lost.
//!
//! Without a secret nothing of this is done.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::finding::Finding;
use crate::store::wrapper::{KeyBytes, aead, random};

/// How a sealed text begins; no number and no JSON does.
pub(super) const PREFIX: &str = "sealed:";
/// How a sealed block begins: of a packed event this would be the size of 4 GiB.
const MAGIC: [u8; 4] = [b's', b'e', b'a', 0xff];
/// Bytes of the number of a key.
const NUMBER_LEN: usize = 2;

/// Seals and opens the values of one store, or leaves them as they are if it has no secret.
#[derive(Clone, Default)]
pub(super) struct Seal(Option<Arc<Keys>>);

struct Keys {
    /// For what must be found again.
    finding: Finding,
    /// The others by their number; the last one seals.
    values: Vec<(u16, LessSafeKey)>,
    /// Whether nothing is left that is not sealed.
    whole: bool,
    /// The keys as they lie in the store: others lie there as soon as it is sealed in another way.
    face: Vec<Vec<u8>>,
}

/// Where a value lies: it opens nowhere else.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Table and column.
    pub(super) column: &'static str,
    /// The id of its row.
    pub(super) row: [u8; 16],
    /// What else must be the same.
    pub(super) beside: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.column.as_bytes(), &[0], &self.row, self.beside.as_bytes()].concat()
    }

    /// The id of its row as everybody knows it; `None` if that has none.
    fn id(&self, finding: &Finding) -> Option<Uuid> {
        match self.column.split('.').next() {
            Some("events") => Some(Uuid::from_bytes(self.row)),
            Some("messages" | "attempts") => Some(Uuid::from_bytes(finding.open_id(self.row))),
            _ => None,
        }
    }
}

impl Seal {
    /// With the key for what must be found again, and the others by their number, the one that
    /// seals as the last; `whole` if nothing is left that is not sealed; `face` as they lie in the
    /// store.
    pub(super) fn with(
        finding: &KeyBytes,
        values: &[(u16, KeyBytes)],
        whole: bool,
        face: Vec<Vec<u8>>,
    ) -> Result<Self, StoreError> {
        let values = values.iter().map(|(number, key)| Ok((*number, aead(key)?)));
        let values = values.collect::<Result<_, StoreError>>()?;
        Ok(Self(Some(Arc::new(Keys { finding: Finding::of(finding)?, values, whole, face }))))
    }

    /// The keys as they lay in the store when it was opened.
    pub(super) fn face(&self) -> &[Vec<u8>] {
        self.0.as_ref().map_or(&[], |keys| &keys.face)
    }

    /// Whether the store has a secret.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// A text as it is to be kept.
    pub(super) fn text(&self, place: &Place<'_>, plain: String) -> Result<String, StoreError> {
        let Some(keys) = &self.0 else { return Ok(plain) };
        let sealed = keys.seal(&[], place, plain.as_bytes())?;
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// A text that is kept so.
    pub(super) fn open_text(&self, place: &Place<'_>, kept: String) -> Result<String, StoreError> {
        let Some(keys) = &self.0 else { return Ok(kept) };
        if keys.whole && !kept.starts_with(PREFIX) {
            return Err(keys.broken(place));
        }
        self.open_said(place, kept)
    }

    /// The same of a text that may also be one of kabari's own, which is not sealed.
    pub(super) fn open_said(&self, place: &Place<'_>, kept: String) -> Result<String, StoreError> {
        let Some(keys) = &self.0 else { return Ok(kept) };
        let Some(sealed) = kept.strip_prefix(PREFIX) else { return Ok(kept) };
        let opened = URL_SAFE_NO_PAD.decode(sealed).ok().and_then(|it| keys.open(place, it));
        opened.and_then(|it| String::from_utf8(it).ok()).ok_or_else(|| keys.broken(place))
    }

    /// A block as it is to be kept.
    pub(super) fn block(&self, place: &Place<'_>, plain: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let Some(keys) = &self.0 else { return Ok(plain) };
        if plain.is_empty() {
            return Ok(plain);
        }
        keys.seal(&MAGIC, place, &plain)
    }

    /// A block that is kept so. Of an event that is only remembered nothing is left.
    pub(super) fn open_block(
        &self,
        place: &Place<'_>,
        kept: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        let Some(keys) = &self.0 else { return Ok(kept) };
        match kept.strip_prefix(&MAGIC) {
            Some(sealed) => keys.open(place, sealed.to_vec()).ok_or_else(|| keys.broken(place)),
            None if keys.whole && !kept.is_empty() => Err(keys.broken(place)),
            None => Ok(kept),
        }
    }

    /// A number as it is kept: always the same.
    pub(super) fn number(&self, plain: &str) -> String {
        self.findable("number", plain)
    }

    /// The number that is kept so; `None` if it is none.
    pub(super) fn open_number(&self, kept: &str) -> Option<String> {
        self.open_findable("number", kept)
    }

    /// A provider's id as it is kept: always the same.
    pub(super) fn provider_id(&self, plain: &str) -> String {
        self.findable("provider's id", plain)
    }

    /// The provider's id that is kept so.
    pub(super) fn open_provider_id(&self, kept: &str) -> Result<String, StoreError> {
        let broken = || StoreError::Broken("a provider's id cannot be opened".to_owned());
        self.open_findable("provider's id", kept).ok_or_else(broken)
    }

    fn findable(&self, what: &str, plain: &str) -> String {
        self.0.as_ref().map_or_else(|| plain.to_owned(), |keys| keys.finding.text(what, plain))
    }

    fn open_findable(&self, what: &str, kept: &str) -> Option<String> {
        let Some(keys) = &self.0 else { return Some(kept.to_owned()) };
        if !keys.whole && !kept.starts_with(PREFIX) {
            return Some(kept.to_owned());
        }
        keys.finding.open_text(what, kept)
    }

    /// A message's id as it is kept: of the same time.
    pub(super) fn id(&self, id: [u8; 16]) -> [u8; 16] {
        self.0.as_ref().map_or(id, |keys| keys.finding.id(id))
    }

    /// The id that is kept so.
    pub(super) fn open_id(&self, kept: [u8; 16]) -> [u8; 16] {
        self.0.as_ref().map_or(kept, |keys| keys.finding.open_id(kept))
    }

    /// The key of a brake as it is kept.
    pub(super) fn brake(&self, key: [u8; 16]) -> [u8; 16] {
        self.0.as_ref().map_or(key, |keys| keys.finding.brake(key))
    }

    /// The digest of what was signed as it is kept: a short body could be guessed by the plain one.
    pub(super) fn digest(&self, digest: [u8; 16]) -> [u8; 16] {
        self.0.as_ref().map_or(digest, |keys| keys.finding.digest(digest))
    }

    /// What is kept of somebody who was forgotten and whose digest this is.
    pub(super) fn forgotten(&self, digest: &str) -> String {
        self.0.as_ref().map_or_else(|| digest.to_owned(), |keys| keys.finding.forgotten(digest))
    }
}

impl Keys {
    fn broken(&self, place: &Place<'_>) -> StoreError {
        let of = place.id(&self.finding).map(|id| format!(" of {id}")).unwrap_or_default();
        StoreError::Broken(format!(
            "{}{of} cannot be opened: it was changed from outside, or put there from elsewhere",
            place.column
        ))
    }

    fn seal(&self, head: &[u8], place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |_| StoreError::Unavailable("a value cannot be sealed".to_owned());
        let (number, key) = self.values.last().ok_or_else(|| failed(ring::error::Unspecified))?;
        let nonce: [u8; NONCE_LEN] = random()?;
        let begin = head.len() + NUMBER_LEN + NONCE_LEN;
        let mut sealed = Vec::with_capacity(begin + plain.len() + CHACHA20_POLY1305.tag_len());
        sealed.extend_from_slice(head);
        sealed.extend_from_slice(&number.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let bound = Aad::from(place.bytes());
        let tag = key.seal_in_place_separate_tag(nonce, bound, &mut sealed[begin..]);
        sealed.extend_from_slice(tag.map_err(failed)?.as_ref());
        Ok(sealed)
    }

    /// What is in it, without the head.
    fn open(&self, place: &Place<'_>, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let number = u16::from_be_bytes(*sealed.first_chunk()?);
        let (_, key) = self.values.iter().find(|(other, _)| *other == number)?;
        let nonce = *sealed.get(NUMBER_LEN..)?.first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let begin = NUMBER_LEN + NONCE_LEN;
        let length =
            key.open_within(nonce, Aad::from(place.bytes()), &mut sealed, begin..).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::wrapper::KEY_LEN;

    fn seal(last: u16) -> Seal {
        let values: Vec<(u16, KeyBytes)> =
            (1..=last).map(|number| (number, [u8::try_from(number).unwrap(); KEY_LEN])).collect();
        Seal::with(&[9; KEY_LEN], &values, true, vec![]).unwrap()
    }

    const HERE: Place<'static> = Place { column: "messages.content", row: [7; 16], beside: "ann" };

    proptest! {
        #[test]
        fn what_is_sealed_comes_back_and_is_another_each_time(
            text in ".{0,300}",
            block in prop::collection::vec(any::<u8>(), 0..300),
            number in "[0-9]{1,20}(@g.us)?",
            id in any::<[u8; 16]>(),
        ) {
            let (seal, later) = (seal(1), seal(3));
            let kept = seal.text(&HERE, text.clone()).unwrap();
            prop_assert_ne!(&kept, &seal.text(&HERE, text.clone()).unwrap());
            prop_assert_eq!(later.open_text(&HERE, kept).unwrap(), text);
            let kept = seal.block(&HERE, block.clone()).unwrap();
            prop_assert_eq!(later.open_block(&HERE, kept).unwrap(), block);
            let kept = seal.number(&number);
            prop_assert_eq!(&kept, &later.number(&number), "it can be found again");
            prop_assert_eq!(later.open_number(&kept).unwrap(), number.clone());
            prop_assert!(later.open_provider_id(&kept).is_err(), "it is a number");
            let kept = seal.provider_id(&number);
            prop_assert_eq!(later.open_provider_id(&kept).unwrap(), number);
            let kept = seal.id(id);
            prop_assert_ne!(kept, id);
            prop_assert_eq!(&kept[..6], &id[..6], "of the same time");
            prop_assert_eq!(later.open_id(kept), id);
        }

        #[test]
        fn what_was_changed_does_not_open(
            text in ".{1,40}",
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let seal = seal(2);
            let mut kept = seal.block(&HERE, text.into_bytes()).unwrap();
            let at = at.index(kept.len());
            kept[at] ^= 1 << bit;
            prop_assert!(seal.open_block(&HERE, kept).is_err());
        }

        #[test]
        fn what_is_no_sealed_value_is_refused_without_panic(
            text in "(sealed:)?.{0,80}",
            block in prop::collection::vec(any::<u8>(), 1..80),
        ) {
            let seal = seal(1);
            prop_assert!(seal.open_text(&HERE, text.clone()).is_err());
            prop_assert!(seal.open_number(&text).is_none());
            prop_assert!(seal.open_block(&HERE, block.clone()).is_err());
            prop_assert!(seal.open_block(&HERE, [&MAGIC[..], &block].concat()).is_err());
        }
    }

    #[test]
    fn a_value_opens_where_it_was_put_and_nowhere_else() {
        let seal = seal(1);
        let kept = seal.text(&HERE, "Hi Ann".to_owned()).unwrap();
        for place in [
            Place { column: "messages.detail", ..HERE },
            Place { row: [8; 16], ..HERE },
            Place { beside: "ben", ..HERE },
        ] {
            assert!(seal.open_text(&place, kept.clone()).is_err());
        }
        assert!(
            Seal::with(&[9; KEY_LEN], &[(1, [2; KEY_LEN])], true, vec![])
                .unwrap()
                .open_text(&HERE, kept)
                .is_err()
        );
    }
}
