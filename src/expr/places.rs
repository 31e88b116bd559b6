//! What stands at a place of a list, a text or a mapping: `a[0]`, `a[1:3]`, `range(3)`?

use std::num::NonZeroUsize;

use super::EvalError;
use super::decimal::Decimal;
use super::eval::Eval;
use super::tree::Expr;
use super::value::Val;

/// How long a `range()` may be.
const RANGE_MAX: i64 = 1_000;

impl<'a> Eval<'a> {
    /// `inner[key]`
    pub(super) fn item(&self, inner: &'a Expr, key: &'a Expr) -> Result<Val<'a>, EvalError> {
        let (value, key) = (self.value(inner)?, self.lenient(key)?);
        Ok(match key {
            Val::Number(number) => {
                let place = Decimal::parse(&number).and_then(|number| number.to_i64());
                let found = place.map_or(Val::Missing, |place| value.at(place));
                // `vars.team[event.user.id]`: the keys of an object are texts.
                if matches!(found, Val::Missing) { value.get(&number) } else { found }
            }
            key => key.shown().map_or(Val::Missing, |key| value.get(&key)),
        })
    }

    /// `inner[from:to]`
    pub(super) fn slice(
        &self,
        inner: &'a Expr,
        bounds: &'a [Option<Box<Expr>>; 2],
    ) -> Result<Val<'a>, EvalError> {
        let value = self.value(inner)?;
        let Some(len) = value.len() else { return Ok(Val::Missing) };
        let mut places = [0, len];
        for (place, bound) in places.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *place = self.bound(bound, len)?;
            }
        }
        let [start, stop] = places;
        let count = stop.saturating_sub(start);
        Ok(match value {
            Val::Text { text, safe } => {
                Val::text(text.chars().skip(start).take(count).collect::<String>(), safe)
            }
            list => {
                let items = self.elements_of(&list)?;
                return Val::list(items.into_iter().skip(start).take(count).collect());
            }
        })
    }

    fn bound(&self, expr: &'a Expr, len: usize) -> Result<usize, EvalError> {
        let value = self.needed(expr)?;
        let number = value.shown().and_then(|text| Decimal::parse(&text)?.to_i64());
        let Some(number) = number else {
            return Err(EvalError::Other(format!("{} is no place in a text", value.show())));
        };
        let from_start = usize::try_from(number).unwrap_or_else(|_| {
            len.saturating_sub(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX))
        });
        Ok(from_start.min(len))
    }

    /// `range(to)`, `range(from, to)`, `range(from, to, step)`
    pub(super) fn range(&self, bounds: &'a [Expr]) -> Result<Val<'a>, EvalError> {
        let mut numbers = Vec::with_capacity(2);
        for bound in bounds {
            let value = self.needed(bound)?;
            match value.shown().and_then(|text| Decimal::parse(&text)?.to_i64()) {
                Some(number) => numbers.push(number),
                None => {
                    return Err(EvalError::Other(format!(
                        "range: {} is no whole number",
                        value.show()
                    )));
                }
            }
        }
        let (from, to, step) = match numbers[..] {
            [from, to, step] => (from, to, step),
            [from, to] => (from, to, 1),
            [to] => (0, to, 1),
            _ => (0, 0, 1),
        };
        let Ok(stride) = usize::try_from(step).and_then(NonZeroUsize::try_from) else {
            return Err(EvalError::Other(format!("range: a step of {step} leads nowhere")));
        };
        if to.saturating_sub(from) > RANGE_MAX {
            return Err(EvalError::Other(format!("range: out of fuel beyond {RANGE_MAX} numbers")));
        }
        let list: Vec<i64> = (from..to).step_by(stride.get()).collect();
        self.spend(list.len())?;
        Val::list(list.into_iter().map(Val::number).collect())
    }
}
