//! What arrived, and how much of it may be believed?

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Denied;
use super::fields::Fields;
use super::form::{FormFields, form_fields};
use super::keys::Keys;
use super::mac::Match;
use crate::model::{EventId, Headers};

/// What arrived. Not trusted: its body is for this folder's eyes only.
pub struct Request {
    id: EventId,
    received_at: Timestamp,
    source: String,
    method: String,
    path_and_query: String,
    headers: Headers,
    body: Bytes,
    keys: Option<Arc<Keys>>,
}

impl Request {
    /// A request to `/hooks/<source>`, given the id that its event will have.
    ///
    /// Header names are in lower case. `received_at` is when the headers were complete.
    pub fn new(
        id: EventId,
        received_at: Timestamp,
        source: impl Into<String>,
        method: impl Into<String>,
        path_and_query: impl Into<String>,
        headers: Headers,
        body: Bytes,
    ) -> Self {
        Self {
            id,
            received_at,
            source: source.into(),
            method: method.into(),
            path_and_query: path_and_query.into(),
            headers,
            body,
            keys: None,
        }
    }

    /// The same with the keys that are known of senders whose requests name theirs.
    #[must_use]
    pub fn with_keys(self, keys: Arc<Keys>) -> Self {
        Self { keys: Some(keys), ..self }
    }

    pub(super) fn keys(&self) -> Option<&Keys> {
        self.keys.as_deref()
    }

    /// The source that the URL named.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// When its headers were complete.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// The value of the header `name`, whatever its case. Lines of one name are one list, joined
    /// by a comma and a space (RFC 9110, 5.3).
    pub(super) fn header(&self, name: &str) -> Result<Cow<'_, str>, Denied> {
        let mut lines = self.header_lines(name);
        let Some(first) = lines.next() else {
            return Err(Denied::MissingHeader { header: name.to_owned() });
        };
        let mut value = Cow::Borrowed(first);
        for more in lines {
            let value = value.to_mut();
            value.push_str(", ");
            value.push_str(more);
        }
        Ok(value)
    }

    /// The values of all lines of the header `name`, whatever its case.
    pub(super) fn header_lines<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let lines = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value)
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    pub(super) fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// The query as it was sent, without its question mark.
    pub(super) fn query(&self) -> Option<&str> {
        self.path_and_query.split_once('?').map(|(_, query)| query)
    }

    /// A parameter of the query; of several the first.
    pub(super) fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut parameters = form_urlencoded::parse(self.query()?.as_bytes());
        parameters.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether it is a GET without a body, and so says all in its query.
    fn asks_by_query(&self) -> bool {
        self.method == "GET" && self.body.is_empty()
    }

    /// The fields of the form that it is: of a GET without a body those of its query.
    pub(super) fn form_fields(&self) -> Option<FormFields<'_>> {
        if self.asks_by_query() {
            return Some(form_urlencoded::parse(self.query()?.as_bytes()).collect());
        }
        form_fields(self.content_type(), &self.body)
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers.get("content-type")
    }

    /// Whether the body says that it is a form, written as addresses are.
    pub(super) fn is_form(&self) -> bool {
        let media_type = self.content_type().unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// What a handshake before any trust may look at: method, headers and query, never the body.
    pub fn greeting(&self) -> Greeting<'_> {
        Greeting(self)
    }
}

/// A request of which only method, headers and query may be looked at.
#[derive(Clone, Copy)]
pub struct Greeting<'r>(&'r Request);

impl<'r> Greeting<'r> {
    /// The HTTP method.
    pub fn method(&self) -> &'r str {
        self.0.method()
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<Cow<'r, str>> {
        self.0.parameter(name)
    }

    /// A header's value.
    pub fn header(&self, lower_case_name: &str) -> Option<&'r str> {
        self.0.headers.get(lower_case_name)
    }

    /// A short text field at the top of a small body, for senders whose first request is signed
    /// with nothing. Longer ones are none.
    pub fn field(&self, name: &str) -> Option<String> {
        const SMALL: usize = 4096;
        if self.0.body.len() > SMALL {
            return None;
        }
        let fields = Fields::of(&self.0.body, self.0.content_type(), None).ok()?;
        fields.text(&[name.to_owned()]).map(Cow::into_owned)
    }
}

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covers {
    /// Every byte of the body, or all that is read of it.
    pub(super) body: bool,
    /// All of the query, or all that is read of it where there is no body.
    pub(super) query: bool,
}

/// A request whose signature held: the proof, and the only door to the body.
pub struct Verified<'r> {
    request: &'r Request,
    /// The signature that held.
    made: Match,
    covers: Covers,
    /// The headers that carry credentials, in lower case.
    credentials: Arc<[String]>,
}

impl<'r> Verified<'r> {
    pub(super) fn new(
        request: &'r Request,
        made: Match,
        covers: Covers,
        credentials: Arc<[String]>,
    ) -> Self {
        Self { request, made, covers, credentials }
    }

    /// The id that the event will have.
    pub fn id(&self) -> EventId {
        self.request.id
    }

    /// When the request's headers were complete.
    pub fn received_at(&self) -> Timestamp {
        self.request.received_at
    }

    /// Which of the source's secrets matched, from 0: the position is for logs and metrics.
    pub fn secret(&self) -> usize {
        self.made.secret
    }

    /// What tells this signature from all others. It covers all that is signed, so a second
    /// delivery has the same one, whatever was changed in its headers; and nobody can sign with it.
    /// Where the body is not signed, it counts beside the signature.
    pub fn digest(&self) -> [u8; 16] {
        digest_of(&self.made.mac, (!self.covers.body).then_some(&*self.request.body))
    }

    /// The body, byte for byte.
    pub fn body(&self) -> &'r Bytes {
        &self.request.body
    }

    /// The fields of the form that its `body` is, once that is unpacked. A GET without a body says
    /// them in its query, which is asked only if it is under the signature.
    pub fn form_fields<'b>(&'b self, body: &'b [u8]) -> Option<FormFields<'b>> {
        if self.request.asks_by_query() {
            return self.request.form_fields().filter(|_| self.covers.query);
        }
        form_fields(self.request.content_type(), body)
    }

    /// The HTTP method.
    pub fn method(&self) -> &'r str {
        &self.request.method
    }

    /// The request's target as it was sent.
    pub fn path_and_query(&self) -> &'r str {
        &self.request.path_and_query
    }

    /// One header's value.
    pub fn header(&self, lower_case_name: &str) -> Option<&'r str> {
        self.request.headers.get(lower_case_name)
    }

    /// The headers that may be kept: all but those that carry credentials.
    pub fn headers(&self) -> Headers {
        self.request.headers.only(|name| !is_credential(&self.credentials, name))
    }
}

/// Other signatures too: GitHub sends a SHA-1 of the same body with the same secret beside the one
/// that is looked at.
pub(super) fn is_credential(credentials: &[String], name: &str) -> bool {
    credentials.iter().any(|header| header == name)
        || ["authorization", "proxy-authorization", "cookie"].contains(&name)
        || name.contains("signature")
}

/// What tells a signature from all others.
pub(super) fn digest_of(mac: &str, unsigned_body: Option<&[u8]>) -> [u8; 16] {
    let mut digest = Sha256::new_with_prefix(mac.as_bytes());
    if let Some(body) = unsigned_body {
        digest.update([0]);
        digest.update(body);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let (half, _) = digest.split_at(16);
    half.try_into().unwrap_or_default()
}
