//! `kabari optout add|remove|list`: who wants no messages?
//!
//! While `serve` runs it is told; it asks the list anew for each message.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::input::{RuleFile, StoreUrl, recipients};
use super::output;
use super::running::{Running, refused};
use crate::clock;
use crate::config::Reach;
use crate::model::Recipient;
use crate::secret::Secret;
use crate::store::{self, Address, LaneLock, OptOut, SharedStore};

/// Keep the list of those who want no messages
#[derive(Debug, Args)]
pub(super) struct OptOuts {
    #[command(subcommand)]
    command: OptOutsCommand,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Debug, Subcommand)]
enum OptOutsCommand {
    /// These numbers get no messages any more, from no rule
    Add {
        /// Numbers as people write them
        #[arg(required = true)]
        numbers: Vec<String>,
        /// Why, for whoever reads the list
        #[arg(long)]
        note: Option<String>,
    },
    /// These numbers get messages again
    Remove {
        /// Numbers as people write them
        #[arg(required = true)]
        numbers: Vec<String>,
    },
    /// List them, the newest first
    List {
        /// Show numbers whole
        #[arg(long)]
        full: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl OptOuts {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let reach = match self.store.reach(&self.rules) {
            Ok(reach) => reach,
            Err(code) => return Ok(code),
        };
        let Reach { store: url, admin_token: token, country, .. } = reach;
        match self.command {
            OptOutsCommand::Add { numbers, note } => {
                let all = recipients(&numbers, country)?;
                add(&List::of(&url, token, true)?, all, note).await
            }
            OptOutsCommand::Remove { numbers } => {
                let all = recipients(&numbers, country)?;
                remove(&List::of(&url, token, false)?, all).await
            }
            OptOutsCommand::List { full, json } => {
                list(&store::open_existing(&url)?, full, json).await
            }
        }
    }
}

/// Who keeps the list.
enum List {
    /// A running `serve`.
    Running(Running),
    /// Nobody else, so it is written here; who makes the store has its lanes.
    Here { store: SharedStore, _lanes: Option<LaneLock> },
}

impl List {
    fn of(url: &Address, token: Option<Secret>, make: bool) -> anyhow::Result<Self> {
        Ok(match Running::find(url, token)? {
            Some(running) => Self::Running(running),
            // With a secret it is sealed from the start.
            None if make && !url.file()?.exists() => {
                let lanes = store::lock_lanes(&url.file()?)?;
                Self::Here { store: store::open_owned(url)?, _lanes: Some(lanes) }
            }
            None => Self::Here { store: store::open_existing(url)?, _lanes: None },
        })
    }

    /// Whether it was not on the list.
    async fn add(&self, recipient: Recipient, note: Option<String>) -> anyhow::Result<bool> {
        match self {
            Self::Running(running) => {
                let body = json!({"number": recipient.expose(), "note": note});
                changed(running.post("/api/optouts", &body).await?)
            }
            Self::Here { store, .. } => {
                Ok(store.opt_out(OptOut { recipient, since: clock::now(), note }).await?)
            }
        }
    }

    /// Whether it was on the list.
    async fn remove(&self, recipient: &Recipient) -> anyhow::Result<bool> {
        match self {
            Self::Running(running) => {
                let body = json!({"number": recipient.expose()});
                changed(running.post("/api/optouts/remove", &body).await?)
            }
            Self::Here { store, .. } => Ok(store.opt_in(recipient).await?),
        }
    }
}

fn changed((status, answer): (u16, Value)) -> anyhow::Result<bool> {
    match answer.get("changed").and_then(Value::as_bool) {
        Some(changed) if status == 200 => Ok(changed),
        _ => Err(refused(status, &answer)),
    }
}

async fn add(list: &List, all: Vec<Recipient>, note: Option<String>) -> anyhow::Result<ExitCode> {
    for recipient in all {
        let shown = recipient.to_string();
        if list.add(recipient, note.clone()).await? {
            anstream::println!("{shown} gets no messages any more");
        } else {
            anstream::println!("{shown} was on the list already");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(list: &List, all: Vec<Recipient>) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for recipient in all {
        if list.remove(&recipient).await? {
            anstream::println!("{recipient} gets messages again");
        } else {
            anstream::println!("{recipient} was not on the list");
            code = ExitCode::from(output::NO);
        }
    }
    Ok(code)
}

async fn list(store: &SharedStore, full: bool, json: bool) -> anyhow::Result<ExitCode> {
    let all = store.opt_outs().await?;
    let shown = |one: &OptOut| match () {
        () if one.is_forgotten() => "(forgotten)".to_owned(),
        () if full => one.recipient.expose().to_owned(),
        () => one.recipient.to_string(),
    };
    if json {
        let lines = all.iter().map(|one| {
            let number = shown(one);
            json!({"number": number, "since": one.since.to_string(), "note": one.note})
        });
        anstream::println!("{}", lines.collect::<Value>());
        return Ok(ExitCode::SUCCESS);
    }
    for one in &all {
        let note = one.note.as_deref().unwrap_or_default();
        let since = one.since.strftime("%Y-%m-%d");
        anstream::println!("{}", format!("{since}  {}  {note}", shown(one)).trim_end());
    }
    if all.is_empty() {
        anstream::eprintln!("nobody has opted out");
    }
    Ok(ExitCode::SUCCESS)
}
