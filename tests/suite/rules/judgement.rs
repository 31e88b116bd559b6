//! What is known of a pattern without an event: can it match at all, does another one cover it?

use kabari::expr::Condition;
use kabari::rules::{Matcher, Pattern};
use schemars::schema_for;

use super::{json, pattern};

fn matcher(kinds: &[&str], wanted: &str, when: Option<&str>) -> Matcher {
    Matcher {
        source: "s".to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        pattern: pattern(wanted),
        when: when.map(|text| Condition::compile(text).unwrap()),
    }
}

#[test]
fn a_pattern_that_no_event_can_match_says_why() {
    for (wanted, reason) in [
        (r#"{"a": [{"numeric": [">", 5, "<", 3]}]}"#, "`a`"),
        (r#"{"b": 1, "a": [{"numeric": [">", 5, "<=", 5.0]}]}"#, "numeric"),
        (
            r#"{"$or": [{"a": [{"numeric": [">", 1, "<", 1]}]}, {"a": [{"numeric": ["<", 1, ">", 2]}]}]}"#,
            "`a`",
        ),
    ] {
        let said = pattern(wanted).contradiction();
        assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{wanted}: {said:?}");
    }
    for wanted in [
        "{}",
        r#"{"a": [{"numeric": [">=", 5, "<=", 5.0]}]}"#,
        r#"{"a": [{"numeric": [">", 5, "<", 3]}, "x"]}"#,
        r#"{"a": [{"numeric": [">", 5, "<", 5.1]}]}"#,
        r#"{"$or": [{"a": [{"numeric": [">", 5, "<", 3]}]}, {"b": 1}]}"#,
    ] {
        assert_eq!(pattern(wanted).contradiction(), None, "{wanted}");
    }
}

#[test]
fn a_rule_whose_parts_contradict_each_other_says_which() {
    for (wanted, when, reason) in [
        (r#"{"a": "x", "a.b": 1}"#, None, "no `a.b`"),
        (r#"{"a": [{"exists": false}], "a.b.c": "y"}"#, None, "no `a.b.c`"),
        (r#"{"a.b": [{"prefix": "x"}], "a.b.c": [{"exists": true}]}"#, None, "no `a.b.c`"),
        (r#"{"a": "open"}"#, Some("event.a == \"paid\""), "`a`"),
        (r#"{"a": "open"}"#, Some("\"paid\" == event.a and event.b > 1"), "`a`"),
        (r#"{"a": [{"prefix": "x"}, {"suffix": "z"}]}"#, Some("event.a == \"y\""), "`a`"),
        (r#"{"a": [{"anything-but": "x"}]}"#, Some("event.a == \"x\""), "`a`"),
        (r#"{"a.b": true}"#, Some("event.a.b == false"), "`a.b`"),
        (r#"{"$or": [{"a": "x"}, {"a": "y"}]}"#, Some("event.a == \"z\""), "`a`"),
    ] {
        let said = matcher(&[], wanted, when).contradiction();
        assert!(
            said.as_ref().is_some_and(|said| said.contains(reason)),
            "{wanted} {when:?}: {said:?}"
        );
    }
    for (wanted, when) in [
        (r#"{"a": [{"exists": true}], "a.b": 1}"#, None),
        (r#"{"a": [{"anything-but": "x"}], "a.b": 1}"#, None),
        (r#"{"a": "x", "a.b": [{"exists": false}]}"#, None),
        (r#"{"a": "x", "ab": "y"}"#, None),
        (r#"{"a": ["open", "paid"]}"#, Some("event.a == \"paid\"")),
        (r#"{"a": [{"prefix": "p"}]}"#, Some("event.a == \"paid\"")),
        (r#"{"a": "open"}"#, Some("event.a == \"paid\" or event.b")),
        (r#"{"a": "open"}"#, Some("not event.a == \"paid\"")),
        (r#"{"a": "open"}"#, Some("event.b == \"paid\"")),
        (r#"{"$or": [{"a": "x"}, {"b": "y"}]}"#, Some("event.a == \"z\"")),
    ] {
        assert_eq!(matcher(&[], wanted, when).contradiction(), None, "{wanted} {when:?}");
    }
}

#[test]
fn a_wider_pattern_covers_a_narrower_one() {
    for (wide, narrow) in [
        ("{}", r#"{"a": 1}"#),
        (r#"{"a": [1, 2]}"#, r#"{"a": 1.0, "b": 2}"#),
        (r#"{"a": [{"exists": true}]}"#, r#"{"a": [1, {"prefix": "x"}]}"#),
        (r#"{"a": [{"prefix": "re"}]}"#, r#"{"a": ["refs", {"prefix": "refs/"}]}"#),
        (r#"{"a": [{"suffix": {"equals-ignore-case": "x"}}]}"#, r#"{"a": [{"suffix": "YX"}]}"#),
        (r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": [{"numeric": [">=", 1, "<", 9]}, 5]}"#),
        (r#"{"a": [{"cidr": "10.0.0.0/8"}]}"#, r#"{"a": [{"cidr": "10.1.0.0/16"}]}"#),
        (r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": ["y", {"anything-but": ["x", "z"]}]}"#),
        (r#"{"$or": [{"a": 1}, {"b": 1}]}"#, r#"{"b": 1, "c": 2}"#),
        (r#"{"a": [{"wildcard": "x*"}]}"#, r#"{"a": ["xy"]}"#),
    ] {
        assert!(matcher(&[], wide, None).covers(&matcher(&["k"], narrow, None)), "{wide} {narrow}");
        assert!(!matcher(&[], narrow, None).covers(&matcher(&[], wide, None)), "{narrow} {wide}");
    }
    let missing = r#"{"l.a": [{"exists": false}]}"#;
    let beside = r#"{"l.a": [{"exists": false}], "l.b": 1}"#;
    assert!(!matcher(&[], missing, None).covers(&matcher(&[], beside, None)));
    assert!(matcher(&[], beside, None).covers(&matcher(&[], beside, None)));
}

#[test]
fn kinds_and_conditions_count_too() {
    let covers = |own: &[&str], theirs: &[&str]| {
        matcher(own, "{}", None).covers(&matcher(theirs, "{}", None))
    };
    assert!(covers(&["push", "issues*"], &["issues.opened", "push"]));
    assert!(covers(&["*"], &["push"]));
    assert!(!covers(&["push"], &[]) && !covers(&["push"], &["push", "ping"]));
    assert!(!covers(&["p?sh"], &["push"]), "what a source reads into a kind is not known");
    let when = |own, theirs| matcher(&[], "{}", own).covers(&matcher(&[], "{}", theirs));
    assert!(when(None, Some("event.a == 1")) && when(Some("event.a == 1"), Some("event.a == 1")));
    assert!(!when(Some("event.a == 1"), None));
    let elsewhere = Matcher { source: "t".to_owned(), ..matcher(&[], "{}", None) };
    assert!(!elsewhere.covers(&matcher(&[], "{}", None)));
}

#[test]
fn a_step_lists_its_alternatives_as_they_are_written() {
    let wanted = pattern(
        r#"{"a": ["x", {"prefix": "y"}, {"numeric": [">", 1, "<=", 2.5]},
                  {"anything-but": {"prefix": ["p", "q"]}}],
            "$or": [{"b": 1, "c": [{"exists": false}]}, {"b": 2}]}"#,
    );
    let body = json(r#"{"a": ["pin", "yes"], "b": 2}"#);
    let steps = wanted.steps(body.root());
    let written = |at: usize| -> Vec<(&str, bool)> {
        steps[at].alternatives.iter().map(|(text, holds)| (text.as_str(), *holds)).collect()
    };
    assert_eq!(
        written(0),
        [
            (r#""x""#, false),
            (r#"{ prefix: "y" }"#, true),
            (r#"{ numeric: [">", 1, "<=", 2.5] }"#, false),
            (r#"{ anything-but: { prefix: ["p", "q"] } }"#, true),
        ]
    );
    assert_eq!(steps[1].path, "$or");
    assert_eq!(written(1), [("b: 1, c: [{ exists: false }]", false), ("b: 2", true)]);
    assert!(steps.iter().all(|step| step.holds) && steps.len() == 2);
}

#[test]
fn the_schema_describes_every_operator() {
    let schema = serde_json::to_string(&schema_for!(Pattern)).unwrap();
    for operator in [
        "exists",
        "prefix",
        "suffix",
        "equals-ignore-case",
        "anything-but",
        "numeric",
        "wildcard",
        "cidr",
        "regex",
        "$or",
    ] {
        assert!(schema.contains(&format!("\"{operator}\":{{\"")), "{operator}: {schema}");
    }
}
