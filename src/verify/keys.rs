//! Which public keys of senders were fetched, from where, and may they still be used? A snapshot:
//! nothing is fetched here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

use super::public_key::is_public_key;

/// How many keys are kept: a sender has a few.
const KEYS_MAX: usize = 64;
/// A key younger than this is not asked for again because a signature does not match: it is forged,
/// most likely.
const YOUNG: Duration = Duration::from_secs(600);

/// Public keys by the addresses at which they stand. Immutable.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Arc<Fetched>>);

/// A key that was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) pem: String,
    at: Timestamp,
    certificate: Option<Claims>,
}

/// What a certificate says beside its key.
#[derive(Debug)]
struct Claims {
    name: Option<String>,
    begins: Timestamp,
    ends: Timestamp,
}

/// Why what stands at an address is not taken for a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It is something else.
    #[error("what stands there is no public key and no certificate in PEM")]
    Other,
    /// The certificate has had its time.
    #[error("the certificate there ended at {0}")]
    Ended(Timestamp),
    /// The certificate counts only later.
    #[error("the certificate there begins at {0}")]
    TooEarly(Timestamp),
}

impl Keys {
    /// The key at this address, unless it has had its time.
    pub(super) fn get(&self, address: &str, now: Timestamp) -> Option<&Fetched> {
        self.0.get(address).map(Arc::as_ref).filter(|key| key.counts(now).is_ok())
    }

    /// The same with what was fetched from `address` just now; of too many the oldest goes.
    ///
    /// # Errors
    /// When it is no key, or none that counts now.
    pub fn with(&self, address: &str, text: &str, now: Timestamp) -> Result<Self, NoKey> {
        let key = Fetched::read(text, now).ok_or(NoKey::Other)?;
        key.counts(now)?;
        let mut keys = self.0.clone();
        keys.remove(address);
        while keys.len() >= KEYS_MAX {
            let oldest = keys.iter().min_by_key(|(_, key)| key.at).map(|(at, _)| at.clone());
            let Some(oldest) = oldest else { break };
            keys.remove(&oldest);
        }
        keys.insert(address.to_owned(), Arc::new(key));
        Ok(Self(keys))
    }

    /// The same without the key at `address`.
    #[must_use]
    pub fn without(&self, address: &str) -> Self {
        let mut keys = self.0.clone();
        keys.remove(address);
        Self(keys)
    }

    /// Where the keys stand that were fetched at `then` or before.
    pub fn fetched_by(&self, then: Timestamp) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, key)| key.at <= then).map(|(address, _)| address.as_str())
    }
}

impl Fetched {
    fn read(text: &str, now: Timestamp) -> Option<Self> {
        let pem = text.trim();
        if !pem.starts_with("-----BEGIN ") || !is_public_key(pem) {
            return None;
        }
        let is_bare = !pem.starts_with("-----BEGIN CERTIFICATE");
        let certificate = if is_bare { None } else { Some(Claims::read(pem)?) };
        Some(Self { pem: pem.to_owned(), at: now, certificate })
    }

    fn counts(&self, now: Timestamp) -> Result<(), NoKey> {
        match &self.certificate {
            Some(it) if now > it.ends => Err(NoKey::Ended(it.ends)),
            Some(it) if now < it.begins => Err(NoKey::TooEarly(it.begins)),
            _ => Ok(()),
        }
    }

    /// Whether it is a certificate that is made out to a name with this end.
    pub(super) fn is_of(&self, end: &str) -> bool {
        let name = self.certificate.as_ref().and_then(|it| it.name.as_deref());
        name.is_some_and(|name| name.to_ascii_lowercase().ends_with(end))
    }

    /// Whether another may stand at its address by now.
    pub(super) fn may_be_replaced(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).unsigned_abs() >= YOUNG
    }
}

impl Claims {
    /// Of several certificates the first is the sender's, the others vouch for it.
    fn read(pem: &str) -> Option<Self> {
        let bytes = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let certificate = Certificate::from_der(&bytes).ok()?;
        let said = certificate.tbs_certificate();
        let name = said.subject().common_name().ok()?;
        Some(Self {
            name: name.map(|name| name.value().into_owned()),
            begins: timestamp(said.validity().not_before)?,
            ends: timestamp(said.validity().not_after)?,
        })
    }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
}
