//! `kabari check` in CI: are problems shown beside the changed lines, and can one be silenced?

use std::fs;

use super::{Home, home_with};

const HEAD: &str = "wachat: { token: \"${WACHAT_TOKEN}\", instance: phone }\n\
                    sources: { stripe: { secret: \"${STRIPE_SECRET}\" } }\n";

fn home(rules: &str) -> Home {
    home_with(&format!("{HEAD}{rules}"), "http://127.0.0.1:1")
}

fn check(home: &Home, words: &[&str], code: i32) -> String {
    let words = [&["check", "--rules", "rules.yaml"], words].concat();
    super::Said::from(home.say(&words, "")).is(code).out
}

#[test]
fn a_problem_is_one_workflow_command_in_which_nothing_ends_early() {
    let home = home(
        "rules:\n  - name: a\n    source: stripe\n    knd: 1\n    send: { number: \"6281234567890\", message: \"100%, {{ x:y }}\" }\n",
    );
    let out = check(&home, &["--format", "github"], 1);
    let lines: Vec<&str> = out.lines().collect();
    let key = "::error file=rules.yaml,line=6,endLine=6,col=5,endColumn=8,title=unknown-key::\
               unknown key `knd`%0Adid you mean `kind`?";
    assert_eq!(lines[0], key, "{out}");
    let commands = lines.iter().filter(|line| line.starts_with("::")).count();
    assert_eq!(commands, lines.len() - 1, "a summary and commands alone: {out}");
}

#[test]
fn a_file_name_and_a_message_are_escaped_as_actions_read_them() {
    let home = home("");
    let folder = home.path("a,b:100%");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("rules.yaml"), format!("{HEAD}\"50%:, x\": 1\n")).unwrap();
    let words = ["check", "--format", "github", "--rules", "a,b:100%/rules.yaml"];
    let out = super::Said::from(home.say(&words, "")).is(1).out;
    let first = out.lines().next().unwrap();
    let (properties, message) = first.strip_prefix("::error ").unwrap().split_once("::").unwrap();
    assert!(properties.starts_with("file=a%2Cb%3A100%25/rules.yaml,line=3,"), "{first}");
    assert!(message.starts_with("unknown key `50%25:, x`%0A"), "{first}");
}

#[test]
fn a_warning_that_one_knows_better_than_is_silenced_by_its_code() {
    let home = home(
        "rules:\n  - name: a\n    source: stripe\n    kind: invoice.payed\n    send: { number: \"123\", message: hi }\n",
    );
    let all = check(&home, &["--format", "json"], 0);
    assert!(all.contains("\"unknown-kind\"") && all.contains("\"number\""), "{all}");
    let some = check(&home, &["--format", "json", "--allow", "unknown-kind"], 0);
    assert!(!some.contains("\"unknown-kind\"") && some.contains("\"number\""), "{some}");
    let both = ["--format", "json", "--allow", "unknown-kind", "--allow", "number"];
    assert_eq!(check(&home, &both, 0).trim(), "[]");
}

#[test]
fn errors_cannot_be_silenced_and_only_codes_are_taken() {
    let misspelled = home("ruels: []\n");
    let refused = super::Said::from(misspelled.say(&["check", "--allow", "unknown-key"], "")).is(2);
    assert!(refused.err.contains("unknown-key"), "{refused:?}");
    // Both an error and a warning have this code; the error stays.
    let including = home("include: nowhere.yaml\n");
    let out = check(&including, &["--allow", "include"], 1);
    assert!(out.contains("error[include]"), "{out}");
}
