//! HTTP in: the route, its limits, and what the sender is answered.
//!
//! The whole story is `hook`: known source → size → body → pipeline → store → answer. Nothing is
//! answered 200 before it is on the disk, and nobody learns why a signature did not hold.

mod settings;
mod client;
mod body;
mod reply;
mod line;
mod provider;
mod door;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, header};
use jiff::Timestamp;

use crate::clock::{self, Stopwatch};
use crate::model::{Event, EventId, Headers, Message};
use crate::pipeline::{Accepted, Pipeline, Rejection};
use crate::receive::body::Budget;
use crate::receive::door::source_in;
use crate::receive::line::{Denial, Line};
use crate::receive::reply::Reply;
use crate::sources::{Answer, KeyRing, Offers, Source};
use crate::store::{Recorded, SharedStore, StoreError};
use crate::telemetry::{Failures, Flood, Metrics, Seen};
use crate::verify::{self, Denied};

pub use client::Proxies;
pub use door::Door;
pub use settings::{
    BODY_BUDGET, BODY_LIMIT, BODY_TIME, FAILURES_BURST, FAILURES_PER_S, Settings,
    UnverifiedSettings,
};
use settings::{KEYS_BURST, REFUSED_LINES_MAX, REFUSED_WINDOW_S};

/// In seconds.
const DAY_S: i64 = 24 * 60 * 60;

/// What the public listener works with.
pub struct Receiver {
    /// What decides about requests; a reload swaps it.
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    settings: Settings,
    proxies: Proxies,
    clock: fn() -> Timestamp,
    dice: Mutex<fastrand::Rng>,
    budget: Arc<Budget>,
    failures: Failures,
    denied: Flood,
    refused: Flood,
    expiring: Flood,
    offers: Arc<Offers>,
    keys: Arc<KeyRing>,
    keys_asked: Failures,
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
            proxies: Proxies::default(),
            clock: clock::now,
            dice: Mutex::new(clock::dice()),
            denied: Flood::new(REFUSED_LINES_MAX, REFUSED_WINDOW_S),
            refused: Flood::new(REFUSED_LINES_MAX, REFUSED_WINDOW_S),
            expiring: Flood::new(1, DAY_S),
            offers: Arc::default(),
            keys: Arc::new(KeyRing::new(|| {})),
            keys_asked: Failures::new(KEYS_BURST, 1),
        }
    }

    /// The same, keeping the secrets that senders offer where the operator is shown them.
    #[must_use]
    pub fn with_offers(mut self, offers: Arc<Offers>) -> Self {
        self.offers = offers;
        self
    }

    /// The same with the keys that are fetched from senders.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<KeyRing>) -> Self {
        self.keys = keys;
        self
    }

    /// The same, behind these proxies.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
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

/// One request. A client that leaves drops this future wherever it waits: the bytes that it held
/// of the budget are given back, and what the store's writer was handed is recorded all the same.
async fn hook(receiver: &Receiver, peer: SocketAddr, request: Request) -> Response<Body> {
    let now = (receiver.clock)();
    let client = receiver.proxies.client(peer.ip(), request.headers());
    let mut line = Line::begin(&receiver.metrics, Stopwatch::start(), client);
    let reply = match answer(receiver, request, now, &mut line).await {
        Ok(reply) | Err(Refused::Early(reply)) => reply,
        Err(Refused::Denied(denial)) => receiver.deny(&denial, now, &mut line),
    };
    let name = line.source_label().to_owned();
    line.end(&reply, &receiver.refused, now);
    provider::response(reply, receiver.pipeline.load().source(&name))
}

/// Why a request did not get through.
enum Refused {
    /// Before or after the question of trust.
    Early(Reply),
    /// It is not to be believed.
    Denied(Denial),
}

impl From<Reply> for Refused {
    fn from(reply: Reply) -> Self {
        Self::Early(reply)
    }
}

async fn answer(
    receiver: &Receiver,
    request: Request,
    now: Timestamp,
    line: &mut Line<'_>,
) -> Result<Reply, Refused> {
    let (mut head, body) = request.into_parts();
    let source = source_in(head.uri.path()).unwrap_or_default();
    let signs_unpacked = enter(receiver, source, &head, line)?;
    let (mut body, mut share) =
        body::read(body, &head.headers, &receiver.settings, &receiver.budget).await?;
    if signs_unpacked {
        let unpacked = body::unpack(&body, receiver.settings.body_limit, &mut share);
        body = unpacked.map_err(|refused| match refused {
            Ok(reply) => Refused::Early(reply),
            Err(denied) => Refused::Denied(receiver.denial(denied, source, None, now)),
        })?;
        head.headers.remove(header::CONTENT_ENCODING);
    }
    let target = head.uri.path_and_query().map_or(head.uri.path(), |target| target.as_str());
    let mut request = verify::Request::new(
        receiver.event_id(now),
        now,
        source,
        head.method.as_str(),
        target,
        headers(&head.headers),
        body,
    );
    let pipeline = receiver.pipeline.load();
    let known = pipeline.source(source).ok_or(Reply::UnknownSource)?;
    if known.scheme().names_its_key() {
        request = request.with_keys(receiver.keys.keys());
    }
    if let Some(reply) = provider::before(known, &request, now) {
        if let Reply::Handshake(Answer { offered: Some(offered), .. }) = &reply {
            receiver.offers.keep(source, offered, now);
        }
        return Ok(reply);
    }
    let accepted = match pipeline.accept(&request, now) {
        Ok(accepted) => accepted,
        Err(Rejection::UnknownSource) => return Err(Reply::UnknownSource.into()),
        Err(Rejection::Denied(denied)) => {
            let of = Some((known, &request));
            return Err(Refused::Denied(receiver.denial(denied, source, of, now)));
        }
    };
    drop(request);
    provider::after(known, &head.headers, now)?;
    receiver.warn_of_the_end(known, accepted.secret, now);
    drop(pipeline);
    Ok(receiver.record(accepted, line).await)
}

/// Whether a body may be read for this source at all, and whether it is to be unpacked before it
/// is verified.
fn enter(
    receiver: &Receiver,
    source: &str,
    head: &Parts,
    line: &mut Line<'_>,
) -> Result<bool, Reply> {
    let pipeline = receiver.pipeline.load();
    let Some(known) = pipeline.source(source) else {
        line.asked_for(source);
        return Err(Reply::unknown(&head.method));
    };
    line.source(source);
    let entered = provider::enter(known, line.client(), head);
    if matches!(entered, Err(Reply::NotAllowed { .. })) {
        receiver.metrics.denied(source, "address");
    }
    entered
}

impl Receiver {
    /// Says, once a day, that the sender still signs with a secret that soon counts no more.
    fn warn_of_the_end(&self, source: &Source, secret: usize, now: Timestamp) {
        let Some(until) = source.ends_soon(secret, now) else { return };
        let name = source.name();
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

    /// What is said of a request that is not believed. How the secrets and the signature differ in
    /// shape is looked at only for a line that will be written.
    fn denial(
        &self,
        denied: Denied,
        source: &str,
        of: Option<(&Source, &verify::Request)>,
        now: Timestamp,
    ) -> Denial {
        let seen = self.denied.look(source, now);
        let of = of.filter(|_| matches!(seen, Seen::Write { .. }));
        let compared = of.and_then(|(source, request)| source.compare(&denied, request, now));
        Denial { denied, compared, seen }
    }

    /// Counts a request that was not believed; verified ones never come here, so that no flood of
    /// forgeries can close the door to them. What names a key that is not known yet may be the sender's
    /// own: others' forgeries keep it neither from being wanted nor from coming again.
    fn deny(&self, denial: &Denial, now: Timestamp, line: &mut Line<'_>) -> Reply {
        let source = line.source_label().to_owned();
        self.metrics.denied(&source, denial.denied.label());
        line.denied(denial);
        let of_address = self.failures.over(line.client(), now);
        let pipeline = self.pipeline.load();
        let of_source = pipeline.source(&source).is_some_and(|it| it.over_unverified(now));
        if let Denied::UnknownKey { address } = &denial.denied {
            if !self.keys_asked.over(line.client(), now) {
                self.keys.want(address);
            }
            return if of_address { Reply::TooMany } else { Reply::NoKey };
        }
        if of_address || of_source { Reply::TooMany } else { Reply::Denied }
    }
}

/// The names are in lower case already (the `http` crate sees to it). A value that is not UTF-8 is
/// read as Latin-1, as RFC 9110, 5.5 remembers it.
fn headers(map: &HeaderMap) -> Headers {
    let bytes = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let mut headers = Headers::with_capacity(map.len(), bytes);
    for (name, value) in map {
        let latin_1 = || value.as_bytes().iter().copied().map(char::from).collect();
        let text = std::str::from_utf8(value.as_bytes()).map(Cow::Borrowed);
        headers.push(name.as_str(), &text.unwrap_or_else(|_| Cow::Owned(latin_1())));
    }
    headers
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
        assert_eq!(headers.iter().nth(1), Some(("x-name", "kopi ☕")));
    }
}
