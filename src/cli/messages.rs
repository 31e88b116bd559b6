//! `kabari messages list|show|retry|cancel|mark-sent`

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::input::{RuleFile, StoreUrl, shown_time};
use super::output;
use super::running::Running;
use crate::admin::{Numbers, message_and_attempts_json, message_json};
use crate::clock;
use crate::model::{Attempt, Message, MessageId, State};
use crate::render;
use crate::store::{self, MessageFilter, Moved, SharedStore};

/// How many lines a person gets without asking for more.
const ROWS: usize = 50;

/// List, show, retry and cancel messages
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
    /// Send messages again that are failed or uncertain
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
    /// Stop messages that are waiting or uncertain
    Cancel {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
    /// Take uncertain messages for sent: you saw them arrive
    MarkSent {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// Only of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only to this number or group, as in a rule
    #[arg(long)]
    number: Option<String>,
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
            MessagesCommand::Retry { ids } => {
                change(&self.rules, &url, &ids, "retry", State::Waiting).await
            }
            MessagesCommand::Cancel { ids } => {
                change(&self.rules, &url, &ids, "cancel", State::Cancelled).await
            }
            MessagesCommand::MarkSent { ids } => {
                change(&self.rules, &url, &ids, "mark-sent", State::Sent).await
            }
        }
    }
}

async fn list(store: &SharedStore, args: List, rules: &RuleFile) -> anyhow::Result<ExitCode> {
    let number = args.number.map(|written| whole_number(&written, rules)).transpose()?;
    let limit = args.limit.or_else(|| (!args.json).then_some(ROWS));
    let filter = MessageFilter {
        state: args.state,
        rule: args.rule,
        source: args.source,
        number,
        event: None,
        limit,
    };
    let messages = store.messages(filter).await?;
    if args.json {
        let rows =
            messages.iter().map(|message| message_json(message, Numbers::full_if(args.full)));
        output::json(&Value::Array(rows.collect()))?;
    } else {
        print_table(&messages)?;
    }
    Ok(ExitCode::SUCCESS)
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
        State::Failed => format!("kabari messages retry {id}"),
        State::Uncertain => format!("kabari messages retry|mark-sent|cancel {id}"),
        State::Waiting => format!("kabari messages cancel {id}"),
        _ => format!("kabari explain --event {}", message.event),
    };
    anstream::println!("\n{}", next.dimmed());
    Ok(())
}

/// People ask for a number as they write it; in the store it stands as Wachat takes it.
fn whole_number(written: &str, rules: &RuleFile) -> anyhow::Result<String> {
    // Without a rule file that can be read, local numbers are not understood; others are.
    let country = rules.load_quietly().and_then(|loaded| loaded.pipeline.defaults().country);
    let recipient =
        render::recipient(written, country).map_err(|why| anyhow::anyhow!("--number {why}"))?;
    Ok(recipient.expose().to_owned())
}

/// Moves messages: through the running `kabari serve` if there is one, else directly.
async fn change(
    rules: &RuleFile,
    url: &str,
    ids: &[MessageId],
    verb: &str,
    to: State,
) -> anyhow::Result<ExitCode> {
    let token = rules.load_quietly().and_then(|loaded| loaded.settings.admin_token);
    let running = Running::find(url, token)?;
    let (store, lock) = if running.is_some() {
        (None, None)
    } else {
        let store = store::open_existing(url)?;
        let lock = store::lock_lanes(&store::file_of(url)?)?;
        // The lanes are ours and still: what is called under way was broken off.
        store.recover(clock::now()).await?;
        (Some(store), Some(lock))
    };
    let mut refused = false;
    for id in ids {
        let result = match (&running, &store) {
            (Some(running), _) => through_api(running, *id, verb).await?,
            (None, Some(store)) => store.move_by_hand(*id, to, clock::now()).await?,
            (None, None) => bail!("there is no store"),
        };
        match result {
            Moved::Done => anstream::println!("{id}  {verb}: done"),
            Moved::Unknown => anstream::println!("{id}  {verb}: there is no such message"),
            Moved::Illegal(state) => {
                anstream::println!("{id}  {verb}: not possible, it is {}", state.as_str());
            }
        }
        refused |= result != Moved::Done;
    }
    drop(lock);
    Ok(ExitCode::from(if refused { output::NO } else { 0 }))
}

async fn through_api(running: &Running, id: MessageId, verb: &str) -> anyhow::Result<Moved> {
    let (status, answer) =
        running.post(&format!("/api/messages/{id}/{verb}"), &Value::Null).await?;
    match status {
        200..=299 => Ok(Moved::Done),
        404 => Ok(Moved::Unknown),
        409 => {
            let word = answer.get("state").and_then(Value::as_str).unwrap_or_default();
            Ok(Moved::Illegal(State::parse(word).unwrap_or(State::Sending)))
        }
        _ => bail!("the running kabari answered {status}: {answer}"),
    }
}

/// Prints messages as a table.
pub(super) fn print_table(messages: &[Message]) -> std::io::Result<()> {
    let rows = messages.iter().map(|message| {
        vec![
            shown_time(message.created_at),
            message.id.to_string(),
            message.state.as_str().to_owned(),
            message.origin.rule.clone(),
            message.recipient.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            message.reason.map_or_else(String::new, |reason| reason.as_str().to_owned()),
        ]
    });
    let header = ["made (UTC)", "message", "state", "rule", "phone", "reason"];
    output::table(&header, rows.collect())
}
