//! Has every problem its place, for people and for programs?

use super::{lenient, lines, strict};

#[test]
fn a_report_shows_the_line_with_carets_and_ends_with_a_summary() {
    let text = "wachat: { token: \"${NOT_SET}\", instance: phone }\nruels: []\n";
    let shown = lenient(text).unwrap_err().render(false);
    assert!(shown.contains("error[unknown-key]: unknown key `ruels`"), "{shown}");
    assert!(shown.contains("--> rules.yaml:2:1"), "{shown}");
    assert!(shown.contains("ruels: []\n  | ^^^^^"), "{shown}");
    assert!(shown.contains("= help: did you mean `rules`?"), "{shown}");
    let last = shown.lines().last().unwrap();
    assert_eq!(last, "rules.yaml: 0 rules, 0 sources: 1 error, 1 warning. Not set here: NOT_SET.");
}

/// File, line, column, code and path of the first problem in `check --format json`.
fn first_in_json(text: &str) -> (u64, u64, String, String) {
    let json = strict(text).unwrap_err().json();
    let first = json.as_array().unwrap().iter().find(|it| it["severity"] == "error").unwrap();
    let word = |key: &str| first[key].as_str().unwrap().to_owned();
    (first["line"].as_u64().unwrap(), first["column"].as_u64().unwrap(), word("code"), word("path"))
}

#[test]
fn every_problem_has_its_place_in_the_report_for_programs() {
    let head = "wachat: { token: x, instance: phone }\n";
    for (text, line, column, code, path) in [
        // A missing key is at its mapping's key, a duplicate at the second.
        ("wachat:\n  instance: p\n", 1, 1, "missing-key", "wachat.token"),
        ("wachat:\n  instance: p\n  token: x\n  token: z\n", 4, 3, "duplicate-key", "wachat.token"),
        // An unclosed quote is where it opens, whatever comes after it.
        ("wachat:\n  token: x\n  instance: \"y\nrules:\n  - a\n", 3, 13, "yaml-quote", ""),
        ("wachat:\n  token: x\n  instance: 'y\nrules: 'z'\n", 3, 13, "yaml-quote", ""),
        ("wachat:\n\ttoken: x\n", 2, 1, "yaml-tab", ""),
        (
            "\u{feff}wachat:\r\n  token: x\r\n  instance: no\r\n",
            3,
            13,
            "yaml-type",
            "wachat.instance",
        ),
        (
            "{\"wachat\": {\"token\": \"é\", \"instance\": 7e1}}",
            1,
            39,
            "yaml-type",
            "wachat.instance",
        ),
    ] {
        let expected = (line, column, code.to_owned(), path.to_owned());
        assert_eq!(first_in_json(text), expected, "{text:?}");
    }
    let rule = format!("{head}rules:\n  - name: a\n    source: s\n    send:\n      message: x\n");
    let found = strict(&rule).unwrap_err();
    let shown = lines(&found);
    let missing = "5:5 error[missing-key] rules[0].send.number: the key `number` is missing";
    assert!(shown.iter().any(|line| line == missing), "{shown:#?}");
}

#[test]
fn a_report_for_programs_has_every_field() {
    let json = strict("wachat: { token: \"${T}\", instance: no }\n").unwrap_err().json();
    let expected = serde_json::json!([{
        "file": "rules.yaml", "line": 1, "column": 36, "severity": "error", "code": "yaml-type",
        "path": "wachat.instance", "message": "`no` means true or false in YAML",
        "help": "put it in quotes: \"no\"",
    }]);
    assert_eq!(json, expected);
}
