//! Which operators are there in a pattern?

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::literal::{EXACT, OneLiteral};
use super::operand::{AnythingBut, TextOrAnyCase, text};
use super::test::{Bound, Comparison, Literal, Test};
use super::text::{Affix, Expression, Wildcard};

/// An operator: the one key of an object among the alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Exists,
    Prefix,
    Suffix,
    EqualsIgnoreCase,
    AnythingBut,
    Numeric,
    Wildcard,
    Shellstyle,
    Cidr,
    Regex,
}

/// How the operators are written.
pub(super) const OPERATORS: [(&str, Operator); 10] = [
    ("exists", Operator::Exists),
    ("prefix", Operator::Prefix),
    ("suffix", Operator::Suffix),
    ("equals-ignore-case", Operator::EqualsIgnoreCase),
    ("anything-but", Operator::AnythingBut),
    ("numeric", Operator::Numeric),
    ("wildcard", Operator::Wildcard),
    ("cidr", Operator::Cidr),
    ("regex", Operator::Regex),
    // Quamina's name for a wildcard without escapes: the last, since it is not offered.
    ("shellstyle", Operator::Shellstyle),
];

impl Operator {
    /// How it is written.
    pub(super) fn name(self) -> &'static str {
        OPERATORS.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }
}

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
    if name == "$or" {
        return "`$or` is a key beside the paths, not an alternative of one: write \
                `$or: [{ a: 1 }, { b: 2 }]` there"
            .to_owned();
    }
    let names = OPERATORS.map(|(written, _)| written);
    let offered = &names[..names.len() - 1];
    let nearest = offered
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest.filter(|near| strsim::jaro_winkler(near, name) > 0.7) {
        Some(near) => format!("unknown operator `{name}`; did you mean `{near}`?"),
        None => format!("unknown operator `{name}`; known are {}", offered.join(", ")),
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
            Self::Prefix => {
                let seed = TextOrAnyCase { operator: self };
                Ok(Test::Prefix(deserializer.deserialize_newtype_struct(EXACT, seed)?))
            }
            Self::Suffix => {
                let seed = TextOrAnyCase { operator: self };
                Ok(Test::Suffix(deserializer.deserialize_newtype_struct(EXACT, seed)?))
            }
            Self::AnythingBut => deserializer.deserialize_newtype_struct(EXACT, AnythingBut),
            Self::Numeric => deserializer.deserialize_seq(Range),
            Self::EqualsIgnoreCase
            | Self::Wildcard
            | Self::Shellstyle
            | Self::Cidr
            | Self::Regex => {
                let text =
                    text(OneLiteral.deserialize(deserializer)?, self).map_err(D::Error::custom)?;
                self.of_text(&text).map_err(D::Error::custom)
            }
        }
    }
}

impl Operator {
    /// The test, for an operator that takes a text.
    pub(super) fn of_text(self, text: &str) -> Result<Test, String> {
        Ok(match self {
            Self::Prefix => Test::Prefix(Affix::exact(text)),
            Self::Suffix => Test::Suffix(Affix::exact(text)),
            Self::EqualsIgnoreCase => Test::AnyCase(Affix::any_case(text)),
            Self::Wildcard => Test::Wildcard(Wildcard::parse(text)?),
            Self::Shellstyle => Test::Wildcard(Wildcard::plain(text)),
            Self::Cidr => {
                let wrong = |_| {
                    format!(
                        "`{text}` is no range of addresses; write `10.0.0.0/8` or \
                         `2001:db8::/32`, and `/32` or `/128` behind a single address"
                    )
                };
                Test::Cidr(text.parse().map_err(wrong)?)
            }
            Self::Regex => Test::Regex(Expression::compile(text)?),
            Self::Exists | Self::AnythingBut | Self::Numeric => {
                return Err(format!("`{}` takes no text", self.name()));
            }
        })
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
            let limit = match seq.next_element_seed(OneLiteral)? {
                Some(Literal::Number(limit)) => *limit,
                Some(other) => {
                    return Err(A::Error::custom(format!("{other} is no number to compare with")));
                }
                None => return Err(A::Error::custom("a number is missing behind the comparison")),
            };
            bounds.push(Bound { comparison, limit });
        }
        if bounds.is_empty() || bounds.len() > 2 {
            return Err(A::Error::custom("one or two comparisons, as `[\">\", 0, \"<=\", 100]`"));
        }
        Ok(Test::Numeric(bounds.into()))
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
