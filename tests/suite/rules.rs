//! Which events does a pattern match, and does the index ever forget a rule?

#![expect(clippy::expect_used, clippy::panic, reason = "what builds a test's world may fail it")]

use bytes::Bytes;
use kabari::expr::Json;
use kabari::rules::{Matcher, Pattern, RuleSet};
use proptest::prelude::*;

fn json(text: &str) -> Json {
    Json::parse(Bytes::from(text.to_owned())).expect("the event is JSON")
}

fn pattern(text: &str) -> Pattern {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn matches(wanted: &str, event: &str) -> bool {
    pattern(wanted).matches(json(event).root())
}

#[test]
fn literals_match_values_of_their_own_type_only() {
    for (wanted, event, expected) in [
        (r#"{"a": "x"}"#, r#"{"a": "x"}"#, true),
        (r#"{"a": ["x", "y"]}"#, r#"{"a": "y"}"#, true),
        (r#"{"a": "x"}"#, r#"{"a": "xx"}"#, false),
        (r#"{"a": 1}"#, r#"{"a": 1.0}"#, true),
        (r#"{"a": 100}"#, r#"{"a": 1e2}"#, true),
        (r#"{"a": 1}"#, r#"{"a": "1"}"#, false),
        (r#"{"a": "1"}"#, r#"{"a": 1}"#, false),
        (r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#, false),
        (r#"{"a": null}"#, r#"{"a": null}"#, true),
        (r#"{"a": null}"#, r#"{"b": 1}"#, false),
        (r#"{"a": true}"#, r#"{"a": true}"#, true),
        (r#"{"a": true}"#, r#"{"a": "true"}"#, false),
        (r#"{"a": "é"}"#, r#"{"a": "\u00e9"}"#, true),
        ("{}", "[1, 2]", true),
        (r#"{"a": 1}"#, "7", false),
    ] {
        assert_eq!(matches(wanted, event), expected, "{wanted} on {event}");
    }
}

#[test]
fn operators_do_what_they_say() {
    for (test, value, expected) in [
        (r#"{"exists": true}"#, "null", true),
        (r#"{"exists": true}"#, "{}", true),
        (r#"{"exists": true}"#, "[]", false),
        (r#"{"exists": false}"#, "[]", true),
        (r#"{"exists": false}"#, r#"{"url": "x"}"#, false),
        (r#"{"prefix": "refs/tags/"}"#, r#""refs/tags/v1""#, true),
        (r#"{"prefix": "1"}"#, "12", false),
        (r#"{"suffix": ".pdf"}"#, r#""a.pdf""#, true),
        (r#"{"suffix": ".pdf"}"#, r#""a.png""#, false),
        (r#"{"anything-but": "x"}"#, r#""y""#, true),
        (r#"{"anything-but": "x"}"#, "null", true),
        (r#"{"anything-but": [null, ""]}"#, "null", false),
        (r#"{"anything-but": [null, ""]}"#, r#""""#, false),
        (r#"{"anything-but": [null, ""]}"#, r#""x""#, true),
        (r#"{"anything-but": [1]}"#, "1.0", false),
        (r#"{"anything-but": {"prefix": ["a", "b"]}}"#, r#""bc""#, false),
        (r#"{"anything-but": {"suffix": "z"}}"#, r#""bc""#, true),
        (r#"{"numeric": [">", 0, "<=", 5]}"#, "5.0", true),
        (r#"{"numeric": [">", 0, "<=", 5]}"#, "0", false),
        (r#"{"numeric": [">", 0.1]}"#, "0.10000000000000000000001", true),
        (r#"{"numeric": ["=", 3.018e2]}"#, "301.8", true),
        (r#"{"numeric": ["<", 0]}"#, r#""-1""#, false),
    ] {
        let (wanted, event) = (format!(r#"{{"a": [{test}]}}"#), format!(r#"{{"a": {value}}}"#));
        assert_eq!(matches(&wanted, &event), expected, "{wanted} on {event}");
    }
    assert!(!matches(r#"{"a": [{"anything-but": "x"}]}"#, "{}"), "what is missing is nothing");
    assert!(matches(r#"{"a": [{"exists": false}]}"#, "{}"));
}

#[test]
fn the_joined_path_decides() {
    for wanted in [
        r#"{"a": {"b": {"c": 1}}}"#,
        r#"{"a.b.c": 1}"#,
        r#"{"a.b": {"c": 1}}"#,
        r#"{"a": {"\"b.c\"": 1}}"#,
        r#"{"\"a.b.c\"": 1}"#,
    ] {
        for event in [
            r#"{"a": {"b": {"c": 1}}}"#,
            r#"{"a.b": {"c": 1}}"#,
            r#"{"a.b.c": 1}"#,
            r#"{"a": {"b.c": 1}}"#,
            r#"{"a": {"b": {"c": 2}}, "a.b": {"c": 1}}"#,
            r#"{"a": 5, "a.b": {"c": 1}}"#,
            r#"{"a.b.c": 2, "a.b.c": 1}"#,
        ] {
            assert!(matches(wanted, event), "{wanted} on {event}");
        }
        assert!(!matches(wanted, r#"{"a.b.c": 1, "a.b.c": 2}"#), "the last of two counts");
    }
    assert!(matches(r#"{"a.b": 1, "a.c": 2}"#, r#"{"a.b": 1, "a": [{"c": 1}, {"c": 2}]}"#));
}

#[test]
fn paths_through_one_list_agree_on_an_element() {
    let event = r#"{"labels": [{"name": "bug", "color": "red"}, {"name": "ui"}], "n": [1, [2]]}"#;
    for (wanted, expected) in [
        (r#"{"labels": {"name": "bug"}}"#, true),
        (r#"{"labels.name": "bug", "labels.color": "red"}"#, true),
        (r#"{"labels.name": "ui", "labels.color": "red"}"#, false),
        (r#"{"labels.name": "ui", "labels.color": [{"exists": false}]}"#, true),
        (r#"{"labels.color": [{"exists": false}], "labels.name": "ui"}"#, true),
        (r#"{"labels.name": "bug", "labels.color": [{"exists": false}]}"#, false),
        (r#"{"labels.color": [{"exists": false}]}"#, false),
        (r#"{"labels.size": [{"exists": false}]}"#, true),
        (r#"{"labels.color": ["blue", {"exists": false}]}"#, false),
        (r#"{"n": 2}"#, true),
        (r#"{"n": 3}"#, false),
    ] {
        assert_eq!(matches(wanted, event), expected, "{wanted}");
    }
}

#[test]
fn a_pattern_that_cannot_be_meant_is_refused_with_a_remedy() {
    for (wrong, says) in [
        (r#"{"a": []}"#, "nothing fits"),
        (r#"{"a": {}}"#, "nothing is wanted at `a`"),
        (r#"{"a": {"b": 1}, "a.b": 2}"#, "twice"),
        (r#"{"a": [{"prefx": "x"}]}"#, "did you mean `prefix`"),
        (r#"{"a": [{"wildcrd": "x*"}]}"#, "did you mean `wildcard`"),
        (r#"{"a": {"prefix": "x"}}"#, "write `a: [{ prefix: … }]`"),
        (r#"{"$or": []}"#, "`$or` takes two patterns"),
        (r#"{"a": [{"numeric": [">", "1"]}]}"#, "no number"),
        (r#"{"a": [{"numeric": ["=>", 1]}]}"#, "known are"),
        (r#"{"a": [{"numeric": [">"]}]}"#, "missing"),
        (r#"{"a": [{"numeric": []}]}"#, "one or two"),
        (r#"{"a": [{"prefix": 1}]}"#, "takes a text"),
        (r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "two operators"),
        (r#"{"a": [[1]]}"#, "expected a literal or an operator"),
        (r#"{"a..b": 1}"#, "empty part"),
        (r#"{"a.\"b": 1}"#, "partner"),
        ("[1]", "expected paths"),
    ] {
        let error = serde_json::from_str::<Pattern>(wrong).expect_err(wrong).to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn steps_say_what_was_wanted_and_what_was_there() {
    let wanted = pattern(
        r#"{"c": ["failure", "timed_out"], "s": 200, "m": [{"exists": true}], "l.a": 1, "l.b": 2}"#,
    );
    let body = json(r#"{"c": null, "s": "200", "l": [{"a": 1}, {"b": 2}]}"#);
    let steps: Vec<_> = wanted
        .steps(body.root())
        .into_iter()
        .map(|step| format!("{}: {} <- {} {}", step.path, step.wants, step.saw, step.holds))
        .collect();
    assert_eq!(
        steps,
        [
            r#"c: "failure" or "timed_out" <- null false"#,
            r#"s: 200 <- "200" (text) false"#,
            "m: anything <- missing false",
            "l.a: 1 <- 1 true",
            "l.b: 2 <- 2 true",
        ]
    );
    let apart = pattern(r#"{"l.a": 1, "l.b": 2}"#).steps(body.root());
    assert_eq!(apart.last().map(|step| step.holds), Some(false));
}

/// Cases on which two engines of other people agree, where they lie beside the project.
#[test]
fn the_cases_of_eventbridges_own_engine_hold() {
    let here = env!("CARGO_MANIFEST_DIR");
    let file = "shared/reference/patterns.json";
    let places = [format!("{here}/../{file}"), format!("{here}/../../{file}")];
    let Some(text) = places.iter().find_map(|path| std::fs::read_to_string(path).ok()) else {
        return;
    };
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list of cases");
    for case in &cases {
        let (wanted, event) = (case["pattern"].as_str().unwrap(), case["event"].as_str().unwrap());
        assert_eq!(Some(matches(wanted, event)), case["match"].as_bool(), "{}", case["id"]);
    }
    assert!(cases.len() > 160, "only {} cases", cases.len());
}

fn glob(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind || kind.strip_prefix(pattern).is_some_and(|it| it.starts_with('.')),
    }
}

fn a_value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["1", "1.0", "\"1\"", "null", "true", "\"x\"", "\"y\"", "[]", "2"])
        .prop_map(str::to_owned)
}

fn a_test() -> impl Strategy<Value = String> {
    let literal = prop::sample::select(vec!["1", "\"1\"", "null", "true", "\"x\"", "\"y\""]);
    let operator = prop::sample::select(vec![
        r#"{"exists": true}"#,
        r#"{"exists": false}"#,
        r#"{"prefix": "x"}"#,
        r#"{"anything-but": "x"}"#,
        r#"{"numeric": [">=", 1]}"#,
    ]);
    prop_oneof![3 => literal, 1 => operator].prop_map(str::to_owned)
}

fn a_pattern() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec!["a", "b", "l.a", "l.b", "o.a"]).prop_map(str::to_owned);
    let tests = prop::collection::vec(a_test(), 1..3).prop_map(|tests| tests.join(", "));
    prop::collection::btree_map(path, tests, 0..4).prop_map(|paths| {
        let fields = paths.into_iter().map(|(path, tests)| format!("\"{path}\": [{tests}]"));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    })
}

fn an_event() -> impl Strategy<Value = String> {
    let value = || prop::option::of(a_value());
    let object = move || {
        (value(), value()).prop_map(|(a, b)| {
            let fields = [("a", a), ("b", b)];
            let fields = fields.into_iter().filter_map(|(k, v)| Some(format!("\"{k}\": {}", v?)));
            fields.collect::<Vec<_>>().join(", ")
        })
    };
    (object(), prop::collection::vec(object(), 0..4), object()).prop_map(|(flat, list, inner)| {
        let list: Vec<_> = list.into_iter().map(|object| format!("{{{object}}}")).collect();
        let comma = if flat.is_empty() { "" } else { ", " };
        format!("{{{flat}{comma}\"l\": [{}], \"o\": {{{inner}}}}}", list.join(", "))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_index_finds_what_asking_every_rule_finds(
        rules in prop::collection::vec(
            (a_pattern(), prop::sample::select(vec!["", "k", "k.x", "k*", "other"])), 0..12),
        event in an_event(),
        kind in prop::sample::select(vec!["k", "k.x", "other", "k2"]),
    ) {
        let matchers: Vec<Matcher> = rules
            .iter()
            .map(|(text, kind)| Matcher {
                source: "s".to_owned(),
                kinds: if kind.is_empty() { Vec::new() } else { vec![(*kind).to_owned()] },
                pattern: pattern(text),
                when: None,
            })
            .collect();
        let body = json(&event);
        let naive: Vec<usize> = matchers
            .iter()
            .enumerate()
            .filter(|(_, it)| it.kinds.is_empty() || it.kinds.iter().any(|own| glob(own, kind)))
            .filter(|(_, it)| it.pattern.matches(body.root()))
            .map(|(place, _)| place)
            .collect();
        let set = RuleSet::build(matchers);
        prop_assert_eq!(set.matching("s", kind, &body, &glob), naive);
        prop_assert!(set.matching("t", kind, &body, &glob).is_empty());
    }

    #[test]
    fn no_text_makes_the_pattern_reader_panic(text in "[\\[\\]{}\",:.a-b0-9$ ]{0,60}") {
        let _ = serde_json::from_str::<Pattern>(&text);
        let _ = serde_yaml::from_str::<Pattern>(&text);
    }
}
