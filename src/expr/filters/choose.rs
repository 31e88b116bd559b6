//! What can be done to each element of a list, and which are kept?

use super::{FilterDoc, Made, Parameter, Topic, argument, may, needs, refuse};
use crate::expr::EvalError;
use crate::expr::eval::Eval;
use crate::expr::judge;
use crate::expr::tree::{Compare, Test};
use crate::expr::value::Val;

const TOPIC: Topic = Topic::List;

/// The signs that `select` and its like know besides the tests.
const SIGNS: [(&str, Compare); 17] = [
    ("eq", Compare::Equal),
    ("equalto", Compare::Equal),
    ("==", Compare::Equal),
    ("ne", Compare::Unequal),
    ("!=", Compare::Unequal),
    ("lt", Compare::Less),
    ("lessthan", Compare::Less),
    ("<", Compare::Less),
    ("le", Compare::LessOrEqual),
    ("<=", Compare::LessOrEqual),
    ("gt", Compare::Greater),
    ("greaterthan", Compare::Greater),
    (">", Compare::Greater),
    ("ge", Compare::GreaterOrEqual),
    (">=", Compare::GreaterOrEqual),
    ("in", Compare::In),
    ("contains", Compare::NotIn),
];

pub(super) fn filters() -> [FilterDoc; 6] {
    const MAP: &[Parameter] =
        &[may("filter"), may("a"), may("b"), may("attribute"), may("default")];
    const NAME: &[Parameter] = &[needs("name")];
    const TEST: &[Parameter] = &[may("test"), may("value")];
    const ATTRIBUTE: &[Parameter] = &[needs("attribute"), may("test"), may("value")];
    [
        TOPIC.filter(
            "map",
            MAP,
            "Each element through a filter, or what each has at an attribute.",
            &[
                (r#"{{ ["a", "b"] | map("upper") | join }}"#, "AB"),
                (r#"{{ [{"name": "Tea"}] | map(attribute="name") | join }}"#, "Tea"),
            ],
            map,
        ),
        TOPIC.filter(
            "select",
            TEST,
            "Only the elements that pass a test, or that count as yes.",
            &[(r#"{{ [1, 2, 3] | select("odd") | join }}"#, "13")],
            |eval, value, arguments| keep(eval, value, None, arguments, true),
        ),
        TOPIC.filter(
            "reject",
            TEST,
            "Without the elements that pass a test.",
            &[(r#"{{ [1, 2, 3] | reject("gt", 1) | join }}"#, "1")],
            |eval, value, arguments| keep(eval, value, None, arguments, false),
        ),
        TOPIC.filter(
            "selectattr",
            ATTRIBUTE,
            "Only the elements whose attribute passes a test, or counts as yes.",
            &[(r#"{{ [{"n": 1}, {"n": 5}] | selectattr("n", "gt", 2) | length }}"#, "1")],
            |eval, value, arguments| {
                let attribute = argument(arguments, 0).unwrap_or_default();
                keep(eval, value, Some(&attribute), arguments.get(1..).unwrap_or_default(), true)
            },
        ),
        TOPIC.filter(
            "rejectattr",
            ATTRIBUTE,
            "Without the elements whose attribute passes a test.",
            &[(r#"{{ [{"bot": true}, {"n": 5}] | rejectattr("bot") | length }}"#, "1")],
            |eval, value, arguments| {
                let attribute = argument(arguments, 0).unwrap_or_default();
                keep(eval, value, Some(&attribute), arguments.get(1..).unwrap_or_default(), false)
            },
        ),
        TOPIC.filter(
            "attr",
            NAME,
            "What an object has under a name; the same as `value[name]`.",
            &[(r#"{{ {"a": 1} | attr("a") }}"#, "1")],
            |_, value, arguments| Ok(value.get(&argument(arguments, 0).unwrap_or_default())),
        ),
    ]
}

fn map<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let elements = eval.elements_of(value)?;
    if let Some(attribute) = argument(arguments, 3) {
        let instead = arguments.get(4).cloned().unwrap_or(Val::Missing);
        let found = |element: Val<'a>| {
            let found = element.path(&attribute);
            if found.is_blank() { instead.clone() } else { found }
        };
        return Val::list(elements.into_iter().map(found).collect());
    }
    let Some(name) = argument(arguments, 0) else {
        return refuse("it takes the name of a filter, or `attribute=\"…\"`");
    };
    let Some(filter) = super::find(&name).filter(|filter| !filter.is_lookup()) else {
        return refuse(format!("there is no filter {name:?} that could be used here"));
    };
    let given = arguments.get(1..3).unwrap_or_default();
    let given: Vec<Val<'a>> =
        given.iter().take_while(|value| !matches!(value, Val::Missing)).cloned().collect();
    if given.len() < filter.parameters.iter().filter(|parameter| parameter.required).count() {
        return refuse(format!("`{name}` needs {}", filter.parameters[0].name));
    }
    let mut made = Vec::with_capacity(elements.len());
    for element in elements {
        eval.spend(1)?;
        made.push(match element {
            _ if filter.is_default() && element.is_blank() => {
                given.first().cloned().unwrap_or(Val::Missing)
            }
            Val::Missing => Val::Missing,
            element => filter.apply(eval, &element, &given)?,
        });
    }
    Val::list(made)
}

/// The elements that pass (or, for `wanted` false, those that do not).
fn keep<'a>(
    eval: &Eval<'a>,
    value: &Val<'a>,
    attribute: Option<&str>,
    arguments: &[Val<'a>],
    wanted: bool,
) -> Made<'a> {
    let name = argument(arguments, 0);
    let operand = arguments.get(1).cloned().unwrap_or(Val::Missing);
    let mut kept = Vec::new();
    for element in eval.elements_of(value)? {
        eval.spend(1)?;
        let seen = attribute.map_or_else(|| element.clone(), |path| element.path(path));
        let passes = match name.as_deref() {
            None => seen.is_true(),
            Some(name) => passes(name, &seen, &operand)?,
        };
        if passes == wanted {
            kept.push(element);
        }
    }
    Val::list(kept)
}

/// Whether there is a test of this name.
pub(super) fn is_test(name: &str) -> bool {
    Test::ALL.iter().any(|(known, _)| *known == name)
        || SIGNS.iter().any(|(known, _)| *known == name)
}

fn passes(name: &str, value: &Val<'_>, operand: &Val<'_>) -> Result<bool, EvalError> {
    if let Some((_, test)) = Test::ALL.iter().find(|(known, _)| *known == name) {
        return Ok(judge::passes(*test, value, operand));
    }
    let Some((_, compare)) = SIGNS.iter().find(|(known, _)| *known == name) else {
        return Err(EvalError::Other(format!("there is no test {name:?}")));
    };
    let holds = match compare {
        // `contains` is `in` the other way round.
        Compare::NotIn => judge::compare(Compare::In, operand, value),
        other => judge::compare(*other, value, operand),
    };
    holds.map_err(|_| {
        let (one, other) = (value.described(), operand.described());
        EvalError::Types(format!("`{name}` compares different types: {one} with {other}"))
    })
}
