//! What of a request may be asked for while it is checked?

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::fields::{Fields, elements};
use super::form::form_fields;
use super::{Denied, Request};

/// The address of a source as its sender knows it, without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: String,
    path: String,
}

impl Address {
    /// Takes an address such as `https://hooks.shop.example/billing`; a query is dropped.
    ///
    /// # Errors
    /// When it has no scheme or host.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
        if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.starts_with('/') {
            return Err("it is not of the form `https://host/path`");
        }
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        Ok(Self { path: path.to_owned(), url: url.to_owned() })
    }
}

/// A request, or one element of a batch in it, with what is known beside.
pub(super) struct View<'r> {
    pub(super) request: &'r Request,
    address: Option<&'r Address>,
    element: Option<&'r RawValue>,
    fields: OnceCell<Result<Fields<'r>, &'static str>>,
}

impl<'r> View<'r> {
    pub(super) fn new(request: &'r Request, address: Option<&'r Address>) -> Self {
        Self { request, address, element: None, fields: OnceCell::new() }
    }

    /// One view for each element at `path`; an error if there is none.
    pub(super) fn each(&self, path: &[String]) -> Result<Vec<Self>, Denied> {
        let Fields::Json(document) = self.fields()? else {
            return Err(malformed("body", "a form has no elements"));
        };
        let found = elements(document, path);
        if found.is_empty() {
            return Err(malformed("body", "it has no elements that could be signed"));
        }
        let view = |element| Self {
            request: self.request,
            address: self.address,
            element: Some(element),
            fields: OnceCell::new(),
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// The text of a field of the body (or of this element).
    pub(super) fn field(&self, path: &[String]) -> Result<Cow<'r, str>, Denied> {
        let found = self.fields()?.text(path);
        found.ok_or_else(|| Denied::MissingPart { part: format!("field `{}`", path.join(".")) })
    }

    /// The JSON that is signed: the body, or of a form what its field `payload` holds.
    pub(super) fn payload(&self) -> Result<Cow<'r, [u8]>, Denied> {
        if form_fields(self.request.content_type(), self.request.body()).is_none() {
            return Ok(Cow::Borrowed(self.request.body()));
        }
        self.field(&["payload".to_owned()]).map(|text| match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    /// The whole address with the request's own query, as the sender signs it.
    pub(super) fn url(&self) -> Result<String, Denied> {
        let address = self.address.ok_or_else(|| Denied::MissingPart {
            part: "`url:` of this source in the rule file".to_owned(),
        })?;
        Ok(match self.request.query() {
            Some(query) => format!("{}?{query}", address.url),
            None => address.url.clone(),
        })
    }

    /// The path as the sender knows it.
    pub(super) fn path(&self) -> &'r str {
        self.address.map_or_else(|| self.request.path(), |address| &address.path)
    }

    fn fields(&self) -> Result<&Fields<'r>, Denied> {
        let read = self.fields.get_or_init(|| match self.element {
            Some(element) => Ok(Fields::Json(element)),
            None => Fields::of(self.request.body(), self.request.content_type()),
        });
        read.as_ref().map_err(|why| malformed("body", *why))
    }
}

pub(super) fn malformed(part: &str, why: impl Into<Cow<'static, str>>) -> Denied {
    Denied::malformed(part, why)
}
