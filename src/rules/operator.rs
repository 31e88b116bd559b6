//! Which operators are there in a pattern?

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::read::{AnythingBut, EXACT, OneLiteral};
use super::test::{Bound, Comparison, Literal, Test};

/// An operator: the one key of an object among the alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Exists,
    Prefix,
    Suffix,
    AnythingBut,
    Numeric,
}

/// How the operators are written.
pub(super) const OPERATORS: [(&str, Operator); 5] = [
    ("exists", Operator::Exists),
    ("prefix", Operator::Prefix),
    ("suffix", Operator::Suffix),
    ("anything-but", Operator::AnythingBut),
    ("numeric", Operator::Numeric),
];

/// Operators of EventBridge and its kin that are not understood.
pub(super) const LATER: [&str; 4] = ["wildcard", "equals-ignore-case", "cidr", "regex"];

impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Operator;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an operator")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Operator, E> {
                let known = OPERATORS.iter().find(|(written, _)| *written == name);
                known.map(|(_, operator)| *operator).ok_or_else(|| E::custom(unknown(name)))
            }
        }

        deserializer.deserialize_str(Name)
    }
}

fn unknown(name: &str) -> String {
    let names = OPERATORS.map(|(written, _)| written);
    if LATER.contains(&name) {
        return format!(
            "the operator `{name}` is not understood yet; known are {}; `when:` can say it too",
            names.join(", ")
        );
    }
    let nearest = names
        .into_iter()
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest.filter(|near| strsim::jaro_winkler(near, name) > 0.7) {
        Some(near) => format!("unknown operator `{name}`; did you mean `{near}`?"),
        None => format!("unknown operator `{name}`; known are {}", names.join(", ")),
    }
}

/// Reads what stands behind the operator.
impl<'de> DeserializeSeed<'de> for Operator {
    type Value = Test;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Test, D::Error> {
        match self {
            Self::Exists => {
                let wanted = bool::deserialize(deserializer)?;
                Ok(if wanted { Test::Exists } else { Test::Missing })
            }
            Self::Prefix => Ok(Test::Prefix(text(deserializer, "prefix")?)),
            Self::Suffix => Ok(Test::Suffix(text(deserializer, "suffix")?)),
            Self::AnythingBut => deserializer.deserialize_newtype_struct(EXACT, AnythingBut),
            Self::Numeric => deserializer.deserialize_seq(Range),
        }
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D, operator: &str) -> Result<String, D::Error> {
    match OneLiteral.deserialize(deserializer)? {
        Literal::Text(text) => Ok(text),
        other => Err(D::Error::custom(format!("`{operator}` takes a text, not {other}"))),
    }
}

/// `[">", 0, "<=", 100]`
struct Range;

impl<'de> Visitor<'de> for Range {
    type Value = Test;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("comparisons, as `[\">\", 0, \"<=\", 100]`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Test, A::Error> {
        let mut bounds: Vec<Bound> = Vec::new();
        while let Some(comparison) = seq.next_element::<Comparison>()? {
            let (limit, written) = match seq.next_element_seed(OneLiteral)? {
                Some(Literal::Number(limit, written)) => (limit, written),
                Some(other) => {
                    return Err(A::Error::custom(format!("{other} is no number to compare with")));
                }
                None => return Err(A::Error::custom("a number is missing behind the comparison")),
            };
            bounds.push(Bound { comparison, limit, written });
        }
        if bounds.is_empty() || bounds.len() > 2 {
            return Err(A::Error::custom("one or two comparisons, as `[\">\", 0, \"<=\", 100]`"));
        }
        Ok(Test::Numeric(bounds))
    }
}

impl<'de> Deserialize<'de> for Comparison {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sign;

        impl Visitor<'_> for Sign {
            type Value = Comparison;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of <, <=, =, >=, >")
            }

            fn visit_str<E: Error>(self, sign: &str) -> Result<Comparison, E> {
                let help = "known are <, <=, =, >=, >";
                Comparison::parse(sign)
                    .ok_or_else(|| E::custom(format!("unknown comparison `{sign}`; {help}")))
            }
        }

        deserializer.deserialize_str(Sign)
    }
}
