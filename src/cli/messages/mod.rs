//! `kabari messages list|show|retry|resend|cancel|mark-sent`

mod which;
mod moves;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;

use super::input::{RuleFile, StoreUrl, shown_time};
use super::output;
use crate::admin::{Numbers, Wish, message_and_attempts_json, message_json};
use crate::model::{Attempt, Message, MessageId, State};
use crate::store::{self, Listed, MessageFilter, SharedStore};

use moves::Selection;

pub(super) use which::Which;

/// How many lines a person gets without asking for more.
const ROWS: usize = 50;

/// List, show, retry and cancel messages, one or many
#[derive(Debug, Args)]
pub(super) struct Messages {
    #[command(subcommand)]
    command: MessagesCommand,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Debug, Subcommand)]
enum MessagesCommand {
    /// List messages, newest first
    List(List),
    /// Show one message and its attempts
    Show {
        /// Its id
        id: MessageId,
        /// Show the number whole
        #[arg(long)]
        full: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send messages again that have failed
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(Selection),
    /// Send uncertain messages again, though they may have arrived
    #[command(after_help = RESEND_EXAMPLES)]
    Resend(Selection),
    /// Stop messages that are waiting or uncertain
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(Selection),
    /// Take uncertain messages for sent: you saw them arrive
    #[command(after_help = MARK_SENT_EXAMPLES)]
    MarkSent(Selection),
}

const RETRY_EXAMPLES: &str = "\
Examples:
  kabari messages retry 01999999-0000-8000-8000-000000000000
  kabari messages retry --rule invoice-paid --since 2h --dry-run
  kabari messages retry --all";
const RESEND_EXAMPLES: &str = "\
Examples:
  kabari messages resend --instance jakarta_store --since 2026-03-01 --dry-run
  kabari messages resend --source stripe --until 30m";
const CANCEL_EXAMPLES: &str = "\
Examples:
  kabari messages cancel --state waiting --rule order-reminder
  kabari messages cancel --number '+62 812-3456-7890'";
const MARK_SENT_EXAMPLES: &str = "\
Examples:
  kabari messages mark-sent 01999999-0000-8000-8000-000000000000
  kabari messages mark-sent --all --dry-run";

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    which: Which,
    /// No more than so many [default: 50, with --json all]
    #[arg(long)]
    limit: Option<usize>,
    /// Show numbers whole
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Messages {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = match self.store.resolve(&self.rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        match self.command {
            MessagesCommand::List(args) => {
                list(&store::open_existing(&url)?, args, &self.rules).await
            }
            MessagesCommand::Show { id, full, json } => {
                show(&store::open_existing(&url)?, id, full, json).await
            }
            MessagesCommand::Retry(which) => which.run(&self.rules, &url, Wish::Retry).await,
            MessagesCommand::Resend(which) => which.run(&self.rules, &url, Wish::Resend).await,
            MessagesCommand::Cancel(which) => which.run(&self.rules, &url, Wish::Cancel).await,
            MessagesCommand::MarkSent(which) => which.run(&self.rules, &url, Wish::MarkSent).await,
        }
    }
}

async fn list(store: &SharedStore, args: List, rules: &RuleFile) -> anyhow::Result<ExitCode> {
    let limit = args.limit.or_else(|| (!args.json).then_some(ROWS));
    let filter = MessageFilter { limit, ..args.which.filter(rules)? };
    let Listed { rows: messages, unreadable } = store.messages(filter).await?;
    let numbers = Numbers::full_if(args.full);
    if args.json {
        output::json_rows(messages.iter().map(|message| message_json(message, numbers)))?;
    } else {
        print_table(&messages, numbers)?;
    }
    Ok(output::all_but(&unreadable))
}

async fn show(
    store: &SharedStore,
    id: MessageId,
    full: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (message, attempts) = store
        .message(id)
        .await?
        .with_context(|| format!("there is no message {id}; `kabari messages list` shows them"))?;
    if json {
        output::json(&message_and_attempts_json(&message, &attempts, Numbers::full_if(full)))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&message, &attempts, full)?;
    Ok(ExitCode::SUCCESS)
}

fn print(message: &Message, attempts: &[Attempt], full: bool) -> anyhow::Result<()> {
    let id = message.id;
    anstream::println!("message   {}", message.id.bold());
    anstream::println!("event     {}  (kabari events show {})", message.event, message.event);
    anstream::println!("rule      {}", message.origin.rule);
    let reason = message.reason.map_or("", |reason| reason.as_str());
    anstream::println!("state     {}  {reason}", message.state.as_str().bold());
    if let Some(detail) = &message.detail {
        anstream::println!("          {detail}");
    }
    for attempt in attempts {
        let time = shown_time(attempt.started_at);
        let verdict = &attempt.verdict;
        let status = verdict.status.map_or_else(|| "no answer".to_owned(), |s| s.to_string());
        anstream::println!(
            "attempt   {} at {time} UTC: {} ({status}, {} ms) {}",
            attempt.number,
            verdict.fate.as_str(),
            attempt.took_ms,
            verdict.detail
        );
    }
    let request = &message_json(message, Numbers::full_if(full))["request"];
    if !request.is_null() {
        anstream::println!("\n{}", serde_json::to_string_pretty(request)?);
    }
    let next = match message.state {
        State::Failed if message.content.is_none() => {
            format!("nothing was rendered of it: kabari events replay {}", message.event)
        }
        State::Failed => format!("kabari messages retry {id}"),
        State::Uncertain => format!("kabari messages resend|mark-sent|cancel {id}"),
        State::Waiting => format!("kabari messages cancel {id}"),
        _ => format!("kabari explain --event {}", message.event),
    };
    anstream::println!("\n{}", next.dimmed());
    Ok(())
}

/// Prints messages as a table.
pub(super) fn print_table(messages: &[Message], numbers: Numbers) -> std::io::Result<()> {
    let rows = messages.iter().map(|message| {
        vec![
            shown_time(message.created_at),
            message.id.to_string(),
            message.state.as_str().to_owned(),
            message.origin.rule.clone(),
            message.recipient.as_ref().map_or_else(|| "-".to_owned(), |it| numbers.show(it)),
            message.reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
        ]
    });
    let header = ["made (UTC)", "message", "state", "rule", "phone", "reason"];
    output::table(&header, rows.collect())
}
