//! Which shapes of signature are there, and what does a refusal say?

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    HmacScheme, HmacSettings, Request, StripeScheme, StripeSettings, TimestampSettings, Verified,
};
use crate::model::{Fault, Severity};
use crate::secret::Secret;

/// A shape of signature; one variant a file.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// An HMAC in a header.
    Hmac(HmacScheme),
    /// Stripe's `t=…,v1=…`.
    Stripe(StripeScheme),
}

/// `verify:` of a source, as written in a preset or by a user.
///
/// One of `hmac` and `stripe`; of a preset's, only what is said here is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemeSettings {
    /// An HMAC in a header.
    pub hmac: Option<HmacSettings>,
    /// The time that is signed with it, where one is.
    pub timestamp: Option<TimestampSettings>,
    /// Stripe's `t=…,v1=…`.
    pub stripe: Option<StripeSettings>,
}

impl SchemeSettings {
    /// These settings where they say something, and `preset` where they do not. Another scheme
    /// than the preset's replaces it whole.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        let (hmac, stripe) = match (&self.hmac, &self.stripe) {
            (None, None) => (preset.hmac.clone(), preset.stripe.clone()),
            (hmac, stripe) => (
                hmac.as_ref().map(|own| match &preset.hmac {
                    Some(theirs) => own.over(theirs),
                    None => own.clone(),
                }),
                stripe.as_ref().map(|own| match &preset.stripe {
                    Some(theirs) => own.over(theirs),
                    None => own.clone(),
                }),
            ),
        };
        let timestamp = match (&self.timestamp, &preset.timestamp) {
            (Some(own), Some(theirs)) => Some(TimestampSettings {
                header: own.header.clone().or_else(|| theirs.header.clone()),
                tolerance: own.tolerance.or(theirs.tolerance),
            }),
            (Some(own), None) => Some(own.clone()),
            (None, theirs) if hmac.is_some() => theirs.clone(),
            (None, _) => None,
        };
        Self { hmac, timestamp, stripe }
    }
}

/// Why a request is not believed. For the log and the metric; the sender learns only "401".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The header that carries the signature is not there.
    #[error("no {header} header")]
    MissingHeader {
        /// Its name.
        header: String,
    },
    /// The header is not of the scheme's form.
    #[error("{header} is malformed: {why}")]
    Malformed {
        /// Its name.
        header: String,
        /// What is wrong with its shape, without its content.
        why: &'static str,
    },
    /// None of the secrets makes this signature.
    #[error("signature does not match any of {secrets} secret(s)")]
    Mismatch {
        /// How many secrets were tried.
        secrets: usize,
    },
    /// The signed time is too old or too far ahead.
    #[error("signed {age_s} s ago, allowed are {tolerance_s} s")]
    Stale {
        /// Age in whole seconds; negative lies in the future.
        age_s: i64,
        /// The tolerance.
        tolerance_s: i64,
    },
}

impl Denied {
    /// What the person who runs this can look at. For the log alone.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => {
                "set the secret at the sender too, or see whether a proxy drops the header"
            }
            Self::Malformed { .. } => "is this source's preset the sender's? `kabari sources`",
            Self::Mismatch { .. } => {
                "compare the secret with the sender's, and see whether a proxy changes bodies"
            }
            Self::Stale { .. } => {
                "see whether this machine's clock is right; else it is an old request sent again"
            }
        }
    }

    /// The word in the metric: `missing`, `malformed`, `mismatch`, `stale`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } => "missing",
            Self::Malformed { .. } => "malformed",
            Self::Mismatch { .. } => "mismatch",
            Self::Stale { .. } => "stale",
        }
    }
}

/// A request to be signed: what `kabari trigger` and the demo send.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// The time to sign.
    pub now: Timestamp,
}

/// How it signs, in one line for people.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(it) => it.fmt(f),
            Self::Stripe(it) => it.fmt(f),
        }
    }
}

impl Scheme {
    /// The scheme that the settings describe; warnings are returned beside it.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub fn build(settings: &SchemeSettings) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let (scheme, mut faults) = match (&settings.hmac, &settings.stripe) {
            (Some(hmac), None) => {
                let (scheme, faults) = HmacScheme::build(hmac, settings.timestamp.as_ref());
                (scheme.map(Self::Hmac), faults)
            }
            (None, Some(stripe)) => {
                let (scheme, faults) = StripeScheme::build(stripe);
                (scheme.map(Self::Stripe), faults)
            }
            (given, _) => {
                let wrong = if given.is_some() {
                    "two schemes for one source"
                } else {
                    "it is not said how the sender signs"
                };
                let help = "give one: `hmac: { header: X-Signature }` or `stripe: {}`";
                (None, vec![Fault::error("", "bad-scheme", wrong).help(help)])
            }
        };
        if settings.stripe.is_some() && settings.timestamp.is_some() {
            let wrong = "`timestamp` is not used by this scheme";
            let help = "write `stripe: { tolerance: 5m }`";
            faults.push(Fault::warning("timestamp", "unused", wrong).help(help));
        }
        match scheme {
            Some(scheme) if !faults.iter().any(|fault| fault.severity == Severity::Error) => {
                Ok((scheme, faults))
            }
            _ => Err(faults),
        }
    }

    /// Whether one of `secrets` made the request's signature, at the time `now` at which its
    /// headers were complete.
    pub fn verify<'r>(
        &self,
        request: &'r Request,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Verified<'r>, Denied> {
        let (made, credential) = match self {
            Self::Hmac(it) => (it.check(request, secrets, now)?, it.credential()),
            Self::Stripe(it) => (it.check(request, secrets, now)?, it.credential()),
        };
        Ok(Verified::new(request, made, credential.to_ascii_lowercase()))
    }

    /// The headers by which `request` would be believed.
    pub fn sign(&self, request: &Outgoing<'_>, secret: &Secret) -> Vec<(String, String)> {
        match self {
            Self::Hmac(it) => it.sign(request, secret),
            Self::Stripe(it) => it.sign(request, secret),
        }
    }
}
