//! How is it shown, for people and for programs, which messages differ?

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::compare::{Change, Field, What, masked};
use crate::admin::Numbers;
use crate::cli::output::{self, printable};
use crate::cli::words;
use crate::model::{Event, counted};

/// So many differences of one sort are shown of each rule; all are counted.
const EXAMPLES: u64 = 3;

/// How many messages of a rule differ.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    added: u64,
    lost: u64,
    changed: u64,
}

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) numbers: Numbers,
    pub(super) json: bool,
    /// Every difference, not only a few of each rule.
    pub(super) all: bool,
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Report {
    look: Look,
    rules: BTreeMap<String, Count>,
    events: u64,
    /// Differences that were counted and not shown.
    hidden: u64,
    /// Whether a difference was printed.
    begun: bool,
}

impl Count {
    fn of(&mut self, what: What) -> &mut u64 {
        match what {
            What::Added => &mut self.added,
            What::Lost => &mut self.lost,
            What::Changed => &mut self.changed,
        }
    }

    fn sum(self) -> u64 {
        self.added + self.lost + self.changed
    }
}

impl Report {
    pub(super) fn new(look: Look) -> Self {
        Self { look, rules: BTreeMap::new(), events: 0, hidden: 0, begun: false }
    }

    /// One more event was replayed; `label` says where it is to be found.
    pub(super) fn note(&mut self, event: &Event, label: &str, changes: &[Change]) {
        self.events += 1;
        for change in changes {
            let count = self.rules.entry(change.rule.clone()).or_default().of(change.what);
            *count += 1;
            if self.look.json {
                let comma = if self.begun { "," } else { "{\"differences\":[" };
                anstream::print!("{comma}{}", change.json(self.look.numbers));
            } else if self.look.all || *count <= EXAMPLES {
                self.print(event, label, change);
            } else {
                self.hidden += 1;
            }
            self.begun = true;
        }
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    fn print(&self, event: &Event, label: &str, change: &Change) {
        let sign = match change.what {
            What::Added => "+".green().to_string(),
            What::Lost => "-".red().to_string(),
            What::Changed => "~".yellow().to_string(),
        };
        let number = masked("number", &change.message["request"]["number"], self.look.numbers);
        let to = number.as_str().unwrap_or("nobody");
        let (rule, kind) = (printable(&change.rule), printable(&event.kind));
        anstream::println!(
            "{sign} {}   {} {kind} → {}   {}",
            rule.bold(),
            printable(&event.source),
            printable(to),
            label.dimmed()
        );
        for line in self.about(change) {
            anstream::println!("    {line}");
        }
    }

    /// What is said of one difference, line by line.
    fn about(&self, change: &Change) -> Vec<String> {
        if change.what != What::Changed {
            let state = change.message["state"].as_str().unwrap_or_default();
            let words = ["reason", "detail"].map(|name| change.message[name].as_str());
            let words: Vec<&str> = words.into_iter().flatten().collect();
            let caption = change.message["request"]["message"].as_str().unwrap_or_default();
            let mut lines: Vec<String> = caption.lines().map(printable).collect();
            if state != "waiting" {
                lines.insert(0, printable(&format!("{state}: {}", words.join(": "))));
            }
            return lines;
        }
        let mut lines = Vec::new();
        for field in &change.fields {
            let texts = field.old.as_str().zip(field.new.as_str());
            let shown = match texts.filter(|_| field.name == "message") {
                Some((old, new)) => words::changed(old, new, output::colour()),
                None => self.exchanged(field),
            };
            let mut rest = shown.split('\n');
            lines.push(format!("{:9} {}", field.name, rest.next().unwrap_or_default()));
            lines.extend(rest.map(|line| format!("{:9} {line}", "")));
        }
        lines
    }

    fn exchanged(&self, field: &Field) -> String {
        let show = |value| match masked(&field.name, value, self.look.numbers) {
            Value::Null => "nothing".to_owned(),
            Value::String(text) => printable(&text),
            other => printable(&other.to_string()),
        };
        let (old, new) = (show(&field.old), show(&field.new));
        let hint = if old == new { " (in what is hidden: --full)" } else { "" };
        format!("{} → {}{hint}", old.red(), new.green())
    }

    /// The end of it; whether there was any difference.
    pub(super) fn finish(&self, what: &str) -> anyhow::Result<bool> {
        let mut all = Count::default();
        for count in self.rules.values() {
            all.added += count.added;
            all.lost += count.lost;
            all.changed += count.changed;
        }
        if self.look.json {
            self.finish_json(all);
            return Ok(all.sum() > 0);
        }
        if self.hidden > 0 {
            anstream::println!("… and {} more like these (--all shows them)", self.hidden);
        }
        if self.begun {
            anstream::println!();
            let rows = self.rules.iter().map(|(rule, count)| {
                let numbers = [count.added, count.lost, count.changed].map(|n| n.to_string());
                std::iter::once(rule.clone()).chain(numbers).collect()
            });
            output::table(&["rule", "added", "lost", "changed"], rows.collect())?;
            anstream::println!();
        }
        anstream::println!(
            "+{} −{} ~{}   {} {what}",
            all.added,
            all.lost,
            all.changed,
            counted(self.events, "event")
        );
        Ok(all.sum() > 0)
    }

    fn finish_json(&self, all: Count) {
        let count_json = |count: &Count| json!({ "added": count.added, "lost": count.lost, "changed": count.changed });
        let rules: serde_json::Map<String, Value> =
            self.rules.iter().map(|(rule, count)| (rule.clone(), count_json(count))).collect();
        let begin = if self.begun { "" } else { "{\"differences\":[" };
        let rules = Value::Object(rules);
        anstream::println!(
            "{begin}],\"events\":{},\"added\":{},\"lost\":{},\"changed\":{},\"rules\":{rules}}}",
            self.events,
            all.added,
            all.lost,
            all.changed
        );
    }
}
