//! `kabari messages retry|resend|cancel|mark-sent`, by id or by filter

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::super::input::RuleFile;
use super::super::known;
use super::super::output;
use super::super::progress::Progress;
use super::super::running::Running;
use super::print_table;
use super::which::Which;
use crate::admin::{MOVES_MAX, Numbers, Wish};
use crate::clock;
use crate::model::{MessageId, State, counted};
use crate::store::{self, Address, LaneLock, MessageFilter, Moved, Moves, SharedStore};

/// Messages shown of what would be moved, and of what could not be.
const SHOWN: usize = 20;
/// Messages moved at once: the bar moves on after each of these.
const AT_ONCE: usize = 100;
const _: () = assert!(AT_ONCE <= MOVES_MAX);

/// Which messages to move, and how carefully.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Their ids; or say which ones with --state, --rule, --since, …
    ids: Vec<MessageId>,
    #[command(flatten)]
    which: Which,
    /// Every message that this can be done with, where no filter is given
    #[arg(long)]
    all: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    done: usize,
    refused: Vec<(MessageId, Moved)>,
}

/// The way to change messages: through the running `kabari serve`, or on the store itself.
enum Hands {
    Running(Running),
    Own { store: SharedStore, _lanes: LaneLock },
}

impl Selection {
    /// Moves them.
    pub(super) async fn run(
        self,
        rules: &RuleFile,
        url: &Address,
        wish: Wish,
    ) -> anyhow::Result<ExitCode> {
        if let Some(wrong) = self.misuse(wish) {
            return Ok(output::usage(&wrong));
        }
        let one_by_one = !self.ids.is_empty();
        let store = store::open_existing(url)?;
        let (ids, from) = if one_by_one {
            (self.ids, Vec::new())
        } else {
            let states: Vec<State> = match self.which.state {
                Some(state) => vec![state],
                None => wish.means().to_vec(),
            };
            let filter = self.which.filter(rules)?;
            let ids = chosen(&store, filter.clone(), &states).await?;
            if ids.is_empty() {
                known::all_of(&store, rules, &filter).await?;
            }
            (ids, states)
        };
        if self.dry_run {
            let moves = Moves { ids, to: wish.to(), from, now: clock::now() };
            return preview(&store, wish, moves, self.json).await;
        }
        drop(store);
        let hands = Hands::find(rules, url).await?;
        let mut progress = Progress::start("messages");
        let mut outcome = Outcome::default();
        for (part, n) in ids.chunks(AT_ONCE).zip(1_usize..) {
            let moved = hands.apply(wish, part, &from).await?;
            for (id, moved) in part.iter().zip(moved) {
                if one_by_one && !self.json {
                    say(*id, wish, moved);
                }
                outcome.note(*id, moved);
            }
            let behind = (n * AT_ONCE).min(ids.len());
            #[expect(clippy::cast_precision_loss, reason = "for a bar")]
            progress.at(behind as f64 / ids.len() as f64, behind as u64);
        }
        progress.finish();
        outcome.tell(wish, one_by_one, self.json)?;
        Ok(ExitCode::from(if outcome.refused.is_empty() { 0 } else { output::NO }))
    }

    fn misuse(&self, wish: Wish) -> Option<String> {
        let filtered = self.all || !self.which.is_everything();
        let verb = wish.as_str();
        if !self.ids.is_empty() && filtered {
            return Some("name messages by their ids or by a filter, not by both".to_owned());
        }
        if self.ids.is_empty() && !filtered {
            return Some(format!(
                "which messages? name their ids, say which (--state, --rule, --since, …), or \
                 write --all; `kabari messages {verb} --help` has examples"
            ));
        }
        let state = self.which.state.filter(|state| !wish.means().contains(state))?;
        let means: Vec<&str> = wish.means().iter().map(|state| state.as_str()).collect();
        Some(format!(
            "{verb} is for messages that are {}, not {}",
            means.join(" or "),
            state.as_str()
        ))
    }
}

/// The ids of those in these states, the oldest first: their recipients get them in that order.
async fn chosen(
    store: &SharedStore,
    filter: MessageFilter,
    states: &[State],
) -> anyhow::Result<Vec<MessageId>> {
    let mut ids = Vec::new();
    for state in states {
        let filter = MessageFilter { state: Some(*state), ..filter.clone() };
        ids.extend(store.message_ids(filter).await?);
    }
    Ok(ids)
}

/// Shows what would be done, and does nothing.
async fn preview(
    store: &SharedStore,
    wish: Wish,
    moves: Moves,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let ids = moves.ids.clone();
    let mut outcome = Outcome::default();
    for (id, moved) in ids.iter().zip(store.foresee_moves(moves).await?) {
        outcome.note(*id, moved);
    }
    let (possible, refused) = (outcome.done, outcome.refused.len());
    if as_json {
        let shown: Vec<String> = ids.iter().map(ToString::to_string).collect();
        output::json(&json!({
            "verb": wish.as_str(), "dry_run": true, "would": possible, "cannot": refused, "ids": shown,
        }))?;
    } else {
        let mut rows = Vec::new();
        for id in ids.iter().take(SHOWN) {
            rows.extend(store.message(*id).await?.map(|(message, _)| message));
        }
        print_table(&rows, Numbers::Masked)?;
        if rows.len() < ids.len() {
            anstream::println!("… and {} more", ids.len() - rows.len());
        }
        outcome.say_refused(wish);
        anstream::println!(
            "{}: would be done with {}",
            wish.as_str(),
            result_of(possible, refused)
        );
    }
    Ok(ExitCode::from(if refused == 0 { 0 } else { output::NO }))
}

impl Hands {
    async fn find(rules: &RuleFile, url: &Address) -> anyhow::Result<Self> {
        let token = rules.reach_quietly().admin_token;
        if let Some(running) = Running::find(url, token)? {
            return Ok(Self::Running(running));
        }
        let store = store::open_existing(url)?;
        let lanes = store::lock_lanes(&url.file()?)?;
        // The lanes are ours and still: what is called under way was broken off.
        store.recover(clock::now()).await?;
        Ok(Self::Own { store, _lanes: lanes })
    }

    async fn apply(
        &self,
        wish: Wish,
        ids: &[MessageId],
        from: &[State],
    ) -> anyhow::Result<Vec<Moved>> {
        match self {
            Self::Running(running) => {
                let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
                let path = format!("/api/messages/{}", wish.as_str());
                let (status, answer) =
                    running.post(&path, &json!({"ids": ids, "from": from})).await?;
                if status != 200 {
                    bail!("the running kabari answered {status}: {answer}");
                }
                let results = answer["results"].as_array().context("an answer without results")?;
                Ok(results.iter().map(moved).collect())
            }
            Self::Own { store, .. } => {
                let (to, now) = (wish.to(), clock::now());
                Ok(store
                    .move_many(Moves { ids: ids.to_vec(), to, from: from.to_vec(), now })
                    .await?)
            }
        }
    }
}

fn moved(result: &Value) -> Moved {
    match result["result"].as_str() {
        Some("done") => Moved::Done,
        Some("illegal") => {
            let word = result["state"].as_str().unwrap_or_default();
            Moved::Illegal(State::parse(word).unwrap_or(State::Sending))
        }
        Some("unmade") => match result["event"].as_str().and_then(|id| id.parse().ok()) {
            Some(event) => Moved::Unmade { event },
            None => Moved::Illegal(State::Failed),
        },
        Some("held") => Moved::Held {
            by: result["by"].as_str().and_then(|id| id.parse().ok()),
            state: result["by_state"].as_str().and_then(State::parse).unwrap_or(State::Sent),
        },
        _ => Moved::Unknown,
    }
}

fn say(id: MessageId, wish: Wish, moved: Moved) {
    let verb = wish.as_str();
    match moved {
        Moved::Done => anstream::println!("{id}  {verb}: done"),
        Moved::Unknown => anstream::println!("{id}  {verb}: there is no such message"),
        Moved::Illegal(state) => {
            anstream::println!("{id}  {verb}: not possible, it is {}", state.as_str());
        }
        Moved::Unmade { event } => anstream::println!(
            "{id}  {verb}: not possible, nothing was rendered of it; put the rule right, then \
             `kabari events replay {event}`"
        ),
        Moved::Held { by: Some(other), state } => anstream::println!(
            "{id}  {verb}: not possible, message {other} has the same `dedupe` key and is {}",
            state.as_str()
        ),
        Moved::Held { by: None, .. } => anstream::println!(
            "{id}  {verb}: not possible, a message that is kept no longer has the same `dedupe` key \
             and was sent"
        ),
    }
}

impl Outcome {
    fn note(&mut self, id: MessageId, moved: Moved) {
        match moved {
            Moved::Done => self.done += 1,
            Moved::Unknown | Moved::Illegal(_) | Moved::Unmade { .. } | Moved::Held { .. } => {
                self.refused.push((id, moved));
            }
        }
    }

    fn say_refused(&self, wish: Wish) {
        for (id, moved) in self.refused.iter().take(SHOWN) {
            say(*id, wish, *moved);
        }
    }

    fn tell(&self, wish: Wish, one_by_one: bool, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            let refused = self.refused.iter().map(|(id, moved)| match moved {
                Moved::Illegal(state) => json!({"id": id, "state": state.as_str()}),
                Moved::Unmade { event } => json!({
                    "id": id, "state": State::Failed, "event": event,
                }),
                Moved::Held { by, state } => json!({
                    "id": id, "state": State::Failed, "by": by, "by_state": state,
                }),
                Moved::Done | Moved::Unknown => json!({"id": id, "state": null}),
            });
            return output::json(&json!({
                "verb": wish.as_str(),
                "dry_run": false,
                "done": self.done,
                "refused": refused.collect::<Vec<_>>(),
            }));
        }
        if !one_by_one {
            self.say_refused(wish);
            anstream::println!(
                "{}: done with {}",
                wish.as_str(),
                result_of(self.done, self.refused.len())
            );
        }
        Ok(())
    }
}

/// `3 messages`, `1 message, not possible with 2`.
fn result_of(done: usize, refused: usize) -> String {
    let done = counted(done, "message");
    match refused {
        0 => done,
        _ => format!("{done}, not possible with {refused}"),
    }
}
