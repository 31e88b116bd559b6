//! How is it shown, for people, what the rules make of an event?

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::explain::wachat_request;
use super::input::EventRead;
use super::output;
use crate::bubble;
use crate::config::RulePlace;
use crate::model::{Message, State};
use crate::pipeline::RuleTrace;

/// Where a line ends that has its place in the rule file at its end.
const WIDTH: usize = 80;
/// Longer paths and conditions push aside what follows them.
const COLUMN_MAX: usize = 40;

/// Prints the event, each rule with its conditions, and the messages.
pub(super) fn print(
    read: &EventRead,
    traces: &[RuleTrace],
    messages: &[Message],
    places: &BTreeMap<String, RulePlace>,
    all: bool,
) {
    let event = &read.event;
    let (source, kind, origin) =
        (printable(&event.source), printable(&event.kind), printable(&read.origin));
    anstream::println!("event  {} {}   {}\n", source.bold(), kind.bold(), origin.dimmed());
    let (shown, other): (Vec<_>, Vec<_>) = traces.iter().partition(|trace| all || trace.kind.0);
    for trace in &shown {
        print_trace(trace, &event.kind, places.get(&trace.name));
    }
    if !other.is_empty() {
        let (rules, want) = if other.len() == 1 { ("rule", "wants") } else { ("rules", "want") };
        anstream::println!("· {} {rules} {want} another kind (--all shows them)", other.len());
    }
    anstream::println!();
    if messages.is_empty() {
        print_nearest(&shown);
    }
    for message in messages {
        print_message(message);
    }
}

fn print_trace(trace: &RuleTrace, kind: &str, place: Option<&RulePlace>) {
    let no_place = RulePlace::default();
    let place = place.unwrap_or(&no_place);
    let name = printable(&trace.name);
    let gap = WIDTH.saturating_sub(2 + name.chars().count() + place.at.chars().count()).max(2);
    let at = place.at.dimmed();
    anstream::println!("{} {}{}{at}", mark(trace.matched), name.bold(), " ".repeat(gap));
    if trace.kind.0 {
        print_step("kind", true, kind, None);
    } else {
        let wants = format!("{kind}   wants {}", trace.kind.1.join(" or "));
        print_step("kind", false, &wants, place.kind);
        return;
    }
    let column = column(trace.pattern.iter().map(|step| step.path.as_str()));
    for step in &trace.pattern {
        let line = place.pattern.get(&step.path).copied();
        let path = format!("{:column$}", step.path);
        if step.holds {
            print_step("match", true, &format!("{path}   {}", step.saw), line);
        } else {
            print_step("match", false, &format!("{path}   wants {}", step.wants), None);
            let indent = " ".repeat(path.chars().count());
            print_step("", false, &format!("{indent}   saw   {}", step.saw), line);
        }
    }
    let column = self::column(trace.when.iter().map(|step| step.wants.as_str()));
    for step in &trace.when {
        let line = format!("{:column$}   {}", step.wants, step.saw);
        if line.chars().count() <= WIDTH {
            print_step("when", step.holds, &line, place.when);
        } else {
            print_step("when", step.holds, &step.wants, place.when);
            print_step("", step.holds, &step.saw, None);
        }
    }
    let told = |error: &&String| !trace.when.iter().any(|step| step.saw == **error);
    for error in trace.when_error.iter().filter(told) {
        print_step("when", false, error, place.when);
    }
}

/// One condition; without a word it goes on with the line above.
fn print_step(word: &str, holds: bool, text: &str, line: Option<usize>) {
    let text = printable(text);
    let mark = if word.is_empty() { " ".to_owned() } else { mark(holds) };
    let at = line.map_or(String::new(), |line| format!(":{line}"));
    let used = "    x match  ".len() + text.chars().count() + at.len();
    let gap = if at.is_empty() { 0 } else { WIDTH.saturating_sub(used).max(2) };
    anstream::println!("    {mark} {word:5}  {text}{}{}", " ".repeat(gap), at.dimmed());
}

/// How wide a column is that these stand in.
fn column<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.map(|text| text.chars().count()).filter(|width| *width <= COLUMN_MAX).max().unwrap_or(0)
}

fn print_nearest(shown: &[&RuleTrace]) {
    let nearest = shown
        .iter()
        .map(|trace| (failed_steps(trace), trace))
        .min_by_key(|(count, trace)| (!trace.kind.0, *count));
    let Some((count, trace)) = nearest else {
        anstream::println!("No message: no rule wants this kind of event.");
        return;
    };
    let conditions = if count == 1 { "condition" } else { "conditions" };
    let name = printable(&trace.name);
    anstream::println!("No message. Closest: {name}, {count} {conditions} short.");
    let steps = trace.pattern.iter().filter(|step| !step.holds);
    let sets: Vec<String> = steps
        .filter_map(|step| {
            let value = as_argument(step.would_hold.as_ref()?);
            Some(format!("--set {}", in_shell(&format!("{}={value}", step.path))))
        })
        .collect();
    if !sets.is_empty() {
        anstream::println!("Try it:  kabari explain … {}", printable(&sets.join(" ")));
    }
}

/// A JSON value as `--set` takes it: a text that is not taken for another value needs no quotes.
fn as_argument(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) if serde_json::from_str::<Value>(&text).is_err() => text,
        _ => json.to_owned(),
    }
}

/// A word as a shell takes it.
fn in_shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-.,:/=@%+".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn print_message(message: &Message) {
    let state = if message.state == State::Waiting {
        "would be sent".green().to_string()
    } else {
        let reason = message.reason.map_or("", |reason| reason.as_str());
        format!("{}: {reason}", message.state.as_str()).yellow().to_string()
    };
    anstream::println!("{}  {state}", printable(&message.origin.rule).bold());
    if let Some(detail) = &message.detail {
        anstream::println!("    {}", printable(detail));
    }
    if let Some((path, request)) = wachat_request(message) {
        let text = serde_json::to_string_pretty(&request).unwrap_or_default();
        anstream::println!("POST {path}\n{text}");
        if let Some(caption) = request.get("message").and_then(Value::as_str) {
            anstream::println!("{}", "as it will look:".dimmed());
            for line in bubble::terminal(caption, output::colour()).lines() {
                anstream::println!("  │ {line}");
            }
        }
    }
    anstream::println!();
}

fn failed_steps(trace: &RuleTrace) -> usize {
    let pattern = trace.pattern.iter().filter(|step| !step.holds).count();
    let when = trace.when.iter().filter(|step| !step.holds).count();
    let undecided = usize::from(when == 0 && trace.when_error.is_some());
    usize::from(!trace.kind.0) + pattern + when + undecided
}

fn mark(holds: bool) -> String {
    if holds { "✓".green().to_string() } else { "✗".red().to_string() }
}

/// A sender's text without what would move the terminal's cursor or colour.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
