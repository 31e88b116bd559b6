//! Which events does a pattern match?

#![expect(clippy::expect_used, clippy::panic, reason = "what builds a test's world may fail it")]

mod operators;
mod index;
mod judgement;
mod hostile;

use bytes::Bytes;
use kabari::expr::Json;
use kabari::rules::Pattern;

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
