//! What does serde say when a setting does not fit, in the words of someone who writes YAML?

use serde::de::{self, Unexpected};

use super::read::{ReadError, What};

impl std::fmt::Display for ReadError<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for ReadError<'_> {}

impl de::Error for ReadError<'_> {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { what: What::Message(message.to_string()), place: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Unit | Unexpected::Option => "an empty value".to_owned(),
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Unsigned(number) => format!("`{number}`"),
            Unexpected::Signed(number) => format!("`{number}`"),
            other => other.to_string(),
        };
        Self { what: What::Type { found, expected: in_yaml(&expected.to_string()) }, place: None }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self { what: What::Missing(field), place: None }
    }

    fn unknown_field(field: &str, allowed: &'static [&'static str]) -> Self {
        Self { what: What::UnknownKey { key: field.to_owned(), allowed }, place: None }
    }

    fn unknown_variant(word: &str, allowed: &'static [&'static str]) -> Self {
        Self { what: What::UnknownWord { word: word.to_owned(), allowed }, place: None }
    }
}

/// What serde expects, in the words of someone who writes YAML.
fn in_yaml(expected: &str) -> String {
    match expected {
        "a string" => "a text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping of keys and values".to_owned(),
        other if other.starts_with("struct ") => "a mapping of keys and values".to_owned(),
        other => other.to_owned(),
    }
}
