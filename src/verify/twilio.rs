//! Twilio's signature over the address and the sorted fields of the form.
//!
//! Facts (Twilio's libraries for Python and Node): HMAC-SHA-1 in base64 over the whole address, then
//! the fields of a form sorted by name, each name followed by its values, sorted and each once. With
//! any other body the address alone is signed, and its query holds `bodySHA256`. The address counts
//! with and without its port.
//!
//! Nothing stands between a name and its value, so whoever has seen a form can part it otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::mac::{self, Encoding, Hash, Match};
use super::signature::Signer;
use super::view::{View, malformed};
use super::{Denied, Outgoing, Request};
use crate::secret::{Secret, same};

const HEADER: &str = "X-Twilio-Signature";
const BODY_HASH: &str = "bodySHA256";

/// Twilio's `X-Twilio-Signature`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwilioScheme;

impl fmt::Display for TwilioScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEADER}: HMAC-SHA-1 of the address and the sorted fields of the form in base64")
    }
}

impl TwilioScheme {
    pub(super) fn check(view: &View<'_>, secrets: &[Secret]) -> Result<Match, Denied> {
        let sent = view.request.header(HEADER)?;
        if let Some(why) = mac::misshapen(Hash::Sha1, Encoding::Base64, &sent) {
            return Err(malformed(HEADER, why));
        }
        let addresses = with_and_without_port(&view.url()?);
        let fields = fields(view.request);
        // Without a body there is nothing to be hashed, as in a GET.
        if !view.request.is_form() && !view.request.body().is_empty() {
            let claimed = view.request.parameter(BODY_HASH).ok_or_else(|| Denied::MissingPart {
                part: format!("`{BODY_HASH}` in the query"),
            })?;
            let body = body_hash(view.request.body());
            if !same(body.as_bytes(), claimed.to_ascii_lowercase().as_bytes()) {
                return Err(malformed(BODY_HASH, "the address is for another body"));
            }
        }
        mac::matching_secret(secrets, |secret| {
            let written = addresses.iter().map(|address| sign(secret, address, &fields));
            let mut held = written.filter(|written| mac::is(written, &sent));
            Ok(held.next())
        })
    }

    pub(super) fn sign(outgoing: &mut Outgoing, secret: &Secret, at: Signer<'_>) -> bool {
        if !outgoing.arriving().is_form() && !outgoing.body.is_empty() {
            let hash = body_hash(&outgoing.body);
            outgoing.put_parameter(BODY_HASH, &hash);
        }
        let arriving = outgoing.arriving();
        let Ok(url) = View::new(&arriving, at.site).url() else { return false };
        let written = sign(secret, &url, &fields(&arriving));
        outgoing.put_header(HEADER, &written);
        true
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials() -> Vec<String> {
        vec![HEADER.to_ascii_lowercase()]
    }
}

fn sign(secret: &Secret, address: &str, fields: &str) -> String {
    let pieces = [address.as_bytes().into(), fields.as_bytes().into()];
    Encoding::Base64.write(&mac::hmac(Hash::Sha1, secret.expose().as_bytes(), &pieces))
}

fn body_hash(body: &[u8]) -> String {
    Encoding::Hex.write(&mac::hash(Hash::Sha256, &[body.into()]))
}

/// The fields of a form as they are signed.
fn fields(request: &Request) -> String {
    let mut sorted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if request.is_form() {
        for (name, value) in form_urlencoded::parse(request.body()) {
            sorted.entry(name.into_owned()).or_default().insert(value.into_owned());
        }
    }
    let written = |(name, values): (String, BTreeSet<String>)| {
        values.into_iter().flat_map(move |value| [name.clone(), value]).collect::<String>()
    };
    sorted.into_iter().map(written).collect()
}

/// The address as it is, and with its port put in or left out.
fn with_and_without_port(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            all.push(format!("{scheme}://{bare}{path}"));
        }
        _ => {
            let port = if scheme == "http" { 80 } else { 443 };
            all.push(format!("{scheme}://{host}:{port}{path}"));
        }
    }
    all
}
