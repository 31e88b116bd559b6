//! Who may ask a sandbox that listens on this machine alone?
//!
//! A foreign page could reach it under a name of its own that it lets resolve to this machine, and
//! then read what arrived. So the `Host` must be a name of this machine.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::is_this_machine;

pub(super) async fn only_for_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_this_machine) {
        return next.run(request).await;
    }
    let why = "The sandbox listens on this machine alone: call it 127.0.0.1 or localhost, or start \
               it with --listen on another address.\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}
