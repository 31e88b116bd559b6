//! Stripe's `t=…,v1=…` over `{t}.{body}`.
//!
//! Facts (Stripe's documentation and its libraries for Node and Python): the key is the whole text
//! of the secret, `whsec_` included; there may be several `v1`, of which any may match; `v0` and
//! unknown names are passed over; only times in the past are held to the tolerance.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::hmac::{header_name, malformed};
use super::mac::{self, Encoding, Hash, Match};
use super::timestamp::{Future, Tolerance, seconds};
use super::{Denied, Outgoing, Request};
use crate::model::{Fault, Span};
use crate::secret::Secret;

/// `stripe:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StripeSettings {
    /// The header that carries time and signatures, by default `Stripe-Signature`.
    pub header: Option<String>,
    /// How old a signature may be, by default 5m.
    pub tolerance: Option<Span>,
}

/// Stripe's `Stripe-Signature`.
#[derive(Clone, Debug)]
pub struct StripeScheme {
    header: String,
    tolerance: Tolerance,
}

/// How it signs, for the person who compares it with Stripe's documentation.
impl fmt::Display for StripeScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, tolerance } = self;
        write!(f, "{header}: t=TIME,v1=HMAC-SHA-256 of `{{t}}.{{body}}` in hex, {tolerance}")
    }
}

impl StripeSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        Self {
            header: self.header.clone().or_else(|| preset.header.clone()),
            tolerance: self.tolerance.or(preset.tolerance),
        }
    }
}

impl StripeScheme {
    pub(super) fn build(settings: &StripeSettings) -> (Option<Self>, Vec<Fault>) {
        let mut faults = Vec::new();
        let name = settings.header.as_deref().unwrap_or("Stripe-Signature");
        let scheme = header_name("stripe.header", Some(name), &mut faults).map(|header| Self {
            header,
            tolerance: Tolerance::new(settings.tolerance, Future::Any),
        });
        (scheme, faults)
    }

    /// The secret that made one of this request's signatures: shape first, then the MAC, then the
    /// time.
    pub(super) fn check(
        &self,
        request: &Request,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let sent: Cow<'_, str> = request.header(&self.header)?;
        let parsed = parse(&sent).map_err(|why| malformed(&self.header, why))?;
        let made = mac::matching_secret(
            secrets,
            |secret| signature(secret, parsed.time, request.body()),
            |computed| parsed.signatures.iter().any(|given| mac::is(computed, given)),
        )?;
        self.tolerance.check(parsed.at, now)?;
        Ok(made)
    }

    /// The header by which a request would be believed.
    pub(super) fn sign(&self, request: &Outgoing<'_>, secret: &Secret) -> Vec<(String, String)> {
        let time = request.now.as_second().to_string();
        let signature = signature(secret, &time, request.body);
        vec![(self.header.clone(), format!("t={time},v1={signature}"))]
    }

    /// The header that carries the signature.
    pub(super) fn credential(&self) -> &str {
        &self.header
    }
}

struct Parsed<'h> {
    time: &'h str,
    at: i64,
    /// The `v1` that could be signatures.
    signatures: Vec<&'h str>,
}

fn parse(header: &str) -> Result<Parsed<'_>, &'static str> {
    let mut time = None;
    let mut signatures = Vec::new();
    let mut has_v1 = false;
    for (name, value) in header.split(',').filter_map(|item| item.split_once('=')) {
        match name {
            "t" if time.is_some_and(|earlier| earlier != value) => {
                return Err("there are two different `t=`");
            }
            "t" => time = Some(value),
            "v1" => {
                has_v1 = true;
                if mac::misshapen(Hash::Sha256, Encoding::Hex, value).is_none() {
                    signatures.push(value);
                }
            }
            _ => {}
        }
    }
    let time = time.ok_or("there is no `t=`")?;
    let at = seconds(time).ok_or("`t=` is not a time in whole seconds since 1970")?;
    if !has_v1 {
        return Err("there is no `v1=`");
    }
    if signatures.is_empty() {
        return Err("no `v1=` is of 64 lower-case hexadecimal digits");
    }
    Ok(Parsed { time, at, signatures })
}

fn signature(secret: &Secret, time: &str, body: &[u8]) -> String {
    let parts = [time.as_bytes(), b".", body];
    mac::written(Hash::Sha256, Encoding::Hex, secret, parts.into_iter())
}
