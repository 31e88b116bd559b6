//! `kabari explain`: what do the rules make of an event, and why?

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::input::{EventInput, EventRead, RuleFile, StoreUrl};
use super::{explained, output};
use crate::clock;
use crate::model::Message;
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
            explained::print(&read, &traces, &messages, &loaded.places, self.all);
        }
        let expected = self.expect.as_ref();
        let missed =
            expected.is_some_and(|name| !traces.iter().any(|t| t.matched && t.name == *name));
        Ok(ExitCode::from(if missed { output::NO } else { 0 }))
    }
}

/// The exact request that would be made for a message.
pub(super) fn wachat_request(message: &Message) -> Option<(&'static str, Value)> {
    let recipient = message.recipient.as_ref()?;
    let content = message.content.as_ref()?;
    Some(wachat::request(&message.instance, recipient.expose(), content))
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
