//! What can stand in a `signed:` template, and what is it in this request?

use std::borrow::Cow;
use std::fmt;

use super::Denied;
use super::mac::{self, Encoding, Hash};
use super::place::{Place, dotted};
use super::view::View;
use crate::secret::Secret;

/// A part of the request, and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) of: Of,
    filters: Vec<Filter>,
}

/// A part of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The body as it came.
    Body,
    /// The body, or what a form holds in the field of the source.
    Payload,
    Timestamp,
    Id,
    Method,
    /// The source's `url` with the request's query.
    Url,
    Path,
    /// The whole query, without its question mark.
    Query,
    /// A header, a parameter, a field.
    At(Place),
    /// The secret itself, for schemes without an HMAC.
    Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Lower,
    /// CRC-32 in decimal.
    Crc32,
    Sha256,
    Base64,
    Hex,
}

const FILTERS: [(&str, Filter); 5] = [
    ("lower", Filter::Lower),
    ("crc32", Filter::Crc32),
    ("sha256", Filter::Sha256),
    ("base64", Filter::Base64),
    ("hex", Filter::Hex),
];

/// The names that stand for something, as they are offered in errors.
const NAMES: &str = "`{body}`, `{payload}`, `{timestamp}`, `{id}`, `{method}`, `{url}`, `{path}`, \
                     `{query}`, `{header.x-name}`, `{query.name}`, `{body.path}` and `{secret}`";

/// What is known when a template is filled.
pub(super) struct Beside<'v, 'r> {
    pub(super) view: &'v View<'r>,
    pub(super) timestamp: Option<&'v str>,
    pub(super) id: Option<&'v Place>,
    pub(super) secret: &'v Secret,
}

impl Hole {
    pub(super) fn body() -> Self {
        Self { of: Of::Body, filters: Vec::new() }
    }

    pub(super) fn timestamp() -> Self {
        Self { of: Of::Timestamp, filters: Vec::new() }
    }

    /// Reads what stands between the braces.
    pub(super) fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut words = text.split('|').map(str::trim);
        let name = words.next().unwrap_or_default();
        let unknown = || {
            if let Some(bare) = name.strip_prefix('{') {
                let wrong = format!("`{{{name}}}` has a brace too many");
                return (wrong, format!("with single braces: `{{{}}}`", bare.trim()));
            }
            let wrong = format!("`{{{name}}}` is nothing that can be signed");
            (wrong, format!("known are {NAMES}"))
        };
        let of = match name.split_once('.') {
            Some(("header", rest)) if !rest.is_empty() => {
                Of::At(Place::Header(vec![rest.to_ascii_lowercase()]))
            }
            Some(("query", rest)) if !rest.is_empty() => Of::At(Place::Query(rest.to_owned())),
            Some(("body", rest)) if !rest.is_empty() => Of::At(Place::Field(dotted(rest))),
            Some(_) => return Err(unknown()),
            None => match name {
                "body" => Of::Body,
                "payload" => Of::Payload,
                "timestamp" => Of::Timestamp,
                "id" => Of::Id,
                "method" => Of::Method,
                "url" => Of::Url,
                "path" => Of::Path,
                "query" => Of::Query,
                "secret" => Of::Secret,
                _ => return Err(unknown()),
            },
        };
        let filters = words.map(|word| {
            let found = FILTERS.iter().find(|(name, _)| *name == word);
            found.map(|(_, filter)| *filter).ok_or_else(|| {
                let names = FILTERS.map(|(name, _)| name).join(", ");
                (format!("`{word}` is no filter of `signed`"), format!("known are {names}"))
            })
        });
        let filters = filters.collect::<Result<_, _>>()?;
        Ok(Self { of, filters })
    }

    /// Whether it stands for all of the body: as it is, or by a hash that nobody can match with
    /// another body, which a CRC is not.
    pub(super) fn is_body(&self) -> bool {
        matches!(self.of, Of::Body | Of::Payload)
            && matches!(self.filters.first(), None | Some(Filter::Sha256))
    }

    /// Whether it stands for what a form holds.
    pub(super) fn is_payload(&self) -> bool {
        self.of == Of::Payload
    }

    /// Whether it stands for all of the query, as it is.
    pub(super) fn is_query(&self) -> bool {
        matches!(self.of, Of::Url | Of::Query) && self.filters.is_empty()
    }

    /// Its bytes in this request.
    pub(super) fn fill<'v>(&self, beside: &Beside<'v, '_>) -> Result<Cow<'v, [u8]>, Denied> {
        let view = beside.view;
        let request = view.request;
        let missing = |part: &str| Denied::MissingPart { part: part.to_owned() };
        let raw = match &self.of {
            Of::Body => Cow::Borrowed(request.body().as_ref()),
            Of::Payload => view.payload()?,
            Of::Timestamp => bytes(Cow::Borrowed(beside.timestamp.ok_or_else(|| missing("time"))?)),
            Of::Id => bytes(beside.id.ok_or_else(|| missing("id"))?.read(view)?),
            Of::Method => Cow::Borrowed(request.method().as_bytes()),
            Of::Url => Cow::Owned(view.url()?.into_bytes()),
            Of::Path => Cow::Borrowed(view.path().as_bytes()),
            Of::Query => Cow::Borrowed(request.query().unwrap_or_default().as_bytes()),
            Of::At(place) => bytes(place.read(view)?),
            Of::Secret => Cow::Borrowed(beside.secret.expose().as_bytes()),
        };
        Ok(self.filters.iter().fold(raw, |raw, filter| Cow::Owned(filter.apply(raw))))
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

impl Filter {
    fn apply(self, raw: Cow<'_, [u8]>) -> Vec<u8> {
        match self {
            Self::Lower => raw.to_ascii_lowercase(),
            Self::Crc32 => crc32fast::hash(&raw).to_string().into_bytes(),
            Self::Sha256 => mac::hash(Hash::Sha256, &[raw]),
            Self::Base64 => Encoding::Base64.write(&raw).into_bytes(),
            Self::Hex => Encoding::Hex.write(&raw).into_bytes(),
        }
    }
}

/// As it is written between the braces.
impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Of::Body => f.write_str("body")?,
            Of::Payload => f.write_str("payload")?,
            Of::Timestamp => f.write_str("timestamp")?,
            Of::Id => f.write_str("id")?,
            Of::Method => f.write_str("method")?,
            Of::Url => f.write_str("url")?,
            Of::Path => f.write_str("path")?,
            Of::Query => f.write_str("query")?,
            Of::At(Place::Header(names)) => write!(f, "header.{}", names.join("|"))?,
            Of::At(Place::Query(name)) => write!(f, "query.{name}")?,
            Of::At(Place::Field(path)) => write!(f, "body.{}", path.join("."))?,
            Of::Secret => f.write_str("secret")?,
        }
        for filter in &self.filters {
            let name =
                FILTERS.iter().find(|(_, known)| known == filter).map_or("", |(name, _)| name);
            write!(f, "|{name}")?;
        }
        Ok(())
    }
}
