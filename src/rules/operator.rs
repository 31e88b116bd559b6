//! Which operators are there in a pattern?

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::literal::{EXACT, OneLiteral, literals, number};
use super::operand::{AnythingBut, TextOrAnyCase, text};
use super::test::{Bound, Comparison, Literal, Number, Test};
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
        let written = seq.size_hint();
        let mut parts: Vec<RangePart> = Vec::new();
        loop {
            let after_sign = matches!(parts.last(), Some(RangePart::Sign(_)));
            match seq.next_element_seed(NextPart { after_sign })? {
                Some(part) => parts.push(part),
                None => break,
            }
        }
        // Where one is left out because it is wrong, that is the mistake.
        if written.is_some_and(|written| parts.len() < written) {
            return Ok(Test::Numeric(Box::default()));
        }
        let bounds: Option<Vec<Bound>> = parts.chunks(2).map(bound).collect();
        match bounds {
            Some(bounds) if (1..=2).contains(&bounds.len()) => Ok(Test::Numeric(bounds.into())),
            Some(_) => {
                Err(A::Error::custom("one or two comparisons, as `[\">\", 0, \"<=\", 100]`"))
            }
            None => Err(A::Error::custom(
                "a comparison or its number is missing, as `[\">\", 0, \"<=\", 100]`",
            )),
        }
    }
}

/// A part of a range.
#[derive(Clone)]
enum RangePart {
    Sign(Comparison),
    Limit(Number),
}

fn bound(parts: &[RangePart]) -> Option<Bound> {
    match parts {
        [RangePart::Sign(comparison), RangePart::Limit(limit)] => {
            Some(Bound { comparison: *comparison, limit: limit.clone() })
        }
        _ => None,
    }
}

/// Reads the next part of a range. A number may come first, where its comparison is left out
/// because it is wrong.
struct NextPart {
    after_sign: bool,
}

impl NextPart {
    fn of<E: Error>(self, literal: Literal) -> Result<RangePart, E> {
        match literal {
            Literal::Number(limit) => Ok(RangePart::Limit(*limit)),
            Literal::Text(sign) if !self.after_sign => {
                let help = "known are <, <=, =, >=, >";
                let sign = Comparison::parse(&sign)
                    .ok_or_else(|| E::custom(format!("unknown comparison `{sign}`; {help}")))?;
                Ok(RangePart::Sign(sign))
            }
            other => Err(E::custom(format!("{other} is no number to compare with"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for NextPart {
    type Value = RangePart;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RangePart, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, self)
    }
}

impl<'de> Visitor<'de> for NextPart {
    type Value = RangePart;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of <, <=, =, >=, > or a number")
    }

    literals!(RangePart, |part: Self, literal| part.of(literal));
}
