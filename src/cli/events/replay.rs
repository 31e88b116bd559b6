//! `kabari events replay`: events of before through today's rules, looked at first

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::super::input::{RuleFile, StoreUrl};
use super::super::known;
use super::super::output;
use super::super::progress::Progress;
use super::super::running::Running;
use super::Chosen;
use crate::admin::{Numbers, REPLAYS_MAX, replayed_json};
use crate::app::replay::replay;
use crate::clock;
use crate::config::Loaded;
use crate::model::{self, EventId, Groups, counted};
use crate::secret::Secret;
use crate::store::{self, Address, LaneLock, SharedStore, StoreError, Unreadable};

/// Messages shown before "and so many more".
const SHOWN: usize = 50;
/// Events replayed at once: the bar moves on after each of these.
const AT_ONCE: usize = 50;
const _: () = assert!(AT_ONCE <= REPLAYS_MAX);

/// Play events through today's rules, and make the messages that are not there yet
///
/// What would be made is shown first, and nothing is done without --yes or an answer on the
/// terminal. Messages that are there stay as they are, whatever became of them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ReplayEvents {
    /// Their ids; or say which ones with --source, --kind, --since, …
    ids: Vec<EventId>,
    #[command(flatten)]
    chosen: Chosen,
    /// No more than so many, the newest
    #[arg(long)]
    limit: Option<usize>,
    /// Every event, where no filter is given
    #[arg(long)]
    all: bool,
    /// Make messages once more that are there already: people get them a second time
    #[arg(long)]
    again: bool,
    /// Only show what would be made
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Show numbers whole
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  kabari events replay 01999999-0000-7000-8000-000000000000
  kabari events replay --source stripe --kind invoice.paid --since 2d --dry-run
  kabari events replay --source stripe --since 2h --yes";

/// The way to replay: through the running `kabari serve`, with its rules, or on the store itself.
enum Player {
    Running(Running),
    Own { store: SharedStore, loaded: Box<Loaded>, _lanes: Option<LaneLock> },
}

/// What is to be done with the events.
struct How {
    again: Option<u64>,
    dry_run: bool,
    full: bool,
}

impl ReplayEvents {
    pub(super) async fn run(self, rules: &RuleFile, store: &StoreUrl) -> anyhow::Result<ExitCode> {
        if let Some(wrong) = self.misuse() {
            return Ok(output::usage(&wrong));
        }
        // It is today's rules that are played: a running `serve` may have those of before.
        let loaded = match rules.load_lenient() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let url = store.or(loaded.settings.store);
        let ids = self.chosen(&url).await?;
        if ids.is_empty()
            && let Some(source) = &self.chosen.source
        {
            known::source(&store::open_existing(&url)?, rules, source).await?;
        }
        let token = loaded.settings.admin_token;
        let player = match Player::find(rules, &url, token, self.dry_run)? {
            Ok(player) => player,
            Err(code) => return Ok(code),
        };
        let again = self.again.then(|| clock::dice().u64(..));
        let look = How { again, dry_run: true, full: self.full };
        let (seen, _) = player.play(&ids, &look).await?;
        let new = count(&seen, "new");
        if !self.json {
            show(&seen)?;
        }
        let goes = !self.dry_run && 0 < new && (self.yes || self.agreed(new)?);
        let mut made = 0;
        if goes {
            made = player.play(&ids, &How { dry_run: false, ..look }).await?.1;
        }
        if self.json {
            let only_looked = !goes && (self.dry_run || !self.yes);
            let told = json!({"dry_run": only_looked, "new": new, "made": made, "events": seen});
            output::json(&told)?;
        } else if goes {
            anstream::println!("{} made", counted(made, "message"));
        }
        let refused = !self.dry_run && 0 < new && !goes;
        let code = output::all_but(&unreadable(&seen));
        Ok(if refused { ExitCode::from(output::NO) } else { code })
    }

    fn misuse(&self) -> Option<String> {
        let filtered = self.all || !self.chosen.is_any() || self.limit.is_some();
        match (self.ids.is_empty(), filtered) {
            (false, true) => {
                Some("name events by their ids or by a filter, not by both".to_owned())
            }
            (true, false) => Some(
                "which events? name their ids, say which (--source, --kind, --since, …), or write \
                 --all; `kabari events replay --help` has examples"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    async fn chosen(&self, url: &Address) -> anyhow::Result<Vec<EventId>> {
        if !self.ids.is_empty() {
            return Ok(self.ids.clone());
        }
        let filter = self.chosen.filter(self.limit);
        Ok(store::open_existing(url)?.event_ids(filter).await?)
    }

    /// Whether the person at the terminal agrees.
    fn agreed(&self, new: usize) -> anyhow::Result<bool> {
        let is_person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if self.json || !is_person {
            anstream::eprintln!("nothing was made: add --yes to make {}", these(new));
            return Ok(false);
        }
        anstream::eprint!("make {}? [y/N] ", these(new));
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

impl Player {
    fn find(
        rules: &RuleFile,
        url: &Address,
        token: Option<Secret>,
        dry_run: bool,
    ) -> anyhow::Result<Result<Self, ExitCode>> {
        if let Some(running) = Running::find(url, token)? {
            return Ok(Ok(Self::Running(running)));
        }
        // What is made must be right; what is only looked at may lack a variable.
        let loaded = if dry_run { rules.load_lenient() } else { rules.load_strict() };
        let loaded = match loaded {
            Ok(loaded) => Box::new(loaded),
            Err(code) => return Ok(Err(code)),
        };
        let lanes = if dry_run { None } else { Some(store::lock_lanes(&url.file()?)?) };
        let store = store::open_existing(url)?;
        Ok(Ok(Self::Own { store, loaded, _lanes: lanes }))
    }

    /// What came of each event, and how many messages were made.
    async fn play(&self, ids: &[EventId], how: &How) -> anyhow::Result<(Vec<Value>, usize)> {
        let mut progress = Progress::start("events");
        let (mut all, mut made) = (Vec::with_capacity(ids.len()), 0);
        let mut groups = Groups::new();
        for part in ids.chunks(AT_ONCE) {
            let played;
            (played, groups) = self.part(part, how, groups).await?;
            made += played.iter().filter_map(|one| one["made"].as_u64()).sum::<u64>();
            all.extend(played);
            #[expect(clippy::cast_precision_loss, reason = "for a bar")]
            progress.at(all.len() as f64 / ids.len() as f64, all.len() as u64);
        }
        progress.finish();
        Ok((all, usize::try_from(made)?))
    }

    async fn part(
        &self,
        ids: &[EventId],
        how: &How,
        groups: Groups,
    ) -> anyhow::Result<(Vec<Value>, Groups)> {
        let How { again, dry_run, full } = *how;
        match self {
            Self::Running(running) => {
                let asked = json!({
                    "ids": ids, "again": again, "dry_run": dry_run, "full": full, "groups": groups,
                });
                let (status, mut answer) = running.post("/api/events/replay", &asked).await?;
                if status != 200 {
                    bail!("the running kabari answered {status}: {answer}");
                }
                let groups = serde_json::from_value(answer["groups"].take())?;
                let events = answer["events"].as_array_mut().context("an answer without events")?;
                Ok((std::mem::take(events), groups))
            }
            Self::Own { store, loaded, .. } => {
                let asked = model::Replay { events: ids.to_vec(), again, dry_run, groups };
                let (played, groups) =
                    replay(store, &loaded.pipeline, &asked, clock::now()).await?;
                let numbers = Numbers::full_if(full);
                let shown = played.iter().map(|one| replayed_json(one, numbers)).collect();
                Ok((shown, groups))
            }
        }
    }
}

fn messages(events: &[Value]) -> impl Iterator<Item = (&Value, &Value)> {
    events.iter().flat_map(|event| {
        event["messages"].as_array().into_iter().flatten().map(move |message| (event, message))
    })
}

fn count(events: &[Value], fits: &str) -> usize {
    messages(events).filter(|(_, message)| message["fits"] == fits).count()
}

/// The events of which nothing can be made because they are damaged, or a message of theirs is.
fn unreadable(events: &[Value]) -> Unreadable {
    let damaged = events.iter().filter(|event| event["unreadable"] == true);
    let mut unreadable = Unreadable::default();
    for event in damaged {
        let why = event["problem"].as_str().unwrap_or_default().to_owned();
        unreadable.or_counted::<()>(Err(StoreError::Broken(why)));
    }
    unreadable
}

fn these(new: usize) -> String {
    if new == 1 { "this message".to_owned() } else { format!("these {new} messages") }
}

/// `+` is new, `~` would be another today and stays, `-` is no more made and stays.
fn show(events: &[Value]) -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    for event in events.iter().filter(|event| event["problem"].is_string()).take(SHOWN) {
        let word = |name: &str| event[name].as_str().unwrap_or_default();
        writeln!(out, "! {}  {}", word("event"), word("problem"))?;
    }
    let differs = |message: &&(&Value, &Value)| message.1["fits"] != "there";
    let rows: Vec<_> = messages(events).collect();
    for (event, message) in rows.iter().filter(differs).take(SHOWN) {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let (sign, text) = match message["fits"].as_str() {
            Some("new") => ("+", ""),
            Some("joins") => ("+", ", part of the one before"),
            Some("otherwise") => ("~", ", today another"),
            _ => ("-", ", today none"),
        };
        let request = &message["request"];
        let line = format!(
            "{sign} {}  {}  {} → {}  {}{text}  {}",
            word(&event["event"]),
            word(&event["kind"]),
            word(&message["rule"]),
            word(&request["number"]),
            word(&message["state"]),
            output::printable(&word(&request["message"])),
        );
        match sign {
            "+" => writeln!(out, "{}", line.green())?,
            "~" => {
                writeln!(out, "{}", line.yellow())?;
                let today = output::printable(&word(&message["today"]["message"]));
                writeln!(out, "  today: {}", today.yellow())?;
            }
            _ => writeln!(out, "{}", line.dimmed())?,
        }
    }
    let more = rows.iter().filter(differs).count().saturating_sub(SHOWN);
    if 0 < more {
        writeln!(out, "… and {more} more")?;
    }
    let [new, there, otherwise, gone] =
        ["new", "there", "otherwise", "gone"].map(|fits| count(events, fits));
    let joins = match count(events, "joins") {
        0 => String::new(),
        joins => format!(" ({joins} more become part of them)"),
    };
    writeln!(
        out,
        "{}: {}{joins}; {there} are there, {otherwise} would be others today, {gone} none (these \
         stay)",
        counted(events.len(), "event"),
        counted(new, "new message"),
    )?;
    Ok(())
}
