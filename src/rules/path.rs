//! How is a key of a pattern written: a path, or `$or`?

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::operator::OPERATORS;

/// A key of a pattern.
pub(super) enum Key {
    /// The joined path from the body's root.
    Path(String),
    /// `$or`
    Or,
}

/// Reads a key: dotted, and with quotes around parts that have dots of their own.
pub(super) struct KeyUnder<'u> {
    /// The joined path above it.
    pub(super) under: &'u str,
}

impl<'de> DeserializeSeed<'de> for KeyUnder<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyUnder<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, as `data.object.status`")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        if key == "$or" {
            return Ok(Key::Or);
        }
        if key.starts_with('$') {
            return Err(E::custom(format!(
                "`{key}` is not known in a pattern, only `$or` is; write `'\"{key}\"'` if it is \
                 the name of a field"
            )));
        }
        if OPERATORS.iter().any(|(name, _)| *name == key) && !self.under.is_empty() {
            let field = self.under;
            return Err(E::custom(format!(
                "`{key}` stands where a path is read; write `{field}: [{{ {key}: … }}]`, or \
                 `\"{field}.{key}\": …` if it is the name of a field"
            )));
        }
        let path = parts(key).map_err(E::custom)?;
        Ok(Key::Path(if self.under.is_empty() { path } else { format!("{}.{path}", self.under) }))
    }
}

/// The joined path that a key means.
fn parts(key: &str) -> Result<String, String> {
    let mut joined = Vec::new();
    let mut rest = key;
    loop {
        let part;
        if let Some(quoted) = rest.strip_prefix('"') {
            let Some((inner, after)) = quoted.split_once('"') else {
                return Err(format!("a quote without its partner in the path `{key}`"));
            };
            (part, rest) = (inner, after);
        } else {
            (part, rest) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
        }
        if part.is_empty() {
            return Err(format!("an empty part in the path `{key}`; write `a.b.c`"));
        }
        joined.push(part);
        if rest.is_empty() {
            return Ok(joined.join("."));
        }
        rest = rest
            .strip_prefix('.')
            .ok_or_else(|| format!("a dot is missing behind a quote in the path `{key}`"))?;
    }
}
