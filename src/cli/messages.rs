//! `kabari messages list|show|retry|cancel|mark-sent`

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::explain::wachat_request;
use super::input::{RuleFile, StoreUrl, shown_time};
use super::output;
use super::running::Running;
use crate::clock;
use crate::model::{Attempt, Message, MessageId, State, mask_number};
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
    /// Newest first
    List(List),
    /// One message and its attempts
    Show {
        /// Its id
        id: MessageId,
        /// Show the number whole
        #[arg(long)]
        full: bool,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Send it (again): from failed or uncertain
    Retry {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
    /// Do not send it: from waiting or uncertain
    Cancel {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
    /// You know that it arrived: from uncertain
    MarkSent {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only in this state
    #[arg(long)]
    state: Option<State>,
    /// Only of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only to this number, in international digits, or group
    #[arg(long)]
    number: Option<String>,
    /// No more than so many [default: 50, with --json all]
    #[arg(long)]
    limit: Option<usize>,
    /// Show numbers whole
    #[arg(long)]
    full: bool,
    /// For programs
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
            MessagesCommand::List(args) => list(&store::open_existing(&url)?, args).await,
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

async fn list(store: &SharedStore, args: List) -> anyhow::Result<ExitCode> {
    let number = args.number.map(|number| number.trim_start_matches('+').to_owned());
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
        let rows = messages.iter().map(|message| row(message, args.full));
        output::json(&Value::Array(rows.collect()))?;
    } else {
        print_table(&messages);
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
        let mut value = row(&message, full);
        value["history"] = attempts.iter().map(attempt_json).collect();
        output::json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    anstream::println!("message   {}", message.id.bold());
    anstream::println!("event     {}  (kabari events show {})", message.event, message.event);
    anstream::println!("rule      {}", message.origin.rule);
    let reason = message.reason.map_or("", |reason| reason.as_str());
    anstream::println!("state     {}  {reason}", message.state.as_str().bold());
    if let Some(detail) = &message.detail {
        anstream::println!("          {detail}");
    }
    for attempt in &attempts {
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
    if let Some(request) = shown_request(&message, full) {
        anstream::println!("\n{}", serde_json::to_string_pretty(&request)?);
    }
    let next = match message.state {
        State::Failed => format!("kabari messages retry {id}"),
        State::Uncertain => format!("kabari messages retry|mark-sent|cancel {id}"),
        State::Waiting => format!("kabari messages cancel {id}"),
        _ => format!("kabari explain --event {}", message.event),
    };
    anstream::println!("\n{}", next.dimmed());
    Ok(ExitCode::SUCCESS)
}

/// Moves messages: through the running `kabari serve` if there is one, else directly.
async fn change(
    rules: &RuleFile,
    url: &str,
    ids: &[MessageId],
    verb: &str,
    to: State,
) -> anyhow::Result<ExitCode> {
    let token = rules.load_lenient().ok().and_then(|loaded| loaded.settings.admin_token);
    let running = Running::find(url, token)?;
    let (store, lock) = match &running {
        Some(_) => (None, None),
        None => (Some(store::open_existing(url)?), Some(store::lock_lanes(&store::file_of(url)?)?)),
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
pub(super) fn print_table(messages: &[Message]) {
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
    output::table(&header, rows.collect());
}

/// One message as `--json` shows it.
pub(super) fn row(message: &Message, full: bool) -> Value {
    json!({
        "id": message.id, "event": message.event, "source": message.source,
        "rule": message.origin.rule, "instance": message.instance, "state": message.state,
        "reason": message.reason, "detail": message.detail, "attempts": message.attempts,
        "created_at": message.created_at, "due_at": message.due_at,
        "request": shown_request(message, full),
    })
}

fn shown_request(message: &Message, full: bool) -> Option<Value> {
    let (_, mut request) = wachat_request(message)?;
    if !full && let Some(number) = request.get("number").and_then(Value::as_str) {
        request["number"] = Value::from(mask_number(number));
    }
    Some(request)
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number, "started_at": attempt.started_at, "took_ms": attempt.took_ms,
        "fate": attempt.verdict.fate.as_str(), "reason": attempt.verdict.reason,
        "status": attempt.verdict.status, "detail": attempt.verdict.detail,
    })
}
