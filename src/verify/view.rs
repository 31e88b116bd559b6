//! What of a request may be asked for while it is checked?

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::value::RawValue;

use super::fields::{Fields, elements};
use super::form::FormField;
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

/// What a source says of its requests, beside how they are signed.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    pub(super) address: Option<Address>,
    /// The field of a form that holds the document.
    pub(super) form: Option<FormField>,
}

/// A request, or one element of a batch in it, with what is known beside.
pub(super) struct View<'r> {
    pub(super) request: &'r Request,
    site: &'r Site,
    element: Option<&'r RawValue>,
    fields: OnceCell<Result<Fields<'r>, &'static str>>,
}

impl<'r> View<'r> {
    pub(super) fn new(request: &'r Request, site: &'r Site) -> Self {
        Self { request, site, element: None, fields: OnceCell::new() }
    }

    /// One view for each element at `path`; an error if there is none, or if one is no such element.
    pub(super) fn each(&self, path: &[String]) -> Result<Vec<Self>, Denied> {
        let Fields::Json(document) = self.fields()? else {
            return Err(malformed("body", "a form has no elements"));
        };
        let found = elements(document, path).ok_or_else(|| {
            malformed("body", "it has no elements that could be signed, or something beside them")
        })?;
        let view = |element| Self {
            request: self.request,
            site: self.site,
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

    /// The JSON that is signed: the body, or what the source's field of a form holds, which stands in
    /// the query where the request has no body.
    pub(super) fn payload(&self) -> Result<Cow<'r, [u8]>, Denied> {
        let Some(fields) = self.request.form_fields() else {
            return Ok(Cow::Borrowed(self.request.body()));
        };
        let usual = FormField::payload();
        let document = self.site.form.as_ref().unwrap_or(&usual).document(&fields);
        match document.map_err(|why| malformed("body", why))? {
            Some(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.as_bytes())),
            Some(Cow::Owned(text)) => Ok(Cow::Owned(text.into_bytes())),
            None => Err(malformed("body", "the form does not hold its document")),
        }
    }

    /// The whole address with the request's own query, as the sender signs it.
    pub(super) fn url(&self) -> Result<String, Denied> {
        let address = self.site.address.as_ref().ok_or_else(|| Denied::MissingPart {
            part: "`url:` of this source in the rule file".to_owned(),
        })?;
        Ok(match self.request.query() {
            Some(query) => format!("{}?{query}", address.url),
            None => address.url.clone(),
        })
    }

    /// The path as the sender knows it.
    pub(super) fn path(&self) -> &'r str {
        self.site.address.as_ref().map_or_else(|| self.request.path(), |address| &address.path)
    }

    fn fields(&self) -> Result<&Fields<'r>, Denied> {
        let read = self.fields.get_or_init(|| {
            if let Some(element) = self.element {
                return Ok(Fields::Json(element));
            }
            let (body, form) = (self.request.body(), self.site.form.as_ref());
            Fields::of(body, self.request.content_type(), form)
        });
        read.as_ref().map_err(|why| malformed("body", *why))
    }
}

pub(super) fn malformed(part: &str, why: impl Into<Cow<'static, str>>) -> Denied {
    Denied::malformed(part, why)
}
