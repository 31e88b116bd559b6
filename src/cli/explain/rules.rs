//! How is it shown, for people, what each rule makes of an event?

use owo_colors::OwoColorize;
use serde_json::Value;

use super::names;
use crate::admin::Numbers;
use crate::cli::output::printable;
use crate::config::{RulePlace, RulePlaces};
use crate::model::{counted, mask_if_phone};
use crate::pipeline::RuleTrace;

/// Where a line ends that has its place in the rule file at its end.
const WIDTH: usize = 80;
/// Longer paths and conditions push aside what follows them.
const COLUMN_MAX: usize = 40;

/// One line about a condition.
pub(super) struct Line {
    /// `kind`, `match`, `when`, `let`, `each`; empty if it goes on with the line above.
    pub(super) word: &'static str,
    /// Unknown where it is no condition.
    pub(super) holds: Option<bool>,
    pub(super) text: String,
    /// Its line in the rule file.
    pub(super) at: Option<usize>,
}

/// Prints the rules: those that match first, then the nearest misses.
pub(super) fn print(
    traces: &[RuleTrace],
    kind: &str,
    places: &RulePlaces,
    all: bool,
    numbers: Numbers,
) {
    let nowhere = RulePlace::default();
    let (mut shown, other): (Vec<_>, Vec<_>) = traces.iter().partition(|trace| all || trace.kind.0);
    shown.sort_by_key(|trace| (!trace.matched, shortfall(trace)));
    for trace in shown {
        print_trace(trace, kind, places.get(&trace.name).unwrap_or(&nowhere), numbers);
    }
    if !other.is_empty() {
        let (rules, want) = if other.len() == 1 { ("rule", "wants") } else { ("rules", "want") };
        anstream::println!("· {} {rules} {want} another kind (--all shows them)", other.len());
    }
    anstream::println!();
}

fn print_trace(trace: &RuleTrace, kind: &str, place: &RulePlace, numbers: Numbers) {
    let name = printable(&trace.name);
    let gap = WIDTH.saturating_sub(2 + name.chars().count() + place.at.chars().count()).max(2);
    let at = place.at.dimmed();
    anstream::println!("{} {}{}{at}", mark(trace.matched), name.bold(), " ".repeat(gap));
    for line in lines(trace, kind, place, numbers) {
        let mark = match line.holds {
            _ if line.word.is_empty() => " ".to_owned(),
            Some(holds) => mark(holds),
            None => "·".dimmed().to_string(),
        };
        let at = line.at.map_or(String::new(), |line| format!(":{line}"));
        let used = "    x match  ".len() + line.text.chars().count() + at.len();
        let gap = if at.is_empty() { 0 } else { WIDTH.saturating_sub(used).max(2) };
        let (word, text) = (line.word, line.text);
        anstream::println!("    {mark} {word:5}  {text}{}{}", " ".repeat(gap), at.dimmed());
    }
}

/// The conditions of a rule that do not hold, a line each with its place.
pub(in crate::cli) fn short_of(
    trace: &RuleTrace,
    kind: &str,
    place: &RulePlace,
    numbers: Numbers,
) -> Vec<String> {
    let file = place.at.rsplit_once(':').map_or("", |(file, _)| file);
    let failed =
        lines(trace, kind, place, numbers).into_iter().filter(|line| line.holds == Some(false));
    let shown = failed.map(|line| {
        let mark = if line.word.is_empty() { " ".to_owned() } else { mark(false) };
        let at = line.at.map_or(String::new(), |line| format!("   {file}:{line}"));
        format!("{mark} {:5}  {}{}", line.word, line.text, at.dimmed())
    });
    shown.collect()
}

/// Every condition with what it saw.
fn lines(trace: &RuleTrace, kind: &str, place: &RulePlace, numbers: Numbers) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |word, holds: bool, text: &str, at| {
        let text = printable(text);
        let text = if numbers == Numbers::Full { text } else { discreet(&text) };
        lines.push(Line { word, holds: Some(holds), text, at });
    };
    if !trace.kind.0 {
        let wants = format!("{kind}   wants {}", trace.kind.1.join(" or "));
        add("kind", false, &wants, place.kind);
        return lines;
    }
    add("kind", true, kind, None);
    let width = column(trace.pattern.iter().map(|step| step.path.as_str()));
    for step in &trace.pattern {
        let line = place.pattern.get(&step.path).copied();
        let path = format!("{:width$}", step.path);
        if step.holds {
            add("match", true, &format!("{path}   {}", step.saw), line);
        } else {
            add("match", false, &format!("{path}   wants {}", step.wants), None);
            let indent = " ".repeat(path.chars().count());
            add("", false, &format!("{indent}   saw   {}", step.saw), line);
        }
    }
    let width = column(trace.when.iter().map(|step| step.wants.as_str()));
    for step in &trace.when {
        let line = format!("{:width$}   {}", step.wants, step.saw);
        if line.chars().count() <= WIDTH {
            add("when", step.holds, &line, place.when);
        } else {
            add("when", step.holds, &step.wants, place.when);
            add("", step.holds, &step.saw, None);
        }
    }
    let told = |error: &&String| !trace.when.iter().any(|step| step.saw == **error);
    for error in trace.when_error.iter().filter(told) {
        add("when", false, error, place.when);
    }
    lines.extend(names::lines(trace, place, numbers));
    lines
}

/// How wide a column is that these stand in.
fn column<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    texts.map(|text| text.chars().count()).filter(|width| *width <= COLUMN_MAX).max().unwrap_or(0)
}

/// Says which rule came nearest, and what to change to see it match.
pub(super) fn print_nearest(traces: &[RuleTrace]) {
    let of_this_kind = traces.iter().filter(|trace| trace.kind.0);
    let Some(trace) = of_this_kind.min_by_key(|trace| shortfall(trace)) else {
        anstream::println!("No message: no rule wants this kind of event.");
        return;
    };
    let (name, conditions) = (printable(&trace.name), counted(shortfall(trace), "condition"));
    anstream::println!("No message. Closest: {name}, {conditions} short.");
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

/// How many conditions did not hold.
fn shortfall(trace: &RuleTrace) -> usize {
    let pattern = trace.pattern.iter().filter(|step| !step.holds).count();
    let when = trace.when.iter().filter(|step| !step.holds).count();
    let undecided = usize::from(when == 0 && trace.when_error.is_some());
    // A rule for another kind is further off than any for this one.
    let kind = if trace.kind.0 { 0 } else { usize::MAX / 2 };
    kind + pattern + when + undecided
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

/// The text with what may be the number of a phone masked, wherever it stands in quotes.
pub(super) fn discreet(text: &str) -> String {
    let parts: Vec<_> = text.split('"').map(mask_if_phone).collect();
    parts.join("\"")
}

fn mark(holds: bool) -> String {
    if holds { "✓".green().to_string() } else { "✗".red().to_string() }
}

#[cfg(test)]
mod tests {
    use super::discreet;

    #[test]
    fn a_number_in_quotes_is_masked_and_the_rest_is_left() {
        let text = "phone   \"+62 812-3456-7890\" == \"081234567890\" on 2026-01-02";
        let shown = "phone   \"+62 8••••7890\" == \"08123••••7890\" on 2026-01-02";
        assert_eq!(discreet(text), shown);
    }
}
