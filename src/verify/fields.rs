//! What stands at a path of a body that nobody vouches for yet?
//!
//! A few senders put signature or time into the body. Just these fields are read before anything is
//! believed, from bodies of a bounded size.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::form::{FormField, FormFields, form_fields};

/// The largest body that is searched, in bytes: the senders concerned send a few KB.
const LARGEST: usize = 1 << 20;
/// How many elements of a batch are looked at.
const ELEMENTS_MAX: usize = 10_000;

/// A body whose fields can be asked for.
pub(super) enum Fields<'r> {
    /// A JSON document.
    Json(&'r RawValue),
    /// The fields of a form.
    Form(FormFields<'r>),
    /// The JSON document that a form carries.
    InForm(Box<RawValue>),
}

impl<'r> Fields<'r> {
    /// Reads no more than whether it is a document; the error says what it is not.
    /// `form` is the field of a form that holds the document, if one does.
    pub(super) fn of(
        body: &'r [u8],
        content_type: Option<&str>,
        form: Option<&FormField>,
    ) -> Result<Self, &'static str> {
        if body.len() > LARGEST {
            return Err("it is too large to be searched for a signature");
        }
        if let Some(fields) = form_fields(content_type, body) {
            let document = form.map(|form| form.document(&fields)).transpose();
            let document = document.map_err(|_| "the form does not hold its document")?.flatten();
            return match document.map(|text| RawValue::from_string(text.into_owned())) {
                Some(Ok(document)) => Ok(Self::InForm(document)),
                Some(Err(_)) => Err("what the form holds is no JSON"),
                None => Ok(Self::Form(fields)),
            };
        }
        let text = std::str::from_utf8(body).map_err(|_| "it is no UTF-8")?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str(text).map(Self::Json).map_err(|_| "it is no JSON")
    }

    /// The text of one field; numbers as they are written.
    pub(super) fn text(&self, path: &[String]) -> Option<Cow<'r, str>> {
        match self {
            Self::Json(document) => text(at(document, path)?),
            Self::InForm(document) => {
                text(at(document, path)?).map(|text| Cow::Owned(text.into_owned()))
            }
            Self::Form(fields) => {
                let name = path.join(".");
                let found = fields.iter().rev().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.clone())
            }
        }
    }
}

/// The value at a path of member names and, in lists, of positions.
fn at<'r>(value: &'r RawValue, path: &[String]) -> Option<&'r RawValue> {
    path.iter().try_fold(value, |value, name| member(value, name))
}

fn member<'r>(value: &'r RawValue, name: &str) -> Option<&'r RawValue> {
    if let Ok(position) = name.parse::<usize>()
        && let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value.get())
    {
        return list.get(position).copied();
    }
    serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok()?.remove(name)
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    match written.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(written).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(written)),
    }
}

/// All values at a path in which `*` stands for every element of a list; `None` if the way leads
/// nowhere from one of them, as what stands there would be read and is not looked at.
pub(super) fn elements<'r>(document: &'r RawValue, path: &[String]) -> Option<Vec<&'r RawValue>> {
    let mut found = vec![document];
    for name in path {
        let mut next = Vec::new();
        for value in found {
            next.extend(step(value, name)?);
            if next.len() > ELEMENTS_MAX {
                return None;
            }
        }
        found = next;
    }
    Some(found)
}

fn step<'r>(value: &'r RawValue, name: &str) -> Option<Vec<&'r RawValue>> {
    if name == "*" {
        let list: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
        return (!list.is_empty()).then_some(list);
    }
    member(value, name).map(|value| vec![value])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn texts_and_numbers_come_as_they_are_written() {
        let body = br#"{"a": {"b": "x\u00e9", "n": 10000.00, "l": [1, {"c": true}], "z": null}}"#;
        let fields = Fields::of(body, None, None).unwrap();
        for (at, expected) in [
            ("a.b", Some("xé")),
            ("a.n", Some("10000.00")),
            ("a.l.0", Some("1")),
            ("a.l.1.c", Some("true")),
            ("a.l", None),
            ("a.z", None),
            ("a.b.c", None),
        ] {
            assert_eq!(fields.text(&path(at)).as_deref(), expected, "{at}");
        }
        let form = Fields::of(b"a=1&a=2&b.c=%2B", FORM, None).unwrap();
        assert_eq!(form.text(&path("a")).as_deref(), Some("2"));
        assert_eq!(form.text(&path("b.c")).as_deref(), Some("+"));
    }

    #[test]
    fn a_star_goes_through_every_element() {
        let body = br#"{"l":[{"i":1},{"i":2}],"some":[{"i":1},{}],"none":[]}"#;
        let Ok(Fields::Json(document)) = Fields::of(body, None, None) else { panic!() };
        let found = elements(document, &path("l.*.i")).unwrap();
        assert_eq!(found.into_iter().map(RawValue::get).collect::<Vec<_>>(), ["1", "2"]);
        for nowhere in ["x.*", "some.*.i", "none.*", "l.*.i.*"] {
            assert!(elements(document, &path(nowhere)).is_none(), "{nowhere}");
        }
    }

    #[test]
    fn of_a_form_with_a_document_nothing_else_is_asked() {
        let field = FormField::parse("json");
        let read = |body: &'static [u8]| Fields::of(body, FORM, Some(&field));
        let form = read(b"a=flat&json=%7B%22a%22%3A1%7D&payload=%7B%22b%22%3A2%7D").unwrap();
        assert_eq!(form.text(&path("a")).as_deref(), Some("1"));
        assert_eq!(form.text(&path("b")), None);
        assert!(read(b"a=flat").is_err() && read(b"json=x").is_err());
    }
}
