//! Does any pattern or event make matching slow, or the reader give up without a word?

use std::fmt::Write as _;

use kabari::rules::Pattern;

use super::{json, matches, pattern};
use crate::support::cost;

/// What a pattern or an event that is out to harm may cost, in hundredths of a second of the
/// processor's time: in a debug build.
const TICKS_MAX: u64 = 400;

fn promptly<T>(what: &str, work: impl FnOnce() -> T) -> T {
    cost::promptly(what, TICKS_MAX, work)
}

fn refused(wanted: &str, says: &str) {
    let start: String = wanted.chars().take(60).collect();
    let error = promptly(&start, || serde_json::from_str::<Pattern>(wanted)).unwrap_err();
    assert!(error.to_string().contains(says), "{start}: {error}");
}

#[test]
fn operands_have_limits() {
    let long = "a".repeat(10_000_000);
    for operator in ["prefix", "suffix", "wildcard", "equals-ignore-case", "cidr"] {
        refused(&format!(r#"{{"a": [{{"{operator}": "{long}"}}]}}"#), "65536 bytes at most");
    }
    refused(&format!(r#"{{"a": [{{"regex": "{}"}}]}}"#, &long[..3000]), "2048 bytes at most");
    refused(r#"{"a": [{"regex": "((a{1,500}){1,500}){1,500}"}]}"#, "too much memory");
    refused(&format!(r#"{{"a": [{{"regex": "{}"}}]}}"#, "(".repeat(500)), "no regular expression");
    refused(r#"{"a": [{"regex": "(?=a)b"}]}"#, "look-around");
    refused(r#"{"a": [{"regex": "(a)\\1"}]}"#, "backreferences");
    let paths = (0..2000).map(|at| format!(r#""p{at}": 1"#)).collect::<Vec<_>>().join(", ");
    refused(&format!("{{{paths}}}"), "1000 paths at most");
    let deep = r#"{"a": "#.repeat(10_000) + "1" + &"}".repeat(10_000);
    refused(&deep, "recursion limit");
}

#[test]
fn an_or_of_or_of_or_is_refused_before_it_is_multiplied() {
    let choice = |at: usize| format!(r#""k{at}": {{"$or": [{{"a": 1}}, {{"b": 1}}]}}"#);
    let wide = (0..40).map(choice).collect::<Vec<_>>().join(", ");
    refused(&format!("{{{wide}}}"), "too many ways");
    let mut nested = r#"{"z": 1}"#.to_owned();
    for at in 0..40 {
        nested = format!(r#"{{"$or": [{{"a{at}": 1}}, {nested}]}}"#);
    }
    promptly("nested $or", || serde_json::from_str::<Pattern>(&nested)).unwrap();
}

#[test]
fn evaluation_is_fast_however_a_pattern_and_an_event_conspire() {
    let text = "a".repeat(200_000);
    let event = format!(r#"{{"a": "{text}"}}"#);
    let stars = "a*".repeat(10_000) + "b";
    for test in [
        format!(r#"{{"wildcard": "{stars}"}}"#),
        r#"{"regex": "(a*)*b"}"#.to_owned(),
        r#"{"regex": "(a|a)*c$"}"#.to_owned(),
        r#"{"suffix": {"equals-ignore-case": "B"}}"#.to_owned(),
        r#"{"cidr": "10.0.0.0/8"}"#.to_owned(),
    ] {
        let wanted = format!(r#"{{"a": [{test}]}}"#);
        assert!(!promptly(&test[..15], || matches(&wanted, &event)), "{}", &test[..15]);
    }
}

#[test]
fn long_numbers_and_deep_events_neither_panic_nor_stall() {
    let digits = "9".repeat(1_000_000);
    let event = format!(r#"{{"a": {digits}.{digits}e-5}}"#);
    let wanted = r#"{"a": [{"numeric": [">", 1]}]}"#;
    assert!(promptly("a long number", || matches(wanted, &event)));
    let mut lists = r#"{"l": "#.repeat(100);
    let _ = write!(lists, "[{}]{}", vec!["[{\"a\": 1}]"; 5000].join(","), "}".repeat(100));
    let body = json(&lists);
    let path = vec!["l"; 100].join(".");
    let wanted = pattern(&format!(r#"{{"{path}.a": 1, "{path}.b": [{{"exists": false}}]}}"#));
    assert!(promptly("a deep event", || wanted.matches(body.root())));
}
