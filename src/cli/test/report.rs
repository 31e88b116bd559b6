//! How is it shown, for people and for programs, whether the tests hold?

use owo_colors::OwoColorize;
use quick_junit::{NonSuccessKind, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::coverage::Coverage;
use super::expect::{Difference, Miss, Sort};
use super::{Outcome, Played, Run};
use crate::admin::Numbers;
use crate::cli::diff::masked;
use crate::cli::explain::short_of;
use crate::cli::output::printable;
use crate::cli::words;
use crate::config::{Loaded, RulePlace, RulePlaces};

/// So many rules that no test reached are named; a rule file may have very many.
const NAMED_MAX: usize = 20;

/// How numbers and colours are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) numbers: Numbers,
    pub(super) colour: bool,
}

/// One test, as it ended.
pub(super) fn print_outcome(outcome: &Outcome, loaded: &Loaded, look: Look) {
    let name = printable(&outcome.case.name);
    if outcome.passed() {
        anstream::println!("{} {name}", "ok  ".green());
        return;
    }
    anstream::println!("{} {}   {}", "FAIL".red(), name.bold(), outcome.case.place.dimmed());
    for line in lines(outcome, loaded, look) {
        anstream::println!("       {line}");
    }
}

/// What is wrong, line by line.
fn lines(outcome: &Outcome, loaded: &Loaded, look: Look) -> Vec<String> {
    match &outcome.result {
        Err(trouble) => vec![printable(trouble)],
        Ok((played, misses)) => {
            misses.iter().flat_map(|miss| miss_lines(miss, played, loaded, look)).collect()
        }
    }
}

fn miss_lines(miss: &Miss, played: &Played, loaded: &Loaded, look: Look) -> Vec<String> {
    match miss {
        Miss::Different { rule, fields } => {
            let mut lines =
                vec![format!("{} made another message than expected:", printable(rule))];
            for field in fields {
                lines.extend(field_lines(field, look).into_iter().map(|line| format!("  {line}")));
            }
            lines
        }
        Miss::NotExpected(message) => {
            let rule = message["rule"].as_str().unwrap_or_default();
            let state = message["state"].as_str().unwrap_or_default();
            let reason = message["reason"].as_str().map(|it| format!(": {it}")).unwrap_or_default();
            let mut lines = vec![format!(
                "{} made a message that is not expected ({state}{reason}):",
                printable(rule)
            )];
            let detail = message["detail"].as_str();
            lines.extend(detail.map(|detail| format!("  {}", printable(detail))));
            if message["request"].is_object() {
                let request = masked("", &message["request"], look.numbers);
                lines.push(format!("  {}", printable(&request.to_string())));
            }
            lines
        }
        Miss::NotMade(expected) => {
            let Some(rule) = expected.get("rule").and_then(Value::as_str) else {
                let all = Value::from_iter(expected.clone());
                return vec![format!("no message like {}", masked("", &all, look.numbers))];
            };
            let mut lines = vec![format!("{} made no such message", printable(rule))];
            lines.extend(
                why_not(rule, played, loaded, look).into_iter().map(|it| format!("  {it}")),
            );
            lines
        }
    }
}

/// The conditions of a rule that did not hold.
fn why_not(rule: &str, played: &Played, loaded: &Loaded, look: Look) -> Vec<String> {
    let traces = loaded.pipeline.explain(&played.event, &played.json);
    let Some(trace) = traces.into_iter().find(|trace| trace.name == rule) else {
        let known = loaded.pipeline.rule_names().any(|name| name == rule);
        let why = if known { "it listens to another source" } else { "there is no such rule" };
        return vec![why.to_owned()];
    };
    let nowhere = RulePlace::default();
    let place = loaded.places.get(rule).unwrap_or(&nowhere);
    short_of(&trace, &played.event.kind, place, look.numbers)
}

fn field_lines(difference: &Difference, look: Look) -> Vec<String> {
    let Difference { field, sort, expected, got } = difference;
    let name = format!("{field:9}");
    let both = expected.as_str().zip(got.as_str());
    if field == "message"
        && *sort == Sort::Equal
        && let Some((expected, got)) = both
    {
        return indented(&name, &words::changed(expected, got, look.colour));
    }
    let show = |value: &Value| match masked(field, value, look.numbers) {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => printable(&text),
        other => printable(&other.to_string()),
    };
    let (wanted, seen) = (show(expected), show(got));
    let wants = if *sort == Sort::Contain { "contains" } else { "expected" };
    let mut lines = vec![
        format!("{name} {wants:8}  {}", wanted.green()),
        format!("{:9} got       {}", "", seen.red()),
    ];
    if wanted == seen {
        lines.push(format!("{:9} they differ in what is hidden: --full shows it", ""));
    }
    lines
}

/// A text of several lines behind a name.
fn indented(name: &str, text: &str) -> Vec<String> {
    let mut lines = text.split('\n');
    let first = format!("{name} {}", lines.next().unwrap_or_default());
    let rest = lines.map(|line| format!("{:width$} {line}", "", width = name.chars().count()));
    std::iter::once(first).chain(rest).collect()
}

/// What no test reached.
pub(super) fn print_coverage(coverage: &Coverage, places: &RulePlaces) {
    let at =
        |rule: &str| places.get(rule).map_or(String::new(), |place| format!(" ({})", place.at));
    let (rules, reached) = coverage.counts();
    if rules == 0 {
        return;
    }
    anstream::println!("rules reached: {reached} of {rules} ({} %)", coverage.percent());
    let never: Vec<&str> = coverage.never().collect();
    if !never.is_empty() {
        let named = never.iter().take(NAMED_MAX);
        let named: Vec<_> =
            named.map(|rule| format!("{}{}", printable(rule), at(rule).dimmed())).collect();
        let more = never.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        anstream::println!("{} {}{more}", "rules never reached:".yellow(), named.join(", "));
    }
    for (rule, left) in coverage.partly().take(NAMED_MAX) {
        for way in left {
            let path = if way.path.is_empty() { String::new() } else { format!("{} ", way.path) };
            let wants = printable(&format!("{} {path}{}", way.word, way.wants));
            let place = at(rule);
            anstream::println!("  {} never by {wants}{}", printable(rule), place.dimmed());
        }
    }
}

/// The contract of `--json`.
pub(super) fn json(run: &Run, loaded: &Loaded, look: Look) -> Value {
    let tests: Vec<Value> =
        run.outcomes.iter().map(|outcome| outcome_json(outcome, loaded, look)).collect();
    json!({
        "passed": run.passed(), "failed": run.failed(), "tests": tests,
        "coverage": run.coverage.as_ref().map(|it| it.json(&loaded.places)),
    })
}

fn outcome_json(outcome: &Outcome, loaded: &Loaded, look: Look) -> Value {
    let misses = match &outcome.result {
        Err(trouble) => vec![json!({ "what": "trouble", "text": trouble })],
        Ok((_, misses)) => misses.iter().map(|miss| miss_json(miss, look)).collect(),
    };
    let plain = Look { colour: false, ..look };
    json!({ "name": outcome.case.name, "at": outcome.case.place, "passed": outcome.passed(),
            "failures": misses, "text": lines(outcome, loaded, plain).iter()
                .map(|line| anstream::adapter::strip_str(line).to_string()).collect::<Vec<_>>() })
}

fn miss_json(miss: &Miss, look: Look) -> Value {
    match miss {
        Miss::NotMade(expected) => {
            let expected = masked("", &Value::from_iter(expected.clone()), look.numbers);
            json!({ "what": "missing", "expected": expected })
        }
        Miss::NotExpected(message) => {
            let request = masked("", &message["request"], look.numbers);
            json!({ "what": "unexpected", "rule": message["rule"], "state": message["state"],
                    "reason": message["reason"], "request": request })
        }
        Miss::Different { rule, fields } => {
            let fields: Vec<Value> = fields.iter().map(|it| {
                json!({ "field": it.field, "expected": masked(&it.field, &it.expected, look.numbers),
                        "got": masked(&it.field, &it.got, look.numbers) })
            }).collect();
            json!({ "what": "different", "rule": rule, "fields": fields })
        }
    }
}

/// The report that CI servers read (`JUnit`'s XML).
pub(super) fn junit(run: &Run, loaded: &Loaded, look: Look) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("kabari test");
    let plain = Look { colour: false, ..look };
    for outcome in &run.outcomes {
        let mut status = TestCaseStatus::success();
        if !outcome.passed() {
            let text = lines(outcome, loaded, plain).join("\n");
            let text = anstream::adapter::strip_str(&text).to_string();
            let is_trouble = outcome.result.is_err();
            let kind = if is_trouble { NonSuccessKind::Error } else { NonSuccessKind::Failure };
            status = TestCaseStatus::non_success(kind);
            status.set_message(text.lines().next().unwrap_or_default());
            status.set_description(format!("{}\n{text}", outcome.case.place));
        }
        let mut case = quick_junit::TestCase::new(outcome.case.name.as_str(), status);
        case.set_classname(outcome.case.source.as_str());
        if let Some((file, line)) = outcome.case.place.rsplit_once(':') {
            case.extra.insert("file".into(), file.into());
            case.extra.insert("line".into(), line.into());
        }
        suite.add_test_case(case);
    }
    let mut report = quick_junit::Report::new("kabari");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}
