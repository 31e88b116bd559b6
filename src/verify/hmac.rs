//! An HMAC of the body (and what else is signed) in one header.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::mac::{self, Encoding, Hash, Match};
use super::signed::Signed;
use super::timestamp::{Future, TimestampSettings, Tolerance, seconds};
use super::{Denied, Outgoing, Request};
use crate::model::Fault;
use crate::secret::Secret;

/// `hmac:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HmacSettings {
    /// The hash, by default sha256.
    pub hash: Option<Hash>,
    /// The header that carries the signature.
    pub header: Option<String>,
    /// What stands in the header before the signature, as `sha256=`; by default nothing.
    pub prefix: Option<String>,
    /// How the signature is written, by default hex.
    pub encoding: Option<Encoding>,
    /// What is signed, as `{timestamp}.{body}`; by default `{body}`.
    pub signed: Option<String>,
}

/// An HMAC in a header.
#[derive(Clone, Debug)]
pub struct HmacScheme {
    hash: Hash,
    encoding: Encoding,
    /// As it is written, for those who sign.
    header: String,
    prefix: String,
    signed: Signed,
    timestamp: Option<(String, Tolerance)>,
}

/// How it signs, for the person who compares it with the sender's documentation.
impl fmt::Display for HmacScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hash, encoding, header, prefix, signed, timestamp } = self;
        write!(f, "{header}: {prefix}HMAC-{hash} of `{signed}` in {encoding}")?;
        if let Some((header, tolerance)) = timestamp {
            write!(f, "; {header}: the time, {tolerance}")?;
        }
        Ok(())
    }
}

impl HmacSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        Self {
            hash: self.hash.or(preset.hash),
            header: self.header.clone().or_else(|| preset.header.clone()),
            prefix: self.prefix.clone().or_else(|| preset.prefix.clone()),
            encoding: self.encoding.or(preset.encoding),
            signed: self.signed.clone().or_else(|| preset.signed.clone()),
        }
    }
}

impl HmacScheme {
    pub(super) fn build(
        settings: &HmacSettings,
        timestamp: Option<&TimestampSettings>,
    ) -> (Option<Self>, Vec<Fault>) {
        let mut faults = Vec::new();
        let header = header_name("hmac.header", settings.header.as_deref(), &mut faults);
        let signed = match settings.signed.as_deref().map_or(Ok(Signed::body()), Signed::parse) {
            Ok(signed) => Some(signed),
            Err((wrong, help)) => {
                faults.push(Fault::error("hmac.signed", "bad-signed", wrong).help(help));
                None
            }
        };
        let is_signed = signed.as_ref().is_some_and(Signed::has_timestamp);
        let timestamp = match timestamp {
            Some(settings) if is_signed => {
                header_name("timestamp.header", settings.header.as_deref(), &mut faults)
                    .map(|name| (name, Tolerance::new(settings.tolerance, Future::Limited)))
            }
            Some(_) if signed.is_some() => {
                let wrong = "the time is not under the signature, so it is not looked at";
                let help = "if the sender signs it, say so: `signed: \"{timestamp}.{body}\"`";
                faults.push(Fault::warning("timestamp", "unsigned-timestamp", wrong).help(help));
                None
            }
            None if is_signed => {
                let wrong = "`{timestamp}` is signed, but no header is named that carries it";
                let help = "add `timestamp: { header: X-Timestamp, tolerance: 5m }` to `verify`";
                faults.push(Fault::error("hmac.signed", "no-timestamp", wrong).help(help));
                None
            }
            Some(_) | None => None,
        };
        let (Some(header), Some(signed)) = (header, signed) else { return (None, faults) };
        let scheme = Self {
            hash: settings.hash.unwrap_or_default(),
            encoding: settings.encoding.unwrap_or_default(),
            header,
            prefix: settings.prefix.clone().unwrap_or_default(),
            signed,
            timestamp,
        };
        (Some(scheme), faults)
    }

    /// The secret that made this request's signature: shape first, then the MAC, then the time.
    pub(super) fn check(
        &self,
        request: &Request,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let sent = request.header(&self.header)?;
        let Some(given) = sent.strip_prefix(self.prefix.as_str()) else {
            return Err(malformed(&self.header, "the signature's prefix is missing"));
        };
        if let Some(why) = mac::misshapen(self.hash, self.encoding, given) {
            return Err(malformed(&self.header, why));
        }
        let (time, limit) = match &self.timestamp {
            Some((header, tolerance)) => {
                let time = request.header(header)?.into_owned();
                let Some(at) = seconds(&time) else {
                    return Err(malformed(header, "not a time in whole seconds since 1970"));
                };
                (time, Some((at, *tolerance)))
            }
            None => (String::new(), None),
        };
        let made = mac::matching_secret(
            secrets,
            |secret| self.mac(secret, &time, request.body()),
            |computed| mac::is(computed, given),
        )?;
        if let Some((at, tolerance)) = limit {
            tolerance.check(at, now)?;
        }
        Ok(made)
    }

    /// The headers by which a request would be believed.
    pub(super) fn sign(&self, request: &Outgoing<'_>, secret: &Secret) -> Vec<(String, String)> {
        let time = request.now.as_second().to_string();
        let mac = self.mac(secret, &time, request.body);
        let mut headers = vec![(self.header.clone(), format!("{}{mac}", self.prefix))];
        if let Some((header, _)) = &self.timestamp {
            headers.push((header.clone(), time));
        }
        headers
    }

    /// The header that carries the signature.
    pub(super) fn credential(&self) -> &str {
        &self.header
    }

    fn mac(&self, secret: &Secret, time: &str, body: &[u8]) -> String {
        mac::written(self.hash, self.encoding, secret, self.signed.pieces(time, body))
    }
}

/// A header's name as it was given; a fault if there is none or if it cannot be one (RFC 9110,
/// 5.6.2).
pub(super) fn header_name(
    path: &str,
    given: Option<&str>,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let Some(name) = given else {
        let wrong = "the name of the header is missing";
        faults.push(Fault::error(path, "missing-header", wrong).help("as `header: X-Signature`"));
        return None;
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        let wrong = format!("`{name}` cannot be the name of a header");
        faults.push(Fault::error(path, "bad-header", wrong).help("as `X-Signature`"));
        return None;
    }
    Some(name.to_owned())
}

pub(super) fn malformed(header: &str, why: &'static str) -> Denied {
    Denied::Malformed { header: header.to_owned(), why }
}
