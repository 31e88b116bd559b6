//! How does foreign text get into a message?

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::{FilterDoc, Made, Parameter, Topic, argument, count, may, needs, printed, refuse};
use crate::expr::eval::Eval;
use crate::expr::value::Val;
use crate::expr::{markdown, marks, neutral};

const TOPIC: Topic = Topic::Message;

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn filters() -> [FilterDoc; 7] {
    const TRUNCATE: &[Parameter] = &[needs("length"), may("end")];
    const DEFAULT: &[Parameter] = &[needs("value"), may("boolean")];
    [
        FilterDoc {
            name: "text",
            aliases: &[],
            topic: TOPIC,
            parameters: &[],
            does: "Makes foreign text harmless: marks that WhatsApp would act on are replaced by \
                   look-alikes, line breaks become spaces, and control and direction characters \
                   go. A whole https URL stays as it is. In `message` this is done by itself to \
                   everything that comes from outside.",
            examples: &[
                (r#"{{ "*Budi*\nTotal: 0" | text }}"#, "∗Budi∗ Total: 0"),
                (r#"{{ "snake_case" | text }}"#, "snake_case"),
            ],
            run: text,
        },
        FilterDoc {
            name: "raw",
            aliases: &["safe"],
            topic: TOPIC,
            parameters: &[],
            does: "Leaves a text as it is, with its line breaks and its markup. Only for text that \
                   you wrote yourself.",
            examples: &[(r#"{{ "*Budi*" | raw }}"#, "*Budi*")],
            run: raw,
        },
        FilterDoc {
            name: "code",
            aliases: &[],
            topic: TOPIC,
            parameters: &[],
            does: "Shows a text in a typewriter's letters, exactly as it is: for numbers and codes \
                   that people copy.",
            examples: &[(r#"{{ "INV_*7*" | code }}"#, "`INV_*7*`")],
            run: code,
        },
        FilterDoc {
            name: "md",
            aliases: &[],
            topic: TOPIC,
            parameters: &[],
            does: "Turns GitHub's Markdown into WhatsApp's markup: bold, italic, strike, code, \
                   headings, lists, quotes, tables and links. HTML goes, its text stays.",
            examples: &[
                (r##"{{ "# New\n**fast** and ~~slow~~" | md }}"##, "*New*\n\n*fast* and ~slow~"),
                (r#"{{ "[docs](https://x.test)" | md }}"#, "docs (https://x.test)"),
            ],
            run: md,
        },
        FilterDoc {
            name: "truncate",
            aliases: &[],
            topic: TOPIC,
            parameters: TRUNCATE,
            does: "At most so many characters as people count them, the end marked by `…`. Markup \
                   that is cut open is closed or dropped.",
            examples: &[
                (r#"{{ "a long title" | truncate(7) }}"#, "a long…"),
                (r#"{{ "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧" | truncate(2) }}"#, "👨‍👩‍👧…"),
                (r#"{{ "long" | truncate(3, end="") }}"#, "lon"),
            ],
            run: truncate,
        },
        FilterDoc {
            name: "first_line",
            aliases: &[],
            topic: TOPIC,
            parameters: &[],
            does: "The first line that is not empty: the subject of a commit message.",
            examples: &[(r#"{{ "Fix it\n\nSee 12." | first_line }}"#, "Fix it")],
            run: first_line,
        },
        FilterDoc {
            name: "default",
            aliases: &["d"],
            topic: TOPIC,
            parameters: DEFAULT,
            does: "Another value where there is none: where a path does not exist, or null or an \
                   empty text stands there.",
            examples: &[(r#"Hi {{ event.nobody.name | default("there") }}"#, "Hi there")],
            run: same,
        },
    ]
}

/// A text that is fit for a message now; if nothing is left of it, it is missing.
fn made_fit<'a>(text: impl Into<Cow<'a, str>>) -> Val<'a> {
    let text = text.into();
    if text.is_empty() { Val::Missing } else { Val::safe(text) }
}

fn text<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(match eval.worked_on(value)? {
        Cow::Borrowed(text) => neutral::neutralise(text),
        Cow::Owned(text) => Cow::Owned(neutral::neutralise(&text).into_owned()),
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn raw<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(printed(value)))
}

fn code<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(made_fit(neutral::code(&eval.worked_on(value)?)))
}

fn md<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let made = markdown::to_whatsapp(&eval.worked_on(value)?);
    eval.worked_out(&made)?;
    Ok(made_fit(made))
}

fn truncate<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let Some(length) = count(arguments, 0)?.filter(|length| *length > 0) else {
        return refuse("write a number of characters, as `truncate(80)`");
    };
    let end = argument(arguments, 1).unwrap_or(Cow::Borrowed("…"));
    let text = printed(value);
    let mut starts = text.grapheme_indices(true).map(|(start, _)| start);
    if starts.by_ref().nth(length).is_none() {
        return Ok(value.clone());
    }
    let kept = length.saturating_sub(end.graphemes(true).count());
    let stop = text.grapheme_indices(true).nth(kept).map_or(text.len(), |(start, _)| start);
    let cut = text.get(..stop).unwrap_or_default().trim_end();
    let cut = if value.is_safe() { marks::close(cut) } else { cut.to_owned() };
    eval.text(cut + &end, value.is_safe())
}

fn first_line<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    let text = printed(value);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    eval.text(line.unwrap_or_default().to_owned(), value.is_safe())
}

#[expect(clippy::unnecessary_wraps, reason = "all filters have one signature")]
fn same<'a>(_: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    Ok(value.clone())
}
