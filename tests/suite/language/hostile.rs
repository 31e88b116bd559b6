//! Does a hostile template end quickly, in little memory, and with an error?

use std::sync::Arc;

use jiff::Timestamp;
use kabari::expr::{Escape, Facts, Json, Surroundings, Template};
use kabari::model::{Event, EventId};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::cost;

/// What a hostile template or event may cost, in hundredths of a second of the processor's time: in a
/// debug build.
const TICKS_MAX: u64 = 1000;

fn facts(body: &Value) -> Facts {
    let event =
        Event::new(EventId(Uuid::from_u128(1)), "s", "k", Timestamp::UNIX_EPOCH, body.to_string());
    let around = Surroundings {
        vars: json!({ "list": (0..2_000).collect::<Vec<_>>() }),
        amounts: None,
        timezone: jiff::tz::TimeZone::UTC,
        country: None,
    };
    Facts::new(&event, Json::parse(event.body.clone()).unwrap(), Arc::new(around))
}

fn render(template: &str, body: &Value) -> Result<String, String> {
    let compiled = Template::compile(template, Escape::Message)
        .map_err(|faults| faults.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; "))?;
    compiled.render(&facts(body)).map_err(|error| error.to_string())
}

fn promptly<T>(what: &str, work: impl FnOnce() -> T) -> T {
    cost::promptly(what, TICKS_MAX, work)
}

/// Sets `x` and doubles it so often.
fn doubled(first: &str, twice: &str, times: usize, last: &str) -> String {
    let double = format!("{{% set x = {twice} %}}").repeat(times);
    format!("{{% set x = {first} %}}{double}{last}")
}

#[test]
fn hostile_templates_end_quickly_with_an_error() {
    let long = format!("{{{{ '{}' | {} }}}}", "y".repeat(40_000), "upper | ".repeat(400) + "lower");
    let nested = format!("{{{{ {}1{} }}}}", "[".repeat(3_000), "]".repeat(3_000));
    let blocks = "{% if true %}".repeat(3_000) + &"{% endif %}".repeat(3_000);
    let loops = "{% for a in range(1000) %}".repeat(8) + "x" + &"{% endfor %}".repeat(8);
    let templates = [
        loops,
        long,
        nested,
        blocks,
        "{{ 'x' * 1000000000 }}".to_owned(),
        "{{ range(1000000000) | length }}".to_owned(),
        "{{ range(0, 9000000000000000000, 1) | join }}".to_owned(),
        doubled("'xxxxxxxx'", "x ~ x", 60, "{{ x }}"),
        doubled("'xx'", "x | replace('x', 'xxxx')", 60, "{{ x }}"),
        doubled("[1]", "[x, x]", 60, "{{ x }}"),
        doubled("[1]", "[x, x]", 60, "{{ x == x }}"),
        doubled("[1]", "[x]", 2_000, "{{ x | json }}"),
        doubled("{'a': 1}", "{'a': x, 'b': x}", 60, "{{ x | json }}"),
        doubled("vars.list", "[x, x] | map('join') | join", 60, "{{ x }}"),
        "{{ vars.list | map('replace', '1', 'x' ~ vars.list) | join }}".to_owned(),
        "{{ [1] | batch(1000000000, 'x') | length }}".to_owned(),
        "{{ [1] | slice(1000000000, 'x') | length }}".to_owned(),
        "{{ 1 | round(1000000000) }}".to_owned(),
        "{{ 0 | date('%1000000000d') }}".to_owned(),
        "{{ 0 | date('%999999999999Y') }}".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{% for a in vars.list recursive %}{{ loop(vars.list) }}{% endfor %}".to_owned(),
        "{% include '/etc/passwd' %}".to_owned(),
        "{{ 'a' | lookup('/etc/passwd') }}".to_owned(),
        "{{ 1e400 * 1e400 }}".to_owned(),
        "{{ 99999999999999999999999999999999999999 * 9999999999 }}".to_owned(),
        "{% for a in vars.list %}{% for b in vars.list %}{{ vars.list | sort | join }}{% endfor %}{% endfor %}".to_owned(),
        "{{ vars.list | map('map') }}".to_owned(),
        "{{ '%1000000000d' | format(1) }}".to_owned(),
        "{{ 'x' | indent(1000000000) }}".to_owned(),
        "{{ 'x' | center(1000000000) }}".to_owned(),
    ];
    for template in &templates {
        let shown: String = template.chars().take(80).collect();
        let result = promptly(&shown, || render(template, &json!({})));
        assert!(result.is_err(), "{shown}: {} bytes", result.unwrap().len());
    }
}

#[test]
fn a_hostile_event_ends_as_quickly() {
    let big = "*_~` \n".repeat(400_000);
    let body = json!({
        "big": big, "list": vec![0; 300_000], "quotes": ">".repeat(100_000), "open": "[".repeat(100_000),
        "stars": "*a ".repeat(40_000), "bullets": "- ".repeat(50_000),
    });
    for template in [
        "{{ event }}",
        "{{ event.big }}",
        "{{ event.big | md }}",
        "{{ event.big | truncate(10) }}",
        "{{ event.big | first_line }}",
        "{{ event.list }}",
        "{{ event.list | sort | join }}",
        "{{ event.quotes | md | truncate(100) }}",
        "{{ event.open | md | truncate(100) }}",
        "{{ event.stars | md | truncate(100) }}",
        "{{ event.bullets | md | truncate(100) }}",
        "{% for a in event.list %}{% for b in event.list %}x{% endfor %}{% endfor %}",
    ] {
        if let Ok(text) = promptly(template, || render(template, &body)) {
            assert!(text.len() <= 130 * 1024, "{template}: {}", text.len());
        }
    }
}

/// The marks of a text that WhatsApp would act on: at the edge of a word, and not beside a space.
fn acting(text: &str, mark: char) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    let space = |c: Option<&char>| c.is_none_or(|c| c.is_whitespace());
    let acts = |place: usize| {
        let before = place.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(place + 1);
        !(word(before) && word(after) || space(before) && space(after))
    };
    (0..chars.len()).filter(|place| chars[*place] == mark && acts(*place)).count()
}

proptest! {
    #[test]
    fn foreign_text_is_one_line_without_marks_by_every_way(
        text in "[*_~`> .a1é\n\r\u{202e}\u{200b}-]{0,30}",
        way in 0..5_usize,
    ) {
        let way = ["", " | text", " | upper", " | trim | text", " | truncate(9)"][way];
        if let Ok(printed) = render(&format!("{{{{ event.x{way} }}}}"), &json!({ "x": text })) {
            let odd = printed.contains(['\n', '\r', '`', '\u{202e}', '\u{200b}']);
            prop_assert!(!odd, "{printed:?}");
            for mark in ['*', '_', '~'] {
                prop_assert_eq!(acting(&printed, mark), 0, "{:?}", printed);
            }
        }
    }

    #[test]
    fn code_is_one_span_whatever_is_in_it(text in "(?s)(.|[`\n\r]){0,40}") {
        if let Ok(printed) = render("{{ event.x | code }}", &json!({ "x": text })) {
            prop_assert!(printed.starts_with('`') && printed.ends_with('`'), "{printed:?}");
            prop_assert_eq!(printed.matches('`').count(), 2);
            prop_assert!(!printed.contains('\n'));
        }
    }

    #[test]
    fn markdown_never_fails_and_opens_nothing_that_it_does_not_close(
        text in "([*_~`#>|\\[\\]()!<\\\\ \n-]|a|1\\.|https://x\\.test|<!--|-->|~~|\\*\\*){0,40}",
        length in 1..40_usize,
    ) {
        for template in ["{{ event.x | md }}".to_owned(), format!("{{{{ event.x | md | truncate({length}) }}}}")] {
            let Ok(printed) = render(&template, &json!({ "x": text })) else { continue };
            prop_assert_eq!(printed.matches("```").count() % 2, 0, "{:?}", printed);
            // In a block nothing acts.
            let beside: Vec<&str> = printed.split("```").step_by(2).collect();
            for line in beside.join("`").lines().filter(|line| !line.contains('`') && !line.contains("https://")) {
                for mark in ['*', '_', '~'] {
                    prop_assert_eq!(acting(line, mark) % 2, 0, "{} in {:?}", mark, printed);
                }
            }
            let leftover = printed.chars().any(|c| ('\u{e000}'..='\u{e005}').contains(&c));
            prop_assert!(!leftover, "{:?}", printed);
        }
    }

    #[test]
    fn any_text_survives_every_filter_of_messages(text in "\\PC{0,60}") {
        for filter in ["text", "code", "md", "filename", "title", "truncate(5)", "first_line", "urlencode", "json"] {
            let _ = render(&format!("{{{{ event.x | {filter} }}}}"), &json!({ "x": text }));
        }
    }

    #[test]
    fn truncate_keeps_whole_characters_and_never_more_than_asked(
        text in "(a|é|e\u{301}|👨‍👩‍👧|🇮🇩|क्षि| ){0,20}",
        length in 1..12_usize,
    ) {
        use unicode_segmentation::UnicodeSegmentation;
        if let Ok(printed) = render(&format!("{{{{ event.x | raw | truncate({length}) }}}}"), &json!({ "x": text })) {
            prop_assert!(printed.graphemes(true).count() <= length, "{printed:?}");
            let kept = printed.trim_end_matches('…');
            prop_assert!(text.trim_start().graphemes(true).zip(kept.graphemes(true)).all(|(one, other)| one == other));
        }
    }

    #[test]
    fn money_loses_no_cent(
        cents in prop_oneof![0..200_u64, 0..200_000_u64, 0..=u64::MAX, Just(u64::MAX)],
        negative: bool,
    ) {
        let sign = if negative && cents > 0 { "-" } else { "" };
        let template = format!("{{{{ '{sign}{cents}' | money('USD', amounts='minor') }}}}");
        let printed = render(&template, &json!({})).unwrap();
        let digits: String = printed.chars().filter(char::is_ascii_digit).collect();
        let expected = cents.to_string();
        prop_assert_eq!(digits.trim_start_matches('0'), expected.trim_start_matches('0'));
        prop_assert_eq!(printed.starts_with('-'), sign == "-");
        let (whole, fraction) = printed.split_once('.').unwrap();
        prop_assert_eq!(fraction.len(), 2);
        prop_assert!(whole.trim_start_matches(['-', '$']).split(',').skip(1).all(|part| part.len() == 3));
    }
}
