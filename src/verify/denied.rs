//! Why is a request not believed?

use std::borrow::Cow;

/// Why a request is not believed. For the log and the metric; the sender learns only "401".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The header that carries the signature is not there.
    #[error("no {header} header")]
    MissingHeader {
        /// Its name.
        header: String,
    },
    /// A part of the request that carries the signature, or is signed, is not there.
    #[error("no {part}")]
    MissingPart {
        /// Which.
        part: String,
    },
    /// The part is not of the scheme's form.
    #[error("{header} is malformed: {why}")]
    Malformed {
        /// Its name.
        header: String,
        /// What is wrong with its shape, without its content.
        why: Cow<'static, str>,
    },
    /// The key that the request names may be the sender's, and is not known yet.
    #[error("the key at {address} is not known yet")]
    UnknownKey {
        /// Where it stands: among the sender's own keys.
        address: String,
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
    /// A part of the request is not of the scheme's form.
    pub fn malformed(part: impl Into<String>, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed { header: part.into(), why: why.into() }
    }

    /// What the person who runs this can look at. For the log alone.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } | Self::MissingPart { .. } => {
                "set the secret at the sender too, or see whether a proxy drops the header"
            }
            Self::Malformed { .. } => "is this source's preset the sender's? `kabari sources`",
            Self::UnknownKey { .. } => "it is fetched now, and the sender was asked to come again",
            Self::Mismatch { .. } => {
                "compare the secret with the sender's, and see whether a proxy changes bodies"
            }
            Self::Stale { .. } => {
                "see whether this machine's clock is right; else it is an old request sent again"
            }
        }
    }

    /// The word in the metric: `missing`, `malformed`, `unknown key`, `mismatch`, `stale`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::MissingHeader { .. } | Self::MissingPart { .. } => "missing",
            Self::Malformed { .. } => "malformed",
            Self::UnknownKey { .. } => "unknown key",
            Self::Mismatch { .. } => "mismatch",
            Self::Stale { .. } => "stale",
        }
    }
}
