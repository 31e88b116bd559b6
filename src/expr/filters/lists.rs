//! What can be done to lists and objects?

use unicode_segmentation::UnicodeSegmentation;

use super::{FilterDoc, Made, Parameter, Topic, argument, flag, may, refuse};
use crate::expr::EvalError;
use crate::expr::decimal::{Decimal, Reckoning};
use crate::expr::eval::{Eval, TEXT_MAX};
use crate::expr::value::Val;

const TOPIC: Topic = Topic::List;

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn filters() -> [FilterDoc; 12] {
    const ATTRIBUTE: &[Parameter] = &[may("attribute")];
    const JOIN: &[Parameter] = &[may("separator"), may("attribute")];
    const SORT: &[Parameter] = &[may("attribute"), may("reverse"), may("case_sensitive")];
    const SUM: &[Parameter] = &[may("attribute"), may("start")];
    [
        FilterDoc {
            aliases: &["count"],
            ..TOPIC.filter(
                "length",
                &[],
                "How many elements, members or characters.",
                &[("{{ [1, 2] | length }}", "2")],
                length,
            )
        },
        TOPIC.filter(
            "join",
            JOIN,
            "All elements in one text; those that are missing are left out.",
            &[(r#"{{ ["a", "b"] | join(", ") }}"#, "a, b")],
            join,
        ),
        TOPIC.filter(
            "first",
            &[],
            "The first element, or letter.",
            &[("{{ [3, 4] | first }}", "3")],
            first,
        ),
        TOPIC.filter(
            "last",
            &[],
            "The last element, or letter.",
            &[("{{ [3, 4] | last }}", "4")],
            last,
        ),
        TOPIC.filter(
            "sort",
            SORT,
            "In order: numbers by size, texts by the alphabet, objects by an attribute; what is \
             missing comes last.",
            &[("{{ [3, 1, 2] | sort | join }}", "123")],
            sort,
        ),
        TOPIC.filter(
            "reverse",
            &[],
            "The other way round.",
            &[(r#"{{ [1, 2] | reverse | join("<") }}"#, "2<1")],
            reverse,
        ),
        TOPIC.filter(
            "unique",
            ATTRIBUTE,
            "Each value once, the first of each kept.",
            &[("{{ [1, 1, 2] | unique | join }}", "12")],
            unique,
        ),
        TOPIC.filter(
            "min",
            ATTRIBUTE,
            "The smallest element.",
            &[("{{ [3, 1] | min }}", "1")],
            min,
        ),
        TOPIC.filter("max", ATTRIBUTE, "The largest element.", &[("{{ [3, 1] | max }}", "3")], max),
        TOPIC.filter(
            "sum",
            SUM,
            "All numbers together, exactly; with `attribute`, those of the elements.",
            &[
                ("{{ [0.1, 0.2] | sum }}", "0.3"),
                (r#"{{ [{"qty": 2}, {"qty": 3}] | sum(attribute="qty") }}"#, "5"),
            ],
            sum,
        ),
        TOPIC.filter(
            "list",
            &[],
            "The letters of a text, or the names of an object's members, as a list.",
            &[(r#"{{ "abc" | list | join("-") }}"#, "a-b-c")],
            list,
        ),
        FilterDoc {
            aliases: &["tojson"],
            ..TOPIC.filter(
                "json",
                &[],
                "A value as JSON on one line.",
                &[(r#"{{ {"a": [1, none]} | json | raw }}"#, r#"{"a":[1,null]}"#)],
                json,
            )
        },
    ]
}

/// What a list has at `attribute`, or its elements themselves.
pub(super) fn keyed<'a>(
    eval: &Eval<'a>,
    value: &Val<'a>,
    attribute: Option<&str>,
) -> Result<Vec<(Val<'a>, Val<'a>)>, EvalError> {
    let elements = eval.elements_of(value)?;
    let key = |element: Val<'a>| match attribute {
        Some(path) => (element.path(path), element),
        None => (element.clone(), element),
    };
    Ok(elements.into_iter().map(key).collect())
}

pub(super) fn unkeyed<'a>(keyed: Vec<(Val<'a>, Val<'a>)>) -> Made<'a> {
    Val::list(keyed.into_iter().map(|(_, element)| element).collect())
}

fn length<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    match value.len() {
        Some(length) => {
            eval.spend(length / 256)?;
            Ok(Val::number(length))
        }
        None => refuse(format!("{} has none", value.described())),
    }
}

/// Foreign elements are made fit one by one, so that a line break as separator stays one.
fn join<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let separator = argument(arguments, 0).unwrap_or_default();
    let elements = keyed(eval, value, argument(arguments, 1).as_deref())?;
    let mut out = String::new();
    for (element, _) in elements.iter().filter(|(element, _)| !element.is_blank()) {
        if !out.is_empty() {
            out.push_str(&separator);
        }
        out.push_str(&eval.fit(element)?.unwrap_or_default());
        if out.len() > TEXT_MAX {
            return refuse(format!("a text becomes longer than {TEXT_MAX} bytes"));
        }
    }
    let safe = eval.fits_foreign() || elements.iter().all(|(element, _)| element.is_safe());
    if out.is_empty() { Ok(Val::Missing) } else { eval.text(out, safe) }
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn first<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(match value {
        Val::Text { text, safe } => {
            Val::text(text.graphemes(true).next().unwrap_or_default().to_owned(), *safe)
        }
        list => list.at(0),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn last<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(match value {
        Val::Text { text, safe } => {
            Val::text(text.graphemes(true).next_back().unwrap_or_default().to_owned(), *safe)
        }
        list => list.at(-1),
    })
}

/// What elements are put in order by: all numbers or all texts, and what is missing last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number(Decimal),
    Text(String),
    Missing,
}

/// Sorted by their keys; keys of different types are an error.
pub(super) fn sorted<'a>(
    all: Vec<(Val<'a>, Val<'a>)>,
    reverse: bool,
    case_sensitive: bool,
) -> Result<Vec<(Val<'a>, Val<'a>)>, EvalError> {
    let mut ranked = Vec::with_capacity(all.len());
    let mut first: Option<Val<'a>> = None;
    for pair in all {
        let rank = match &pair.0 {
            Val::Missing => Rank::Missing,
            Val::Number(digits) => match Decimal::parse(digits) {
                Some(number) => Rank::Number(number),
                None => return Err(EvalError::Other(format!("{digits} has too many digits"))),
            },
            Val::Text { text, .. } if case_sensitive => Rank::Text(text.to_string()),
            Val::Text { text, .. } => Rank::Text(text.to_lowercase()),
            Val::Bool(value) => Rank::Text(value.to_string()),
            other => {
                let message = format!("{} has no order; name an `attribute`", other.described());
                return Err(EvalError::Other(message));
            }
        };
        if !matches!(rank, Rank::Missing) {
            let before = first.get_or_insert_with(|| pair.0.clone());
            if before.type_name() != pair.0.type_name() {
                let (one, other) = (before.described(), pair.0.described());
                return Err(EvalError::Types(format!("{one} and {other} have no order")));
            }
        }
        ranked.push((rank, pair));
    }
    ranked.sort_by(|(one, _), (other, _)| {
        let order = one.cmp(other);
        let missing = matches!(one, Rank::Missing) || matches!(other, Rank::Missing);
        if reverse && !missing { order.reverse() } else { order }
    });
    Ok(ranked.into_iter().map(|(_, pair)| pair).collect())
}

fn sort<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let all = keyed(eval, value, argument(arguments, 0).as_deref())?;
    unkeyed(sorted(all, flag(arguments, 1), flag(arguments, 2))?)
}

fn reverse<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    if let Val::Text { safe, .. } = value {
        return eval.text(eval.worked_on(value)?.graphemes(true).rev().collect(), *safe);
    }
    let mut elements = eval.elements_of(value)?;
    elements.reverse();
    Val::list(elements)
}

/// Equal values have equal JSON, but for numbers that are written differently.
pub(super) fn identity(value: &Val<'_>) -> String {
    match value {
        Val::Number(digits) => Decimal::parse(digits).map_or(value.to_json(), |it| it.plain()),
        other => other.to_json(),
    }
}

fn unique<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for (key, element) in keyed(eval, value, argument(arguments, 0).as_deref())? {
        let key = identity(&key);
        eval.worked_out(&key)?;
        if seen.insert(key) {
            kept.push(element);
        }
    }
    Val::list(kept)
}

fn extreme<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>], largest: bool) -> Made<'a> {
    let mut all = keyed(eval, value, argument(arguments, 0).as_deref())?;
    all.retain(|(key, _)| !matches!(key, Val::Missing));
    let all = sorted(all, largest, true)?;
    Ok(all.into_iter().next().map_or(Val::Missing, |(_, element)| element))
}

fn min<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    extreme(eval, value, arguments, false)
}

fn max<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    extreme(eval, value, arguments, true)
}

fn sum<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let start = argument(arguments, 1).unwrap_or("0".into());
    let mut total = Decimal::parse(&start);
    for (key, _) in keyed(eval, value, argument(arguments, 0).as_deref())? {
        let number = match &key {
            Val::Missing => continue,
            Val::Number(digits) => Decimal::parse(digits),
            other => {
                return refuse(format!(
                    "{} is no number; `| map(\"float\") | sum` reads texts",
                    other.described()
                ));
            }
        };
        total = total.zip(number).and_then(|(one, other)| one.reckon(Reckoning::Plus, &other));
    }
    match total {
        Some(total) => Ok(Val::digits(total.plain())),
        None => refuse("the sum has too many digits"),
    }
}

fn list<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    if let Val::Text { safe, .. } = value {
        let text = eval.worked_on(value)?;
        eval.spend(text.len())?;
        return Val::list(text.graphemes(true).map(|c| Val::text(c.to_owned(), *safe)).collect());
    }
    if value.entries().is_some() {
        return Val::list(value.keys().into_iter().map(Val::foreign).collect());
    }
    Val::list(eval.elements_of(value)?)
}

fn json<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let text = value.to_json();
    eval.text(text, value.is_safe())
}
