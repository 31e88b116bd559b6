//! How is a list put in rows and groups, and an object in pairs?

use super::lists::{identity, keyed, sorted, unkeyed};
use super::{FilterDoc, Made, Parameter, Topic, argument, count, may, needs, refuse};
use crate::expr::EvalError;
use crate::expr::eval::Eval;
use crate::expr::value::Val;

const TOPIC: Topic = Topic::List;

/// The longest row of `batch`, and the most of `slice`.
const ROW_MAX: usize = 1_000;

pub(super) fn filters() -> [FilterDoc; 5] {
    const GROUP: &[Parameter] = &[needs("attribute")];
    const ROW: &[Parameter] = &[needs("count"), may("fill_with")];
    [
        TOPIC.filter(
            "batch",
            ROW,
            "The elements in rows of so many.",
            &[("{% for row in [1, 2, 3] | batch(2) %}{{ row | join }};{% endfor %}", "12;3;")],
            batch,
        ),
        TOPIC.filter(
            "slice",
            ROW,
            "The elements in so many columns.",
            &[("{% for part in [1, 2, 3] | slice(2) %}{{ part | join }};{% endfor %}", "12;3;")],
            slice,
        ),
        TOPIC.filter(
            "groupby",
            GROUP,
            "Pairs of a value of the attribute and the list of the elements that have it.",
            &[(
                r#"{% for day, all in [{"d": 1}, {"d": 1}] | groupby("d") %}{{ day }}:{{ all | length }}{% endfor %}"#,
                "1:2",
            )],
            groupby,
        ),
        TOPIC.filter(
            "items",
            &[],
            "The members of an object, as pairs of name and value.",
            &[(r#"{% for k, v in {"a": 1} | items %}{{ k }}={{ v }}{% endfor %}"#, "a=1")],
            items,
        ),
        TOPIC.filter(
            "dictsort",
            &[],
            "The same, in the order of their names.",
            &[(r#"{% for k, v in {"b": 1, "a": 2} | dictsort %}{{ k }}{% endfor %}"#, "ab")],
            dictsort,
        ),
    ]
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
