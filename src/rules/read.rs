//! How is a pattern written?
//!
//! A mistake is raised while its own key or value is being read, so that whoever reads the file
//! knows the place.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::Pattern;
use super::decimal::Decimal;
use super::operator::{LATER, OPERATORS, Operator};
use super::test::{Literal, Test};
use super::walk::Wanted;

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut wanted = Vec::new();
        deserializer.deserialize_any(Level { under: "", wanted: &mut wanted })?;
        Ok(Self { wanted })
    }
}

/// The members of one level of paths.
struct Level<'w> {
    under: &'w str,
    wanted: &'w mut Vec<Wanted>,
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("paths with what is wanted there, as `data.object.status: paid`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(path) = map.next_key_seed(Path { under: self.under })? {
            map.next_value_seed(At { path, wanted: self.wanted })?;
        }
        Ok(())
    }
}

/// A key: dotted, and with quotes around parts that have dots of their own.
struct Path<'u> {
    under: &'u str,
}

impl<'de> DeserializeSeed<'de> for Path<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Path<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, as `data.object.status`")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        if key.starts_with('$') {
            return Err(E::custom(format!("`{key}` is not known in a pattern")));
        }
        let misplaced = OPERATORS.iter().any(|(name, _)| *name == key) || LATER.contains(&key);
        if misplaced && !self.under.is_empty() {
            let field = self.under;
            return Err(E::custom(format!(
                "`{key}` stands where a path is read; write `{field}: [{{ {key}: … }}]`, or \
                 `\"{field}.{key}\": …` if it is the name of a field"
            )));
        }
        let path = parts(key).map_err(E::custom)?;
        Ok(if self.under.is_empty() { path } else { format!("{}.{path}", self.under) })
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

/// What is wanted at a path: a literal, a list of alternatives, or further paths.
struct At<'w> {
    path: String,
    wanted: &'w mut Vec<Wanted>,
}

impl At<'_> {
    fn add<E: Error>(self, tests: Vec<Test>) -> Result<(), E> {
        let path = self.path;
        if self.wanted.iter().any(|earlier| *earlier.path == *path) {
            return Err(E::custom(format!(
                "`{path}` is there twice: write all alternatives in one list"
            )));
        }
        self.wanted.push(Wanted { path: path.into(), tests });
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

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
            ($then)(self, Literal::Text(value.to_owned()))
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

fn number<E: Error>(value: &impl ToString) -> Result<Literal, E> {
    let written = value.to_string();
    match Decimal::parse(&written) {
        Some(decimal) => Ok(Literal::Number(decimal, written)),
        None => Err(E::custom(format!("`{written}` is no number that JSON has"))),
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal, a list of alternatives, or further paths")
    }

    literals!((), |at: Self, literal| at.add(vec![Test::Is(literal)]));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut tests = Vec::new();
        // Where an element is left out because it is wrong, that is the mistake.
        let written = seq.size_hint();
        while let Some(test) = seq.next_element_seed(Alternative)? {
            tests.push(test);
        }
        if tests.is_empty() && written.unwrap_or(0) > 0 {
            return Ok(());
        }
        if tests.is_empty() {
            let path = &self.path;
            return Err(A::Error::custom(format!("the list at `{path}` is empty: nothing fits")));
        }
        self.add(tests)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let before = self.wanted.len();
        let written = map.size_hint();
        Level { under: &self.path, wanted: &mut *self.wanted }.visit_map(map)?;
        if self.wanted.len() == before && written.unwrap_or(0) == 0 {
            let path = &self.path;
            return Err(A::Error::custom(format!("nothing is wanted at `{path}`")));
        }
        Ok(())
    }
}

/// One element of a list of alternatives.
struct Alternative;

impl<'de> DeserializeSeed<'de> for Alternative {
    type Value = Test;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Test, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for Alternative {
    type Value = Test;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal or an operator, as `{ prefix: refs/tags/ }`")
    }

    literals!(Test, |_, literal| Ok(Test::Is(literal)));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Test, A::Error> {
        let Some(operator) = map.next_key::<Operator>()? else {
            return Err(A::Error::custom("an operator is missing, as `{ prefix: refs/tags/ }`"));
        };
        let test = map.next_value_seed(operator)?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("two operators in one: make each an element of the list"));
        }
        Ok(test)
    }
}

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

/// What stands behind `anything-but`.
pub(super) struct AnythingBut;

impl<'de> Visitor<'de> for AnythingBut {
    type Value = Test;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a literal, a list of them, or `{ prefix: … }` or `{ suffix: … }`")
    }

    literals!(Test, |_, literal| Ok(Test::AnythingBut(vec![literal])));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Test, A::Error> {
        let mut literals = Vec::new();
        while let Some(literal) = seq.next_element_seed(OneLiteral)? {
            literals.push(literal);
        }
        if literals.is_empty() {
            return Err(A::Error::custom("an empty list; write `exists: true`"));
        }
        Ok(Test::AnythingBut(literals))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Test, A::Error> {
        let test = match map.next_key::<Operator>()? {
            Some(Operator::Prefix) => Test::NoPrefix(map.next_value::<Texts>()?.0),
            Some(Operator::Suffix) => Test::NoSuffix(map.next_value::<Texts>()?.0),
            _ => {
                let wrong = "`anything-but` takes literals, `prefix` and `suffix`";
                return Err(A::Error::custom(wrong));
            }
        };
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("two operators in one `anything-but`"));
        }
        Ok(test)
    }
}

/// A text, or several.
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Several;

        impl<'de> Visitor<'de> for Several {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                if texts.is_empty() {
                    return Err(A::Error::custom("an empty list"));
                }
                Ok(Texts(texts))
            }
        }

        deserializer.deserialize_any(Several)
    }
}
