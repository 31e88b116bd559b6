//! `kabari test`: does it tell which tests hold, and what is wrong with the others?

use serde_json::{Value, json};

use super::{RULES, Said, home_with};
use crate::support::kabari::Home;

/// A rule with alternatives, and one that no test reaches.
const MORE_RULES: &str = r#"
  - name: ci-failed
    source: github
    kind: [workflow_run.completed, check_run.completed]
    match: { workflow_run.conclusion: [failure, timed_out] }
    when: event.workflow_run.run_attempt == 1 or event.workflow_run.event == "schedule"
    send: { number: 120363000000000000@g.us, message: "{{ event.workflow_run.name }} at {{ received_at }}" }
  - name: refund
    source: stripe
    kind: charge.refunded
    send: { number: "0812-3456-7890", message: refunded }
"#;

const GOOD: &str = r#"
tests:
  - name: the whole request is as it should be
    source: github
    event: { sample: github/push, set: { sender.login: ann } }
    expect:
      - rule: pushed
        exactly:
          instanceName: jakarta_store
          number: "6281234567890"
          message: |
            ann pushed
  - name: nobody to send to
    source: stripe
    event: { sample: stripe/invoice.paid, set: { livemode: true, data.object.customer_phone: null } }
    expect: [{ rule: paid, state: skipped, reason: no recipient }]
  - name: nothing was paid
    source: stripe
    event: { sample: stripe/invoice.paid, set: { data.object.amount_paid: 0 } }
    expect: []
  - name: a signed request at a known time
    source: github
    signed: true
    kind: workflow_run
    now: 2026-03-01T09:00:00+07:00
    headers: { X-GitHub-Event: workflow_run, X-GitHub-Delivery: d-1 }
    event:
      body:
        action: completed
        workflow_run: { conclusion: failure, run_attempt: 1, name: nightly, event: push, jobs: 3 }
      unset: [workflow_run.jobs]
    expect: [{ rule: ci-failed, type: text, contains: [nightly, "2026-03-01T02:00:00Z"] }]
  - name: a file
    source: github
    kind: push
    event: { file: events/push.json }
    expect: [{ message: bea pushed, number: "6281234567890" }]
"#;

/// An installation with these rules and tests, and one event in a file.
fn home(tests: &str) -> Home {
    let home = home_with(&format!("{RULES}{MORE_RULES}{tests}"), "http://127.0.0.1:1");
    std::fs::create_dir(home.path("events")).unwrap();
    std::fs::write(home.path("events/push.json"), r#"{"sender":{"login":"bea"}}"#).unwrap();
    home
}

fn run(home: &Home, words: &[&str]) -> Said {
    home.say(words, "").into()
}

#[test]
fn tests_that_hold_are_named_and_what_none_reached_is_told() {
    let said = run(&home(GOOD), &["test"]).is(0);
    let expected = "\
ok   the whole request is as it should be
ok   nobody to send to
ok   nothing was paid
ok   a signed request at a known time
ok   a file

5 passed, 0 failed
rules reached: 3 of 4 (75 %)
rules never reached: refund (rules.yaml:37)
  ci-failed never by kind check_run.completed (rules.yaml:31)
  ci-failed never by match workflow_run.conclusion \"timed_out\" (rules.yaml:31)
  ci-failed never by when event == \"schedule\" (rules.yaml:31)
";
    assert_eq!(said.out, expected);
}

const BAD: &str = r#"
tests:
  - name: another caption
    source: github
    event: { sample: github/push, set: { sender.login: ann } }
    expect: [{ rule: pushed, message: bea has pushed, number: "6281234567891", type: image }]
  - name: not made
    source: stripe
    event: { sample: stripe/invoice.paid, set: { data.object.amount_paid: 0 } }
    expect: [{ rule: paid }]
  - name: not expected
    source: github
    event: { sample: github/push, set: { sender.login: ann } }
    expect: []
  - name: more than there is
    source: github
    event: { sample: github/push, set: { sender.login: ann } }
    expect: [{ exactly: { number: "6281234567890", message: ann pushed } }, { contains: nothing }]
  - name: signed by somebody else
    source: github
    signed: true
    headers: { X-Hub-Signature-256: "sha256=00" }
    event: { sample: github/push }
    expect: []
"#;

#[test]
fn what_is_not_as_expected_is_shown_side_by_side_at_the_line_of_the_test() {
    let said = run(&home(BAD), &["test"]).is(1);
    let (tests, _) = said.out.split_once("\nrules reached").unwrap();
    let expected = "\
FAIL another caption   rules.yaml:43
       pushed made another message than expected:
         message   [-bea has-]{+ann+} pushed
         number    expected  62812••••7891
                   got       62812••••7890
         type      expected  image
                   got       text
FAIL not made   rules.yaml:47
       paid made no such message
         ✗ match  data.object.amount_paid   wants a number > 0
                                            saw   0   rules.yaml:23
FAIL not expected   rules.yaml:51
       pushed made a message that is not expected (waiting):
         {\"instanceName\":\"jakarta_store\",\"message\":\"ann pushed\",\"number\":\"62812••••7890\"}
FAIL more than there is   rules.yaml:55
       pushed made another message than expected:
         instanceName expected  nothing
                   got       jakarta_store
       no message like {\"contains\":[\"nothing\"]}
FAIL signed by somebody else   rules.yaml:59
       refused: X-Hub-Signature-256 is malformed: 64 hex digits expected, got 2 hex digits

0 passed, 5 failed";
    assert_eq!(tests, expected);
    let full = run(&home(BAD), &["test", "--full", "--filter", "ANOTHER caption"]).is(1);
    full.says(&["expected  6281234567891", "0 passed, 1 failed"]);
}

#[test]
fn programs_get_json_and_ci_servers_junit() {
    let home = home(&format!("{GOOD}{}", BAD.split_once("tests:\n").unwrap().1));
    let told = run(&home, &["test", "--json", "--junit", "out.xml"]).is(1);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&told["passed"], &told["failed"]), (&json!(5), &json!(5)));
    assert_eq!(told["tests"][0]["failures"], json!([]));
    let first = &told["tests"][5];
    assert_eq!((&first["name"], &first["passed"]), (&json!("another caption"), &json!(false)));
    assert!(first["at"].as_str().unwrap().starts_with("rules.yaml:"), "{first}");
    let fields = first["failures"][0]["fields"].as_array().unwrap();
    let caption = json!({"field": "message", "expected": "bea has pushed", "got": "ann pushed"});
    assert!(fields.contains(&caption), "{first}");
    assert_eq!(told["coverage"]["never"][0]["rule"], "refund");
    let junit = std::fs::read_to_string(home.path("out.xml")).unwrap();
    for words in [
        "tests=\"10\"",
        "failures=\"4\"",
        "errors=\"1\"",
        "<testcase name=\"a file\" classname=\"github\" file=\"rules.yaml\" line=",
        "message=\"pushed made another message than expected:\"",
    ] {
        assert!(junit.contains(words), "no {words} in {junit}");
    }
    assert!(!junit.contains("6281234567890"), "{junit}");
}

#[test]
fn too_few_reached_rules_fail_where_that_was_asked_for() {
    let home = home(GOOD);
    run(&home, &["test", "--coverage-min", "75"]).is(0);
    run(&home, &["test", "--coverage-min", "76"]).is(1).says(&["--coverage-min 76"]);
    run(&home, &["test", "--filter", "x", "--coverage-min", "1"]).is(2);
    run(&home, &["test", "--filter", "no such test"]).is(0).says(&["no test has this", "5"]);
}

#[test]
fn an_expected_rule_that_is_nowhere_is_a_warning_and_a_test_that_fails() {
    let tests = GOOD.replace("rule: pushed", "rule: pusht");
    run(&home(&tests), &["check"]).is(0).says(&["no rule `pusht`", "did you mean `pushed`?"]);
    run(&home(&tests), &["test"]).is(1).says(&["there is no such rule"]);
    let two = GOOD.replace("file: events/push.json", "file: events/push.json, body: { a: 1 }");
    run(&home(&two), &["test"]).is(1).says(&["either a file or a sample", "`body:`"]);
}

#[tokio::test]
async fn a_test_without_its_file_fails_and_the_server_does_without() {
    let home = home(GOOD);
    std::fs::remove_file(home.path("events/push.json")).unwrap();
    run(&home, &["check"])
        .is(0)
        .says(&["warning[event-file]", "`events/push.json` cannot be read"]);
    let said = run(&home, &["test"]).is(1);
    said.says(&["FAIL a file", "`events/push.json` cannot be read", "4 passed, 1 failed"]);
    assert_eq!(home.start().await.stop().await, Some(0));
}

#[tokio::test]
async fn a_change_of_the_rules_or_of_an_event_runs_the_tests_again() {
    let home = home(GOOD);
    let running = home.spawn(&["test", "--watch", "--filter", "a file"]);
    running.says(0, &["waiting for a change"]).await;
    let before = running.log().len();
    assert!(running.log().contains("1 passed, 0 failed"), "{}", running.log());
    std::fs::write(home.path("events/push.json"), r#"{"sender":{"login":"eve"}}"#).unwrap();
    let said = running.says(before, &["waiting for a change"]).await;
    assert!(said.contains("0 passed, 1 failed"), "{said}");
    let before = running.log().len();
    std::fs::write(home.path("rules.yaml"), "rules: [").unwrap();
    let said = running.says(before, &["waiting for a change"]).await;
    assert!(said.contains("error"), "{said}");
    let before = running.log().len();
    let good = GOOD.replace("bea pushed", "eve pushed");
    std::fs::write(home.path("rules.yaml"), format!("{RULES}{MORE_RULES}{good}")).unwrap();
    let said = running.says(before, &["waiting for a change"]).await;
    assert!(said.contains("1 passed, 0 failed"), "{said}");
}

#[test]
fn a_terminal_gets_colours_unless_they_are_not_wanted() {
    let home = home(BAD);
    let Some(shown) = home.on_terminal("test --filter caption") else { return };
    assert!(shown.contains("\u{1b}[31m"), "{shown}");
    assert!(!shown.contains("[-bea"), "words are coloured instead: {shown}");
    let plain = home.variable("NO_COLOR", "1");
    let Some(shown) = plain.on_terminal("test --filter caption") else { return };
    assert!(!shown.contains("\u{1b}["), "{shown}");
}
