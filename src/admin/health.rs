//! Is it alive, can it take events, and how much of everything was there?

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::admin::Admin;
use crate::http;
use crate::model;
use crate::sources::DatedSecret;
use crate::telemetry::{self, Health, METRICS_TYPE};

pub(super) async fn healthz() -> Response {
    shown(telemetry::healthz())
}

pub(super) async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    shown(telemetry::readyz(&admin.controls.readiness().await))
}

pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match admin.store.counts().await {
        Ok(counts) => {
            for state in model::State::ALL {
                let count = counts.messages.get(state.as_str()).copied().unwrap_or(0);
                admin.metrics.messages_in(state, count);
            }
        }
        Err(_) => admin.metrics.messages_unknown(),
    }
    let (pipeline, now) = (admin.pipeline.load(), (admin.clock)());
    admin.metrics.secrets(pipeline.sources().map(|source| {
        let secrets = source.secrets();
        let valid = secrets.iter().filter(|secret| secret.counts(now)).count();
        let until = |secret: &DatedSecret| secret.until().map(Timestamp::as_second);
        (source.name(), valid, secrets.iter().map(until).collect())
    }));
    let kind = HeaderValue::from_static(METRICS_TYPE);
    ([(header::CONTENT_TYPE, kind)], admin.metrics.text()).into_response()
}

fn shown(health: Health) -> Response {
    let status = StatusCode::from_u16(health.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    http::json(status, health.body)
}
