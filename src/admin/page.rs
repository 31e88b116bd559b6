//! What does the dashboard look like? Three files of our own; the browser gets nothing else.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(super) async fn dashboard() -> Response {
    file("text/html; charset=utf-8", include_str!("dashboard.html"))
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("dashboard.js"))
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("dashboard.css"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
