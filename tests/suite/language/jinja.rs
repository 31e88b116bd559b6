//! Where Jinja and the language of the rule file should agree, do they?
//!
//! Each template is filled by minijinja itself too. Where they differ on purpose (a missing value
//! is an error, no mixed comparisons, exact numbers) the cases are in `language`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is red")]

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use kabari::expr::{Escape, Facts, Json, Surroundings, Template};
use kabari::model::{Event, EventId};
use minijinja::syntax::SyntaxConfig;
use serde_json::{Value, json};
use uuid::Uuid;

fn body() -> Value {
    json!({
        "name": "Siti", "n": 7, "zero": 0, "price": 2.5, "yes": true, "no": false,
        "empty": [], "tags": ["b", "a", "c"], "nested": {"a": {"b": "deep"}},
        "people": [{"name": "Ana", "age": 3, "ok": true}, {"name": "Bo", "age": 5, "ok": false}],
        "text": "one two  three", "map": {"k": 1, "l": 2},
    })
}

fn ours(template: &str) -> String {
    let body = Bytes::from(body().to_string());
    let event = Event::new(
        EventId(Uuid::from_u128(1)),
        "shop",
        "order",
        Timestamp::UNIX_EPOCH,
        body.clone(),
    );
    let timezone = jiff::tz::TimeZone::UTC;
    let around = Surroundings { vars: json!({"v": "x"}), amounts: None, timezone, country: None };
    let facts = Facts::new(&event, Json::parse(body).unwrap(), Arc::new(around));
    let compiled = Template::compile(template, Escape::None);
    let compiled = compiled.unwrap_or_else(|faults| panic!("{template}: {faults:?}"));
    compiled.render(&facts).unwrap_or_else(|error| panic!("{template}: {error}"))
}

fn theirs(template: &str) -> String {
    let mut environment = minijinja::Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    environment.set_syntax(syntax.build().unwrap());
    let facts = json!({"event": body(), "vars": {"v": "x"}, "source": "shop", "kind": "order"});
    let filled = environment.render_str(template, minijinja::value::Serde(facts));
    filled.unwrap_or_else(|error| panic!("{template}: {error}")).trim().to_owned()
}

#[test]
fn blocks_do_what_they_do_in_jinja() {
    for template in [
        "{% for t in event.tags %}{{ t }},{% endfor %}",
        "{% for t in event.empty %}{{ t }}{% else %}none{% endfor %}",
        "{% for t in event.tags %}{{ loop.index }}{{ loop.index0 }}{{ t }} {% endfor %}",
        "{% for t in event.tags %}{% if loop.first %}<{% endif %}{{ t }}{% if loop.last %}>{% endif %}{% endfor %}",
        "{% for t in event.tags %}{{ t }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% for t in event.tags %}{{ loop.revindex }}/{{ loop.length }} {% endfor %}",
        "{% for p in event.people if p.ok %}{{ p.name }}{% endfor %}",
        "{% for p in event.people %}{% for t in event.tags %}{{ p.name }}{{ t }}{{ loop.index }} {% endfor %}{{ loop.index }}{% endfor %}",
        "{% for k, v in event.map | items %}{{ k }}={{ v }} {% endfor %}",
        "{% for k in event.map %}{{ k }}{% endfor %}",
        "{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(1, 4) %}{{ i }}{% endfor %}",
        "{% for i in range(0, 10, 3) %}{{ i }}{% endfor %}",
        "{% if event.n > 5 %}a{% elif event.n > 3 %}b{% else %}c{% endif %}",
        "{% if event.n < 5 %}a{% elif event.n < 8 %}b{% else %}c{% endif %}",
        "{% if event.empty %}a{% else %}b{% endif %}{% if event.zero %}a{% else %}b{% endif %}",
        "{% if event.nothing %}a{% else %}b{% endif %}{% if not event.no %}c{% endif %}",
        "{% if event.name and event.yes %}a{% endif %}{% if event.no or event.n %}b{% endif %}",
        "{% set x = event.n %}{{ x }}{% set x = x + 1 %}{{ x }}",
        "{% set x = 1 %}{% for t in event.tags %}{% set x = 2 %}{% endfor %}{{ x }}",
        "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
        "{% with x = 3 %}{{ x }}{% endwith %}",
        "{# a comment #}a{# {{ b }} #}b",
        "{% raw %}{{ x }}{% endraw %}",
    ] {
        assert_eq!(ours(template), theirs(template), "{template}");
    }
}

#[test]
fn white_space_is_controlled_as_in_jinja() {
    for template in [
        "a  {{- event.n -}}  b",
        "a\n{%- if true %}\n b\n{%- endif %}\nc",
        "a {%- if true -%} b {%- endif -%} c",
        "x\n{% for t in event.tags %}\n- {{ t }}\n{% endfor %}\ny",
        "x\n  {% if true %}\n  y\n  {% endif %}\nz",
        "x {%+ if true %} y {% endif +%}\n z",
        "{{ event.n }}\n{{ event.n }}",
        "a\n\n\nb {#- c -#} d",
    ] {
        assert_eq!(ours(template), theirs(template), "{template}");
    }
}

const EXPRESSIONS: &[&str] = &[
    "event.name ~ '-' ~ event.n",
    "'a' if event.yes else 'b'",
    "'a' if event.no else 'b'",
    "'a' if event.n > 3 and event.name == 'Siti' else 'b'",
    "event['name'] ~ event.tags[0] ~ event.tags[-1]",
    "event.nested.a.b ~ event['nested']['a']['b']",
    "event.tags[1:] | join",
    "event.tags[:2] | join('+')",
    "event.name[1:3] ~ event.name[-1]",
    "1 + 2 * 3 - 4",
    "(1 + 2) * 3",
    "7 // 2 ~ ' ' ~ 7 % 2 ~ ' ' ~ -7",
    "event.n / 2",
    "event.price * 2 > 4.9",
    "'b' in event.tags ~ ''",
    "('b' in event.tags) ~ ('z' in event.tags) ~ ('it' in event.name) ~ ('k' in event.map)",
    "('b' not in event.tags)",
    "not event.no",
    "1 < 2 < 3",
    "event.name is defined",
    "event.nothing is defined",
    "event.nothing is undefined",
    "event.name is string",
    "event.n is number",
    "event.n is odd",
    "event.n is even",
    "event.n is divisibleby 7",
    "event.n is divisibleby(2)",
    "event.tags is sequence",
    "event.map is mapping",
    "event.yes is true",
    "event.name is startingwith('Si')",
    "event.name is not none",
    "none is none",
    "event.name | upper | lower | title",
    "event.name | replace('i', 'o')",
    "event.text | length",
    "event.tags | length ~ (event.map | length)",
    "event.tags | sort | join(', ')",
    "event.tags | first ~ (event.tags | last)",
    "event.tags | reverse | join",
    "event.people | map(attribute='name') | join(', ')",
    "event.people | selectattr('ok') | map(attribute='name') | join",
    "event.people | rejectattr('ok') | map(attribute='name') | join",
    "event.people | sum(attribute='age')",
    "event.people | map('upper') | length if false else 'x'",
    "event.text | split | join('|')",
    "event.text | split(' ') | length",
    "'  x ' | trim",
    "'a-b' | split('-') | last",
    "event.nothing | default('d')",
    "event.nothing | d('d')",
    "event.nothing.deeper | default('d') if false else 'y'",
    "'x' | default('d')",
    "2.6 | round | int",
    "event.price | int ~ ('12' | int) ~ ('2.5' | float)",
    "event.n | string ~ 'x'",
    "-5 | abs",
    "event.name | capitalize",
    "'a b' | urlencode",
    "[3, 1, 2] | max ~ ([3, 1, 2] | min)",
    "[1, 1, 2] | unique | join",
    "{'a': 1}.a ~ {'a': 2}['a']",
    "(1, 2) | join",
    "'é' | length",
    "\"it's\" ~ 'a\\nb' | length",
    "true and 'x'",
    "event.empty or 'fallback'",
    "event.name | list | join('.')",
    "event.n == 7.0",
    "1_000",
    "'a' < 'b'",
    "'a' 'b'",
];

#[test]
fn expressions_give_what_they_give_in_jinja() {
    for expression in EXPRESSIONS {
        let template = format!("{{{{ {expression} }}}}");
        // What is true prints as in JSON, not as in Python.
        let expected = theirs(&template).replace("True", "true").replace("False", "false");
        assert_eq!(ours(&template), expected, "{template}");
    }
}

#[test]
fn what_is_left_out_of_jinja_is_refused_with_what_to_write() {
    for (template, help) in [
        ("{% set a, b = [1, 2] %}{{ event.n }}", "one `set` for each name"),
        ("{% set x %}hi{% endset %}{{ x }}", "templates know `if`"),
        ("{% filter upper %}hi{% endfilter %}", "templates know `if`"),
        ("{% macro m() %}{% endmacro %}", "templates know `if`"),
        ("{% include 'x' %}", ""),
        ("{{ event.tags[::-1] }}", "`| reverse`"),
        ("{{ 2 ** 3 }}", "`a * a`"),
        ("{{ event.n is eq 7 }}", "`a == b`"),
        ("{{ event.n is gt(3) }}", "`a > b`"),
        ("{{ event.name is in ['x'] }}", "`a in b`"),
        ("{{ '%s' | format('a') }}", "join texts by `~`"),
        ("{{ event.name.upper() }}", "`| upper`"),
        ("{{ event.name.startswith('S') }}", "is startingwith"),
        ("{{ event.get('x') }}", "default"),
        ("{{ event.text.split() }}", "| split"),
        ("{{ len(event.tags) }}", "`value | length`"),
        ("{{ now() }}", "range()"),
        ("{{ event.name && event.n }}", "`and`"),
        ("{{ event.name ? 1 : 2 }}", "yes if condition else no"),
        ("{{ event.name ", "not closed"),
        ("{% if event.n %}x", "endif"),
    ] {
        let Err(faults) = Template::compile(template, Escape::None) else {
            panic!("{template} compiles")
        };
        assert_eq!(faults.len(), 1, "{template}: {faults:?}");
        let said = faults[0].help.clone().unwrap_or_default();
        assert!(said.contains(help), "{template}: {faults:?}");
    }
}
