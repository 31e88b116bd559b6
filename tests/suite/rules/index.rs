//! Does the index ever forget a rule, or find one that does not fit?

use kabari::rules::{Matcher, Pattern, RuleSet};
use proptest::prelude::*;

use super::{json, pattern};
use crate::support;

/// How many pairs of rules and an event are tried.
const CASES: u32 = 100_000;

fn glob(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind || kind.strip_prefix(pattern).is_some_and(|it| it.starts_with('.')),
    }
}

fn a_value() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1",
        "1.0",
        "\"1\"",
        "null",
        "true",
        "\"x\"",
        "\"y\"",
        "[]",
        "2",
        "-3.5",
        "1e2",
        "{}",
        "\"xyz\"",
        "\"XyZ\"",
        "\"abcxyz\"",
        "\"ab-cd-ef\"",
        "\"10.0.0.7\"",
        "\"10.1.2.3\"",
        "\"::1\"",
        "\"\"",
        "\"hotfix: abc\"",
        "[\"abc\", \"z\"]",
        "[[1], \"yz\"]",
        "{\"a\": 1, \"b\": \"xyz\"}",
        "\"STRASSE\"",
    ])
}

fn a_test() -> impl Strategy<Value = &'static str> {
    let literal = prop::sample::select(vec![
        "1", "\"1\"", "null", "true", "\"x\"", "\"y\"", "\"xyz\"", "100", "\"\"",
    ]);
    let operator = prop::sample::select(vec![
        r#"{"exists": true}"#,
        r#"{"exists": false}"#,
        r#"{"prefix": "x"}"#,
        r#"{"prefix": "xy"}"#,
        r#"{"prefix": "ab"}"#,
        r#"{"prefix": ""}"#,
        r#"{"prefix": {"equals-ignore-case": "XY"}}"#,
        r#"{"suffix": "z"}"#,
        r#"{"suffix": "xyz"}"#,
        r#"{"suffix": {"equals-ignore-case": "Yz"}}"#,
        r#"{"anything-but": "x"}"#,
        r#"{"anything-but": [1, "xyz"]}"#,
        r#"{"anything-but": {"prefix": ["a", "x"]}}"#,
        r#"{"anything-but": {"wildcard": "*y*"}}"#,
        r#"{"anything-but": {"equals-ignore-case": "XYZ"}}"#,
        r#"{"numeric": [">=", 1]}"#,
        r#"{"numeric": [">", 0, "<", 2]}"#,
        r#"{"numeric": ["=", 1.00]}"#,
        r#"{"numeric": ["<", -3]}"#,
        r#"{"numeric": [">", 5, "<", 3]}"#,
        r#"{"equals-ignore-case": "xYz"}"#,
        r#"{"equals-ignore-case": "straße"}"#,
        r#"{"wildcard": "*"}"#,
        r#"{"wildcard": "a*z"}"#,
        r#"{"wildcard": "*cd*"}"#,
        r#"{"wildcard": "ab-*-ef"}"#,
        r#"{"wildcard": "xyz"}"#,
        r#"{"cidr": "10.0.0.0/16"}"#,
        r#"{"cidr": "::/64"}"#,
    ]);
    // Compiling one costs as much as all the rest of a case.
    let regex = prop::sample::select(vec![
        r#"{"regex": "^hotfix|xyz$"}"#,
        r#"{"regex": "[a-c]+-"}"#,
        r#"{"regex": "(?i)strasse"}"#,
        r#"{"regex": "abc$"}"#,
    ]);
    prop_oneof![30 => literal, 40 => operator, 1 => regex]
}

fn some_paths() -> impl Strategy<Value = String> {
    let path =
        prop::sample::select(vec!["a", "b", "c", "l.a", "l.b", "o.a", "o.b", "o.l.a", "b.a"]);
    let tests = prop::collection::vec(a_test(), 1..4).prop_map(|tests| tests.join(", "));
    prop::collection::btree_map(path, tests, 0..4).prop_map(|paths| {
        let fields = paths.into_iter().map(|(path, tests)| format!("\"{path}\": [{tests}]"));
        fields.collect::<Vec<_>>().join(", ")
    })
}

fn a_pattern() -> impl Strategy<Value = String> {
    let or = (some_paths(), some_paths(), some_paths()).prop_map(|(outer, one, other)| {
        if one.is_empty() || other.is_empty() {
            return format!("{{{outer}}}");
        }
        let comma = if outer.is_empty() { "" } else { ", " };
        format!("{{{outer}{comma}\"$or\": [{{{one}}}, {{{other}}}]}}")
    });
    prop_oneof![6 => some_paths().prop_map(|paths| format!("{{{paths}}}")), 1 => or]
}

fn an_event() -> impl Strategy<Value = String> {
    let value = || prop::option::of(a_value());
    let object = move || {
        (value(), value()).prop_map(|(a, b)| {
            let fields = [("a", a), ("b", b)];
            let fields = fields.into_iter().filter_map(|(k, v)| Some(format!("\"{k}\": {}", v?)));
            fields.collect::<Vec<_>>()
        })
    };
    let list = move || {
        prop::collection::vec(object(), 0..4).prop_map(|list| {
            let objects = list.into_iter().map(|object| format!("{{{}}}", object.join(", ")));
            format!("\"l\": [{}]", objects.collect::<Vec<_>>().join(", "))
        })
    };
    (object(), list(), object(), list(), value(), value()).prop_map(
        |(mut flat, list, mut inner, inner_list, joined, twice)| {
            inner.push(inner_list);
            flat.push(list);
            flat.push(format!("\"o\": {{{}}}", inner.join(", ")));
            flat.extend(joined.map(|value| format!("\"l.a\": {value}")));
            flat.extend(twice.map(|value| format!("\"a\": {value}, \"c\": {value}")));
            format!("{{{}}}", flat.join(", "))
        },
    )
}

fn matchers(rules: &[(String, &str)]) -> Vec<Matcher> {
    let matcher = |(text, kind): &(String, &str)| Matcher {
        source: "s".to_owned(),
        kinds: if kind.is_empty() { Vec::new() } else { vec![(*kind).to_owned()] },
        pattern: pattern(text),
        when: None,
    };
    rules.iter().map(matcher).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_asking_every_rule_finds(
        rules in prop::collection::vec(
            (a_pattern(), prop::sample::select(vec!["", "", "k", "k.x", "k*", "other"])), 0..8),
        event in an_event(),
        kind in prop::sample::select(vec!["k", "k.x", "other", "k2"]),
    ) {
        let matchers = matchers(&rules);
        let body = json(&event);
        let naive: Vec<usize> = matchers
            .iter()
            .enumerate()
            .filter(|(_, it)| it.kinds.is_empty() || it.kinds.iter().any(|own| glob(own, kind)))
            .filter(|(_, it)| it.pattern.matches(body.root()))
            .map(|(place, _)| place)
            .collect();
        for place in &naive {
            let pattern = &matchers[*place].pattern;
            prop_assert!(pattern.contradiction().is_none(), "{} matched", rules[*place].0);
            prop_assert!(pattern.steps(body.root()).iter().all(|step| step.holds));
            for (other, matcher) in matchers.iter().enumerate() {
                let covers = matcher.covers(&matchers[*place]);
                prop_assert!(!covers || naive.contains(&other), "{:?} {:?}", rules[other], rules[*place]);
            }
        }
        let set = RuleSet::build(matchers);
        prop_assert_eq!(set.matching("s", kind, &body, &glob), naive);
        prop_assert!(set.matching("t", kind, &body, &glob).is_empty());
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_pattern_reader_panic(text in "[\\[\\]{}\",:.a-b0-9$ ]{0,60}") {
        let _ = serde_json::from_str::<Pattern>(&text);
        let _ = serde_yaml::from_str::<Pattern>(&text);
    }
}

/// Many rules of one sort on one path: what one event costs must not follow their number.
#[test]
fn a_hundred_thousand_rules_of_one_sort_wake_only_their_own() {
    let sorts: [fn(usize) -> String; 6] = [
        |at| format!(r#"{{"p": [{{"numeric": [">=", {at}, "<", {at}.5]}}]}}"#),
        |at| format!(r#"{{"p": [{{"suffix": "/{at}"}}]}}"#),
        |at| format!(r#"{{"p": [{{"prefix": {{"equals-ignore-case": "{at}/"}}}}]}}"#),
        |at| format!(r#"{{"p": [{{"wildcard": "*/service-{at}/*"}}]}}"#),
        |at| {
            format!(
                r#"{{"p": [{{"cidr": "{}.{}.{}.0/24"}}]}}"#,
                10 + at / 65_536,
                at / 256 % 256,
                at % 256
            )
        },
        |at| format!(r#"{{"p": [{{"anything-but": "x"}}], "q": "{at}"}}"#),
    ];
    let count = if support::long() { 100_000 } else { 10_000 };
    for sort in sorts {
        let rules: Vec<_> = (0..count).map(|at| (sort(at), "")).collect();
        let set = RuleSet::build(matchers(&rules));
        for event in [
            r#"{"p": 7.25}"#,
            r#"{"p": "a/7"}"#,
            r#"{"p": "7/A"}"#,
            r#"{"p": "a/service-7/b"}"#,
            r#"{"p": "10.0.7.1"}"#,
            r#"{"p": "y", "q": "7"}"#,
        ] {
            let found = set.matching("s", "k", &json(event), &glob);
            let expected = rules.iter().enumerate().skip(7).take(1);
            let expected =
                expected.filter(|(_, rule)| pattern(&rule.0).matches(json(event).root()));
            assert_eq!(found, expected.map(|(at, _)| at).collect::<Vec<_>>(), "{event}");
        }
    }
}
