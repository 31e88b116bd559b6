//! Does one value satisfy one alternative of a pattern?

use std::cmp::Ordering;
use std::fmt;

use super::decimal::Decimal;
use crate::expr::{Node, Value};

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
    Prefix(String),
    /// A text that ends so.
    Suffix(String),
    /// A value that is none of these.
    AnythingBut(Vec<Literal>),
    /// A value that is no text that begins so.
    NoPrefix(Vec<String>),
    /// A value that is no text that ends so.
    NoSuffix(Vec<String>),
    /// A number within bounds.
    Numeric(Vec<Bound>),
}

/// A value written in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    /// The number, and as it is written.
    Number(Decimal, String),
    Text(String),
}

/// One side of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) comparison: Comparison,
    pub(super) limit: Decimal,
    pub(super) written: String,
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
    pub(super) fn holds(&self, node: Node<'_>) -> bool {
        let value = node.value();
        match self {
            Self::Is(literal) => literal.is(&value),
            Self::Exists => true,
            Self::Missing => false,
            Self::Prefix(start) => matches!(&value, Value::Text(text) if text.starts_with(start)),
            Self::Suffix(end) => matches!(&value, Value::Text(text) if text.ends_with(end)),
            Self::AnythingBut(literals) => !literals.iter().any(|literal| literal.is(&value)),
            Self::NoPrefix(starts) => match &value {
                Value::Text(text) => !starts.iter().any(|start| text.starts_with(start)),
                _ => true,
            },
            Self::NoSuffix(ends) => match &value {
                Value::Text(text) => !ends.iter().any(|end| text.ends_with(end)),
                _ => true,
            },
            Self::Numeric(bounds) => match &value {
                Value::Number(written) => Decimal::parse(written)
                    .is_some_and(|number| bounds.iter().all(|bound| bound.holds(&number))),
                _ => false,
            },
        }
    }
}

impl Test {
    /// A value that satisfies it, as JSON.
    pub(super) fn example(&self) -> Option<String> {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Is(Literal::Text(wanted)) | Self::Prefix(wanted) | Self::Suffix(wanted) => {
                Some(text(wanted))
            }
            Self::Is(literal) => Some(literal.to_string()),
            Self::Exists => Some(text("something")),
            Self::Numeric(bounds) => {
                let near = bounds.iter().flat_map(|bound| {
                    let whole = bound.written.parse::<i64>().ok();
                    let beside = whole.map(|limit| match bound.comparison {
                        Comparison::Less => limit.saturating_sub(1).to_string(),
                        _ => limit.saturating_add(1).to_string(),
                    });
                    [Some(bound.written.clone()), beside]
                });
                near.flatten().find(|number| {
                    Decimal::parse(number).is_some_and(|it| bounds.iter().all(|b| b.holds(&it)))
                })
            }
            Self::Missing | Self::AnythingBut(_) | Self::NoPrefix(_) | Self::NoSuffix(_) => None,
        }
    }
}

impl Literal {
    /// Whether this value could be equal to it.
    pub(super) fn has_type_of(&self, value: &Value<'_>) -> bool {
        matches!(
            (self, value),
            (Self::Null, Value::Null)
                | (Self::Bool(_), Value::Bool(_))
                | (Self::Number(..), Value::Number(_))
                | (Self::Text(_), Value::Text(_))
        )
    }

    fn is(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(own), Value::Bool(theirs)) => own == theirs,
            (Self::Number(own, written), Value::Number(theirs)) => {
                written == theirs || Decimal::parse(theirs).is_some_and(|number| number == *own)
            }
            (Self::Text(own), Value::Text(theirs)) => own == theirs,
            _ => false,
        }
    }
}

impl Bound {
    fn holds(&self, number: &Decimal) -> bool {
        let order = number.cmp(&self.limit);
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

    fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(_, written) => f.write_str(written),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// What it wants, in words.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(literal) => literal.fmt(f),
            Self::Exists => f.write_str("anything"),
            Self::Missing => f.write_str("nothing"),
            Self::Prefix(start) => write!(f, "a text that begins with {start:?}"),
            Self::Suffix(end) => write!(f, "a text that ends with {end:?}"),
            Self::AnythingBut(literals) => write!(f, "anything but {}", list(literals, " or ")),
            Self::NoPrefix(starts) => write!(f, "no text that begins with {}", quoted(starts)),
            Self::NoSuffix(ends) => write!(f, "no text that ends with {}", quoted(ends)),
            Self::Numeric(bounds) => write!(f, "a number {}", list(bounds, " and ")),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison.sign(), self.written)
    }
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    texts.join(" or ")
}

/// Several things in one line.
pub(super) fn list(things: &[impl fmt::Display], between: &str) -> String {
    let things: Vec<String> = things.iter().map(ToString::to_string).collect();
    things.join(between)
}
