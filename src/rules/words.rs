//! How is an alternative said, in words and as it is written in a rule file?

use std::fmt;

use super::test::{Bound, Literal, Test};
use super::text::Affix;

/// What it wants, in words.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(literal) => literal.fmt(f),
            Self::Exists => f.write_str("anything"),
            Self::Missing => f.write_str("nothing"),
            Self::Prefix(start) => write!(f, "a text that begins with {start}"),
            Self::Suffix(end) => write!(f, "a text that ends with {end}"),
            Self::AnyCase(whole) => whole.fmt(f),
            Self::Wildcard(wildcard) => write!(f, "a text like {:?}", wildcard.written),
            Self::Regex(expression) => write!(f, "a text with /{}/ in it", expression.written()),
            Self::Cidr(network) => write!(f, "an address in {network}"),
            Self::NoneOf(tests) => write!(f, "anything but {}", list(tests, " or ")),
            Self::Numeric(bounds) => write!(f, "a number {}", list(bounds, " and ")),
        }
    }
}

impl fmt::Display for Affix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = if self.folded.is_some() { " in any case" } else { "" };
        write!(f, "{:?}{case}", self.written)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(&number.written),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison.sign(), self.limit.written)
    }
}

/// Several things in one line.
pub(super) fn list(things: &[impl fmt::Display], between: &str) -> String {
    let things: Vec<String> = things.iter().map(ToString::to_string).collect();
    things.join(between)
}

/// An alternative as a rule file has it: `"paid"`, `{ prefix: "refs/tags/" }`.
pub(super) fn written(test: &Test) -> String {
    if let Test::Is(literal) = test {
        return literal.to_string();
    }
    let (operator, operand) = operation(test);
    format!("{{ {operator}: {operand} }}")
}

/// The name of a test's operator, and what stands behind it.
fn operation(test: &Test) -> (&'static str, String) {
    match test {
        Test::Is(literal) => ("equals", literal.to_string()),
        Test::Exists => ("exists", "true".to_owned()),
        Test::Missing => ("exists", "false".to_owned()),
        Test::Prefix(start) => ("prefix", affix(start)),
        Test::Suffix(end) => ("suffix", affix(end)),
        Test::AnyCase(whole) => ("equals-ignore-case", format!("{:?}", whole.written)),
        Test::Wildcard(wildcard) => ("wildcard", format!("{:?}", wildcard.written)),
        Test::Regex(expression) => ("regex", format!("{:?}", expression.written())),
        Test::Cidr(network) => ("cidr", network.to_string()),
        Test::NoneOf(tests) => ("anything-but", none_of(tests)),
        Test::Numeric(bounds) => {
            let pairs = bounds
                .iter()
                .map(|bound| format!("{:?}, {}", bound.comparison.sign(), bound.limit.written));
            ("numeric", format!("[{}]", pairs.collect::<Vec<_>>().join(", ")))
        }
    }
}

fn affix(affix: &Affix) -> String {
    match affix.folded {
        Some(_) => format!("{{ equals-ignore-case: {:?} }}", affix.written),
        None => format!("{:?}", affix.written),
    }
}

/// What stands behind `anything-but`: literals, or one operator with one operand or more.
fn none_of(tests: &[Test]) -> String {
    let operations: Vec<(&str, String)> = tests.iter().map(operation).collect();
    let operands: Vec<&str> = operations.iter().map(|(_, operand)| operand.as_str()).collect();
    let operands = match operands.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("[{}]", several.join(", ")),
    };
    match (tests.first(), operations.first()) {
        (Some(Test::Is(_)) | None, _) | (_, None) => operands,
        (_, Some((operator, _))) => format!("{{ {operator}: {operands} }}"),
    }
}
