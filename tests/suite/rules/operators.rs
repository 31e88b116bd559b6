//! What does each operator take, and what not?

use super::matches;

/// `[value, held]` for one test at a path.
fn check(test: &str, values: &[(&str, bool)]) {
    for (value, expected) in values {
        let (wanted, event) = (format!(r#"{{"a": [{test}]}}"#), format!(r#"{{"a": {value}}}"#));
        assert_eq!(matches(&wanted, &event), *expected, "{wanted} on {event}");
    }
}

#[test]
fn exists_asks_whether_a_value_is_there_be_it_null() {
    check(r#"{"exists": true}"#, &[("null", true), ("{}", true), ("[]", false), ("[1]", true)]);
    check(r#"{"exists": false}"#, &[("[]", true), ("null", false), (r#"{"b": 1}"#, false)]);
    assert!(matches(r#"{"a": [{"exists": false}]}"#, "{}"));
    assert!(matches(r#"{"a": ["x", {"exists": false}]}"#, "{}"));
}

#[test]
fn prefix_and_suffix_look_at_the_ends_of_a_text() {
    check(
        r#"{"prefix": "refs/tags/"}"#,
        &[(r#""refs/tags/v1""#, true), (r#""refs/tags/""#, true), (r#""refs/heads/x""#, false)],
    );
    check(r#"{"prefix": "1"}"#, &[("12", false), (r#""12""#, true), (r#"["2", "1"]"#, true)]);
    check(r#"{"prefix": ""}"#, &[(r#""""#, true), (r#""x""#, true), ("1", false)]);
    check(r#"{"suffix": ".pdf"}"#, &[(r#""a.pdf""#, true), (r#""a.png""#, false), ("1", false)]);
    check(r#"{"suffix": "é"}"#, &[(r#""caf\u00e9""#, true), (r#""cafe""#, false)]);
}

#[test]
fn case_does_not_matter_where_it_is_said() {
    check(
        r#"{"equals-ignore-case": "Bug"}"#,
        &[(r#""BUG""#, true), (r#""bug""#, true), (r#""bugs""#, false), ("1", false)],
    );
    check(r#"{"equals-ignore-case": "straße"}"#, &[(r#""STRASSE""#, true), (r#""strase""#, false)]);
    check(
        r#"{"prefix": {"equals-ignore-case": "FIX"}}"#,
        &[(r#""fix: x""#, true), (r#""Fixed""#, true), (r#""a fix""#, false)],
    );
    check(
        r#"{"suffix": {"equals-ignore-case": ".pdf"}}"#,
        &[(r#""A.PDF""#, true), (r#""a.Pdf""#, true), (r#""a.pdf.png""#, false)],
    );
}

#[test]
fn anything_but_takes_what_is_there_and_is_none_of_these() {
    check(r#"{"anything-but": "x"}"#, &[(r#""y""#, true), (r#""x""#, false), ("null", true)]);
    check(r#"{"anything-but": 1}"#, &[("1.0", false), (r#""1""#, true), ("2", true)]);
    check(r#"{"anything-but": ["x", 2]}"#, &[(r#""x""#, false), ("2e0", false), ("3", true)]);
    check(
        r#"{"anything-but": [null, ""]}"#,
        &[("null", false), (r#""""#, false), (r#""x""#, true), ("false", true)],
    );
    check(
        r#"{"anything-but": {"prefix": ["a", "b"]}}"#,
        &[(r#""bc""#, false), (r#""cb""#, true), ("1", true)],
    );
    check(r#"{"anything-but": {"suffix": "z"}}"#, &[(r#""z""#, false), (r#""zy""#, true)]);
    check(r#"{"anything-but": {"suffix": ["y", "z"]}}"#, &[(r#""zy""#, false)]);
    check(
        r#"{"anything-but": {"equals-ignore-case": ["yes", "no"]}}"#,
        &[(r#""NO""#, false), (r#""maybe""#, true)],
    );
    check(r#"{"anything-but": {"equals-ignore-case": "yes"}}"#, &[(r#""YES""#, false)]);
    check(
        r#"{"anything-but": {"wildcard": ["a*z", "b*"]}}"#,
        &[(r#""abz""#, false), (r#""b""#, false), (r#""az!""#, true)],
    );
    check(
        r#"{"anything-but": {"prefix": {"equals-ignore-case": "wip"}}}"#,
        &[(r#""WIP: x""#, false), (r#""x""#, true)],
    );
    check(r#"{"anything-but": "x"}"#, &[(r#"["x", "y"]"#, true), (r#"["x"]"#, false)]);
    assert!(!matches(r#"{"a": [{"anything-but": "x"}]}"#, "{}"), "what is missing is nothing");
}

#[test]
fn numbers_are_compared_to_their_last_digit() {
    check(
        r#"{"numeric": [">", 0, "<=", 5]}"#,
        &[("5.0", true), ("0", false), ("0.0001", true), ("5.00000000000000000001", false)],
    );
    check(r#"{"numeric": [">", 0.1]}"#, &[("0.10000000000000000000001", true), ("1e-1", false)]);
    check(r#"{"numeric": ["=", 3.018e2]}"#, &[("301.8", true), ("301.80", true), ("302", false)]);
    check(r#"{"numeric": ["<", 0]}"#, &[("-1", true), (r#""-1""#, false), ("-0.0", false)]);
    check(r#"{"numeric": [">=", -2, "<", -1]}"#, &[("-2", true), ("-1", false), ("-1.5", true)]);
    check(r#"{"numeric": ["<=", 1]}"#, &[("1", true), ("1e400", false), ("-1e400", true)]);
    check(
        r#"{"numeric": [">", 9007199254740992]}"#,
        &[("9007199254740993", true), ("9007199254740992", false)],
    );
    check(r#"{"numeric": [">", 0]}"#, &[("1e999999999999999999999", true), ("[0, 1]", true)]);
}

#[test]
fn a_star_in_a_wildcard_stands_for_anything() {
    check(
        r#"{"wildcard": "org-0*/service-*"}"#,
        &[(r#""org-01/service-7""#, true), (r#""org-0/service-""#, true), (r#""org-1/x""#, false)],
    );
    check(r#"{"wildcard": "*bc"}"#, &[(r#""abc""#, true), (r#""bc""#, true), (r#""bcd""#, false)]);
    check(r#"{"wildcard": "*"}"#, &[(r#""""#, true), ("1", false), ("null", false)]);
    check(r#"{"wildcard": "a\\*b"}"#, &[(r#""a*b""#, true), (r#""axb""#, false)]);
    check(r#"{"wildcard": "a\\\\*"}"#, &[(r#""a\\b""#, true), (r#""ab""#, false)]);
    check(r#"{"shellstyle": "*a*c*"}"#, &[(r#""abcd""#, true), (r#""ca""#, false)]);
}

#[test]
fn cidr_takes_the_addresses_of_a_network() {
    check(
        r#"{"cidr": "10.0.0.0/22"}"#,
        &[
            (r#""10.0.3.255""#, true),
            (r#""10.0.4.0""#, false),
            (r#""10.0.0""#, false),
            ("10", false),
            (r#""::ffff:10.0.0.1""#, false),
        ],
    );
    check(r#"{"cidr": "220.160.153.171/31"}"#, &[(r#""220.160.153.170""#, true)]);
    check(
        r#"{"cidr": "2001:db8::/32"}"#,
        &[(r#""2001:DB8:1::1""#, true), (r#""2001:db9::""#, false)],
    );
    check(r#"{"cidr": "0.0.0.0/0"}"#, &[(r#""255.255.255.255""#, true), (r#""::1""#, false)]);
}

#[test]
fn a_regular_expression_is_looked_for_anywhere() {
    check(
        r#"{"regex": "^v\\d+\\.\\d+$"}"#,
        &[(r#""v1.20""#, true), (r#""v1.20-rc1""#, false), ("1", false)],
    );
    check(r#"{"regex": "(?i)hotfix|urgent"}"#, &[(r#""an URGENT one""#, true), (r#""x""#, false)]);
}

#[test]
fn one_branch_of_or_is_enough() {
    let either = r#"{"s": "x", "$or": [{"a": 1, "b": 1}, {"c": [{"numeric": [">", 5]}]}]}"#;
    for (event, expected) in [
        (r#"{"s": "x", "a": 1, "b": 1}"#, true),
        (r#"{"s": "x", "c": 6}"#, true),
        (r#"{"s": "x", "a": 1}"#, false),
        (r#"{"s": "y", "c": 6}"#, false),
        (r#"{"s": "x"}"#, false),
    ] {
        assert_eq!(matches(either, event), expected, "{event}");
    }
    let nested = r#"{"d": {"$or": [{"a": 1}, {"b": 1, "$or": [{"c": 1}, {"d": 1}]}]}}"#;
    assert!(matches(nested, r#"{"d": {"a": 1}}"#));
    assert!(matches(nested, r#"{"d": {"b": 1, "d": 1}}"#));
    assert!(!matches(nested, r#"{"d": {"b": 1}}"#));
    let replaced = r#"{"name": ["a"], "$or": [{"name": [{"anything-but": "a"}]}, {"c": 1}]}"#;
    assert!(matches(replaced, r#"{"name": "z"}"#), "a branch replaces what is outside of it");
    assert!(!matches(replaced, r#"{"name": "a"}"#));
    assert!(matches(replaced, r#"{"name": "a", "c": 1}"#));
    let in_one_element = r#"{"l": {"$or": [{"a": 1}, {"b": 1}], "c": 1}}"#;
    assert!(matches(in_one_element, r#"{"l": [{"a": 2}, {"b": 1, "c": 1}]}"#));
    assert!(!matches(in_one_element, r#"{"l": [{"a": 1}, {"c": 1}]}"#));
    assert!(matches(r#"{"'$or'": 1}"#.replace('\'', "\\\"").as_str(), r#"{"$or": 1}"#));
}
