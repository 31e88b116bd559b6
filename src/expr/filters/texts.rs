//! What can be done to any text?

use super::{FilterDoc, Made, Parameter, Topic, argument, count, may, needs, printed, refuse};
use crate::expr::eval::{Eval, TEXT_MAX};
use crate::expr::value::Val;

const TOPIC: Topic = Topic::Text;

pub(super) fn filters() -> [FilterDoc; 10] {
    const REPLACE: &[Parameter] = &[needs("old"), needs("new")];
    const SPLIT: &[Parameter] = &[may("separator"), may("times")];
    [
        TOPIC.filter("upper", &[], "In capitals.", &[(r#"{{ "bca" | upper }}"#, "BCA")], upper),
        TOPIC.filter("lower", &[], "In small letters.", &[(r#"{{ "OK" | lower }}"#, "ok")], lower),
        TOPIC.filter(
            "capitalize",
            &[],
            "The first letter a capital, the others small.",
            &[(r#"{{ "bank TRANSFER" | capitalize }}"#, "Bank transfer")],
            capitalize,
        ),
        TOPIC.filter(
            "title",
            &[],
            "Every word with a capital.",
            &[(r#"{{ "siti aminah" | title }}"#, "Siti Aminah")],
            title,
        ),
        TOPIC.filter(
            "trim",
            &[],
            "Without white space at its ends.",
            &[(r#"[{{ " a " | trim }}]"#, "[a]")],
            trim,
        ),
        TOPIC.filter(
            "replace",
            REPLACE,
            "With another text in place of each `old`.",
            &[(r#"{{ "bank_transfer" | replace("_", " ") }}"#, "bank transfer")],
            replace,
        ),
        TOPIC.filter(
            "split",
            SPLIT,
            "The parts between separators, or the words, as a list.",
            &[(r#"{{ "refs/heads/main" | split("/") | last }}"#, "main")],
            split,
        ),
        TOPIC.filter(
            "lines",
            &[],
            "The lines, as a list.",
            &[(r#"{{ "a\nb\nc" | lines | length }}"#, "3")],
            lines,
        ),
        TOPIC.filter(
            "urlencode",
            &[],
            "As a part of a URL; an object becomes a query.",
            &[
                (r#"{{ "v1 beta/2" | urlencode }}"#, "v1%20beta/2"),
                (r#"{{ {"q": "a&b"} | urlencode }}"#, "q=a%26b"),
            ],
            urlencode,
        ),
        TOPIC.filter(
            "string",
            &[],
            "What a value prints, as a text: to compare a number with a text.",
            &[(r#"{{ 7 | string ~ "!" }}"#, "7!")],
            string,
        ),
    ]
}

fn upper<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    eval.text(eval.worked_on(value)?.to_uppercase(), value.is_safe())
}

fn lower<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    eval.text(eval.worked_on(value)?.to_lowercase(), value.is_safe())
}

fn capitalize<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    eval.text(capitalised(&eval.worked_on(value)?), value.is_safe())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().to_lowercase()
}

fn title<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let text = eval.worked_on(value)?;
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| c.is_whitespace() || c == '-' || c == '_') {
        out.push_str(&capitalised(word));
    }
    eval.text(out, value.is_safe())
}

fn trim<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    eval.text(printed(value).trim().to_owned(), value.is_safe())
}

fn replace<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let [old, new] = [0, 1].map(|place| argument(arguments, place).unwrap_or_default());
    let text = eval.worked_on(value)?;
    let grown = text.matches(&*old).count().saturating_mul(new.len());
    if grown > TEXT_MAX {
        return refuse(format!("a text becomes longer than {TEXT_MAX} bytes"));
    }
    let safe = value.is_safe() && arguments.get(1).is_none_or(Val::is_safe);
    eval.text(text.replace(&*old, &new), safe)
}

fn split<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let text = eval.worked_on(value)?;
    let times = count(arguments, 1)?.map_or(usize::MAX, |times| times.saturating_add(1));
    let separator = argument(arguments, 0);
    let parts: Vec<&str> = match separator.as_deref() {
        Some(separator) => text.splitn(times, separator).collect(),
        None => text.split_whitespace().collect(),
    };
    listed(eval, value, &parts)
}

fn lines<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let text = eval.worked_on(value)?;
    listed(eval, value, &text.lines().collect::<Vec<_>>())
}

fn listed<'a>(eval: &Eval<'a>, value: &Val<'a>, parts: &[&str]) -> Made<'a> {
    eval.spend(parts.len())?;
    Val::list(parts.iter().map(|part| Val::text((*part).to_owned(), value.is_safe())).collect())
}

/// A slash stays, as in Jinja: paths are more common than slashes inside of names.
fn urlencode<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let Some(entries) = value.entries() else {
        return eval.text(encoded(&eval.worked_on(value)?), true);
    };
    eval.spend(entries.len())?;
    let mut query = String::new();
    for (key, value) in entries.iter().filter(|(_, value)| !value.is_blank()) {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&encoded(key).replace('/', "%2F"));
        query.push('=');
        query.push_str(&encoded(&eval.worked_on(value)?).replace('/', "%2F"));
        eval.worked_out(&query)?;
    }
    eval.text(query, true)
}

/// Only what RFC 3986 calls unreserved, and the slash.
pub(in crate::expr) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn string<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(Val::text(printed(value), value.is_safe()))
}
