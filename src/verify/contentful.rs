//! Contentful's signature over method, path, the headers that it lists, and the body.
//!
//! Facts (Contentful's app toolkit): HMAC-SHA-256 in hex over `METHOD\npath\nname:value;…\nbody`;
//! the names are in lower case and sorted, and the time in milliseconds is one of those headers. The
//! query is escaped as a whole before it goes into the path, and the path once more.

use std::fmt;

use jiff::Timestamp;

use super::mac::{self, Encoding, Hash, Match};
use super::signature::Signer;
use super::timestamp::{Future, Tolerance, Unit};
use super::view::{View, malformed};
use super::{Denied, Outgoing};
use crate::model::Span;
use crate::secret::Secret;

const HEADER: &str = "x-contentful-signature";
const LIST: &str = "x-contentful-signed-headers";
const TIME: &str = "x-contentful-timestamp";

/// Contentful's `x-contentful-signature`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContentfulScheme {
    tolerance: Tolerance,
}

impl fmt::Display for ContentfulScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tolerance } = self;
        write!(
            f,
            "{HEADER}: HMAC-SHA-256 of method, path, the headers in {LIST} and `{{body}}` in hex; \
             {TIME}: the time in ms, {tolerance}"
        )
    }
}

impl ContentfulScheme {
    pub(super) fn new(tolerance: Option<Span>) -> Self {
        let usual = Span(std::time::Duration::from_secs(30));
        Self { tolerance: Tolerance::new(Some(tolerance.unwrap_or(usual)), Future::Limited) }
    }

    pub(super) fn check(
        self,
        view: &View<'_>,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let sent = view.request.header(HEADER)?;
        if let Some(why) = mac::misshapen(Hash::Sha256, Encoding::Hex, &sent) {
            return Err(malformed(HEADER, why));
        }
        let time = view.request.header(TIME)?;
        let at = Unit::Ms.seconds(&time).ok_or_else(|| malformed(TIME, "it is no time in ms"))?;
        let list = view.request.header(LIST)?;
        if !list.split(',').any(|name| name.trim().eq_ignore_ascii_case(TIME)) {
            return Err(malformed(LIST, "the time is not under the signature"));
        }
        let head = head(view, &list)?;
        let made = mac::matching_secret(secrets, |secret| {
            let written = sign(secret, &head, view.request.body());
            Ok(mac::is(&written, &sent).then_some(written))
        })?;
        self.tolerance.check(at, now)?;
        Ok(made)
    }

    pub(super) fn sign(outgoing: &mut Outgoing, secret: &Secret, at: Signer<'_>) -> bool {
        outgoing.put_header(TIME, &outgoing.now.as_millisecond().to_string());
        outgoing.put_header(LIST, &format!("{LIST},{TIME}"));
        let arriving = outgoing.arriving();
        let view = View::new(&arriving, at.site);
        let Ok(head) = head(&view, &format!("{LIST},{TIME}")) else { return false };
        let written = sign(secret, &head, &outgoing.body);
        outgoing.put_header(HEADER, &written);
        true
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials() -> Vec<String> {
        vec![HEADER.to_owned()]
    }
}

fn sign(secret: &Secret, head: &str, body: &[u8]) -> String {
    let pieces = [head.as_bytes().into(), body.into()];
    Encoding::Hex.write(&mac::hmac(Hash::Sha256, secret.expose().as_bytes(), &pieces))
}

/// All that is signed before the body.
fn head(view: &View<'_>, list: &str) -> Result<String, Denied> {
    let mut names: Vec<String> =
        list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort();
    let mut headers = Vec::new();
    for name in names {
        let value = view.request.header(&name)?;
        headers.push(format!("{name}:{}", value.trim()));
    }
    let mut path = view.path().to_owned();
    if let Some(query) = view.request.query().filter(|query| !query.is_empty()) {
        path = format!("{path}?{}", escape(query, "-_.!~*'()"));
    }
    let path = escape(&path, "-_.!~*'();,/?:@&=+$#");
    Ok(format!("{}\n{path}\n{}\n", view.request.method().to_ascii_uppercase(), headers.join(";")))
}

/// Percent-escapes all but letters, digits and `kept`.
fn escape(text: &str, kept: &str) -> String {
    let escaped = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_query_is_escaped_twice_over() {
        let query = escape("a=b c&d=%20", "-_.!~*'()");
        assert_eq!(query, "a%3Db%20c%26d%3D%2520");
        assert_eq!(escape("/a b?x", "-_.!~*'();,/?:@&=+$#"), "/a%20b?x");
    }
}
