//! What does a person decide about messages, one or many?

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::model::{self, MessageId};
use crate::store::{Moved, Moves};

/// As many can be moved by one request.
pub const MOVES_MAX: usize = 500;

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What failed is tried again.
    Retry,
    /// What is uncertain is sent, though it may have arrived.
    Resend,
    /// It is not sent, or not again.
    Cancel,
    /// What is uncertain was seen to arrive.
    MarkSent,
}

impl Wish {
    /// The decision of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Retry, Self::Resend, Self::Cancel, Self::MarkSent]
            .into_iter()
            .find(|wish| wish.as_str() == name)
    }

    /// Its name in commands and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Resend => "resend",
            Self::Cancel => "cancel",
            Self::MarkSent => "mark-sent",
        }
    }

    /// The state that it leads to.
    pub fn to(self) -> model::State {
        match self {
            Self::Retry | Self::Resend => model::State::Waiting,
            Self::Cancel => model::State::Cancelled,
            Self::MarkSent => model::State::Sent,
        }
    }

    /// The states of the messages that are meant where nobody names them one by one.
    pub fn means(self) -> &'static [model::State] {
        match self {
            Self::Retry => &[model::State::Failed],
            Self::Resend | Self::MarkSent => &[model::State::Uncertain],
            Self::Cancel => &[model::State::Waiting, model::State::Uncertain],
        }
    }
}

/// Which messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    ids: Vec<MessageId>,
    /// Only those that are in one of these states at that moment.
    #[serde(default)]
    from: Vec<model::State>,
}

/// Moves them, and says what came of each.
pub(super) async fn many(
    State(admin): State<Arc<Admin>>,
    Path(wish): Path<String>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Answer {
    let wish = Wish::parse(&wish).ok_or(Refused::NotFound)?;
    let Json(Asked { ids, from }) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    if MOVES_MAX < ids.len() {
        return Err(Refused::Wrong(format!("ids: {MOVES_MAX} at most in one request")));
    }
    let moves = Moves { ids: ids.clone(), to: wish.to(), from, now: (admin.clock)() };
    let outcomes = admin.store.move_many(moves).await?;
    let done = outcomes.iter().filter(|moved| **moved == Moved::Done).count();
    if 0 < done {
        tracing::info!(done, asked = ids.len(), to = wish.to().as_str(), "moved by hand");
    }
    let results: Vec<Value> =
        ids.iter().zip(&outcomes).map(|(id, moved)| result(*id, *moved)).collect();
    Ok(Json(json!({"done": done, "results": results})))
}

fn result(id: MessageId, moved: Moved) -> Value {
    let (result, state) = match moved {
        Moved::Done => ("done", None),
        Moved::Unknown => ("unknown", None),
        Moved::Illegal(state) => ("illegal", Some(state.as_str())),
        Moved::Unmade { event } => {
            return json!({
                "id": id, "result": "unmade", "state": model::State::Failed, "event": event,
            });
        }
        Moved::Held { by, state } => {
            return json!({
                "id": id, "result": "held", "state": model::State::Failed, "by": by, "by_state": state,
            });
        }
    };
    json!({"id": id.to_string(), "result": result, "state": state})
}
