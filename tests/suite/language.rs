//! Does the language of the rule file say what people expect?

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is red")]

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use kabari::expr::{
    AmountUnit, Condition, Escape, EvalError, Facts, Json, Surroundings, Template, Values,
};
use kabari::model::{Event, EventId, Headers};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

/// An event with something of everything.
const BODY: &str = r#"{
  "data": {"object": {
    "id": "in_1", "number": "INV/7", "customer_name": "Siti", "customer_phone": null,
    "customer_email": "", "amount_paid": 18633200, "currency": "idr", "status": "paid",
    "price": 1.50, "big": 12345678901234567890, "paid": false, "created": 1795331100,
    "items": ["a", "*b*", null, "c"], "none": [], "url": "https://x.test/a_b?c=*d*",
    "title": "*evil*\n> quote", "after": "0123456789abcdef", "c.count": 3,
    "lines": [{"name": "Tea", "qty": 2}, {"name": "_Milk_", "qty": 1}]
  }},
  "code": "200", "count": 3, "zero": 0, "yes": true, "branch": "main", "main": "main"
}"#;

fn facts_with(amounts: Option<AmountUnit>) -> Facts {
    let event = Event {
        id: EventId(Uuid::from_u128(1)),
        source: "stripe".into(),
        kind: "invoice.paid".into(),
        provider_id: Some("evt_1".into()),
        digest: None,
        received_at: Timestamp::from_second(1_795_331_100).unwrap(),
        headers: Headers(vec![("x-event-id".into(), "h1".into())]),
        body: Bytes::from_static(BODY.as_bytes()),
    };
    let surroundings = Surroundings {
        vars: json!({"shop": "*Toko*", "team": {"Siti": "628111"}, "oncall": ["1", "2"], "max": 5}),
        amounts,
        timezone: jiff::tz::TimeZone::fixed(jiff::tz::offset(7)),
        country: kabari::render::Country::of("ID"),
    };
    let json = Json::parse(event.body.clone()).unwrap();
    Facts::new(&event, json, Arc::new(surroundings))
}

fn facts() -> Facts {
    facts_with(Some(AmountUnit::Minor))
}

fn message(text: &str) -> Result<String, EvalError> {
    let template = Template::compile(text, Escape::Message);
    template.unwrap_or_else(|faults| panic!("{text}: {faults:?}")).render(&facts())
}

fn holds(text: &str) -> Result<bool, EvalError> {
    let condition = Condition::compile(text);
    condition.unwrap_or_else(|faults| panic!("{text}: {faults:?}")).holds(&facts())
}

#[test]
fn templates_print_what_their_writer_expects() {
    for (template, printed) in [
        ("Hi {{ event.data.object.customer_name }}!", "Hi Siti!"),
        ("{{ event['data'].object[\"c.count\"] }}", "3"),
        ("{{ event.data.object.price }} {{ event.data.object.big }}", "1.50 12345678901234567890"),
        ("{{ event.data.object.paid }} {{ event.yes }}", "false true"),
        ("{{ event.data.object.customer_phone | default('there') }}", "there"),
        ("{{ event.data.object.customer_email | default('there') }}", "there"),
        ("{{ event.a.b.c | default('there') }}", "there"),
        ("{{ event.a | upper | default('there') }}", "there"),
        ("[{{ event.a | default('') }}]", "[]"),
        ("{{ event.a or event.data.object.customer_name }}", "Siti"),
        ("{% if event.a.b %}x{% else %}y{% endif %}", "y"),
        ("{% if event.data.object.status == 'paid' %}x{% endif %}", "x"),
        ("[{{ 'x' if event.a }}]", "[]"),
        ("  a\n{% if event.yes %}\n  b\n{% endif %}\nc\n\n", "a\n  b\nc"),
        (
            "{{ vars.shop }} *bold* {{ kind }} {{ id }} {{ source }}",
            "*Toko* *bold* invoice.paid evt_1 stripe",
        ),
        ("{{ vars.team[event.data.object.customer_name] }}", "628111"),
        ("{{ headers['X-Event-Id'] }}", "h1"),
        ("{{ received_at | date }}", "22 Nov 2026 14:05"),
        ("{{ event.data.object.created | date('%Y-%m-%d', tz='UTC') }}", "2026-11-22"),
        ("{{ event.data.object.amount_paid | money(event.data.object.currency) }}", "Rp 186.332"),
        ("{{ event.data.object.title }}", "∗evil∗ > quote"),
        ("{{ event.data.object.title | raw }}", "*evil*\n> quote"),
        ("{{ event.data.object.title | code }}", "`*evil* > quote`"),
        ("{{ event.data.object.title | first_line | upper }}", "∗EVIL∗"),
        ("{{ event.data.object.url }}", "https://x.test/a_b?c=*d*"),
        ("{{ event.data.object.after[:7] }} {{ event.data.object.after[-2:] }}", "0123456 ef"),
        ("{{ event.data.object.customer_name | truncate(3) }}", "Si…"),
        ("{{ event.data.object.items | join('\n') }}", "a\n∗b∗\nc"),
        ("{{ '*' ~ event.data.object.title ~ '*' }}", "*∗evil∗ > quote*"),
        ("{{ event.data.object.items | length }}", "4"),
        ("{{ event.data.object.items[0] }}{{ event.data.object.items[-1] }}", "ac"),
        (
            "{% for l in event.data.object.lines %}{{ loop.index }}. {{ l.qty }}x {{ l.name }}\n{% endfor %}",
            "1. 2x Tea\n2. 1x ˍMilkˍ",
        ),
        ("{{ event.data.object.lines | map(attribute='name') | join(', ') }}", "Tea, ˍMilkˍ"),
        (
            "{{ event.data.object.lines | selectattr('qty', 'gt', 1) | map(attribute='name') | first }}",
            "Tea",
        ),
        ("{% set o = event.data.object %}{{ o.number }}", "INV/7"),
        ("{% with o = event.data.object %}{{ o.number }}{% endwith %}", "INV/7"),
        ("{{ event.data.object.amount_paid / 100 }}", "186332"),
        ("{{ event.data.object.status | title }}", "Paid"),
        ("{{ 'a b' | urlencode }}", "a%20b"),
        ("{% for k, v in vars.team | items %}{{ k }}={{ v }}{% endfor %}", "Siti=628111"),
    ] {
        assert_eq!(message(template).as_deref(), Ok(printed), "{template}");
    }
}

#[test]
fn a_missing_value_is_an_error_that_says_how_far_the_path_exists() {
    for (template, error) in [
        ("{{ event.data.object.custmer_name }}", "event.data.object.custmer_name is missing"),
        ("{{ event.data.object.custmer_name }}", "did you mean customer_name?"),
        (
            "{{ event.data.objekt.id | upper }}",
            "event.data.objekt.id is missing (event.data has object; did you mean object?)",
        ),
        (
            "{{ event.data.object.customer_phone }}",
            "event.data.object.customer_phone is missing (it is null)",
        ),
        ("{{ event.data.object.customer_email | text }}", "it is \"\""),
        ("{{ event.code.x }}", "event.code is text \"200\""),
        ("{{ event.data.object.items[9] }}", "event.data.object.items is a list of 4"),
        ("{{ vars.team[event.nobody] }}", "event.nobody is missing"),
        ("{{ event.count * event.nobody }}", "event.nobody is missing"),
        ("{{ 'x' ~ event.nobody }}", "event.nobody is missing"),
        ("{{ event.count | money(event.nobody) }}", "event.nobody is missing"),
        (
            "{% for l in event.data.object.lines %}{{ l.nam }}{% endfor %}",
            "l.nam is missing (l has name, qty; did you mean name?)",
        ),
    ] {
        let told = message(template).unwrap_err();
        assert!(matches!(told, EvalError::Missing { .. }), "{template}: {told:?}");
        assert!(told.to_string().contains(error), "{template}: {told}");
    }
}

#[test]
fn conditions_are_judged_by_types() {
    for (condition, expected) in [
        ("event.data.object.status == 'paid'", true),
        ("event.data.object.status != 'paid'", false),
        ("event.branch == event.main and event.yes", true),
        ("event.count == 3.0", true),
        ("event.data.object.price >= 1.5", true),
        ("event.data.object.big > 12345678901234567889", true),
        ("1 < event.count < 5", true),
        ("event.nobody == 'x'", false),
        ("event.nobody != 'x'", false),
        ("event.nobody.a.b > 3", false),
        ("event.nobody | upper == 'X'", false),
        ("not event.nobody", true),
        ("event.zero", false),
        ("event.data.object.none", false),
        ("event.nobody is defined", false),
        ("event.data.object.customer_phone is none", true),
        ("event.data.object.customer_phone is not defined", true),
        ("(event.nobody | default('x')) == 'x'", true),
        ("event.data.object.status in ['paid', 'open']", true),
        ("event.data.object.status not in ['void']", true),
        ("event.nobody not in ['void']", false),
        ("'ai' in event.data.object.status", true),
        ("'shop' in vars", true),
        ("event.code | int == 200", true),
        ("event.data.object.amount_paid / 100 > 100000", true),
        ("event.count + 2 == vars.max", true),
        ("event.data.object.number is startingwith('INV')", true),
        ("event.data.object.number ~ '-x' == 'INV/7-x'", true),
        ("('a' if event.yes else 'b') == 'a'", true),
        ("event.data.object.items | length > 3", true),
        ("event.yes == true or event.code == 200", true),
        ("event.yes == false and event.code == 200", false),
        ("kind == 'invoice.paid' and source == 'stripe'", true),
        ("event.data.object.items == ['a', '*b*', none, 'c']", true),
    ] {
        assert_eq!(holds(condition), Ok(expected), "{condition}");
    }
}

#[test]
fn comparing_different_types_is_an_error_that_names_both() {
    for (condition, parts) in [
        ("event.code == 200", ["text \"200\"", "number 200"]),
        ("event.code > 9", ["event.code", "number 9"]),
        ("event.yes == 'true'", ["yes/no true", "text \"true\""]),
        ("event.count in ['3']", ["number 3", "list"]),
        ("event.data == 1", ["object", "number 1"]),
        ("event.code + 1 == 201", ["text \"200\"", "~"]),
        ("event.yes > false", ["yes/no true", "yes/no false"]),
    ] {
        let told = holds(condition).unwrap_err();
        assert!(matches!(told, EvalError::Types(_)), "{condition}: {told:?}");
        for part in parts {
            assert!(told.to_string().contains(part), "{condition}: {told}");
        }
    }
}

#[test]
fn explain_sees_every_comparison_with_its_values() {
    let text = "event.branch == event.main and event.nobody > 3 or not event.yes";
    let steps = Condition::compile(text).unwrap().steps(&facts());
    let seen: Vec<_> = steps.iter().map(|step| (&*step.wants, &*step.saw, step.holds)).collect();
    assert_eq!(
        seen,
        [
            ("branch == main", "\"main\" == \"main\"", true),
            ("nobody > 3", "missing > 3", false),
            ("not yes", "true", false),
        ]
    );
}

#[test]
fn mistakes_are_told_at_load_with_their_place() {
    for (template, code, part, help) in [
        ("{{ evnt.x }}", "unknown-name", "evnt", "`event`"),
        ("a {{ event.x | uper }}", "unknown-filter", "uper", "`upper`"),
        ("{{ event.x | upcase }}", "unknown-filter", "upcase", "`upper`"),
        ("{% if event.x is defind %}{% endif %}", "unknown-test", "defind", "`defined`"),
        ("{{ mony(event.x) }}", "unknown-function", "mony", "| money"),
        ("{{ event.x.split(',') }}", "unknown-method", "split", "| split"),
        ("{{ event.x | money }}", "wrong-arguments", "money", "money(currency)"),
        ("{% set event = 1 %}", "name-taken", "event", "another"),
        ("{% macro a() %}{% endmacro %}", "unknown-block", "", "`if`"),
        ("{% if event.x == none %}{% endif %}", "compares-none", "none", "is none"),
        ("{{ event.x ", "syntax", "", "closed"),
        ("{% if event.x && event.y %}{% endif %}", "syntax", "", "`and`"),
    ] {
        let faults = Template::compile(template, Escape::Message).unwrap_err();
        let fault = &faults[0];
        assert_eq!(fault.code, code, "{template}: {fault:?}");
        let range = fault.range.clone().unwrap();
        if !part.is_empty() {
            assert_eq!(&template[range], part, "{template}");
        }
        assert!(fault.help.as_deref().is_some_and(|h| h.contains(help)), "{template}: {fault:?}");
    }
    let faults = Template::compile("{{ a | b }} {{ c }}", Escape::None).unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:?}");
    for condition in ["{{ event.x }}", "", "event.x = 1", "event.x == ", "!event.x"] {
        let faults = Condition::compile(condition).unwrap_err();
        assert!(faults[0].help.is_some(), "{condition}: {faults:?}");
    }
}

#[test]
fn one_expression_keeps_its_list() {
    let values = |text| Template::compile(text, Escape::None).unwrap().values(&facts());
    let many = |list: &[Option<&str>]| {
        Ok(Values::Many(list.iter().map(|text| text.map(str::to_owned)).collect()))
    };
    assert_eq!(values("{{ vars.oncall }}"), many(&[Some("1"), Some("2")]));
    assert_eq!(
        values(" {{ event.data.object.items }}\n"),
        many(&[Some("a"), Some("*b*"), None, Some("c")])
    );
    assert_eq!(values("{{ event.data.object.none }}"), Ok(Values::Nothing));
    assert_eq!(values("{{ event.data.object.customer_phone }}"), Ok(Values::Nothing));
    assert_eq!(values("{{ event.code }}"), Ok(Values::One("200".into())));
    assert_eq!(values("+{{ event.code }}"), Ok(Values::One("+200".into())));
    assert!(values("+{{ event.nobody }}").is_err());
}

#[test]
fn the_paths_that_a_template_reads_are_known() {
    let text = "{% for l in event.lines %}{{ l.x }}{% endfor %}{{ vars.team[event.sender.login] | default(event.id) }}{{ event.id }}";
    let template = Template::compile(text, Escape::None).unwrap();
    assert_eq!(
        template.paths(),
        ["event.lines", "vars.team[event.sender.login]", "event.sender.login", "event.id"]
    );
}

#[test]
fn work_and_output_are_bounded() {
    let a_loop = "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}";
    for (template, error) in [
        (a_loop, "fuel"),
        ("{{ range(100000000) | length }}", "fuel"),
        (
            "{% for a in range(1000) %}{{ vars.shop | replace('o', 'ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo') }}{% endfor %}",
            "longer",
        ),
    ] {
        let told = message(template).unwrap_err().to_string();
        assert!(told.contains(error), "{template}: {told}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
    assert!(Template::compile(&deep, Escape::None).is_err());
    let long = format!("{{{{ 1{} }}}}", "+1".repeat(400));
    assert!(Template::compile(&long, Escape::None).is_err());
    let chain = format!("{{{{ event{} }}}}", ".a".repeat(20_000));
    assert!(Template::compile(&chain, Escape::None).is_err());
}

#[test]
fn an_integer_of_unknown_unit_is_no_amount() {
    let template = Template::compile("{{ event.count | money('USD') }}", Escape::Message).unwrap();
    let told = template.render(&facts_with(None)).unwrap_err().to_string();
    assert!(told.contains("amounts: minor"), "{told}");
}

proptest! {
    #[test]
    fn no_text_panics_as_a_template(text in "(\\{\\{|\\}\\}|\\{%|%\\}|event|vars|loop|[a-z.|()\\[\\]'\"0-9*~+=<> -]|for|in|if|endif|endfor|set|é|\u{202e}){0,40}") {
        for escape in [Escape::None, Escape::Message, Escape::FileName] {
            if let Ok(template) = Template::compile(&text, escape) {
                let _ = template.render(&facts());
                let _ = template.values(&facts());
                let _ = template.paths();
            }
        }
        if let Ok(condition) = Condition::compile(&text) {
            let _ = condition.holds(&facts());
            let _ = condition.steps(&facts());
        }
    }

    #[test]
    fn whatever_is_printed_has_no_active_markup(text in "[*_~`> .a1é\n\r\u{202e}\u{200b}\u{200d}-]{0,30}") {
        let body = json!({ "x": text }).to_string();
        let event = Event {
            id: EventId(Uuid::from_u128(1)),
            source: "s".into(),
            kind: "k".into(),
            provider_id: None,
            digest: None,
            received_at: Timestamp::UNIX_EPOCH,
            headers: Headers::default(),
            body: Bytes::from(body.clone()),
        };
        let around = Surroundings { vars: json!({}), amounts: None, timezone: jiff::tz::TimeZone::UTC, country: None };
        let facts = Facts::new(&event, Json::parse(Bytes::from(body)).unwrap(), Arc::new(around));
        let Ok(printed) = Template::compile("{{ event.x }}", Escape::Message).unwrap().render(&facts) else {
            return Ok(());
        };
        let chars: Vec<char> = printed.chars().collect();
        for (place, c) in chars.iter().enumerate() {
            prop_assert!(!matches!(c, '\n' | '\r' | '\u{202e}' | '\u{200b}' | '`'), "{:?}", printed);
            if matches!(c, '*' | '_' | '~') {
                let before = place.checked_sub(1).map(|p| chars[p]);
                let after = chars.get(place + 1).copied();
                let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                let spaced = before == Some(' ') && after == Some(' ');
                prop_assert!(word(before) && word(after) || spaced, "{:?}", printed);
            }
        }
        prop_assert!(!printed.starts_with("> ") && !printed.starts_with("- "), "{:?}", printed);
        prop_assert!(!printed.starts_with("1. "), "{:?}", printed);
    }
}

mod sends {
    use super::*;
    use kabari::model::{Kind, Reason, State};
    use kabari::render::{Country, Made, Send, SendSettings, Unmade};

    fn send(settings: serde_json::Value) -> Send {
        let settings: SendSettings = serde_json::from_value(settings).unwrap();
        Send::compile(&settings).unwrap()
    }

    fn made(settings: serde_json::Value) -> Vec<Result<Made, Unmade>> {
        send(settings).make(&facts(), Country::of("ID"))
    }

    #[test]
    fn a_document_is_known_by_its_name() {
        let all = made(json!({
            "number": "{{ vars.team.Siti }}1234",
            "mediaUrl": "{{ event.data.object.url }}",
            "fileName": "Invoice-{{ event.data.object.number }}.pdf",
            "message": "Hi {{ event.data.object.title }}\n*thanks*\n",
            "delay": 500,
            "instanceName": "shop",
        }));
        let Ok(made) = &all[0] else { panic!("{all:?}") };
        assert_eq!(made.recipient.expose(), "6281111234");
        assert_eq!(made.instance.as_deref(), Some("shop"));
        let content = &made.content;
        assert_eq!(content.kind, Kind::Document);
        assert_eq!(content.file_name.as_deref(), Some("Invoice-INV-7.pdf"));
        assert_eq!(content.mimetype.as_deref(), Some("application/pdf"));
        assert_eq!(content.message.as_deref(), Some("Hi ∗evil∗ > quote\n*thanks*"));
        assert_eq!(content.media_url.as_deref(), Some("https://x.test/a_b?c=*d*"));
        assert_eq!(content.delay, Some(500));
    }

    #[test]
    fn the_type_follows_from_what_is_written() {
        for (settings, kind) in [
            (json!({"number": "+6281234567", "message": "x"}), Kind::Text),
            (json!({"number": "+6281234567", "mediaUrl": "https://x.test/y"}), Kind::Document),
            (
                json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "fileName": "a.png"}),
                Kind::Image,
            ),
            (
                json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "mimetype": "video/mp4"}),
                Kind::Video,
            ),
            (
                json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "fileName": "a.png", "type": "document"}),
                Kind::Document,
            ),
            (
                json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "type": "audio", "message": "x"}),
                Kind::Audio,
            ),
        ] {
            let all = made(settings.clone());
            let Ok(made) = &all[0] else { panic!("{settings}: {all:?}") };
            assert_eq!(made.content.kind, kind, "{settings}");
            assert_eq!(made.content.message.is_some(), kind == Kind::Text, "{settings}");
        }
    }

    #[test]
    fn each_recipient_gets_one_message_and_a_bad_one_fails_alone() {
        let all = made(json!({
            "number": ["0812 3456 7890", "+6281234567890", "{{ vars.oncall }}", "{{ event.nobody }}", "123@g.us0", "120363000000000123@g.us"],
            "message": "x",
        }));
        let seen: Vec<String> = all
            .iter()
            .map(|made| match made {
                Ok(made) => made.recipient.expose().to_owned(),
                Err(unmade) => format!("{} {}", unmade.state.as_str(), unmade.reason.as_str()),
            })
            .collect();
        assert_eq!(
            seen,
            [
                "6281234567890",
                "failed invalid number",
                "failed invalid number",
                "120363000000000123@g.us"
            ]
        );
    }

    #[test]
    fn what_cannot_be_made_says_why() {
        let text = |number: &str, message: &str| json!({"number": number, "message": message});
        for (settings, state, reason, part) in [
            (
                text("{{ event.data.object.customer_phone }}", "x"),
                State::Skipped,
                Reason::NoRecipient,
                "event.data.object.customer_phone",
            ),
            (
                text("+62{{ event.nobody }}", "x"),
                State::Skipped,
                Reason::NoRecipient,
                "event.nobody is missing",
            ),
            (
                text("{{ event.data.object.none }}", "x"),
                State::Skipped,
                Reason::NoRecipient,
                "object.none",
            ),
            (text("Budi", "x"), State::Failed, Reason::InvalidNumber, "number"),
            (
                text("+6281234567", "{{ event.nobody }}"),
                State::Failed,
                Reason::Render,
                "message: event.nobody is missing",
            ),
            (
                json!({"number": "+6281234567", "mediaUrl": "{{ event.code }}"}),
                State::Failed,
                Reason::Render,
                "mediaUrl: this is no URL",
            ),
            (
                json!({"number": "+6281234567", "mediaUrl": "file:///etc/passwd"}),
                State::Failed,
                Reason::Render,
                "https",
            ),
        ] {
            let all = made(settings.clone());
            assert_eq!(all.len(), 1, "{settings}");
            let Err(unmade) = &all[0] else { panic!("{settings}: {all:?}") };
            assert_eq!((unmade.state, unmade.reason), (state, reason), "{settings}");
            assert!(unmade.detail.contains(part), "{settings}: {}", unmade.detail);
        }
    }

    #[test]
    fn impossible_sends_are_told_at_load_with_their_field() {
        for (settings, path) in [
            (json!({"number": "1", "message": " "}), "message"),
            (json!({"number": [], "message": "x"}), "number"),
            (json!({"number": "1", "type": "image"}), "mediaUrl"),
            (json!({"number": "1", "message": "x", "fileName": "a.pdf"}), "fileName"),
            (
                json!({"number": "1", "type": "text", "message": "x", "mediaUrl": "https://x"}),
                "mediaUrl",
            ),
            (
                json!({"number": "1", "type": "image", "mediaUrl": "https://x", "mimetype": "application/pdf"}),
                "mimetype",
            ),
            (json!({"number": ["1", "{{ evnt }}"], "message": "x"}), "number[1]"),
            (json!({"number": "1", "message": "{{ event.x | upperr }}"}), "message"),
        ] {
            let parsed: SendSettings = serde_json::from_value(settings.clone()).unwrap();
            let faults = Send::compile(&parsed).unwrap_err();
            assert_eq!(faults[0].path, path, "{settings}: {faults:?}");
            assert!(faults[0].help.is_some(), "{settings}: {faults:?}");
        }
        let wrong =
            serde_json::from_value::<SendSettings>(json!({"number": {"a": 1}})).unwrap_err();
        assert!(wrong.to_string().contains("a text or a list of texts"), "{wrong}");
    }
}

#[test]
fn what_may_be_a_phone_number_is_masked_in_errors_and_steps() {
    let condition = Condition::compile("'+62 812-3456-7890' == 6281234567890").unwrap();
    let told = condition.holds(&facts()).unwrap_err().to_string();
    assert!(told.contains("number 62812••••7890"), "{told}");
    let steps = condition.steps(&facts());
    let condition = Condition::compile("vars.owner == '+6281234567890' or kind == 'x'").unwrap();
    assert!(condition.holds(&facts()).is_ok_and(|holds| !holds));
    assert!(!steps.is_empty());
}
