//! Where in a request does a value stand: in a header, in the query, in a field of the body?

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::view::View;
use super::{Denied, Outgoing};
use crate::model::Fault;

/// One text or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(String),
    /// Several, of which the first that is there counts.
    More(Vec<String>),
}

impl OneOrMore {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// Where a value stands: one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlaceSettings {
    /// A header; of several the first that is there.
    #[schemars(extend("examples" = ["X-Event-Id"]))]
    pub header: Option<OneOrMore>,
    /// A parameter of the query.
    #[schemars(extend("examples" = ["id"]))]
    pub query: Option<String>,
    /// A dotted path in the body.
    #[schemars(extend("examples" = ["event.id"]))]
    pub field: Option<String>,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the first of these headers that is there.
    Header(Vec<String>),
    /// In a parameter of the query.
    Query(String),
    /// At a path in the body.
    Field(Vec<String>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(names) => f.write_str(&names.join(" or ")),
            Self::Query(name) => write!(f, "?{name}="),
            Self::Field(path) => write!(f, "body.{}", path.join(".")),
        }
    }
}

impl Place {
    /// The place that is named; a fault at `path` if it is none or more than one.
    pub(super) fn build(
        path: &str,
        (header, query, field): (Option<&OneOrMore>, Option<&str>, Option<&str>),
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        match (header, query, field) {
            (Some(names), None, None) => {
                if names.all().is_empty() {
                    return Self::build(path, (None, None, None), faults);
                }
                let fits = names.all().iter().all(|name| is_header(&at(path), name, faults));
                fits.then(|| Self::Header(names.all().to_vec()))
            }
            (None, Some(name), None) if !name.is_empty() => Some(Self::Query(name.to_owned())),
            (None, None, Some(field)) if !field.is_empty() => Some(Self::Field(dotted(field))),
            (None, None, None) => {
                let wrong = "the name of the header is missing";
                let help = "as `header: X-Signature`; `query:` or `field:` where it stands there";
                faults.push(Fault::error(at(path), "missing-header", wrong).help(help));
                None
            }
            _ => {
                let wrong = "a value stands in one place: `header`, `query` or `field`";
                faults.push(Fault::error(path, "two-places", wrong).help("give one of them"));
                None
            }
        }
    }

    pub(super) fn read<'r>(&self, view: &View<'r>) -> Result<Cow<'r, str>, Denied> {
        match self {
            Self::Header(names) => {
                let mut found = Err(Denied::MissingHeader { header: String::new() });
                for name in names {
                    found = view.request.header(name);
                    if found.is_ok() {
                        break;
                    }
                }
                found
            }
            Self::Query(name) => view
                .request
                .parameter(name)
                .ok_or_else(|| Denied::MissingPart { part: format!("`{name}` in the query") }),
            Self::Field(path) => view.field(path),
        }
    }

    /// Writes `value` there, in a request that is being signed.
    pub(super) fn put(&self, outgoing: &mut Outgoing, value: &str) {
        match self {
            Self::Header(names) => {
                if let Some(name) = names.first() {
                    outgoing.put_header(name, value);
                }
            }
            Self::Query(name) => outgoing.put_parameter(name, value),
            Self::Field(path) => outgoing.put_field(path, value),
        }
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn headers(&self) -> Vec<String> {
        match self {
            Self::Header(names) => names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            Self::Query(_) | Self::Field(_) => Vec::new(),
        }
    }
}

fn at(path: &str) -> String {
    if path.is_empty() { "header".to_owned() } else { format!("{path}.header") }
}

/// The names in a dotted path.
pub(super) fn dotted(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Writes a text into a JSON document, with the objects on the way to it.
pub(super) fn set(document: &mut Value, path: &[String], value: &str) {
    let Some((name, rest)) = path.split_first() else {
        // A number stays one: a time in the body is seldom a text.
        *document = match (document.is_number(), value.parse::<i64>()) {
            (true, Ok(number)) => number.into(),
            _ => value.into(),
        };
        return;
    };
    if let (Value::Array(list), Ok(position)) = (&mut *document, name.parse::<usize>()) {
        if let Some(element) = list.get_mut(position) {
            set(element, rest, value);
        }
        return;
    }
    if !document.is_object() {
        *document = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = document {
        set(members.entry(name.clone()).or_insert(Value::Null), rest, value);
    }
}

/// Whether it can be a header's name (RFC 9110, 5.6.2); a fault if not.
fn is_header(path: &str, name: &str, faults: &mut Vec<Fault>) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let fits = !name.is_empty() && name.bytes().all(fits);
    if !fits {
        let wrong = format!("`{name}` cannot be the name of a header");
        faults.push(Fault::error(path, "bad-header", wrong).help("as `X-Signature`"));
    }
    fits
}
