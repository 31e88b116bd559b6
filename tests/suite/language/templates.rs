//! Does a template print what its writer expects, and say what is wrong with it?

use kabari::expr::{Condition, Escape, EvalError, Template, Values};

use super::{facts, facts_with, message};

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
