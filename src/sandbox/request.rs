//! Is this exactly the documented request? What is wrong is said with the field's name.

use serde_json::{Map, Value};

use crate::model::{Kind, Recipient};

/// The longest typing time that is taken, in milliseconds.
pub const DELAY_MAX_MS: u64 = 600_000;

const MEDIA_FIELDS: &[&str] =
    &["instanceName", "number", "type", "mediaUrl", "message", "fileName", "mimetype", "delay"];
const TEXT_FIELDS: &[&str] = &["instanceName", "number", "message"];

/// A request as documented.
#[derive(Clone, Debug)]
pub(super) struct SendRequest {
    pub(super) instance: String,
    pub(super) number: Recipient,
    pub(super) kind: Kind,
    pub(super) media_url: Option<reqwest::Url>,
    pub(super) message: Option<String>,
    pub(super) file_name: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) delay: Option<u64>,
}

/// Which of the two addresses was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Media,
    Text,
}

/// What is wrong with a body, in one sentence.
pub(super) type Refusal = String;

/// Reads a body: JSON, required fields, their types, the value of `type`, the address, the number,
/// and then what is not documented. `Err` says all that is wrong at the first step that fails.
pub(super) fn read(endpoint: Endpoint, body: &[u8]) -> Result<SendRequest, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|e| format!("invalid JSON: {e}"))?;
    let Value::Object(fields) = body else {
        return Err("the body must be a JSON object".to_owned());
    };
    let (known, required) = match endpoint {
        Endpoint::Media => (MEDIA_FIELDS, &MEDIA_FIELDS[..4]),
        Endpoint::Text => (TEXT_FIELDS, TEXT_FIELDS),
    };
    missing_fields(&fields, required)?;
    wrong_types(&fields, known)?;
    let kind = match endpoint {
        Endpoint::Text => Kind::Text,
        Endpoint::Media => media_kind(text(&fields, "type").unwrap_or_default())?,
    };
    let media_url = text(&fields, "mediaUrl").map(media_url).transpose()?;
    let number = number(text(&fields, "number").unwrap_or_default())?;
    let delay = fields.get("delay").map(delay).transpose()?;
    let unknown: Vec<_> = fields
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| format!("`{}`", key.escape_debug()))
        .collect();
    if !unknown.is_empty() {
        let known = known.join(", ");
        return Err(format!("unknown field {}; documented are {known}", unknown.join(", ")));
    }
    let owned = |key| text(&fields, key).map(str::to_owned);
    Ok(SendRequest {
        instance: owned("instanceName").unwrap_or_default(),
        number,
        kind,
        media_url,
        message: owned("message"),
        file_name: owned("fileName"),
        mimetype: owned("mimetype"),
        delay,
    })
}

fn missing_fields(fields: &Map<String, Value>, required: &[&str]) -> Result<(), Refusal> {
    let is_empty = |key: &str| match fields.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    };
    let missing: Vec<_> =
        required.iter().filter(|key| is_empty(key)).map(|key| format!("`{key}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("missing or empty required field {}", missing.join(", ")))
}

fn wrong_types(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Refusal> {
    for key in known {
        let Some(value) = fields.get(*key) else { continue };
        let (wanted, fits) = match *key {
            "delay" => ("a number", value.is_number()),
            _ => ("a string", value.is_string()),
        };
        if !fits {
            return Err(format!("`{key}` must be {wanted}, and is {}", type_name(value)));
        }
    }
    Ok(())
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(Value::as_str)
}

fn media_kind(word: &str) -> Result<Kind, Refusal> {
    [Kind::Image, Kind::Video, Kind::Document, Kind::Audio]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| {
            format!(
                "`type` must be one of image, video, document, audio, and is `{}`",
                word.escape_debug()
            )
        })
}

fn media_url(text: &str) -> Result<reqwest::Url, Refusal> {
    let url = reqwest::Url::parse(text)
        .map_err(|error| format!("`mediaUrl` must be an http or https URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!("`mediaUrl` must be an http or https URL, and is {scheme}:"));
    }
    Ok(url)
}

fn number(text: &str) -> Result<Recipient, Refusal> {
    Recipient::person(text).or_else(|| Recipient::group(text)).ok_or_else(|| {
        "`number` must be 7 to 15 international digits without + or leading zero \
         (628123456789), or a group's id that ends in @g.us"
            .to_owned()
    })
}

fn delay(value: &Value) -> Result<u64, Refusal> {
    value.as_u64().filter(|ms| *ms <= DELAY_MAX_MS).ok_or_else(|| {
        format!("`delay` must be whole milliseconds from 0 to {DELAY_MAX_MS}, and is {value}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Endpoint, read};

    #[test]
    fn each_step_names_the_field_and_steps_come_in_the_order_of_an_engine() {
        let full = json!({"instanceName": "a", "number": "628123456789", "type": "document",
            "mediaUrl": "https://x.example/a.pdf", "message": "m", "fileName": "a.pdf",
            "mimetype": "application/pdf", "delay": 10});
        assert!(read(Endpoint::Media, full.to_string().as_bytes()).is_ok());
        for (field, value, expected) in [
            ("number", json!(null), "missing or empty required field `number`"),
            ("number", json!("  "), "missing or empty required field `number`"),
            ("number", json!(628_123_456_789_u64), "`number` must be a string, and is a number"),
            ("number", json!("+628123456789"), "`number` must be 7 to 15 international digits"),
            ("number", json!("0812345678"), "`number` must be 7 to 15 international digits"),
            ("number", json!("1203@g.us"), "`number` must be 7 to 15 international digits"),
            ("type", json!("sticker"), "image, video, document, audio, and is `sticker`"),
            ("type", json!("text"), "image, video, document, audio, and is `text`"),
            ("mediaUrl", json!("a.pdf"), "`mediaUrl` must be an http or https URL"),
            ("mediaUrl", json!("file:///etc/passwd"), "http or https URL, and is file:"),
            ("delay", json!("10"), "`delay` must be a number, and is a string"),
            ("delay", json!(-1), "`delay` must be whole milliseconds"),
            ("delay", json!(1.5), "`delay` must be whole milliseconds"),
            ("message", json!(null), "`message` must be a string, and is null"),
            ("caption", json!("x"), "unknown field `caption`; documented are instanceName"),
        ] {
            let mut body = full.clone();
            body[field] = value;
            let refusal = read(Endpoint::Media, body.to_string().as_bytes()).unwrap_err();
            assert!(refusal.contains(expected), "{field}: {refusal}");
        }
        let refusal = read(Endpoint::Media, br#"{"type": 1, "x": 1}"#).unwrap_err();
        assert_eq!(refusal, "missing or empty required field `instanceName`, `number`, `mediaUrl`");
    }

    #[test]
    fn a_text_has_three_fields_and_no_other() {
        let body = br#"{"instanceName":"a","number":"120363000000000000@g.us","message":"m"}"#;
        assert!(read(Endpoint::Text, body).is_ok());
        let body = br#"{"instanceName":"a","number":"628123456789","message":"m","delay":5}"#;
        assert!(read(Endpoint::Text, body).unwrap_err().contains("unknown field `delay`"));
        assert!(read(Endpoint::Text, b"[]").unwrap_err().contains("JSON object"));
        assert!(read(Endpoint::Text, b"{").unwrap_err().contains("invalid JSON"));
    }
}
