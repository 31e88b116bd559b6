//! Signatures of a key pair: which keys are understood, and does a signature hold?

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
    UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use rustls::server::ParsedCertificate;
use schemars::JsonSchema;
use serde::Deserialize;
use spki::SubjectPublicKeyInfoRef;

use crate::secret::Secret;

/// How a key pair signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256, written as ASN.1.
    EcdsaP256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS #1 v1.5 with SHA-1, for a sender that has nothing newer.
    RsaSha1,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::RsaSha256 => "RSA-SHA-256",
            Self::RsaSha1 => "RSA-SHA-1",
        })
    }
}

impl Algorithm {
    /// Whether a text is a public key for it.
    pub(super) fn takes(self, key: &str) -> bool {
        public_bytes(key).is_some_and(|bytes| match self {
            Self::Ed25519 => bytes.len() == 32,
            // An uncompressed point.
            Self::EcdsaP256 => bytes.len() == 65 && bytes.first() == Some(&4),
            Self::RsaSha256 | Self::RsaSha1 => bytes.len() > 65,
        })
    }

    pub(super) fn misshapen(self, length: usize) -> Option<&'static str> {
        let fits = match self {
            Self::Ed25519 => length == 64,
            // Two numbers of up to 33 bytes with their ASN.1 around them.
            Self::EcdsaP256 => (8..=72).contains(&length),
            Self::RsaSha256 | Self::RsaSha1 => (128..=1024).contains(&length),
        };
        (!fits).then_some("the signature is not of the algorithm's length")
    }

    pub(super) fn verify(self, key: &str, message: &[u8], given: &[u8]) -> bool {
        let Some(key) = public_bytes(key) else { return false };
        let by: &dyn VerificationAlgorithm = match self {
            Self::Ed25519 => &signature::ED25519,
            Self::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::RsaSha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        };
        UnparsedPublicKey::new(by, key).verify(message, given).is_ok()
    }
}

/// Whether a text is a public key of any known kind.
pub(super) fn is_public_key(text: &str) -> bool {
    let kinds = [Algorithm::RsaSha256, Algorithm::EcdsaP256, Algorithm::Ed25519];
    kinds.iter().any(|kind| kind.takes(text))
}

/// The bytes of a public key: from PEM (a key or a certificate), hex, or base64 (also after
/// `whpk_`), bare or as a `SubjectPublicKeyInfo` (RFC 5280, 4.1).
fn public_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.starts_with("-----BEGIN CERTIFICATE") {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        let parsed = ParsedCertificate::try_from(&certificate).ok()?;
        return inner(&parsed.subject_public_key_info());
    }
    if text.starts_with("-----BEGIN") {
        return inner(&SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok()?);
    }
    let text = text.strip_prefix("whpk_").unwrap_or(text);
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok())?;
    match inner(&bytes) {
        Some(inner) => Some(inner),
        None => Some(bytes),
    }
}

fn inner(info: &[u8]) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfoRef::try_from(info).ok()?;
    Some(info.subject_public_key.raw_bytes().to_vec())
}

/// Signs with a private key: PKCS #8 in PEM, for Ed25519 also its seed in hex or base64.
///
/// SHA-1 is never signed with: `None`.
pub(super) fn sign(algorithm: Algorithm, key: &Secret, message: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::Ed25519 => Some(ed25519(key)?.sign(message).as_ref().to_vec()),
        Algorithm::EcdsaP256 => {
            let by = &ECDSA_P256_SHA256_ASN1_SIGNING;
            let pair = EcdsaKeyPair::from_pkcs8(by, &pkcs8(key)?, &random).ok()?;
            Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
        }
        Algorithm::RsaSha256 => {
            let pair = RsaKeyPair::from_pkcs8(&pkcs8(key)?).ok()?;
            let mut made = vec![0; pair.public().modulus_len()];
            pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut made).ok()?;
            Some(made)
        }
        Algorithm::RsaSha1 => None,
    }
}

fn ed25519(key: &Secret) -> Option<Ed25519KeyPair> {
    if let Some(document) = pkcs8(key) {
        return Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).ok();
    }
    let text = key.expose().trim();
    let text = text.strip_prefix("whsk_").unwrap_or(text);
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok())?;
    // `whsk_` is the seed with the public key after it.
    Ed25519KeyPair::from_seed_unchecked(bytes.get(..32)?).ok()
}

fn pkcs8(key: &Secret) -> Option<Vec<u8>> {
    let document = PrivatePkcs8KeyDer::from_pem_slice(key.expose().as_bytes()).ok()?;
    Some(document.secret_pkcs8_der().to_vec())
}

/// A new pair of keys for Ed25519 out of 32 random bytes: the private half and the public one, both
/// in hex.
pub(super) fn new_ed25519(seed: &[u8]) -> Option<(Secret, String)> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.get(..32)?).ok()?;
    Some((Secret::new(hex::encode(&seed[..32])), hex::encode(pair.public_key())))
}
