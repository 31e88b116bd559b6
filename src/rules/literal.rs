//! How is a literal written, and how does none of its digits get lost?

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

use super::test::{Literal, Number};

/// The name by which a value asks its reader for numbers as they are written (as bytes), so that
/// none loses a digit. To a reader that does not know it, it is a newtype like all others.
pub const EXACT: &str = "kabari exact";

/// The scalar half of a visitor: each becomes a literal and goes to `$then`.
macro_rules! literals {
    ($value:ty, $then:expr) => {
        fn visit_bool<E: Error>(self, value: bool) -> Result<$value, E> {
            ($then)(self, Literal::Bool(value))
        }

        /// From a reader that knows [`EXACT`]: a number as it is written.
        fn visit_bytes<E: Error>(self, written: &[u8]) -> Result<$value, E> {
            ($then)(self, number(&String::from_utf8_lossy(written))?)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<$value, D::Error> {
            inner.deserialize_any(self)
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<$value, E> {
            ($then)(self, number(&value)?)
        }

        fn visit_i128<E: Error>(self, value: i128) -> Result<$value, E> {
            ($then)(self, number(&value)?)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<$value, E> {
            ($then)(self, number(&value)?)
        }

        fn visit_u128<E: Error>(self, value: u128) -> Result<$value, E> {
            ($then)(self, number(&value)?)
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<$value, E> {
            ($then)(self, number(&value)?)
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<$value, E> {
            ($then)(self, Literal::Text(value.into()))
        }

        fn visit_unit<E: Error>(self) -> Result<$value, E> {
            ($then)(self, Literal::Null)
        }

        fn visit_none<E: Error>(self) -> Result<$value, E> {
            ($then)(self, Literal::Null)
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<$value, D::Error> {
            inner.deserialize_any(self)
        }
    };
}

pub(super) fn number<E: Error>(value: &impl ToString) -> Result<Literal, E> {
    let written = value.to_string();
    match Number::parse(&written) {
        Some(number) => Ok(Literal::Number(Box::new(number))),
        None => Err(E::custom(format!("`{written}` is no number that JSON has"))),
    }
}

pub(super) use literals;

/// A literal alone.
pub(super) struct OneLiteral;

impl<'de> DeserializeSeed<'de> for OneLiteral {
    type Value = Literal;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Literal, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for OneLiteral {
    type Value = Literal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true, false or null")
    }

    literals!(Literal, |_, literal| Ok(literal));
}
