//! What does a body say?

use bytes::Bytes;

use crate::expr::Json;
use crate::verify::{FormField, FormFields};

/// Unicode's byte order mark in UTF-8, which some senders put in front of their JSON.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The JSON document in a body, or why there is none.
///
/// Only a form is told by its content type: its field `form` holds the JSON, or, where none is named,
/// its `fields` are the members of an object. Everything else is read as JSON, since senders are
/// careless with that header.
pub(super) fn json(
    fields: Option<FormFields<'_>>,
    form: Option<&FormField>,
    body: &Bytes,
) -> Result<Json, String> {
    let body = match fields {
        Some(fields) => from_form(form, fields)?,
        None => body.clone(),
    };
    let body =
        if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body };
    if body.is_empty() {
        return Err("the body is empty".to_owned());
    }
    Json::parse(body).map_err(|error| error.to_string())
}

fn from_form(form: Option<&FormField>, fields: FormFields<'_>) -> Result<Bytes, String> {
    if let Some(document) = form.map(|form| form.document(&fields)).transpose()?.flatten() {
        return Ok(Bytes::from(document.into_owned()));
    }
    let mut members = serde_json::Map::new();
    for (name, value) in fields {
        members.insert(name.into_owned(), value.into_owned().into());
    }
    serde_json::to_vec(&members).map(Bytes::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::form_fields;

    fn text(content_type: &str, form: Option<&str>, body: &'static [u8]) -> Result<String, String> {
        let fields = form_fields(Some(content_type), body);
        let form = form.map(FormField::parse);
        json(fields, form.as_ref(), &Bytes::from_static(body)).map(|json| json.text().to_owned())
    }

    #[test]
    fn a_form_holds_its_json_in_a_field_or_is_an_object_of_texts() {
        let form = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        let body = b"payload=1&payload=%7B%22a%22%3A+%22b%2Bc%22%7D&x=1";
        assert_eq!(text(form, Some("payload"), body), Ok(r#"{"a": "b+c"}"#.to_owned()));
        assert_eq!(text(form, None, b"id=1&n=%C3%A9"), Ok(r#"{"id":"1","n":"é"}"#.to_owned()));
        assert!(text(form, Some("payload"), b"x=1").is_err_and(|why| why.contains("`payload`")));
        assert_eq!(text(form, Some("payload?"), body), Ok(r#"{"a": "b+c"}"#.to_owned()));
        assert_eq!(text(form, Some("payload?"), b"x=1"), Ok(r#"{"x":"1"}"#.to_owned()));
    }

    #[test]
    fn everything_else_is_json_whatever_it_is_called() {
        for content_type in ["", "text/plain", "application/json", "nonsense"] {
            assert_eq!(text(content_type, Some("payload"), b"[1]"), Ok("[1]".to_owned()));
        }
        assert_eq!(text("", None, b"\xef\xbb\xbf{}"), Ok("{}".to_owned()));
        assert!(text("", None, b"payload=%7B%7D").is_err());
    }
}
