//! A request to be signed: what `kabari trigger` and the demo send.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::Request;
use super::place::set;
use crate::model::EventId;

/// A request on its way to being signed.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The time to sign.
    pub now: Timestamp,
}

impl Outgoing {
    /// A POST to `/hooks/<source>`.
    pub fn post(source: &str, body: impl Into<Vec<u8>>, now: Timestamp) -> Self {
        Self {
            method: "POST".to_owned(),
            target: format!("/hooks/{source}"),
            headers: Vec::new(),
            body: body.into(),
            now,
        }
    }

    /// The same with more headers.
    #[must_use]
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets a header, in place of one of this name.
    pub fn put_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// One header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn put_parameter(&mut self, name: &str, value: &str) {
        let pair: String =
            form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let separator = if self.target.contains('?') { '&' } else { '?' };
        self.target = format!("{}{separator}{pair}", self.target);
    }

    pub(super) fn put_field(&mut self, path: &[String], value: &str) {
        if self.arriving().is_form() {
            self.body = form_with(&self.body, path, value).into_bytes();
            return;
        }
        let mut document: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        set(&mut document, path, value);
        self.body = serde_json::to_vec(&document).unwrap_or_default();
    }

    /// The request as it will arrive.
    pub(super) fn arriving(&self) -> Request {
        let headers = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        Request::new(
            EventId(uuid::Uuid::nil()),
            self.now,
            "",
            self.method.clone(),
            self.target.clone(),
            headers.collect(),
            Bytes::copy_from_slice(&self.body),
        )
    }
}

/// The names of form fields that hold a whole JSON document.
const DOCUMENTS: [&str; 2] = ["payload", "json"];

/// A form with one field set, or with a field of the JSON document in it.
fn form_with(body: &[u8], path: &[String], value: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let mut is_set = false;
    let name = path.join(".");
    for (key, old) in form_urlencoded::parse(body).filter(|(key, _)| *key != name) {
        match serde_json::from_str::<Value>(&old) {
            Ok(mut document) if DOCUMENTS.contains(&key.as_ref()) => {
                set(&mut document, path, value);
                form.append_pair(&key, &document.to_string());
                is_set = true;
            }
            _ => {
                form.append_pair(&key, &old);
            }
        }
    }
    if !is_set {
        form.append_pair(&name, value);
    }
    form.finish()
}
