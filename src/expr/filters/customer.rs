//! How do customers read money, time, numbers and names?

use super::{FilterDoc, Made, Parameter, Topic, argument, may, needs, printed, refuse};
use crate::expr::eval::Eval;
use crate::expr::locale::Locale;
use crate::expr::value::Val;
use crate::expr::{AmountUnit, Country, EvalError, card, date, money, neutral, recipient, table};

const TOPIC: Topic = Topic::Customer;

#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn filters() -> [FilterDoc; 7] {
    const PHONE: &[Parameter] = &[may("country")];
    const OPENGRAPH: &[Parameter] = &[may("key")];
    const MONEY: &[Parameter] = &[needs("currency"), may("amounts"), may("locale")];
    const DATE: &[Parameter] = &[may("format"), may("tz"), may("locale")];
    const PLURAL: &[Parameter] = &[needs("one"), may("many")];
    const LOOKUP: &[Parameter] = &[needs("table"), may("key"), may("value")];
    [
        TOPIC.filter(
            "money",
            MONEY,
            "An amount as people of the currency write it. Whether the sender counts whole units \
             or the smallest ones is known for the built-in senders; else `amounts=\"major\"` or \
             `\"minor\"` says so. An amount with a decimal point is in whole units. `locale` \
             (`en`, `id`, `de`, …) writes it as that language does.",
            &[
                (r#"{{ 18633200 | money("IDR", amounts="minor") }}"#, "Rp 186.332"),
                (r#"{{ "154600.00" | money("IDR") }}"#, "Rp 154.600"),
                (r#"{{ 120450 | money("usd", amounts="minor") }}"#, "$1,204.50"),
                (r#"{{ 1200 | money("JPY", amounts="minor") }}"#, "¥1,200"),
                (r#"{{ "1204.50" | money("EUR", locale="de") }}"#, "1.204,50\u{a0}€"),
            ],
            money,
        ),
        TOPIC.filter(
            "date",
            DATE,
            "A moment (Unix seconds or milliseconds, or a text as 2026-11-22T14:05:00Z) in the \
             time zone of `defaults.timezone` or `tz`. `format` is a pattern of letters \
             (`d MMMM yyyy HH:mm`), one of `%` codes (`%d %b %Y`), or `relative`: how long before \
             or after the event came. `locale` is the language of months and days: `en`, `id`, \
             `ms`, `de`, `es`, `fr`, `it`, `nl` or `pt`.",
            &[
                ("{{ 1795331100 | date }}", "22 Nov 2026 07:05"),
                (r#"{{ 1795331100 | date("d MMMM yyyy", locale="id") }}"#, "22 November 2026"),
                (
                    r#"{{ 1795331100 | date("EEEE d MMM HH:mm", tz="Asia/Jakarta", locale="id") }}"#,
                    "Minggu 22 Nov 14:05",
                ),
                (r#"{{ 1795331100 | date("%Y-%m-%d") }}"#, "2026-11-22"),
                (r#"{{ 1795323900 | date("relative") }}"#, "2 hours ago"),
            ],
            date,
        ),
        TOPIC.filter(
            "phone",
            PHONE,
            "A phone number as it can be called from anywhere, and tapped. Local numbers are read \
             as those of `defaults.country` or `country`.",
            &[(r#"{{ "0812-3456-7890" | phone("ID") }}"#, "+6281234567890")],
            phone,
        ),
        TOPIC.filter(
            "plural",
            PLURAL,
            "A count with its word: for one, or for more. A list counts its elements. Without the \
             second word an `s` is put behind the first.",
            &[
                (r#"{{ 1 | plural("commit") }}"#, "1 commit"),
                (r#"{{ [1, 2] | plural("reply", "replies") }}"#, "2 replies"),
            ],
            plural,
        ),
        TOPIC.filter(
            "filename",
            &[],
            "A name that a file can have everywhere. In `fileName` this is done by itself.",
            &[(r#"{{ "INV/2026/11.pdf" | filename }}"#, "INV-2026-11.pdf")],
            filename,
        ),
        TOPIC.filter(
            "lookup",
            LOOKUP,
            "What a table has for a key, capitals or not: an object of `vars`, or the name of a CSV \
             or JSON file beside the rule file, written out. In a CSV file the first column is the \
             key and the second the value; `key=` and `value=` name others by their heading. With \
             more than two columns and no `value=` it gives the whole row: `(… | \
             lookup(\"orders.csv\")).phone`. What is not in the table is missing.",
            &[
                (r#"{{ "Octocat" | lookup({"octocat": "+62811"}) }}"#, "+62811"),
                (r#"{{ "hubot" | lookup({"octocat": "+62811"}) | default("nobody") }}"#, "nobody"),
            ],
            lookup,
        ),
        TOPIC.filter(
            "opengraph",
            OPENGRAPH,
            "The address of GitHub's preview picture (1200×600 PNG) of a repository, pull request, \
             issue, commit or release, from its address; public repositories only. GitHub draws a \
             new one for each `key`; by default that is the event's id.",
            &[(
                r#"{{ "https://github.com/octo/hello/pull/7" | opengraph("1") }}"#,
                "https://opengraph.githubassets.com/1/octo/hello/pull/7",
            )],
            opengraph,
        ),
    ]
}

fn locale(arguments: &[Val<'_>], place: usize) -> Result<Option<Locale>, EvalError> {
    argument(arguments, place).map(|name| Locale::named(&name)).transpose()
}

fn money<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let currency = argument(arguments, 0).unwrap_or_default();
    let amounts = match argument(arguments, 1).as_deref() {
        None => eval.facts.surroundings().amounts,
        Some("minor") => Some(AmountUnit::Minor),
        Some("major") => Some(AmountUnit::Major),
        Some(other) => return refuse(format!("amounts: {other:?} is neither major nor minor")),
    };
    let locale = locale(arguments, 2)?;
    money::money(&printed(value), &currency, amounts, locale).map(Val::safe)
}

fn date<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let style = date::Style {
        format: argument(arguments, 0),
        zone: argument(arguments, 1),
        locale: locale(arguments, 2)?.unwrap_or_default(),
    };
    date::date(&printed(value), &style, eval.facts).map(Val::safe)
}

fn phone<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let country = match argument(arguments, 0) {
        None => eval.facts.surroundings().country,
        Some(iso) => match Country::of(iso.trim()) {
            Some(country) => Some(country),
            None => return refuse(format!("{iso:?} is no country: write its code, as `ID`")),
        },
    };
    match recipient(&printed(value), country) {
        Ok(number) if number.is_group() => refuse("a group has no phone number"),
        Ok(number) => Ok(Val::safe(format!("+{}", number.expose()))),
        Err(error) => refuse(error.to_string()),
    }
}

fn plural<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let count = match value {
        Val::Number(digits) => digits.clone(),
        other => match other.elements_len() {
            Some(count) => count.to_string().into(),
            None => return refuse(format!("{} is neither a number nor a list", other.described())),
        },
    };
    let one = argument(arguments, 0).unwrap_or_default();
    let word = match (count.as_ref(), argument(arguments, 1)) {
        ("1", _) => one.into_owned(),
        (_, Some(many)) => many.into_owned(),
        (_, None) => format!("{one}s"),
    };
    let safe = arguments.iter().take(2).all(Val::is_safe);
    eval.text(format!("{count} {word}"), safe)
}

fn filename<'a>(eval: &Eval<'a>, value: &Val<'a>, _: &[Val<'a>]) -> Made<'a> {
    eval.text(neutral::file_name(&eval.worked_on(value)?), value.is_safe())
}

/// In an object; a file is a table of its own, known before any event.
fn lookup<'a>(_: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let Some(holder) = arguments.first() else { return Ok(Val::Missing) };
    if holder.entries().is_none() {
        return refuse(format!(
            "{} is no table: write an object of `vars`, or the name of a file in quotes",
            holder.described()
        ));
    }
    let found = table::in_object(holder, &printed(value));
    Ok(match argument(arguments, 2) {
        Some(name) => found.get(&name),
        None => found,
    })
}

fn opengraph<'a>(eval: &Eval<'a>, value: &Val<'a>, arguments: &[Val<'a>]) -> Made<'a> {
    let key = argument(arguments, 0).or_else(|| eval.facts.id().shown()).unwrap_or_default();
    match card::opengraph(&printed(value), &key) {
        Some(url) => Ok(Val::safe(url)),
        None => refuse(format!(
            "{} is no page of a repository: write an address as https://github.com/owner/name",
            value.show()
        )),
    }
}
