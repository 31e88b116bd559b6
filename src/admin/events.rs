//! What came in?

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Deserialize;

use crate::admin::answer::{Answer, Refused};
use crate::admin::messages::ListLength;
use crate::admin::shown::{Numbers, event_json, readable};
use crate::admin::{Admin, LIST_LIMIT};
use crate::model::EventId;
use crate::store::{EventFilter, MessageFilter};

/// What can be asked of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    source: Option<String>,
    kind: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: Option<ListLength>,
}

/// What can be asked of one event or message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedOne {
    #[serde(default)]
    full: bool,
}

impl AskedOne {
    pub(super) fn numbers(&self) -> Numbers {
        Numbers::full_if(self.full)
    }
}

pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let limit = asked.limit.map_or(Some(LIST_LIMIT), ListLength::rows);
    let filter = EventFilter {
        source: asked.source,
        kind: asked.kind,
        since: asked.since,
        until: asked.until,
        limit,
    };
    let rows = readable(admin.store.events(filter).await?);
    serde_json::to_value(rows).map(Json).map_err(|why| Refused::Store(why.to_string()))
}

pub(super) async fn one(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    asked: Result<Query<AskedOne>, QueryRejection>,
) -> Answer {
    let Query(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let id: EventId = id.parse().map_err(|_| Refused::NotFound)?;
    let event = admin.store.event(id).await?.ok_or(Refused::NotFound)?;
    let filter = MessageFilter { event: Some(id), ..MessageFilter::default() };
    let messages = readable(admin.store.messages(filter).await?);
    Ok(Json(event_json(&event, &messages, asked.numbers())))
}
