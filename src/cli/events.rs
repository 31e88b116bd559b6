//! `kabari events list|show`

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::input::{RuleFile, StoreUrl, shown_time};
use super::messages;
use super::output;
use crate::model::EventId;
use crate::store::{self, EventFilter, MessageFilter, SharedStore};

/// How many lines a person gets without asking for more.
const ROWS: usize = 50;

/// List and show events
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(subcommand)]
    command: EventsCommand,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Newest first
    List {
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
        /// Only of this kind
        #[arg(long)]
        kind: Option<String>,
        /// No more than so many [default: 50, with --json all]
        #[arg(long)]
        limit: Option<usize>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// One event, its body and its messages
    Show {
        /// Its id
        id: EventId,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

impl Events {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = match self.store.resolve(&self.rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        let store = store::open_existing(&url)?;
        match self.command {
            EventsCommand::List { source, kind, limit, json } => {
                let limit = limit.or_else(|| (!json).then_some(ROWS));
                list(&store, EventFilter { source, kind, limit }, json).await
            }
            EventsCommand::Show { id, json } => show(&store, id, json).await,
        }
    }
}

async fn list(store: &SharedStore, filter: EventFilter, json: bool) -> anyhow::Result<ExitCode> {
    let rows = store.events(filter).await?;
    if json {
        output::json(&serde_json::to_value(rows)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = rows.into_iter().map(|row| {
        let time = shown_time(row.received_at);
        vec![time, row.id.to_string(), row.source, row.kind, row.messages.to_string()]
    });
    output::table(&["received (UTC)", "event", "source", "kind", "messages"], rows.collect());
    Ok(ExitCode::SUCCESS)
}

async fn show(store: &SharedStore, id: EventId, json: bool) -> anyhow::Result<ExitCode> {
    let event = store
        .event(id)
        .await?
        .with_context(|| format!("there is no event {id}; `kabari events list` shows them"))?;
    let filter = MessageFilter { event: Some(id), ..MessageFilter::default() };
    let made = store.messages(filter).await?;
    let text = String::from_utf8_lossy(&event.body).into_owned();
    let body = serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text));
    if json {
        let made: Vec<Value> = made.iter().map(|message| messages::row(message, false)).collect();
        output::json(&json!({
            "id": event.id, "source": event.source, "kind": event.kind,
            "provider_id": event.provider_id, "received_at": event.received_at,
            "headers": event.headers.0.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "body": body, "messages": made,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("event     {}", event.id.bold());
    anstream::println!("source    {}  {}", event.source, event.kind.bold());
    anstream::println!("provider  {}", event.provider_id.as_deref().unwrap_or("-"));
    anstream::println!("received  {} UTC\n", shown_time(event.received_at));
    messages::print_table(&made);
    anstream::println!("\n{}", serde_json::to_string_pretty(&body)?);
    anstream::println!("\n{}", format!("kabari explain --event {id}").dimmed());
    Ok(ExitCode::SUCCESS)
}
