//! Which shapes of signature are there, and what does a refusal say?

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{HmacScheme, Request, StripeScheme, Verified};
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
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemeSettings {}

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

impl Scheme {
    /// Whether one of `secrets` made the request's signature.
    pub fn verify<'r>(
        &self,
        _request: &'r Request,
        _secrets: &[Secret],
        _now: Timestamp,
    ) -> Result<Verified<'r>, Denied> {
        todo!()
    }

    /// The headers by which `request` would be believed.
    pub fn sign(&self, _request: &Outgoing<'_>, _secret: &Secret) -> Vec<(String, String)> {
        todo!()
    }
}
