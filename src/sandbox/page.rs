//! What does the browser get? The page, its files, and what arrived.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::fault::FaultSpec;
use super::outbox::{Counters, Dispatched, Request};
use super::world::World;

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

pub(super) async fn html() -> Response {
    asset("text/html; charset=utf-8", include_str!("assets/page.html"))
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("assets/page.js"))
}

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/page.css"))
}

/// Everything that is remembered.
pub(super) async fn messages(State(world): State<Arc<World>>) -> Response {
    let outbox = &world.outbox;
    let (requests, dispatched) = (outbox.requests(), outbox.dispatched());
    let body = json!({
        "counters": outbox.counters(),
        "requests": requests.iter().map(AsRef::as_ref).collect::<Vec<&Request>>(),
        "dispatched": dispatched.iter().map(AsRef::as_ref).collect::<Vec<&Dispatched>>(),
    });
    let headers =
        [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-store")];
    (headers, Json(body)).into_response()
}

/// How many of what.
pub(super) async fn counters(State(world): State<Arc<World>>) -> Json<Counters> {
    Json(world.outbox.counters())
}

/// Every change from now on, as Server-Sent Events; `reload` tells who missed some to ask anew.
pub(super) async fn events(
    State(world): State<Arc<World>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = world.outbox.subscribe();
    let stop = world.stop.clone().cancelled_owned();
    let events = stream::unfold(changes, |mut changes| async {
        let event = match changes.recv().await {
            Ok(change) => Event::default()
                .json_data(&change)
                .unwrap_or_else(|_| Event::default().event("reload").data("")),
            Err(RecvError::Lagged(_)) => Event::default().event("reload").data(""),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), changes))
    });
    // The first event tells the page that it is connected and has to look at what was before.
    let hello = stream::iter([Ok(Event::default().event("reload").data(""))]);
    Sse::new(hello.chain(events).take_until(stop)).keep_alive(KeepAlive::default())
}

/// The bytes of a message's media. Only what its first bytes show to be harmless is shown in place.
pub(super) async fn media(State(world): State<Arc<World>>, Path(id): Path<u64>) -> Response {
    let Some((magic, bytes)) = world.outbox.preview(id) else {
        return (StatusCode::NOT_FOUND, "There are no bytes kept of this.\n").into_response();
    };
    let (content_type, disposition) = match magic {
        Some(
            kind @ ("image/png" | "image/jpeg" | "image/webp" | "image/gif" | "video/mp4"
            | "video/3gpp" | "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4"
            | "audio/m4a" | "audio/ogg" | "audio/opus"),
        ) => (kind, "inline"),
        Some("application/pdf") => ("application/pdf", "attachment"),
        _ => ("application/octet-stream", "attachment"),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, bytes).into_response()
}

/// The faults in force.
pub(super) async fn faults(State(world): State<Arc<World>>) -> Json<Value> {
    let list: Vec<_> = world.faults().list().iter().map(ToString::to_string).collect();
    Json(json!({"faults": list}))
}

/// One specification or several.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fail {
    fail: OneOrMany,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Adds faults: `{"fail": "504*1"}`, or a list; all or none.
pub(super) async fn add_faults(
    State(world): State<Arc<World>>,
    Json(Fail { fail }): Json<Fail>,
) -> Response {
    let specs = match fail {
        OneOrMany::One(spec) => vec![spec],
        OneOrMany::Many(specs) => specs,
    };
    let added = specs.iter().map(|spec| spec.parse::<FaultSpec>()).collect::<Result<Vec<_>, _>>();
    let added = added.and_then(|specs| {
        let mut faults = world.faults();
        let mut more = faults.clone();
        specs.into_iter().try_for_each(|spec| more.add(spec))?;
        *faults = more;
        Ok(())
    });
    match added {
        Ok(()) => faults(State(world)).await.into_response(),
        Err(error) => {
            (StatusCode::BAD_REQUEST, Json(json!({"error": error.to_string()}))).into_response()
        }
    }
}

/// Fails no more.
pub(super) async fn clear_faults(State(world): State<Arc<World>>) -> StatusCode {
    world.faults().clear();
    StatusCode::NO_CONTENT
}
