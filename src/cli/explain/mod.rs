//! `kabari explain`: what do the rules make of an event, and why?

mod door;
mod message;
mod rules;
mod names;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use self::door::Door;
use super::input::{EventInput, EventRead, RuleFile, StoreUrl};
use super::output::{self, printable};
use crate::admin::{Numbers, message_json};
use crate::clock;
use crate::config::{Loaded, RulePlaces};
use crate::dispatch::foresee;
use crate::model::Message;
use crate::pipeline::RuleTrace;
use crate::store::{self, Address};

pub(super) use message::print_message;
pub(super) use rules::short_of;

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
    /// Show numbers whole; --json does in any case, as they would be sent
    #[arg(long)]
    full: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// All that is known of an event.
struct Explained<'l> {
    read: EventRead,
    door: Door,
    /// In file order.
    traces: Vec<RuleTrace>,
    messages: Vec<Message>,
    /// Where the rules stand.
    places: &'l RulePlaces,
}

impl Explain {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = match self.rules.load_lenient() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let store = self.store.or(loaded.settings.store.clone());
        let mut read = self.input.read(&loaded.pipeline, &store).await?;
        let more = std::mem::take(&mut read.more);
        let mut all = Vec::with_capacity(1 + more.len());
        for read in std::iter::once(read).chain(more) {
            all.push(Explained::of(read, &loaded, &store).await);
        }
        if self.json {
            output::json(&json_of_all(&all))?;
        } else {
            for told in &all {
                told.print(self.all, Numbers::full_if(self.full));
            }
        }
        let matched = |name: &String| {
            all.iter().flat_map(|told| &told.traces).any(|t| t.matched && t.name == *name)
        };
        let missed = self.expect.as_ref().is_some_and(|name| !matched(name));
        Ok(ExitCode::from(if missed { output::NO } else { 0 }))
    }
}

/// The messages as they would stand once it is their turn; who opted out is known where the store is
/// there.
async fn foreseen(
    made: Vec<Message>,
    loaded: &Loaded,
    store: &Address,
    now: Timestamp,
) -> Vec<Message> {
    let people = Arc::new(loaded.settings.people.clone());
    let history = store::history(store).ok();
    let mut seen = Vec::with_capacity(made.len());
    for message in made {
        let opted_out = match (&history, &message.recipient) {
            (Some(history), Some(recipient)) => history.is_opted_out(recipient).await,
            _ => Ok(false),
        };
        seen.push(foresee(message, &people, opted_out.unwrap_or_default(), now));
    }
    seen
}

/// The first event, and under `more` the others of a batch.
fn json_of_all(all: &[Explained<'_>]) -> Value {
    let mut events = all.iter().map(Explained::json);
    let mut first = events.next().unwrap_or_default();
    let more: Vec<Value> = events.collect();
    if !more.is_empty() {
        first["more"] = Value::Array(more);
    }
    first
}

impl<'l> Explained<'l> {
    async fn of(read: EventRead, loaded: &'l Loaded, store: &Address) -> Self {
        let door = Door::of(&read, loaded, store).await;
        let traces = loaded.pipeline.explain(&read.event, &read.json);
        let now = clock::now();
        let made = loaded.pipeline.messages(&read.event, read.json.clone(), now);
        let messages = foreseen(made, loaded, store, now).await;
        Self { read, door, traces, messages, places: &loaded.places }
    }

    /// For people: the event, each rule with its conditions, and the messages.
    fn print(&self, all: bool, numbers: Numbers) {
        let (event, unknown) = (&self.read.event, self.door.is_unknown());
        let (source, kind) = (printable(&event.source), printable(&event.kind));
        let unchecked = if unknown { ": signature and duplicates not checked" } else { "" };
        let told = format!("{}{unchecked}", printable(&self.read.told));
        anstream::println!("event  {} {}   {}", source.bold(), kind.bold(), told.dimmed());
        if !unknown {
            self.door.print();
        }
        anstream::println!();
        rules::print(&self.traces, &event.kind, self.places, all, numbers);
        if self.messages.is_empty() {
            rules::print_nearest(&self.traces);
        }
        for message in &self.messages {
            print_message(message, numbers);
        }
    }

    /// The contract of `--json`: rules in file order, requests as they would be sent.
    fn json(&self) -> Value {
        let event = &self.read.event;
        let rules: Vec<Value> = self.traces.iter().map(|trace| self.trace_json(trace)).collect();
        let messages: Vec<Value> =
            self.messages.iter().map(|message| message_json(message, Numbers::Full)).collect();
        json!({
            "event": { "source": event.source, "kind": event.kind, "id": event.id,
                       "signature": self.door.signature_json(),
                       "duplicate_of": self.door.duplicate_json() },
            "rules": rules,
            "messages": messages,
        })
    }

    fn trace_json(&self, trace: &RuleTrace) -> Value {
        let mut why = vec![json!({ "what": "kind", "wants": trace.kind.1, "holds": trace.kind.0 })];
        why.extend(trace.pattern.iter().map(|step| {
            json!({ "what": "match", "path": step.path, "wants": step.wants, "saw": step.saw,
                    "holds": step.holds })
        }));
        why.extend(trace.when.iter().map(|step| {
            json!({ "what": "when", "wants": step.wants, "saw": step.saw, "holds": step.holds })
        }));
        let error = trace.when_error.iter();
        why.extend(error.map(|error| json!({ "what": "when", "error": error, "holds": false })));
        let at = self.places.get(&trace.name).map(|place| &place.at);
        let (names, each) = names::json(trace);
        json!({ "name": trace.name, "at": at, "matched": trace.matched, "why": why,
                "let": names, "each": each })
    }
}
