//! `kabari lanes list|pause|resume`: which sessions stand still, and who says that they shall?
//!
//! While `serve` runs it is asked and told; else what is said is kept for its next start.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::input::{RuleFile, StoreUrl, shown_time};
use super::output;
use super::running::{Running, refused};
use crate::clock;
use crate::config::Reach;
use crate::model::Reason;
use crate::store::{self, SharedStore, Shut};

/// List lanes, one for each WhatsApp session, and let them pause and go on
#[derive(Debug, Args)]
pub(super) struct Lanes {
    #[command(subcommand)]
    command: LanesCommand,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Debug, Subcommand)]
enum LanesCommand {
    /// List lanes, and why one stands still
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send nothing through these lanes until they are resumed; their messages wait
    Pause(Names),
    /// Let these lanes go on, whatever stopped them: you looked at the phone
    Resume(Names),
}

#[derive(Debug, Args)]
struct Names {
    /// Names of sessions (`instanceName`)
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// What a person says to a lane.
#[derive(Clone, Copy)]
enum Change {
    Pause,
    Resume,
}

impl Lanes {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let reach = match self.store.reach(&self.rules) {
            Ok(reach) => reach,
            Err(code) => return Ok(code),
        };
        let Reach { store: url, admin_token: token, instances, .. } = reach;
        let keeper = match Running::find(&url, token)? {
            Some(running) => Keeper::Running(running),
            None => Keeper::Here(store::open_existing(&url)?),
        };
        match self.command {
            LanesCommand::List { json } => {
                let waiting = store::history(&url)?.waiting().await?;
                list(counted(keeper.rows(&instances).await?, &waiting), json)
            }
            LanesCommand::Pause(Names { names }) => {
                keeper.change_all(&instances, &names, Change::Pause).await
            }
            LanesCommand::Resume(Names { names }) => {
                keeper.change_all(&instances, &names, Change::Resume).await
            }
        }
    }
}

/// Who knows how lanes stand.
enum Keeper {
    /// A running `serve`.
    Running(Running),
    /// Nobody runs, so the store does.
    Here(SharedStore),
}

impl Keeper {
    /// Every lane that has work, stands still or is configured, by name: in the settings in force if
    /// they are of a running `serve`, else in the rule file.
    async fn rows(&self, instances: &BTreeSet<String>) -> anyhow::Result<Vec<Value>> {
        let mut rows = match self {
            Self::Running(running) => match running.get("/api/overview").await? {
                (200, mut overview) => with_idle(&mut overview),
                (status, answer) => return Err(refused(status, &answer)),
            },
            Self::Here(store) => stored(store, instances).await?,
        };
        rows.sort_by(|a, b| text(a, "instance").cmp(text(b, "instance")));
        rows.iter_mut().for_each(complete);
        Ok(rows)
    }

    /// All of them or none.
    async fn change_all(
        &self,
        instances: &BTreeSet<String>,
        names: &[String],
        change: Change,
    ) -> anyhow::Result<ExitCode> {
        let rows = self.rows(instances).await?;
        let known: Vec<_> = rows.iter().map(|row| text(row, "instance")).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("there is no lane `{unknown}`; there are: {}", known.join(", "));
        }
        for name in names {
            self.change(name, change).await?;
            match change {
                Change::Pause => anstream::println!("{name} stands still until it is resumed"),
                Change::Resume => anstream::println!("{name} goes on"),
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn change(&self, name: &str, change: Change) -> anyhow::Result<()> {
        match self {
            Self::Running(running) => {
                let word = match change {
                    Change::Pause => "pause",
                    Change::Resume => "resume",
                };
                match running.post(&format!("/api/lanes/{name}/{word}"), &json!({})).await? {
                    (200, _) => Ok(()),
                    (status, answer) => Err(refused(status, &answer)),
                }
            }
            Self::Here(store) => {
                let now = clock::now();
                let by_hand = Shut { reason: Reason::ByHand, detail: String::new(), since: now };
                let shut = matches!(change, Change::Pause).then_some(by_hand);
                Ok(store.shut_lane(name, shut, now).await?)
            }
        }
    }
}

/// The lanes of an overview, and those of which it tells nothing but the names.
fn with_idle(overview: &mut Value) -> Vec<Value> {
    let rows = overview["lanes"].as_array_mut();
    let mut rows = rows.map(std::mem::take).unwrap_or_default();
    let told: BTreeSet<_> = rows.iter().map(|row| text(row, "instance").to_owned()).collect();
    let all = overview["instances"].as_array().into_iter().flatten().filter_map(Value::as_str);
    rows.extend(all.filter(|name| !told.contains(*name)).map(|name| json!({ "instance": name })));
    rows
}

/// Every lane has the same fields, whoever told of it and however little there was to tell.
fn complete(row: &mut Value) {
    for field in ["stopped", "probe_at", "closed_until", "next_due", "paced_until"] {
        if row.get(field).is_none() {
            row[field] = Value::Null;
        }
    }
    if row.get("waits").is_none() {
        row["waits"] = json!([]);
    }
}

/// The same, with how many messages wait in each.
fn counted(mut rows: Vec<Value>, waiting: &BTreeMap<String, u64>) -> Vec<Value> {
    for row in &mut rows {
        row["waiting"] = waiting.get(text(row, "instance")).copied().unwrap_or(0).into();
    }
    rows
}

/// As the API tells of lanes, for those in the store and in the rule file.
async fn stored(store: &SharedStore, instances: &BTreeSet<String>) -> anyhow::Result<Vec<Value>> {
    let with_work = store.lanes().await?;
    let names = with_work.iter().map(|lane| &lane.instance).chain(instances.iter());
    let mut rows = Vec::new();
    for name in names.collect::<BTreeSet<_>>() {
        let lane = with_work.iter().find(|lane| lane.instance == *name);
        let time = |at: jiff::Timestamp| at.to_string();
        let shut = store.lane(name).await?.shut;
        rows.push(json!({
            "instance": name,
            "stopped": shut.map(|shut| shut.to_string()),
            "next_due": lane.and_then(|lane| lane.next_due).map(time),
            "paced_until": lane.and_then(|lane| lane.paced_until).map(time),
        }));
    }
    Ok(rows)
}

fn list(rows: Vec<Value>, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        output::json(&Value::Array(rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let line = |row: &Value| {
        let (name, waiting) = (text(row, "instance").to_owned(), row["waiting"].to_string());
        vec![name, state(row), waiting, time(row, "next_due")]
    };
    output::table(
        &["lane", "state (UTC)", "messages waiting", "next message due (UTC)"],
        rows.iter().map(line).collect(),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Whether it goes, and what else holds its messages back.
fn state(row: &Value) -> String {
    let stopped = text(row, "stopped");
    if !stopped.is_empty() {
        let again = time(row, "probe_at");
        let again = (!again.is_empty()).then(|| format!("; tried again at {again}"));
        return format!("{stopped}{}", again.unwrap_or_default());
    }
    let waits = row["waits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_closed = waits.iter().any(|wait| wait["whole"] == true);
    let told = waits.iter().map(|wait| {
        let what = if wait["whole"] == true { "closed" } else { "some wait" };
        format!("{what} until {}: {}", time(wait, "until"), text(wait, "detail"))
    });
    let goes = (!is_closed).then(|| "goes".to_owned());
    goes.into_iter().chain(told).collect::<Vec<_>>().join("; ")
}

/// A time as people read it; nothing where there is none.
fn time(row: &Value, field: &str) -> String {
    text(row, field).parse().map_or_else(|_| String::new(), shown_time)
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}
