//! Does one value satisfy one alternative of a pattern?

use core::net::IpAddr;
use std::cmp::Ordering;

use ipnet::IpNet;

use super::text::{Affix, Expression, Wildcard};
use crate::expr::{Decimal, Value};

/// One alternative of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Exactly this.
    Is(Literal),
    /// Something is there, if only null.
    Exists,
    /// Nothing is there.
    Missing,
    /// A text that begins so.
    Prefix(Affix),
    /// A text that ends so.
    Suffix(Affix),
    /// A text that is this but for its case.
    AnyCase(Affix),
    /// A text that looks so.
    Wildcard(Wildcard),
    /// A text in which this is found.
    Regex(Expression),
    /// A text that is an address of this network.
    Cidr(IpNet),
    /// A value that satisfies none of these.
    NoneOf(Vec<Test>),
    /// A number within bounds.
    Numeric(Box<[Bound]>),
}

/// A value written in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Box<Number>),
    Text(Box<str>),
}

/// A number, and as it is written.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) exact: Decimal,
    pub(super) written: Box<str>,
}

/// One side of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) comparison: Comparison,
    pub(super) limit: Number,
}

/// How a number stands to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    Greater,
}

impl Test {
    /// Whether this value, which is there and is no list, satisfies it.
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Is(literal), _) => literal.is(value),
            (Self::NoneOf(tests), _) => !tests.iter().any(|test| test.holds(value)),
            (Self::Prefix(start), Value::Text(text)) => start.begins(text),
            (Self::Suffix(end), Value::Text(text)) => end.ends(text),
            (Self::AnyCase(whole), Value::Text(text)) => whole.is(text),
            (Self::Wildcard(wildcard), Value::Text(text)) => wildcard.fits(text),
            (Self::Regex(expression), Value::Text(text)) => expression.fits(text),
            (Self::Cidr(network), Value::Text(text)) => {
                text.parse::<IpAddr>().is_ok_and(|address| network.contains(&address))
            }
            (Self::Numeric(bounds), Value::Number(written)) => Decimal::parse_any_size(written)
                .is_some_and(|number| bounds.iter().all(|bound| bound.holds(&number))),
            _ => false,
        }
    }

    /// Whether only a text can satisfy it.
    pub(super) fn wants_text(&self) -> bool {
        match self {
            Self::Is(literal) => matches!(literal, Literal::Text(_)),
            Self::Prefix(_)
            | Self::Suffix(_)
            | Self::AnyCase(_)
            | Self::Wildcard(_)
            | Self::Regex(_)
            | Self::Cidr(_) => true,
            Self::Exists | Self::Missing | Self::NoneOf(_) | Self::Numeric(_) => false,
        }
    }

    /// A value that satisfies it, as JSON.
    pub(super) fn example(&self) -> Option<String> {
        let text = |text: &str| Some(serde_json::Value::from(text).to_string());
        match self {
            Self::Is(Literal::Text(wanted)) => text(wanted),
            Self::Prefix(wanted) | Self::Suffix(wanted) | Self::AnyCase(wanted) => {
                text(&wanted.written)
            }
            Self::Is(literal) => Some(literal.to_string()),
            Self::Exists => text("something"),
            Self::Wildcard(wildcard) => text(&wildcard.parts().concat()),
            Self::Cidr(network) => text(&network.network().to_string()),
            Self::Numeric(bounds) => within(bounds),
            Self::Missing | Self::NoneOf(_) | Self::Regex(_) => None,
        }
    }
}

/// A number near a bound that is within all of them.
fn within(bounds: &[Bound]) -> Option<String> {
    let near = bounds.iter().flat_map(|bound| {
        let beside = bound.limit.written.parse::<i64>().ok().map(|limit| match bound.comparison {
            Comparison::Less => limit.saturating_sub(1).to_string(),
            _ => limit.saturating_add(1).to_string(),
        });
        [Some(bound.limit.written.to_string()), beside]
    });
    near.flatten().find(|number| {
        Decimal::parse_any_size(number).is_some_and(|it| bounds.iter().all(|b| b.holds(&it)))
    })
}

impl Number {
    /// Reads a number as JSON writes it (RFC 8259, part 6).
    pub(super) fn parse(written: &str) -> Option<Self> {
        Some(Self { exact: Decimal::parse_any_size(written)?, written: written.into() })
    }
}

/// Equal when worth the same, however they are written.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.exact == other.exact
    }
}

impl Literal {
    /// It as a value of an event.
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Number(number) => Value::Number(&number.written),
            Self::Text(text) => Value::Text((&**text).into()),
        }
    }

    /// Whether this value could be equal to it.
    pub(super) fn has_type_of(&self, value: &Value<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Null, Value::Null)
                | (Self::Bool(_), Value::Bool(_))
                | (Self::Number(_), Value::Number(_))
                | (Self::Text(_), Value::Text(_))
        )
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(own), Value::Bool(theirs)) => own == theirs,
            (Self::Number(own), Value::Number(theirs)) => {
                *own.written == **theirs
                    || Decimal::parse_any_size(theirs).is_some_and(|number| number == own.exact)
            }
            (Self::Text(own), Value::Text(theirs)) => **own == **theirs,
            _ => false,
        }
    }
}

impl Bound {
    pub(super) fn holds(&self, number: &Decimal) -> bool {
        let order = number.cmp(&self.limit.exact);
        match self.comparison {
            Comparison::Less => order == Ordering::Less,
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::Equal => order == Ordering::Equal,
            Comparison::AtLeast => order != Ordering::Less,
            Comparison::Greater => order == Ordering::Greater,
        }
    }
}

impl Comparison {
    /// How it is written in a pattern.
    pub(super) fn parse(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" => Self::AtMost,
            "=" => Self::Equal,
            ">=" => Self::AtLeast,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}
