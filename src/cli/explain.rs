//! `kabari explain`: what do the rules make of an event, and why?

use std::process::ExitCode;

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::input::{EventInput, EventRead, RuleFile, StoreUrl};
use super::output;
use crate::bubble;
use crate::clock;
use crate::model::{Message, State};
use crate::pipeline::RuleTrace;
use crate::wachat;

/// Show what the rules make of an event, and why; sends nothing
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    input: EventInput,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
    /// Also show the rules that want another kind
    #[arg(long)]
    all: bool,
    /// Exit with 1 unless this rule matches
    #[arg(long, value_name = "RULE")]
    expect: Option<String>,
    /// For programs
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = match self.rules.load_lenient() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let store = self.store.store.clone().unwrap_or_else(|| loaded.settings.store.clone());
        let read = self.input.read(&loaded.pipeline, &store).await?;
        let traces = loaded.pipeline.explain(&read.event, &read.json);
        let messages = loaded.pipeline.messages(&read.event, read.json.clone(), clock::now());
        if self.json {
            output::json(&as_json(&read, &traces, &messages))?;
        } else {
            self.print(&read, &traces, &messages);
        }
        let expected = self.expect.as_ref();
        let missed =
            expected.is_some_and(|name| !traces.iter().any(|t| t.matched && t.name == *name));
        Ok(ExitCode::from(if missed { output::NO } else { 0 }))
    }

    fn print(&self, read: &EventRead, traces: &[RuleTrace], messages: &[Message]) {
        let event = &read.event;
        anstream::println!(
            "event  {} {}   {}\n",
            event.source.bold(),
            event.kind.bold(),
            read.origin.dimmed()
        );
        let (shown, other): (Vec<_>, Vec<_>) =
            traces.iter().partition(|trace| self.all || trace.kind.0);
        for trace in &shown {
            print_trace(trace, &event.kind);
        }
        if !other.is_empty() {
            let (rules, want) =
                if other.len() == 1 { ("rule", "wants") } else { ("rules", "want") };
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
}

fn print_trace(trace: &RuleTrace, kind: &str) {
    anstream::println!("{} {}", mark(trace.matched), trace.name.bold());
    let wanted = if trace.kind.1.is_empty() { "any".to_owned() } else { trace.kind.1.join(" or ") };
    anstream::println!("    {} kind   {kind}   wants {wanted}", mark(trace.kind.0));
    for step in &trace.pattern {
        anstream::print!("    {} match  {}   wants {}", mark(step.holds), step.path, step.wants);
        anstream::println!("   saw {}", step.saw);
    }
    for step in &trace.when {
        anstream::println!(
            "    {} when   {}   {}",
            mark(step.holds),
            step.wants,
            step.saw.dimmed()
        );
    }
    if let Some(error) = &trace.when_error {
        anstream::println!("    {} when   {}", mark(false), error);
    }
}

fn print_nearest(shown: &[&RuleTrace]) {
    let nearest = shown.iter().map(|trace| (failed_steps(trace), trace)).min_by_key(|(n, _)| *n);
    match nearest {
        Some((count, trace)) => {
            let conditions = if count == 1 { "condition" } else { "conditions" };
            anstream::println!("No message. Closest: {}, {count} {conditions} short.", trace.name);
            if let Some(step) = trace.pattern.iter().find(|step| !step.holds) {
                anstream::println!("Try it:  kabari explain … --set {}=VALUE", step.path);
            }
        }
        None => anstream::println!("No message: no rule wants this kind of event."),
    }
}

fn print_message(message: &Message) {
    let state = if message.state == State::Waiting {
        "would be sent".green().to_string()
    } else {
        format!("{}: {}", message.state.as_str(), message.reason.map_or("", |r| r.as_str()))
    };
    anstream::println!("{}  {state}", message.origin.rule.bold());
    if let Some(detail) = &message.detail {
        anstream::println!("    {detail}");
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

/// The exact request that would be made for a message.
pub(super) fn wachat_request(message: &Message) -> Option<(&'static str, Value)> {
    let recipient = message.recipient.as_ref()?;
    let content = message.content.as_ref()?;
    Some(wachat::request(&message.instance, recipient.expose(), content))
}

fn failed_steps(trace: &RuleTrace) -> usize {
    let pattern = trace.pattern.iter().filter(|step| !step.holds).count();
    let when = trace.when.iter().filter(|step| !step.holds).count();
    pattern + when + usize::from(trace.when_error.is_some())
}

fn mark(holds: bool) -> String {
    if holds { "✓".green().to_string() } else { "✗".red().to_string() }
}

/// The contract of `--json`.
fn as_json(read: &EventRead, traces: &[RuleTrace], messages: &[Message]) -> Value {
    let event = &read.event;
    json!({
        "event": { "source": event.source, "kind": event.kind, "id": event.id },
        "rules": traces.iter().map(trace_json).collect::<Vec<_>>(),
        "messages": messages.iter().map(message_json).collect::<Vec<_>>(),
    })
}

fn trace_json(trace: &RuleTrace) -> Value {
    let mut why = vec![json!({ "what": "kind", "wants": trace.kind.1, "holds": trace.kind.0 })];
    why.extend(trace.pattern.iter().map(|step| {
        json!({ "what": "match", "path": step.path, "wants": step.wants, "saw": step.saw,
                "holds": step.holds })
    }));
    why.extend(trace.when.iter().map(
        |step| json!({ "what": "when", "wants": step.wants, "saw": step.saw, "holds": step.holds }),
    ));
    why.extend(
        trace
            .when_error
            .iter()
            .map(|error| json!({ "what": "when", "error": error, "holds": false })),
    );
    json!({ "name": trace.name, "matched": trace.matched, "why": why })
}

fn message_json(message: &Message) -> Value {
    let request = wachat_request(message).map(|(_, request)| request);
    json!({ "rule": message.origin.rule, "state": message.state, "reason": message.reason,
            "detail": message.detail, "request": request })
}
