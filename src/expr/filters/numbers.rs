//! What can be done to numbers? Every digit is kept.

use super::{FilterDoc, Made, Parameter, Topic, argument, count, may, printed, refuse};
use crate::expr::decimal::Decimal;
use crate::expr::eval::Eval;
use crate::expr::value::Val;

const TOPIC: Topic = Topic::Number;

/// The most digits that `round` keeps behind the point.
const DECIMALS_MAX: usize = 12;

pub(super) fn filters() -> [FilterDoc; 5] {
    const ROUND: &[Parameter] = &[may("decimals"), may("method")];
    const OR: &[Parameter] = &[may("default")];
    [
        TOPIC.filter(
            "round",
            ROUND,
            "To so many decimals, half away from zero; `method` can be `\"floor\"` or `\"ceil\"`.",
            &[("{{ 2.345 | round(2) }}", "2.35"), (r#"{{ 2.1 | round(0, "ceil") }}"#, "3")],
            round,
        ),
        TOPIC.filter(
            "int",
            OR,
            "The whole number in a text or number; what is no number is `default`, or an error.",
            &[(r#"{{ "200" | int + 1 }}"#, "201"), (r#"{{ "x" | int(0) }}"#, "0")],
            int,
        ),
        TOPIC.filter(
            "float",
            OR,
            "The number in a text, with its decimals; what is no number is `default`, or an error.",
            &[(r#"{{ "154600.50" | float * 2 }}"#, "309201")],
            float,
        ),
        TOPIC.filter("abs", &[], "Without its sign.", &[("{{ -5 | abs }}", "5")], abs),
        TOPIC.filter(
            "bool",
            &[],
            "Whether it counts as yes: not 0, not empty, not missing.",
            &[("{{ 3 | bool }}", "true")],
            bool,
        ),
    ]
}

/// The number that a value is or says.
fn number(value: &Val<'_>) -> Option<Decimal> {
    match value {
        Val::Bool(value) => Decimal::parse(if *value { "1" } else { "0" }),
        other => Decimal::parse(other.shown()?.trim()),
    }
}

fn needed<'a>(value: &Val<'a>, arguments: &[Val<'a>]) -> Result<Decimal, Made<'a>> {
    match (number(value), arguments.first()) {
        (Some(number), _) => Ok(number),
        (None, Some(instead)) if !matches!(instead, Val::Missing) => Err(Ok(instead.clone())),
        _ => Err(refuse(format!("{} is no number", value.show()))),
    }
}

fn round<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let Some(number) = number(value) else {
        return refuse(format!("{} is no number", value.show()));
    };
    let decimals = count(arguments, 0)?.unwrap_or(0);
    if decimals > DECIMALS_MAX {
        return refuse(format!("at most {DECIMALS_MAX} decimals"));
    }
    let rounded = match argument(arguments, 1).as_deref() {
        None | Some("common") => number.rounded(decimals),
        Some("floor") => number.floor(decimals),
        Some("ceil") => number.negated().floor(decimals).map(Decimal::negated),
        Some(other) => return refuse(format!("{other:?} is none of common, floor and ceil")),
    };
    match rounded {
        Some(number) => Ok(Val::digits(number.plain())),
        None => refuse(format!("{} has too many digits", value.show())),
    }
}

fn int<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    match needed(value, arguments) {
        Ok(number) => Ok(Val::digits(number.whole())),
        Err(instead) => instead,
    }
}

fn float<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    match needed(value, arguments) {
        Ok(number) => Ok(Val::digits(number.plain())),
        Err(instead) => instead,
    }
}

fn abs<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    match value {
        Val::Number(digits) => Ok(Val::number(digits.trim_start_matches('-'))),
        other => refuse(format!("{} is no number", other.show())),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn bool<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(Val::Bool(match printed(value).as_ref() {
        "false" | "0" => false,
        _ => value.is_true(),
    }))
}
