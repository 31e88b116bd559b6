//! What goes out, and what may a person do about it?

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::answer::{Answer, Refused};
use crate::admin::events::AskedOne;
use crate::admin::shown::{Numbers, message_and_attempts_json, message_json, readable};
use crate::admin::{Admin, LIST_LIMIT, Wish};
use crate::model::{self, EventId, MessageId};
use crate::render;
use crate::store::{MessageFilter, Moved};

/// How many rows: a number, or `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ListLength(Option<usize>);

impl ListLength {
    pub(super) fn rows(self) -> Option<usize> {
        self.0
    }
}

impl TryFrom<String> for ListLength {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "all" {
            return Ok(Self(None));
        }
        let wrong = || format!("`limit={text}`: write a number, or `all`");
        text.parse().map(|rows| Self(Some(rows))).map_err(|_| wrong())
    }
}

/// What can be asked of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    state: Option<model::State>,
    rule: Option<String>,
    source: Option<String>,
    number: Option<String>,
    event: Option<EventId>,
    instance: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: Option<ListLength>,
    #[serde(default)]
    full: bool,
}

pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let numbers = Numbers::full_if(asked.full);
    let filter = MessageFilter {
        state: asked.state,
        rule: asked.rule,
        source: asked.source,
        number: asked.number.map(|written| whole_number(&admin, written)),
        event: asked.event,
        instance: asked.instance,
        since: asked.since,
        until: asked.until,
        limit: asked.limit.map_or(Some(LIST_LIMIT), ListLength::rows),
    };
    let messages = readable(admin.store.messages(filter).await?);
    Ok(Json(messages.iter().map(|message| message_json(message, numbers)).collect()))
}

/// People ask for a number as they write it; in the store it stands as Wachat takes it.
fn whole_number(admin: &Admin, written: String) -> String {
    let country = admin.pipeline.load().defaults().country;
    match render::recipient(&written, country) {
        Ok(recipient) => recipient.expose().to_owned(),
        Err(_) => written,
    }
}

pub(super) async fn one(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    asked: Result<Query<AskedOne>, QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let id: MessageId = id.parse().map_err(|_| Refused::NotFound)?;
    shown(&admin, id, asked.numbers()).await
}

/// A person decides about one message.
pub(super) async fn move_by_hand(
    State(admin): State<Arc<Admin>>,
    Path((id, wish)): Path<(String, String)>,
) -> Answer {
    let id: MessageId = id.parse().map_err(|_| Refused::NotFound)?;
    let to = Wish::parse(&wish).ok_or(Refused::NotFound)?.to();
    match admin.store.move_by_hand(id, to, (admin.clock)()).await? {
        Moved::Done => {
            tracing::info!(message_id = %id, to = to.as_str(), "moved by hand");
            shown(&admin, id, Numbers::Masked).await
        }
        Moved::Unknown => Err(Refused::NotFound),
        Moved::Illegal(state) => Err(Refused::Illegal(state)),
        Moved::Unmade { event } => Err(Refused::Unmade { event }),
        Moved::Held { by, state } => Err(Refused::Held { by, state }),
    }
}

async fn shown(admin: &Admin, id: MessageId, numbers: Numbers) -> Answer {
    let (message, attempts) = admin.store.message(id).await?.ok_or(Refused::NotFound)?;
    Ok(Json(message_and_attempts_json(&message, &attempts, numbers)))
}
