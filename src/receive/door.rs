//! What comes to the public listener: a webhook, or nothing that is known here?

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use crate::clock::Stopwatch;
use crate::http::Responder;
use crate::receive::line::Line;
use crate::receive::reply::Reply;
use crate::receive::{Receiver, hook};

/// The public listener, as connections hold it.
#[derive(Clone)]
pub struct Door(Arc<Receiver>);

impl Door {
    /// The door to this receiver.
    pub fn new(receiver: Receiver) -> Self {
        Self(Arc::new(receiver))
    }
}

/// There is one route, `/hooks/{source}`, for any method: to look it up here takes less than a router
/// of many.
impl Responder for Door {
    async fn respond(&self, request: Request, client: SocketAddr) -> Response<Body> {
        let is_hook = source_in(request.uri().path()).is_some();
        if is_hook {
            hook(&self.0, client, request).await
        } else {
            no_hook(&self.0, client, &request)
        }
    }
}

/// The source that a path names.
pub(super) fn source_in(path: &str) -> Option<&str> {
    path.strip_prefix("/hooks/").filter(|source| !source.is_empty() && !source.contains('/'))
}

/// What is no webhook leaves its line too: a mistyped address at the sender shows in it.
fn no_hook(receiver: &Receiver, peer: SocketAddr, request: &Request) -> Response<Body> {
    let client = receiver.proxies.client(peer.ip(), request.headers());
    let mut line = Line::begin(&receiver.metrics, Stopwatch::start(), client);
    line.asked_for(request.uri().path());
    let reply = Reply::NoSuchPage;
    line.end(&reply, &receiver.refused, (receiver.clock)());
    reply.into_response()
}
