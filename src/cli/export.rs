//! `kabari export`: what is in the store, as JSON lines

use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::input::{RuleFile, StoreUrl};
use super::messages::Which;
use super::output;
use crate::admin::{Numbers, event_json, message_json};
use crate::store::{self, EventFilter, MessageFilter, Unreadable};

/// Print events and messages as JSON lines, the oldest first
///
/// The store is only read, a page at a time, also while `serve` runs. Without --full numbers are
/// masked and bodies left out. Rows that cannot be read are counted (exit code 1). With --state,
/// --rule, --number or --instance there are only messages.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// Only the one or the other
    #[arg(long, value_name = "WHAT")]
    only: Option<What>,
    #[command(flatten)]
    which: Which,
    /// Whole numbers, headers and bodies
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Events,
    Messages,
}

const EXAMPLES: &str = "\
Examples:
  kabari export --since 30d > march.jsonl
  kabari export --only messages --state failed --full
  kabari export --number '+62 812-3456-7890' --full      # what is kept of one person";

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = match self.store.resolve(&self.rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        let history = store::history(&url)?;
        let filter = self.which.filter(&self.rules)?;
        let numbers = Numbers::full_if(self.full);
        let MessageFilter { state, rule, number, instance, .. } = &filter;
        let of_messages =
            state.is_some() || rule.is_some() || number.is_some() || instance.is_some();
        let mut out = BufWriter::new(anstream::stdout());
        let mut unreadable = Unreadable::default();
        if self.only != Some(What::Messages) && !of_messages {
            let (source, since, until) = (filter.source.clone(), filter.since, filter.until);
            let filter = EventFilter { source, since, until, ..EventFilter::default() };
            let mut after = 0;
            loop {
                let (events, last) = history.events_after(filter.clone(), after).await?;
                unreadable.add(events.unreadable);
                for event in &events.rows {
                    let mut shown = event_json(event, &[], numbers);
                    // They have lines of their own.
                    shown.as_object_mut().map(|fields| fields.remove("messages"));
                    writeln!(out, "{}", typed("event", shown))?;
                }
                let Some(last) = last else { break };
                after = last;
            }
        }
        if self.only != Some(What::Events) {
            let mut after = 0;
            loop {
                let (messages, last) = history.messages_after(filter.clone(), after).await?;
                unreadable.add(messages.unreadable);
                for message in &messages.rows {
                    writeln!(out, "{}", typed("message", message_json(message, numbers)))?;
                }
                let Some(last) = last else { break };
                after = last;
            }
        }
        out.flush()?;
        Ok(output::all_but(&unreadable))
    }
}

fn typed(name: &str, mut line: Value) -> Value {
    line["type"] = Value::from(name);
    line
}
