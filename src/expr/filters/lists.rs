//! What can be done to lists and objects?

use unicode_segmentation::UnicodeSegmentation;

use super::{FilterDoc, Made, Parameter, Run, Topic, argument, count, flag, may, needs, refuse};
use crate::expr::EvalError;
use crate::expr::decimal::{Decimal, Reckoning};
use crate::expr::eval::{Eval, TEXT_MAX};
use crate::expr::value::Val;

/// The longest row of `batch`, and the most of `slice`.
const ROW_MAX: usize = 1_000;

const fn filter(
    name: &'static str,
    parameters: &'static [Parameter],
    does: &'static str,
    examples: &'static [(&'static str, &'static str)],
    run: Run,
) -> FilterDoc {
    FilterDoc { name, aliases: &[], topic: Topic::List, parameters, does, examples, run }
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn filters() -> [FilterDoc; 17] {
    const ATTRIBUTE: &[Parameter] = &[may("attribute")];
    const JOIN: &[Parameter] = &[may("separator"), may("attribute")];
    const SORT: &[Parameter] = &[may("attribute"), may("reverse"), may("case_sensitive")];
    const GROUP: &[Parameter] = &[needs("attribute")];
    const SUM: &[Parameter] = &[may("attribute"), may("start")];
    const ROW: &[Parameter] = &[needs("count"), may("fill_with")];
    [
        FilterDoc {
            aliases: &["count"],
            ..filter(
                "length",
                &[],
                "How many elements, members or characters.",
                &[("{{ [1, 2] | length }}", "2")],
                length,
            )
        },
        filter(
            "join",
            JOIN,
            "All elements in one text; those that are missing are left out.",
            &[(r#"{{ ["a", "b"] | join(", ") }}"#, "a, b")],
            join,
        ),
        filter(
            "first",
            &[],
            "The first element, or letter.",
            &[("{{ [3, 4] | first }}", "3")],
            first,
        ),
        filter("last", &[], "The last element, or letter.", &[("{{ [3, 4] | last }}", "4")], last),
        filter(
            "sort",
            SORT,
            "In order: numbers by size, texts by the alphabet, objects by an attribute; what is \
             missing comes last.",
            &[("{{ [3, 1, 2] | sort | join }}", "123")],
            sort,
        ),
        filter(
            "reverse",
            &[],
            "The other way round.",
            &[(r#"{{ [1, 2] | reverse | join("<") }}"#, "2<1")],
            reverse,
        ),
        filter(
            "unique",
            ATTRIBUTE,
            "Each value once, the first of each kept.",
            &[("{{ [1, 1, 2] | unique | join }}", "12")],
            unique,
        ),
        filter("min", ATTRIBUTE, "The smallest element.", &[("{{ [3, 1] | min }}", "1")], min),
        filter("max", ATTRIBUTE, "The largest element.", &[("{{ [3, 1] | max }}", "3")], max),
        filter(
            "sum",
            SUM,
            "All numbers together, exactly; with `attribute`, those of the elements.",
            &[
                ("{{ [0.1, 0.2] | sum }}", "0.3"),
                (r#"{{ [{"qty": 2}, {"qty": 3}] | sum(attribute="qty") }}"#, "5"),
            ],
            sum,
        ),
        filter(
            "batch",
            ROW,
            "The elements in rows of so many.",
            &[(r#"{% for row in [1, 2, 3] | batch(2) %}{{ row | join }};{% endfor %}"#, "12;3;")],
            batch,
        ),
        filter(
            "slice",
            ROW,
            "The elements in so many columns.",
            &[(r#"{% for part in [1, 2, 3] | slice(2) %}{{ part | join }};{% endfor %}"#, "12;3;")],
            slice,
        ),
        filter(
            "groupby",
            GROUP,
            "Pairs of a value of the attribute and the list of the elements that have it.",
            &[(
                r#"{% for day, all in [{"d": 1}, {"d": 1}] | groupby("d") %}{{ day }}:{{ all | length }}{% endfor %}"#,
                "1:2",
            )],
            groupby,
        ),
        filter(
            "items",
            &[],
            "The members of an object, as pairs of name and value.",
            &[(r#"{% for k, v in {"a": 1} | items %}{{ k }}={{ v }}{% endfor %}"#, "a=1")],
            items,
        ),
        filter(
            "dictsort",
            &[],
            "The same, in the order of their names.",
            &[(r#"{% for k, v in {"b": 1, "a": 2} | dictsort %}{{ k }}{% endfor %}"#, "ab")],
            dictsort,
        ),
        filter(
            "list",
            &[],
            "The letters of a text, or the names of an object's members, as a list.",
            &[(r#"{{ "abc" | list | join("-") }}"#, "a-b-c")],
            list,
        ),
        FilterDoc {
            aliases: &["tojson"],
            ..filter(
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
fn keyed<'a>(
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

fn unkeyed<'a>(keyed: Vec<(Val<'a>, Val<'a>)>) -> Made<'a> {
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

fn first<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(match value {
        Val::Text { text, safe } => {
            Val::text(text.graphemes(true).next().unwrap_or_default().to_owned(), *safe)
        }
        list => list.at(0),
    })
}

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
fn sorted<'a>(
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
fn identity(value: &Val<'_>) -> String {
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
        Some(total) => Ok(Val::number(total.plain())),
        None => refuse("the sum has too many digits"),
    }
}

/// The rows of a list, the last one filled up if that is asked for.
fn rows<'a>(
    elements: &[Val<'a>],
    mut lengths: impl Iterator<Item = usize>,
    filled_to: Option<(usize, &Val<'a>)>,
) -> Made<'a> {
    let (mut made, mut rest) = (Vec::new(), elements);
    while let Some(length) = lengths.next().filter(|_| !rest.is_empty() || filled_to.is_some()) {
        let (row, after) = rest.split_at(length.min(rest.len()));
        let mut row = row.to_vec();
        if let Some((length, fill)) = filled_to {
            row.resize(length.max(row.len()), fill.clone());
        }
        made.push(Val::list(row)?);
        rest = after;
    }
    Val::list(made)
}

fn row_count(arguments: &[Val<'_>]) -> Result<usize, EvalError> {
    match count(arguments, 0)? {
        Some(number) if (1..=ROW_MAX).contains(&number) => Ok(number),
        _ => Err(EvalError::Other(format!("it takes a number from 1 to {ROW_MAX}"))),
    }
}

fn batch<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let length = row_count(arguments)?;
    let elements = eval.elements_of(value)?;
    let fill = arguments.get(1).filter(|fill| !matches!(fill, Val::Missing));
    let count = elements.len().div_ceil(length);
    rows(&elements, std::iter::repeat_n(length, count), fill.map(|fill| (length, fill)))
}

fn slice<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let count = row_count(arguments)?;
    let elements = eval.elements_of(value)?;
    eval.spend(count)?;
    let (each, more) = (elements.len() / count, elements.len() % count);
    let fill = arguments.get(1).filter(|fill| !matches!(fill, Val::Missing));
    let longest = each + usize::from(more > 0);
    let lengths = (0..count).map(|place| each + usize::from(place < more));
    rows(&elements, lengths, fill.map(|fill| (longest, fill)))
}

fn groupby<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let all = keyed(eval, value, argument(arguments, 0).as_deref())?;
    let mut groups: Vec<(Val<'a>, Vec<Val<'a>>)> = Vec::new();
    let mut last = None;
    for (key, element) in sorted(all, false, true)? {
        let identity = identity(&key);
        eval.worked_out(&identity)?;
        match groups.last_mut().filter(|_| last.as_ref() == Some(&identity)) {
            Some((_, group)) => group.push(element),
            None => groups.push((key, vec![element])),
        }
        last = Some(identity);
    }
    let pair = |(key, group)| Val::list(vec![key, Val::list(group)?]);
    Val::list(groups.into_iter().map(pair).collect::<Result<_, _>>()?)
}

/// The pairs of an object: `{% for key, value in event.labels | items %}`.
fn items<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let Some(entries) = value.entries() else {
        return refuse(format!("{} is no object", value.described()));
    };
    eval.spend(entries.len())?;
    let pair = |(key, value)| Val::list(vec![Val::text(key, false), value]);
    Val::list(entries.into_iter().map(pair).collect::<Result<_, _>>()?)
}

fn dictsort<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let pairs = eval.elements_of(&items(eval, value, &[])?)?;
    unkeyed(sorted(pairs.into_iter().map(|pair| (pair.at(0), pair)).collect(), false, false)?)
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
