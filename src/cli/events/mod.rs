//! `kabari events list|show|replay`

mod replay;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::input::{RuleFile, StoreUrl, shown_time};
use super::messages;
use super::moment::Moment;
use super::output;
use crate::admin::{Numbers, event_json};
use crate::model::{EventId, mask_if_phone};
use crate::store::{self, EventFilter, Listed, MessageFilter, SharedStore};

/// How many lines a person gets without asking for more.
const ROWS: usize = 50;

/// List, show and replay events
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(subcommand)]
    command: EventsCommand,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

/// Which events a command is about.
#[derive(Debug, Args)]
struct Chosen {
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only received since: 2h, 7d, 2026-03-01, or a time with its zone
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only received before, in the same forms
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
}

impl Chosen {
    /// Whether nothing is said, so that any event is meant.
    fn is_any(&self) -> bool {
        let Self { source, kind, since, until } = self;
        source.is_none() && kind.is_none() && since.is_none() && until.is_none()
    }

    fn filter(&self, limit: Option<usize>) -> EventFilter {
        EventFilter {
            source: self.source.clone(),
            kind: self.kind.clone(),
            since: self.since.map(|it| it.0),
            until: self.until.map(|it| it.0),
            limit,
        }
    }
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List events, newest first
    List {
        #[command(flatten)]
        chosen: Chosen,
        /// No more than so many [default: 50, with --json all]
        #[arg(long)]
        limit: Option<usize>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    Replay(replay::ReplayEvents),
    /// Show one event, its body and its messages
    Show {
        /// Its id
        id: EventId,
        /// Show numbers whole; with --json the headers and the body too
        #[arg(long)]
        full: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Events {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let Self { command, rules, store } = self;
        if let EventsCommand::Replay(replay) = command {
            return replay.run(&rules, &store).await;
        }
        let url = match store.resolve(&rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        command.look(&store::open_existing(&url)?).await
    }
}

impl EventsCommand {
    async fn look(self, store: &SharedStore) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { chosen, limit, json } => {
                let limit = limit.or_else(|| (!json).then_some(ROWS));
                list(store, chosen.filter(limit), json).await
            }
            Self::Show { id, full, json } => show(store, id, full, json).await,
            Self::Replay(_) => anyhow::bail!("a replay is more than a look"),
        }
    }
}

async fn list(store: &SharedStore, filter: EventFilter, json: bool) -> anyhow::Result<ExitCode> {
    let Listed { rows, unreadable } = store.events(filter).await?;
    if json {
        output::json_rows(rows)?;
        return Ok(output::all_but(&unreadable));
    }
    let rows = rows.into_iter().map(|row| {
        let time = shown_time(row.received_at);
        vec![time, row.id.to_string(), row.source, row.kind, row.messages.to_string()]
    });
    output::table(&["received (UTC)", "event", "source", "kind", "messages"], rows.collect())?;
    Ok(output::all_but(&unreadable))
}

async fn show(
    store: &SharedStore,
    id: EventId,
    full: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let event = store
        .event(id)
        .await?
        .with_context(|| format!("there is no event {id}; `kabari events list` shows them"))?;
    let filter = MessageFilter { event: Some(id), ..MessageFilter::default() };
    let Listed { rows: made, unreadable } = store.messages(filter).await?;
    if json {
        output::json(&event_json(&event, &made, Numbers::full_if(full)))?;
        return Ok(output::all_but(&unreadable));
    }
    let body = serde_json::from_slice::<Value>(&event.body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&event.body)));
    let body = if full { body } else { discreet(body) };
    anstream::println!("event     {}", event.id.bold());
    anstream::println!("source    {}  {}", event.source, event.kind.bold());
    anstream::println!("provider  {}", event.provider_id.as_deref().unwrap_or("-"));
    anstream::println!("received  {} UTC\n", shown_time(event.received_at));
    messages::print_table(&made, Numbers::full_if(full))?;
    if event.body.is_empty() {
        anstream::println!("\nits body is kept no longer (`retention`, or `kabari purge`)");
    } else {
        anstream::println!("\n{}", serde_json::to_string_pretty(&body)?);
        anstream::println!("\n{}", format!("kabari explain --event {id}").dimmed());
    }
    Ok(output::all_but(&unreadable))
}

/// The body with what may be the number of a phone masked.
fn discreet(body: Value) -> Value {
    match body {
        Value::String(text) => Value::from(mask_if_phone(&text)),
        Value::Array(items) => items.into_iter().map(discreet).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, discreet(value))).collect()
        }
        other => other,
    }
}
