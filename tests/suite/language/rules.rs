//! Do `let:`, `each:` and tables do in a rule file what people expect of them?

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use kabari::config::{LoadOptions, Loaded, Report, load};
use kabari::expr::Json;
use kabari::model::{Event, EventId, Message, Reason, Severity, State};
use serde_json::{Value, json};
use uuid::Uuid;

const HEAD: &str = r#"
wachat: { token: a-token-of-many-characters, instance: phone }
defaults: { country: ID, timezone: Asia/Jakarta }
vars: { owner: "+6281211110001", team: { octocat: "+6281311110003" } }
sources:
  shop:
    secret: a-secret-of-many-characters
    amounts: major
    verify: { hmac: { hash: sha256, header: X-Signature, encoding: hex } }
    kind: "{{ event.kind }}"
    id: none
rules:
"#;

fn try_load(folder: &Path, rules: &str) -> Result<Loaded, Box<Report>> {
    let path = folder.join("rules.yaml");
    std::fs::write(&path, format!("{HEAD}{rules}")).unwrap();
    load(&path, &LoadOptions { lenient: false, variable: &|_| None })
}

fn problems(rules: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let Err(report) = try_load(folder.path(), rules) else { panic!("{rules} loads") };
    let line = |it: &kabari::config::Problem| {
        format!("{}:{} {} {}: {}", it.line, it.column, it.code, it.path, it.message)
    };
    let errors = report.problems().iter().filter(|it| it.severity == Severity::Error);
    errors.map(line).collect()
}

fn messages_of(loaded: &Loaded, body: &Value) -> Vec<Message> {
    let body = Bytes::from(body.to_string());
    let event = Event {
        provider_id: Some("o1".into()),
        ..Event::new(
            EventId(Uuid::from_u128(1)),
            "shop",
            "order",
            Timestamp::from_second(1_795_331_100).unwrap(),
            body.clone(),
        )
    };
    loaded.pipeline.messages(&event, Json::parse(body).unwrap(), Timestamp::UNIX_EPOCH)
}

fn messages(rules: &str, body: &Value) -> Vec<Message> {
    let folder = tempfile::tempdir().unwrap();
    let loaded = try_load(folder.path(), rules)
        .unwrap_or_else(|report| panic!("{rules}: {:?}", report.problems()));
    messages_of(&loaded, body)
}

/// What each message says, or why there is none.
fn words(messages: &[Message]) -> Vec<String> {
    let say = |message: &Message| match &message.content {
        Some(content) => content.message.clone().unwrap_or_default(),
        None => message.detail.clone().unwrap_or_default(),
    };
    messages.iter().map(say).collect()
}

#[test]
fn names_of_a_rule_shorten_its_condition_and_its_templates() {
    let rules = r#"
  - name: a
    source: shop
    let:
      order: event.data.order
      total: order.amount | money("IDR")
      greeting: '"Halo " ~ (order.name | default("Kak"))'
    when: order.paid and order.amount > 100
    send: { number: "{{ order.phone }}", message: "{{ greeting }}, *{{ total }}*, {{ order.note | default('-') }}" }
"#;
    let order = json!({ "data": { "order": { "paid": true, "amount": 154_600, "name": "*Siti*", "phone": "0812-3456-7890" } } });
    let made = messages(rules, &order);
    assert_eq!(words(&made), ["Halo ∗Siti∗, *Rp 154.600*, -"]);
    assert_eq!(made[0].recipient.as_ref().unwrap().expose(), "6281234567890");
    assert!(messages(rules, &json!({ "data": {} })).is_empty());
}

#[test]
fn a_name_whose_value_is_missing_is_missing_and_says_where_its_path_ends() {
    let rules = r#"
  - name: a
    source: shop
    let: { order: event.data.ordr, name: order.name }
    send: { number: "{{ vars.owner }}", message: "{{ name }}" }
  - name: b
    source: shop
    let: { order: event.data.ordr, name: order.name }
    send: { number: "{{ vars.owner }}", message: "{{ name | default('nobody') }}{% if order %}x{% endif %}" }
"#;
    let made = messages(rules, &json!({ "data": { "order": 1 } }));
    let said = words(&made);
    assert!(said[0].contains("event.data has order; did you mean order?"), "{said:?}");
    assert_eq!(said[1], "nobody");
}

#[test]
fn a_name_that_cannot_be_one_is_told_at_its_place() {
    for (names, code, message) in [
        ("event: event.x", "name-taken", "`event` is taken"),
        ("vars: event.x", "name-taken", "`vars` is taken"),
        ("item: event.x", "name-taken", "`item` means something"),
        ("a-b: event.x", "name", "cannot be a name"),
        ("a: evnt.x", "unknown-name", "`evnt` is not known"),
        ("a: b, b: event.x", "unknown-name", "`b` is not known"),
        ("a: event.x | uper", "unknown-filter", "there is no filter `uper`"),
        ("a: \"{{ event.x }}\"", "syntax", "this is an expression already"),
    ] {
        let rule = format!(
            "  - name: a\n    source: shop\n    let: {{ {names} }}\n    send: {{ number: '1', message: x }}\n"
        );
        let told = problems(&rule);
        let key = names.split(':').next().unwrap();
        let at = format!("{code} rules[0].let.{key}: ");
        assert!(
            told.iter().any(|it| it.contains(&at) && it.contains(message)),
            "{names}: {told:?}"
        );
    }
    let typo = problems(
        "  - name: a\n    source: shop\n    let: { order: event.x }\n    send: { number: '1', message: '{{ ordr.name }}' }\n",
    );
    assert!(typo[0].contains("rules[0].send.message: `ordr` is not known"), "{typo:?}");
}

const LINES: &str = r#"
  - name: a
    source: shop
    each: line in event.lines if line.qty > 0
    let: { what: line.name | upper }
    send: { number: "{{ line.phone }}", message: "{{ loop.index }}/{{ loop.length }} {{ what }} x{{ line.qty }}" }
"#;

#[test]
fn each_element_has_its_message_with_its_place() {
    let body = json!({ "lines": [
        { "name": "tea", "qty": 2, "phone": "0812-3456-7890" },
        { "name": "none", "qty": 0, "phone": "0812-3456-7891" },
        { "name": "milk", "qty": 1, "phone": "0812-3456-7890" },
        { "name": "salt", "qty": 1 },
    ] });
    let made = messages(LINES, &body);
    let places: Vec<_> = made.iter().map(|it| (it.origin.element, it.state)).collect();
    assert_eq!(places, [(0, State::Waiting), (2, State::Waiting), (3, State::Skipped)]);
    assert_eq!(words(&made)[..2], ["1/3 TEA x2", "2/3 MILK x1"]);
    assert_eq!(made[2].reason, Some(Reason::NoRecipient));
}

#[test]
fn no_list_makes_no_message_and_what_is_no_list_is_told() {
    assert!(messages(LINES, &json!({})).is_empty());
    assert!(messages(LINES, &json!({ "lines": [] })).is_empty());
    let made = messages(LINES, &json!({ "lines": "tea" }));
    assert_eq!(words(&made), ["each: event.lines is no list but text \"tea\""]);
    assert_eq!((made[0].state, made[0].reason), (State::Failed, Some(Reason::Render)));
}

#[test]
fn an_element_is_item_unless_it_is_named() {
    let rules = |each: &str, name: &str| {
        format!(
            "  - name: a\n    source: shop\n    each: {each}\n    send: {{ number: '{{{{ vars.owner }}}}', message: '{{{{ {name} }}}}' }}\n"
        )
    };
    let body = json!({ "tags": ["x", "y"] });
    assert_eq!(words(&messages(&rules("event.tags", "item"), &body)), ["x", "y"]);
    assert_eq!(words(&messages(&rules("event.tags if item != 'x'", "item"), &body)), ["y"]);
    assert_eq!(words(&messages(&rules("tag in event.tags", "tag"), &body)), ["x", "y"]);
    assert_eq!(words(&messages(&rules("event.tags | reverse", "item"), &body)), ["y", "x"]);
    let told = problems(&rules("tag in event.tags", "item"));
    assert!(told[0].contains("`item` is not known"), "{told:?}");
    let told = problems(&rules("tag in event.tagz | frist", "tag"));
    assert!(
        told[0].contains("13:34 unknown-filter rules[0].each")
            || told[0].contains("rules[0].each: there is no filter `frist`"),
        "{told:?}"
    );
    let told = problems(&rules("source in event.tags", "item"));
    assert!(told[0].contains("name-taken rules[0].each: `source` is taken"), "{told:?}");
}

#[test]
fn a_condition_for_the_event_does_not_see_an_element() {
    let told = problems(
        "  - name: a\n    source: shop\n    each: event.lines\n    let: { name: item.name }\n    when: name == 'x'\n    send: { number: '1', message: x }\n",
    );
    assert!(told[0].contains("rules[0].when: `name` is made of an element"), "{told:?}");
}

#[test]
fn too_many_elements_are_told_and_not_dropped_silently() {
    let rules = "  - name: a\n    source: shop\n    each: event.n\n    send: { number: '{{ vars.owner }}', message: 'n {{ item }}' }\n";
    let numbers: Vec<u32> = (0..1_234).collect();
    let made = messages(rules, &json!({ "n": numbers }));
    assert_eq!(made.len(), kabari::expr::ELEMENTS_MAX + 1);
    let last = made.last().unwrap();
    assert_eq!((last.state, last.origin.element), (State::Failed, 500));
    assert!(last.detail.as_deref().unwrap().contains("734 have none"), "{:?}", last.detail);
}

#[test]
fn all_work_of_one_rule_is_bounded_together() {
    let rules = "  - name: a\n    source: shop\n    each: event.n\n    send: { number: '{{ vars.owner }}', message: '{% for a in range(900) %}{% for b in range(20) %}{% endfor %}{% endfor %}x' }\n  - name: b\n    source: shop\n    send: { number: '{{ vars.owner }}', message: fine }\n";
    let numbers: Vec<u32> = (0..400).collect();
    let started = std::time::Instant::now();
    let made = messages(rules, &json!({ "n": numbers }));
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let said = words(&made);
    assert_eq!(said.first().map(String::as_str), Some("x"));
    assert!(said[399].contains("all texts of the rule together"), "{}", said[399]);
    assert_eq!(said[400], "fine");
}

#[test]
fn a_table_beside_the_rule_file_gives_the_number() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("orders.csv"),
        "order;name;phone\nA-1;*Siti*;0812-3456-7890\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("people.json"), r#"{"Octocat": "0812-3456-7891"}"#).unwrap();
    let rules = r#"
  - name: a
    source: shop
    let: { order: "event.order_id | lookup('orders.csv')" }
    send: { number: "{{ order.phone }}", message: "Hi {{ order.name }}" }
  - name: b
    source: shop
    send: { number: "{{ event.login | lookup('people.json') }}", message: "x {{ event.order_id | lookup('orders.csv', value='name') }}" }
  - name: c
    source: shop
    send: { number: "{{ event.login | lookup(vars.team) | default(vars.owner) }}", message: "y" }
"#;
    let loaded = try_load(folder.path(), rules).unwrap();
    assert!(loaded.files.iter().any(|file| file.ends_with("orders.csv")), "{:?}", loaded.files);
    let made = messages_of(&loaded, &json!({ "order_id": "a-1", "login": "OCTOCAT" }));
    assert_eq!(words(&made), ["Hi ∗Siti∗", "x ∗Siti∗", "y"]);
    let numbers: Vec<&str> =
        made.iter().map(|it| it.recipient.as_ref().unwrap().expose()).collect();
    assert_eq!(numbers, ["6281234567890", "6281234567891", "6281311110003"]);
    let made = messages_of(&loaded, &json!({ "order_id": "A-9", "login": "hubot" }));
    assert_eq!(made[0].reason, Some(Reason::NoRecipient));
    assert_eq!(made[1].reason, Some(Reason::NoRecipient));
    assert!(
        made[1].detail.as_deref().unwrap().contains("the table has no \"hubot\""),
        "{:?}",
        made[1].detail
    );
    assert_eq!(made[2].recipient.as_ref().unwrap().expose(), "6281211110001");
}

#[test]
fn a_table_that_is_missing_or_bad_is_told_where_it_is_named() {
    for (file, part) in
        [("gone.csv", "it cannot be read"), ("/etc/passwd", "ends in .csv"), ("..", "ends in .csv")]
    {
        let told = problems(&format!(
            "  - name: a\n    source: shop\n    send: {{ number: '1', message: \"a {{{{ event.x | lookup('{file}') }}}}\" }}\n"
        ));
        assert!(
            told[0].contains("lookup rules[0].send.message") && told[0].contains(part),
            "{told:?}"
        );
    }
    let made = messages(
        "  - name: a\n    source: shop\n    send: { number: '{{ vars.owner }}', message: '{{ event.x | lookup(event.file) }}' }\n",
        &json!({"x": "a", "file": "/etc/passwd"}),
    );
    assert!(words(&made)[0].contains("is no table"), "{:?}", words(&made));
}
