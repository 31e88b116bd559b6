//! Does a comparison hold? Different types are an error, never an order.

use std::cmp::Ordering;

use super::EvalError;
use super::decimal::Decimal;
use super::eval::Eval;
use super::tree::{Compare, Expr, Test};
use super::value::Val;

impl<'a> Eval<'a> {
    /// A comparison, or a chain of them (`1 < x < 5`). A missing value makes it false.
    pub(super) fn compare_all(
        &self,
        first: &'a Expr,
        others: &'a [(Compare, Expr)],
    ) -> Result<bool, EvalError> {
        let (mut left, mut value) = (first, self.lenient(first)?);
        for (operator, right) in others {
            let other = self.lenient(right)?;
            let holds = compare(*operator, &value, &other).map_err(|Differ| {
                let (one, two) = (self.written(left), self.written(right));
                EvalError::Types(format!(
                    "`{one} {} {two}` compares different types: {one} is {}, {two} is {}{}",
                    operator.symbol(),
                    value.described(),
                    other.described(),
                    remedy(&value, &other)
                ))
            })?;
            if !holds {
                return Ok(false);
            }
            (left, value) = (right, other);
        }
        Ok(true)
    }

    /// A test: what follows `is`.
    pub(super) fn test(
        &self,
        test: Test,
        input: &'a Expr,
        argument: Option<&'a Expr>,
    ) -> Result<bool, EvalError> {
        let value = self.lenient(input)?;
        let argument = match argument {
            Some(argument) => self.lenient(argument)?,
            None => Val::Missing,
        };
        Ok(passes(test, &value, &argument))
    }
}

impl Val<'_> {
    /// Type and value: `text "10"`.
    pub(super) fn described(&self) -> String {
        match self {
            Val::Missing => "missing".to_owned(),
            other => format!("{} {}", other.type_name(), other.show()),
        }
    }
}

/// Whether a value passes a test.
pub(super) fn passes(test: Test, value: &Val<'_>, argument: &Val<'_>) -> bool {
    let number = match value {
        Val::Number(digits) => Decimal::parse(digits),
        _ => None,
    };
    let both = value.shown().zip(argument.shown());
    match test {
        Test::Defined => !matches!(value, Val::Missing),
        Test::Missing => matches!(value, Val::Missing),
        Test::Bool => matches!(value, Val::Bool(_)),
        Test::Number => matches!(value, Val::Number(_)),
        Test::Integer => number.is_some_and(|number| number.is_whole()),
        Test::Text => matches!(value, Val::Text { .. }),
        Test::List => value.type_name() == "list",
        Test::Map => value.type_name() == "object",
        Test::True => matches!(value, Val::Bool(true)),
        Test::False => matches!(value, Val::Bool(false)),
        Test::Odd => number.and_then(|number| number.to_i64()).is_some_and(|n| n % 2 != 0),
        Test::Even => number.and_then(|number| number.to_i64()).is_some_and(|n| n % 2 == 0),
        Test::DivisibleBy => {
            let divisor = argument.shown().and_then(|text| Decimal::parse(&text)?.to_i64());
            let number = number.and_then(|number| number.to_i64());
            number.zip(divisor).is_some_and(|(number, divisor)| {
                number.checked_rem(divisor).is_some_and(|rest| rest == 0)
            })
        }
        Test::StartingWith => both.is_some_and(|(text, start)| text.starts_with(&*start)),
        Test::EndingWith => both.is_some_and(|(text, end)| text.ends_with(&*end)),
    }
}

/// The types differ.
#[derive(Debug)]
pub(super) struct Differ;

/// Whether `left` compares so with `right`; what is missing does not.
pub(super) fn compare(operator: Compare, left: &Val<'_>, right: &Val<'_>) -> Result<bool, Differ> {
    if matches!(left, Val::Missing) || matches!(right, Val::Missing) {
        return Ok(false);
    }
    Ok(match operator {
        Compare::Equal => equal(left, right)?,
        Compare::Unequal => !equal(left, right)?,
        Compare::Less => order(left, right)?.is_lt(),
        Compare::LessOrEqual => order(left, right)?.is_le(),
        Compare::Greater => order(left, right)?.is_gt(),
        Compare::GreaterOrEqual => order(left, right)?.is_ge(),
        Compare::In => contains(right, left)?,
        Compare::NotIn => !contains(right, left)?,
    })
}

fn equal(left: &Val<'_>, right: &Val<'_>) -> Result<bool, Differ> {
    match (left, right) {
        (Val::Bool(left), Val::Bool(right)) => Ok(left == right),
        (Val::Number(one), Val::Number(other)) => {
            Ok(compare_numbers(one, other).map_or(one == other, Ordering::is_eq))
        }
        (Val::Text { text: one, .. }, Val::Text { text: other, .. }) => Ok(one == other),
        _ => match (left.elements(), right.elements()) {
            (Some(one), Some(other)) => Ok(one.len() == other.len()
                && one.iter().zip(&other).all(|(one, other)| alike(one, other))),
            (None, None) if left.type_name() == "object" && right.type_name() == "object" => {
                let (one, other) = (left.keys(), right.keys());
                let same = |key: &str| alike(&left.get(key), &right.get(key));
                Ok(one.len() == other.len() && one.iter().all(|key| same(key)))
            }
            _ => Err(Differ),
        },
    }
}

/// Equality inside of lists, where a different type is just another value.
fn alike(left: &Val<'_>, right: &Val<'_>) -> bool {
    match (left, right) {
        (Val::Missing, Val::Missing) => true,
        _ => equal(left, right).unwrap_or(false),
    }
}

/// Nearly all numbers are small integers; the others are compared digit by digit.
fn compare_numbers(one: &str, other: &str) -> Option<Ordering> {
    if let (Ok(one), Ok(other)) = (one.parse::<i64>(), other.parse::<i64>()) {
        return Some(one.cmp(&other));
    }
    Some(Decimal::parse(one)?.cmp(&Decimal::parse(other)?))
}

fn order(left: &Val<'_>, right: &Val<'_>) -> Result<Ordering, Differ> {
    match (left, right) {
        (Val::Number(one), Val::Number(other)) => compare_numbers(one, other).ok_or(Differ),
        (Val::Text { text: one, .. }, Val::Text { text: other, .. }) => Ok(one.cmp(other)),
        _ => Err(Differ),
    }
}

/// Whether `holder` has `value`: an element, a key, a part of a text.
fn contains(holder: &Val<'_>, value: &Val<'_>) -> Result<bool, Differ> {
    if let Some(elements) = holder.elements() {
        let mut comparable = elements.is_empty();
        for element in &elements {
            match equal(element, value) {
                Ok(true) => return Ok(true),
                Ok(false) => comparable = true,
                Err(Differ) if matches!(element, Val::Missing) => comparable = true,
                Err(Differ) => {}
            }
        }
        return if comparable { Ok(false) } else { Err(Differ) };
    }
    match (holder, value) {
        (Val::Text { text, .. }, Val::Text { text: part, .. }) => Ok(text.contains(&**part)),
        (_, Val::Text { text: key, .. }) if holder.type_name() == "object" => {
            Ok(holder.keys().iter().any(|known| known == key))
        }
        _ => Err(Differ),
    }
}

fn remedy(left: &Val<'_>, right: &Val<'_>) -> &'static str {
    match (left, right) {
        (Val::Text { .. }, Val::Number(_)) | (Val::Number(_), Val::Text { .. }) => {
            "; put the number in quotes, or turn the text into one with `| float`"
        }
        (Val::Text { .. }, Val::Bool(_)) | (Val::Bool(_), Val::Text { .. }) => {
            "; put true or false in quotes where the sender writes text"
        }
        _ => "",
    }
}
