//! HTTP in: the route, its limits, and what the sender is answered.
//!
//! The whole story is `hook`: known source → size → body → pipeline → store → answer. Nothing is
//! answered 200 before it is on the disk, and nobody learns why a signature did not hold.

mod settings;
mod body;
mod reply;
mod line;
mod provider;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, Response};
use axum::routing::any;
use jiff::Timestamp;

use crate::clock::{self, Stopwatch};
use crate::model::{Event, EventId, Headers, Message};
use crate::pipeline::{Accepted, Pipeline, Rejection};
use crate::receive::body::Budget;
use crate::receive::line::Line;
use crate::receive::reply::Reply;
use crate::sources::{Answer, Offers, Source};
use crate::store::{Recorded, SharedStore, StoreError};
use crate::telemetry::{Failures, Flood, Metrics, Seen};
use crate::verify::{self, Denied};

pub use settings::{BODY_BUDGET, BODY_LIMIT, BODY_TIME, FAILURES_BURST, FAILURES_PER_S, Settings};

/// Lines in the log about denied requests, and as many about otherwise refused ones, for each
/// source in [`REFUSED_WINDOW_S`].
const REFUSED_LINES_MAX: u32 = 10;
/// In seconds.
const REFUSED_WINDOW_S: i64 = 60;
/// In seconds.
const DAY_S: i64 = 24 * 60 * 60;

/// What the public listener works with.
pub struct Receiver {
    /// What decides about requests; a reload swaps it.
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    settings: Settings,
    clock: fn() -> Timestamp,
    dice: Mutex<fastrand::Rng>,
    budget: Arc<Budget>,
    failures: Failures,
    denied: Flood,
    refused: Flood,
    expiring: Flood,
    offers: Arc<Offers>,
}

impl Receiver {
    /// A receiver with nothing under way.
    pub fn new(
        pipeline: Arc<ArcSwap<Pipeline>>,
        store: SharedStore,
        metrics: Arc<Metrics>,
        settings: Settings,
    ) -> Self {
        Self {
            pipeline,
            store,
            metrics,
            budget: Arc::new(Budget::new(settings.body_budget)),
            failures: Failures::new(settings.failures_burst, settings.failures_per_s),
            settings,
            clock: clock::now,
            dice: Mutex::new(clock::dice()),
            denied: Flood::new(REFUSED_LINES_MAX, REFUSED_WINDOW_S),
            refused: Flood::new(REFUSED_LINES_MAX, REFUSED_WINDOW_S),
            expiring: Flood::new(1, DAY_S),
            offers: Arc::default(),
        }
    }

    /// The same, keeping the secrets that senders offer where the operator is shown them.
    #[must_use]
    pub fn with_offers(mut self, offers: Arc<Offers>) -> Self {
        self.offers = offers;
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    fn event_id(&self, now: Timestamp) -> EventId {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        clock::event_id(now, &mut dice)
    }
}

/// The public listener's routes.
pub fn router(receiver: Arc<Receiver>) -> Router {
    Router::new()
        .route("/hooks/{source}", any(hook))
        .fallback(async |State(receiver), request: Request| {
            no_hook(&receiver, request.uri().path(), Reply::NoSuchPage)
        })
        .with_state(receiver)
}

/// One request. A client that leaves drops this future wherever it waits: the bytes that it held
/// of the budget are given back, and what the store's writer was handed is recorded all the same.
async fn hook(
    State(receiver): State<Arc<Receiver>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let now = (receiver.clock)();
    let mut line = Line::begin(&receiver.metrics, Stopwatch::start());
    let reply = match answer(&receiver, request, now, &mut line).await {
        Ok(reply) | Err(Refused::Early(reply)) => reply,
        Err(Refused::Denied(denied)) => receiver.deny(&denied, client, now, &mut line),
    };
    let name = line.source_label().to_owned();
    line.end(&reply, &receiver.refused, now);
    provider::response(reply, receiver.pipeline.load().source(&name))
}

/// What is no webhook leaves its line too: a mistyped address at the sender shows in it.
fn no_hook(receiver: &Arc<Receiver>, path: &str, reply: Reply) -> Response<Body> {
    let mut line = Line::begin(&receiver.metrics, Stopwatch::start());
    line.asked_for(path);
    line.end(&reply, &receiver.refused, (receiver.clock)());
    reply.into_response()
}

/// Why a request did not get through.
enum Refused {
    /// Before or after the question of trust.
    Early(Reply),
    /// It is not to be believed.
    Denied(Denied),
}

async fn answer(
    receiver: &Receiver,
    request: Request,
    now: Timestamp,
    line: &mut Line<'_>,
) -> Result<Reply, Refused> {
    let (head, body) = request.into_parts();
    let source = head.uri.path().strip_prefix("/hooks/").unwrap_or_default();
    let Some(method) = receiver.pipeline.load().source(source).map(|known| {
        line.source(source);
        provider::method(known, &head.method)
    }) else {
        line.asked_for(source);
        let by_post = head.method == Method::POST;
        return Err(Refused::Early(if by_post { Reply::UnknownSource } else { Reply::Method }));
    };
    method.map_err(Refused::Early)?;
    let (body, _held) = body::read(body, &head.headers, &receiver.settings, &receiver.budget)
        .await
        .map_err(Refused::Early)?;
    let target = head.uri.path_and_query().map_or(head.uri.path(), |target| target.as_str());
    let request = verify::Request::new(
        receiver.event_id(now),
        now,
        source,
        head.method.as_str(),
        target,
        headers(&head.headers),
        body,
    );
    let pipeline = receiver.pipeline.load();
    if let Some(reply) = provider::before(pipeline.source(source), &request, now) {
        if let Reply::Handshake(Answer { offered: Some(offered), .. }) = &reply {
            receiver.offers.keep(source, offered, now);
        }
        return Ok(reply);
    }
    let accepted = pipeline.accept(&request, now);
    drop(request);
    if accepted.is_ok()
        && let Some(refused) = provider::media_type(pipeline.source(source), &head.headers)
    {
        return Err(Refused::Early(refused));
    }
    if let Ok(accepted) = &accepted {
        receiver.warn_of_the_end(pipeline.source(source), accepted.secret, now);
    }
    drop(pipeline);
    match accepted {
        Ok(accepted) => Ok(receiver.record(accepted, line).await),
        Err(Rejection::UnknownSource) => Err(Refused::Early(Reply::UnknownSource)),
        Err(Rejection::Denied(denied)) => Err(Refused::Denied(denied)),
    }
}

impl Receiver {
    /// Says, once a day, that the sender still signs with a secret that soon counts no more.
    fn warn_of_the_end(&self, source: Option<&Source>, secret: usize, now: Timestamp) {
        let Some(until) = source.and_then(|source| source.ends_soon(secret, now)) else { return };
        let name = source.map(Source::name).unwrap_or_default();
        if let Seen::Write { .. } = self.expiring.look(name, now) {
            let help = "the sender still signs with a secret that soon counts no more: give it the new one";
            tracing::warn!(source = name, secret, %until, "{help}");
        }
    }

    /// Keeps what was believed, and says what the sender is told.
    async fn record(&self, accepted: Accepted, line: &mut Line<'_>) -> Reply {
        let Accepted { event, messages, secret, unreadable, id_missing, more } = accepted;
        self.metrics.secret_matched(&event.source, secret);
        if id_missing {
            self.metrics.id_missing(&event.source);
        }
        line.believed(&event, secret, || {
            rule_names(messages.iter().chain(more.iter().flat_map(|(_, messages)| messages)))
        });
        if !more.is_empty() {
            let mut batch = vec![(event, messages)];
            batch.extend(more);
            return self.record_batch(batch, line).await;
        }
        let id = event.id;
        match self.store.record(event, messages).await {
            Ok(recorded) => {
                if matches!(recorded, Recorded::New { .. }) {
                    self.metrics.event(line.source_label());
                }
                match (unreadable, recorded) {
                    (Some(why), Recorded::New { .. }) => Reply::Unreadable { event: id, why },
                    (Some(why), Recorded::Duplicate { event }) => Reply::Unreadable { event, why },
                    (None, Recorded::New { waiting }) => {
                        Reply::Accepted { event: id, messages: waiting }
                    }
                    (None, Recorded::Duplicate { event }) => Reply::Duplicate { event },
                }
            }
            Err(why) => self.not_stored(&why),
        }
    }

    /// The same for all events of a batch; those that were recorded before stay as they are.
    async fn record_batch(&self, batch: Vec<(Event, Vec<Message>)>, line: &mut Line<'_>) -> Reply {
        let ids: Vec<EventId> = batch.iter().map(|(event, _)| event.id).collect();
        let recorded = match self.store.record_batch(batch).await {
            Ok(recorded) => recorded,
            Err(why) => return self.not_stored(&why),
        };
        let (mut events, mut messages, mut duplicate) = (Vec::new(), 0, true);
        for (id, recorded) in ids.into_iter().zip(recorded) {
            match recorded {
                Recorded::New { waiting } => {
                    self.metrics.event(line.source_label());
                    events.push(id);
                    messages += waiting;
                    duplicate = false;
                }
                Recorded::Duplicate { event } => events.push(event),
            }
        }
        Reply::Batch { events, messages, duplicate }
    }

    fn not_stored(&self, why: &StoreError) -> Reply {
        self.metrics.store_unavailable();
        Reply::NotStored { why: why.to_string() }
    }

    /// Counts a request that was not believed; verified ones never come here, so that no flood of
    /// forgeries can close the door to them.
    fn deny(
        &self,
        denied: &Denied,
        client: SocketAddr,
        now: Timestamp,
        line: &mut Line<'_>,
    ) -> Reply {
        self.metrics.denied(line.source_label(), denied.label());
        line.denied(denied, client.ip(), self.denied.look(line.source_label(), now));
        if self.failures.over(client.ip(), now) { Reply::TooMany } else { Reply::Denied }
    }
}

/// The names are in lower case already (the `http` crate sees to it). A value that is not UTF-8 is
/// read as Latin-1, as RFC 9110, 5.5 remembers it.
fn headers(map: &HeaderMap) -> Headers {
    let text = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    };
    Headers(
        map.iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect(),
    )
}

/// The rules that made something of an event, each once.
fn rule_names<'m>(messages: impl Iterator<Item = &'m Message>) -> String {
    let mut names: Vec<&str> = messages.map(|made| made.origin.rule.as_str()).collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::headers;

    #[test]
    fn header_values_that_are_no_text_are_read_as_latin_1() {
        let mut map = HeaderMap::new();
        map.insert("X-Name", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        map.append("x-name", HeaderValue::from_bytes("kopi ☕".as_bytes()).unwrap());
        let headers = headers(&map);
        assert_eq!(headers.get("x-name"), Some("café"));
        assert_eq!(headers.0[1].1, "kopi ☕");
    }
}
