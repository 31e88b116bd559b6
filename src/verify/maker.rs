//! By what means is a signature made: a keyed hash, a bare one, or a key pair?

use std::borrow::Cow;
use std::fmt;

use super::key::KeyForm;
use super::look::Look;
use super::mac::{self, Encoding, Hash};
use super::public_key::{self, Algorithm};
use super::signature_settings::SignatureSettings;
use crate::model::Fault;
use crate::secret::Secret;

/// By what a signature is made.
#[derive(Clone, Debug)]
pub(super) enum Maker {
    /// HMAC (RFC 2104).
    Hmac(Hash, KeyForm),
    /// A hash of a text that has the secret in it.
    Digest(Hash),
    /// A key pair; the public half, unless it is the source's secret.
    PublicKey(Algorithm, Option<String>),
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(hash, KeyForm::Text) => write!(f, "HMAC-{hash}"),
            Self::Hmac(hash, form) => write!(f, "HMAC-{hash} (key in {form})"),
            Self::Digest(hash) => write!(f, "{hash}"),
            Self::PublicKey(algorithm, _) => write!(f, "{algorithm}"),
        }
    }
}

impl Maker {
    pub(super) fn build(
        shape: &'static str,
        settings: &SignatureSettings,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let hash = settings.hash.unwrap_or_default();
        let mut unused = |key: &str, is_there: bool| {
            if is_there {
                let wrong = format!("`{key}` is not used by `{shape}`");
                let fault = Fault::warning(format!("{shape}.{key}"), "unused", wrong);
                faults.push(fault.help("leave it out"));
            }
        };
        match shape {
            "public_key" => {
                unused("hash", settings.hash.is_some());
                let Some(algorithm) = settings.algorithm else {
                    let wrong = "it is not said which algorithm the sender signs with";
                    let help = "as `algorithm: ed25519`, `ecdsa-p256` or `rsa-sha256`";
                    faults.push(Fault::error(shape, "no-algorithm", wrong).help(help));
                    return None;
                };
                if settings.key.as_ref().is_some_and(|key| !algorithm.takes(key)) {
                    let at = format!("{shape}.key");
                    let wrong = format!("this is no public key for {algorithm}");
                    let help = "give it as PEM, or its bytes in hex or base64";
                    faults.push(Fault::error(at, "bad-key", wrong).help(help));
                }
                Some(Self::PublicKey(algorithm, settings.key.clone()))
            }
            "digest" => {
                unused("algorithm", settings.algorithm.is_some());
                unused("key", settings.key.is_some());
                Some(Self::Digest(hash))
            }
            _ => {
                unused("algorithm", settings.algorithm.is_some());
                if hash == Hash::Md5 {
                    let wrong = "no sender is known that makes an HMAC with MD5";
                    let help = "take `sha256`, or `digest:` for a bare hash";
                    faults.push(Fault::error("hmac.hash", "weak-hash", wrong).help(help));
                }
                let form = KeyForm::parse(settings.key.as_deref().unwrap_or("text"));
                if form.is_none() {
                    let wrong = "it is not said what the secret's text stands for";
                    let help = "`text`, `hex`, `base64` or `whsec`";
                    faults.push(Fault::error("hmac.key", "bad-key", wrong).help(help));
                }
                Some(Self::Hmac(hash, form?))
            }
        }
    }

    /// Whether a written signature has the right shape, before any is computed.
    pub(super) fn is_shaped(&self, encoding: Encoding, given: &str) -> bool {
        match self {
            Self::Hmac(hash, _) | Self::Digest(hash) => mac::is_shaped(*hash, encoding, given),
            Self::PublicKey(..) => self.misshapen(encoding, given).is_none(),
        }
    }

    /// What is wrong with the shape of a written signature, without its text.
    pub(super) fn misshapen(&self, encoding: Encoding, given: &str) -> Option<String> {
        match self {
            Self::Hmac(hash, _) | Self::Digest(hash) => mac::misshapen(*hash, encoding, given),
            Self::PublicKey(algorithm, _) => match encoding.read(given) {
                None => Some(format!("{encoding} expected, got {}", Look::of(given))),
                Some(bytes) => algorithm.misshapen(bytes.len()).map(str::to_owned),
            },
        }
    }

    /// What the secret's text is taken for, of a keyed hash.
    pub(super) fn key_form(&self) -> Option<KeyForm> {
        if let Self::Hmac(_, form) = self { Some(*form) } else { None }
    }

    /// The same with the secret taken for something else.
    pub(super) fn with_key_form(&self, form: KeyForm) -> Self {
        match self {
            Self::Hmac(hash, _) => Self::Hmac(*hash, form),
            other => other.clone(),
        }
    }

    /// The same with this public key.
    pub(super) fn with_key(&self, key: &str) -> Self {
        match self {
            Self::PublicKey(algorithm, _) => Self::PublicKey(*algorithm, Some(key.to_owned())),
            other => other.clone(),
        }
    }

    /// The one of `candidates` that holds for these pieces.
    pub(super) fn held<'c>(
        &self,
        secret: &Secret,
        encoding: Encoding,
        pieces: &[Cow<'_, [u8]>],
        mut candidates: impl Iterator<Item = &'c str>,
    ) -> Option<String> {
        let computed = match self {
            Self::Hmac(hash, form) => mac::hmac(*hash, &form.key(secret)?, pieces),
            Self::Digest(hash) => mac::hash(*hash, pieces),
            Self::PublicKey(algorithm, key) => {
                let message = pieces.concat();
                let key = key.as_deref().unwrap_or_else(|| secret.expose());
                let holds = |given: &&str| {
                    let given = encoding.read(given);
                    given.is_some_and(|bytes| algorithm.verify(key, &message, &bytes))
                };
                return candidates.find(holds).map(str::to_owned);
            }
        };
        let written = encoding.write(&computed);
        // Each is compared, whichever holds.
        candidates.filter(|given| mac::is(&written, given)).count().gt(&0).then_some(written)
    }

    /// The bytes of a signature over these pieces.
    pub(super) fn make(
        &self,
        secret: &Secret,
        private_key: Option<&Secret>,
        pieces: &[Cow<'_, [u8]>],
    ) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(hash, form) => Some(mac::hmac(*hash, &form.key(secret)?, pieces)),
            Self::Digest(hash) => Some(mac::hash(*hash, pieces)),
            Self::PublicKey(algorithm, _) => {
                public_key::sign(*algorithm, private_key?, &pieces.concat())
            }
        }
    }

    pub(super) fn is_bare_hash(&self) -> bool {
        matches!(self, Self::Digest(_))
    }

    /// Whether the source's secret would have to be the public key.
    pub(super) fn lacks_key(&self) -> bool {
        matches!(self, Self::PublicKey(_, None))
    }

    /// What is wrong with a secret for this means.
    pub(super) fn unfit(&self, secret: &Secret) -> Option<String> {
        let is_public = |text: &str| {
            let public = ["-----BEGIN PUBLIC KEY", "-----BEGIN CERTIFICATE", "whpk_"];
            public.iter().any(|begins| text.trim_start().starts_with(begins))
        };
        match self {
            Self::Hmac(..) | Self::Digest(_) if is_public(secret.expose()) => {
                Some("this is a public key: anybody who has it too could sign".to_owned())
            }
            Self::Hmac(_, form) if form.key(secret).is_none() => {
                Some(format!("the secret is not of the sender's form: {form}"))
            }
            Self::PublicKey(algorithm, None) if !algorithm.takes(secret.expose()) => {
                Some(format!("this is no public key for {algorithm} (PEM, hex or base64)"))
            }
            _ => None,
        }
    }

    /// A good secret of this form, made of random bytes; `None` where the sender makes it.
    pub(super) fn new_secret(&self, random: &[u8]) -> Option<String> {
        match self {
            Self::Hmac(_, form) => Some(form.write(random)),
            Self::Digest(_) => Some(KeyForm::Text.write(random)),
            Self::PublicKey(..) => None,
        }
    }

    /// Whether it needs a private key to sign.
    pub(super) fn is_key_pair(&self) -> bool {
        matches!(self, Self::PublicKey(..))
    }
}
