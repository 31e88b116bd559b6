//! What do today's rules make of events that came before?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::admin::shown::{Numbers, message_json};
use crate::model::{EventId, Groups, Replay, Replayed};

/// As many events can be replayed by one request.
pub const REPLAYS_MAX: usize = 100;

/// Which events, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    ids: Vec<EventId>,
    /// Makes messages that are there once more; the same number makes the same ones.
    #[serde(default)]
    again: Option<u64>,
    /// Only shows what would be made.
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    full: bool,
    /// What the answer said for the events before these, so that a group is counted once.
    #[serde(default)]
    groups: Groups,
}

/// Shows what the rules in force make of them, and makes what is new.
pub(super) async fn replay(
    State(admin): State<Arc<Admin>>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Answer {
    let Json(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    if REPLAYS_MAX < asked.ids.len() {
        return Err(Refused::Wrong(format!("ids: {REPLAYS_MAX} at most in one request")));
    }
    let Asked { ids: events, again, dry_run, full, groups } = asked;
    let replayed = admin.controls.replay(Replay { events, again, dry_run, groups }).await;
    let (replayed, groups) = replayed.map_err(Refused::Store)?;
    let made: usize = replayed.iter().map(|one| one.made).sum();
    if 0 < made {
        tracing::info!(made, events = replayed.len(), "events replayed by hand");
    }
    let numbers = Numbers::full_if(full);
    let shown: Vec<Value> = replayed.iter().map(|one| replayed_json(one, numbers)).collect();
    Ok(Json(json!({"made": made, "events": shown, "groups": groups})))
}

/// What came of one event: its messages with `fits` (`new`, `joins`, `there`, `otherwise`, `gone`),
/// and for what would be otherwise the request that it would be `today`.
pub fn replayed_json(replayed: &Replayed, numbers: Numbers) -> Value {
    let messages = replayed.messages.iter().map(|(fits, message)| {
        let mut shown = message_json(message, numbers);
        shown["fits"] = Value::from(fits.as_str());
        if let Some(today) = replayed.today.iter().find(|today| today.id == message.id) {
            shown["today"] = message_json(today, numbers)["request"].take();
        }
        shown
    });
    json!({
        "event": replayed.event.to_string(),
        "source": replayed.source,
        "kind": replayed.kind,
        "problem": replayed.problem,
        "unreadable": replayed.unreadable,
        "made": replayed.made,
        "messages": messages.collect::<Vec<_>>(),
    })
}
