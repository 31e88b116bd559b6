//! What can be done to a value? One short function a filter.

#![expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]

use std::borrow::Cow;
use std::rc::Rc;

use super::eval::{Eval, TEXT_MAX};
use super::value::{Val, shortened};
use super::{EvalError, date, money, neutral};

type Made<'a> = Result<Val<'a>, EvalError>;

/// A filter: its name, its parameters in order, and what it does.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [&'static str],
    /// How many of the parameters must be given.
    pub(super) required: usize,
    /// The value is there, except for `default`, which the evaluator knows itself; an argument that
    /// was not given is missing.
    pub(super) run: for<'a> fn(&Eval<'a>, &Val<'a>, &[Val<'a>]) -> Made<'a>,
}

/// Ours. Their names hide minijinja's.
pub(super) static FILTERS: &[Filter] = &[
    Filter { name: "text", parameters: &[], required: 0, run: text },
    Filter { name: "raw", parameters: &[], required: 0, run: raw },
    Filter { name: "safe", parameters: &[], required: 0, run: raw },
    Filter { name: "code", parameters: &[], required: 0, run: code },
    Filter { name: "md", parameters: &[], required: 0, run: md },
    Filter { name: "money", parameters: &["currency"], required: 1, run: money },
    Filter { name: "date", parameters: &["format", "tz"], required: 0, run: date },
    Filter { name: "truncate", parameters: &["length"], required: 1, run: truncate },
    Filter { name: "default", parameters: &["value", "boolean"], required: 1, run: same },
    Filter { name: "d", parameters: &["value", "boolean"], required: 1, run: same },
    Filter { name: "first_line", parameters: &[], required: 0, run: first_line },
    Filter { name: "upper", parameters: &[], required: 0, run: upper },
    Filter { name: "lower", parameters: &[], required: 0, run: lower },
    Filter { name: "trim", parameters: &[], required: 0, run: trim },
    Filter { name: "length", parameters: &[], required: 0, run: length },
    Filter { name: "count", parameters: &[], required: 0, run: length },
    Filter { name: "replace", parameters: &["old", "new"], required: 2, run: replace },
    Filter { name: "join", parameters: &["separator"], required: 0, run: join },
    Filter { name: "first", parameters: &[], required: 0, run: first },
    Filter { name: "last", parameters: &[], required: 0, run: last },
    Filter { name: "string", parameters: &[], required: 0, run: string },
    Filter { name: "items", parameters: &[], required: 0, run: items },
];

/// Those of minijinja's that neither read the template's surroundings nor make text of any length.
pub(super) static BORROWED: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "dictsort",
    "float",
    "groupby",
    "int",
    "lines",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "sum",
    "title",
    "tojson",
    "unique",
    "urlencode",
];

impl Filter {
    /// Whether it stands in for a missing value.
    pub(super) fn is_default(&self) -> bool {
        matches!(self.name, "default" | "d")
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn printed<'a>(value: &Val<'a>) -> Cow<'a, str> {
    value.shown().unwrap_or_default()
}

/// What became of a text: as safe as it was, borrowed if nothing changed.
fn changed<'a>(value: &Val<'a>, text: String) -> Made<'a> {
    if text.len() > TEXT_MAX {
        return Err(EvalError::Other(format!("a text becomes longer than {TEXT_MAX} bytes")));
    }
    Ok(Val::text(text, value.is_safe()))
}

/// A text that is fit for a message now; if nothing is left of it, it is missing.
fn made_fit<'a>(text: impl Into<Cow<'a, str>>) -> Val<'a> {
    let text = text.into();
    if text.is_empty() { Val::Missing } else { Val::safe(text) }
}

fn text<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(match printed(value) {
        Cow::Borrowed(text) => neutral::neutralise(text),
        Cow::Owned(text) => Cow::Owned(neutral::neutralise(&text).into_owned()),
    }))
}

fn raw<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(printed(value)))
}

fn code<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(neutral::code(&printed(value))))
}

fn md<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(neutral::from_markdown(&printed(value))))
}

fn money<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let currency = arguments.first().map(printed).unwrap_or_default();
    let amounts = eval.facts.surroundings().amounts;
    money::money(&printed(value), &currency, amounts).map(Val::safe)
}

fn date<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let format = arguments.first().and_then(Val::shown);
    let zone = arguments.get(1).and_then(Val::shown);
    let timezone = &eval.facts.surroundings().timezone;
    date::date(&printed(value), format.as_deref(), zone.as_deref(), timezone).map(Val::safe)
}

fn truncate<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let length = arguments.first().map(printed).unwrap_or_default();
    match length.parse::<usize>() {
        Ok(length) if length > 0 => changed(value, shortened(&printed(value), length)),
        _ => Err(EvalError::Other(format!(
            "truncate: {length:?} is no length: write a number of characters, as `truncate(80)`"
        ))),
    }
}

fn same<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(value.clone())
}

fn first_line<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let text = printed(value);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    changed(value, line.unwrap_or_default().to_owned())
}

fn upper<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    changed(value, printed(value).to_uppercase())
}

fn lower<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    changed(value, printed(value).to_lowercase())
}

fn trim<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    changed(value, printed(value).trim().to_owned())
}

fn length<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    match value.len() {
        Some(length) => Ok(Val::Number(length.to_string().into())),
        None => Err(EvalError::Other(format!(
            "length: {} ({}) has none",
            value.show(),
            value.type_name()
        ))),
    }
}

fn replace<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let [old, new] = [0, 1].map(|place| arguments.get(place).map(printed).unwrap_or_default());
    let text = printed(value);
    let grown = text.matches(&*old).count().saturating_mul(new.len());
    if text.len().saturating_add(grown) > TEXT_MAX && grown > 0 {
        return Err(EvalError::Other(format!("replace: the text exceeds {TEXT_MAX} bytes")));
    }
    let safe = value.is_safe() && arguments.get(1).is_none_or(Val::is_safe);
    Ok(Val::text(text.replace(&*old, &new), safe))
}

/// Foreign elements are made fit one by one, so that a line break as separator stays one.
fn join<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let separator = arguments.first().map(printed).unwrap_or_default();
    let Some(elements) = value.elements() else {
        return Err(EvalError::Other(format!(
            "join: {} is no list ({})",
            value.show(),
            value.type_name()
        )));
    };
    let mut out = String::new();
    for element in elements.iter().filter(|element| !element.is_blank()) {
        if !out.is_empty() {
            out.push_str(&separator);
        }
        out.push_str(&eval.fit(element).unwrap_or_default());
        if out.len() > TEXT_MAX {
            return Err(EvalError::Other(format!("join: the text exceeds {TEXT_MAX} bytes")));
        }
    }
    let safe = eval.fits_foreign() || elements.iter().all(Val::is_safe);
    Ok(if out.is_empty() { Val::Missing } else { Val::text(out, safe) })
}

fn first<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    match value {
        Val::Text { text, safe } => {
            Ok(Val::text(text.chars().next().map(String::from).unwrap_or_default(), *safe))
        }
        list => Ok(list.at(0)),
    }
}

fn last<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    match value {
        Val::Text { text, safe } => {
            Ok(Val::text(text.chars().next_back().map(String::from).unwrap_or_default(), *safe))
        }
        list => Ok(list.at(-1)),
    }
}

fn string<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(Val::text(printed(value), value.is_safe()))
}

/// The pairs of an object: `{% for key, value in event.labels | items %}`.
fn items<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let Some(entries) = value.entries() else {
        return Err(EvalError::Other(format!("items: {} is no object", value.show())));
    };
    let pair = |(key, value)| Val::List(Rc::new(vec![Val::text(key, false), value]));
    Ok(Val::List(Rc::new(entries.into_iter().map(pair).collect())))
}
