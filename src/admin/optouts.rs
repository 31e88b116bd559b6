//! Who wants no messages? The list, changed while kabari runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::Deserialize;
use serde_json::json;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::model::Recipient;
use crate::render;
use crate::store::OptOut;

/// Somebody, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Somebody {
    /// A number as people write it.
    number: String,
    /// For whoever reads the list.
    note: Option<String>,
}

/// Gets no messages any more.
pub(super) async fn add(
    State(admin): State<Arc<Admin>>,
    asked: Result<Json<Somebody>, JsonRejection>,
) -> Answer {
    let (recipient, note) = read(&admin, asked)?;
    let (number, since) = (recipient.to_string(), (admin.clock)());
    let is_new = admin.store.opt_out(OptOut { recipient, since, note }).await?;
    tracing::info!(number, "{number} gets no messages any more");
    Ok(Json(json!({"number": number, "changed": is_new})))
}

/// Gets messages again.
pub(super) async fn remove(
    State(admin): State<Arc<Admin>>,
    asked: Result<Json<Somebody>, JsonRejection>,
) -> Answer {
    let (recipient, _) = read(&admin, asked)?;
    let number = recipient.to_string();
    let was_there = admin.store.opt_in(&recipient).await?;
    tracing::info!(number, "{number} gets messages again");
    Ok(Json(json!({"number": number, "changed": was_there})))
}

fn read(
    admin: &Admin,
    asked: Result<Json<Somebody>, JsonRejection>,
) -> Result<(Recipient, Option<String>), Refused> {
    let Json(Somebody { number, note }) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let country = admin.pipeline.load().defaults().country;
    let recipient = render::recipient(&number, country);
    Ok((recipient.map_err(|why| Refused::Wrong(why.to_string()))?, note))
}
