//! What would GitHub and Stripe say that they sent in vain? A small world with a memory.
//!
//! A real HTTP server on a port of its own. It holds deliveries and events, gives them by pages, newest
//! first, as the providers' documentation says, checks the token, and remembers what it was asked. It
//! can be told to say that its limits are used up, to break, and to be gone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::kabari::PATIENCE;
use crate::support::port::Port;

/// A provider with a memory. Dropping it ends it.
pub(super) struct Provider {
    inner: Arc<Inner>,
    port: Port,
    server: Option<JoinHandle<()>>,
}

struct Inner {
    memory: Mutex<Memory>,
    news: watch::Sender<u64>,
    begun: Instant,
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Path and query.
    pub(super) path: String,
    /// What stood in `Authorization`.
    pub(super) authorization: String,
    /// Whether it was answered 304.
    pub(super) unchanged: bool,
    /// Since the world began.
    pub(super) at: Duration,
}

/// What is answered instead of the truth.
#[derive(Clone, Debug)]
pub(super) enum Behave {
    /// This status, with these headers and this body.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// GitHub's answer to a client that asked too often: to come again so long after the question.
    UsedUp(Duration),
    /// Half an answer.
    BreakOff,
}

#[derive(Default)]
struct Memory {
    token: String,
    /// GitHub's list of each webhook, oldest first.
    deliveries: Vec<(String, Value)>,
    /// Stripe's, oldest first; with whether all webhooks were delivered.
    events: Vec<(Value, bool)>,
    asked: Vec<Asked>,
    /// For the next questions, whatever they are.
    next: VecDeque<Behave>,
    /// For whatever asks for this, as long as it stands here.
    always: Vec<(String, Behave)>,
}

impl Provider {
    /// One that wants this token.
    pub(super) fn start(token: &str) -> Self {
        let memory = Memory { token: token.to_owned(), ..Memory::default() };
        let (news, _) = watch::channel(0);
        let inner = Arc::new(Inner { memory: Mutex::new(memory), news, begun: Instant::now() });
        let mut provider = Self { inner, port: Port::free(), server: None };
        provider.up();
        provider
    }

    /// Somebody answers, from now on or again.
    pub(super) fn up(&mut self) {
        let listener = self.port.listen();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&self.inner));
        self.server = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        }));
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// Nobody answers any more.
    pub(super) async fn down(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
    }

    /// GitHub tried to deliver; ids grow with each attempt.
    pub(super) fn delivery(&self, hook: &str, attempt: &Attempt<'_>) {
        let mut memory = self.memory();
        let id = 1000 + memory.deliveries.len();
        let Attempt { guid, event, at, status, redelivery, payload } = attempt;
        let action = payload.get("action");
        memory.deliveries.push((
            hook.to_owned(),
            json!({
                "id": id, "guid": guid, "delivered_at": at, "redelivery": redelivery,
                "duration": 0.27, "status": if *status == 200 { "OK" } else { "failed to connect" },
                "status_code": status, "event": event, "action": action,
                "installation_id": null, "repository_id": 42, "throttled_at": null,
                "url": "https://hooks.shop.example/hooks/github",
                "request": {
                    "headers": {
                        "X-GitHub-Delivery": guid,
                        "X-GitHub-Event": event,
                        "X-Hub-Signature-256": crate::support::kabari::github_signature(
                            super::SECRET, payload.to_string().as_bytes()),
                        "Content-Type": "application/x-www-form-urlencoded",
                        "Accept": "*/*",
                    },
                    "payload": payload,
                },
                "response": { "headers": {}, "payload": "" },
            }),
        ));
    }

    /// Stripe made an event.
    pub(super) fn event(
        &self,
        id: &str,
        kind: &str,
        created: Timestamp,
        delivered: bool,
        to: &str,
    ) {
        let event = json!({
            "id": id, "object": "event", "api_version": "2025-03-31.basil", "type": kind,
            "created": created.as_second(), "livemode": true, "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "data": { "object": { "object": "invoice", "number": id, "to": to } },
        });
        self.memory().events.push((event, delivered));
    }

    pub(super) fn next(&self, times: usize, behave: &Behave) {
        self.memory().next.extend(std::iter::repeat_n(behave.clone(), times));
    }

    /// Whatever asks for a path that ends so is answered so.
    pub(super) fn always(&self, ending: &str, behave: Behave) {
        self.memory().always.push((ending.to_owned(), behave));
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.memory().asked.clone()
    }

    pub(super) async fn until(&self, what: &str, enough: impl Fn(&[Asked]) -> bool) {
        let mut news = self.inner.news.subscribe();
        let waiting = async {
            while !enough(&self.asked()) {
                news.changed().await.unwrap();
            }
        };
        let ended = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(ended.is_ok(), "never: {what}; it was asked {:#?}", self.asked());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// One attempt of GitHub's to deliver.
pub(super) struct Attempt<'a> {
    pub(super) guid: &'a str,
    pub(super) event: &'a str,
    pub(super) at: Timestamp,
    pub(super) status: u16,
    pub(super) redelivery: bool,
    pub(super) payload: Value,
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    let at = inner.begun.elapsed();
    let path = request.uri().path_and_query().unwrap().as_str().to_owned();
    let (answer, unchanged) = inner.answer(&path, request.headers());
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map_or("", |it| it.to_str().unwrap()).to_owned();
    let asked = Asked { path, authorization, unchanged, at };
    inner.memory.lock().unwrap().asked.push(asked);
    inner.news.send_modify(|news| *news += 1);
    answer
}

impl Inner {
    fn answer(&self, path: &str, headers: &HeaderMap) -> (Response<Body>, bool) {
        let mut memory = self.memory.lock().unwrap();
        let always = memory.always.iter().find(|(ending, _)| path.ends_with(ending.as_str()));
        let always = always.map(|(_, behave)| behave.clone());
        if let Some(behave) = always.or_else(|| memory.next.pop_front()) {
            return (behave.answer(), false);
        }
        let authorization = headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
        let by_app = path.starts_with("/app/") && authorization.as_deref().is_some_and(is_app);
        if !by_app && authorization != Some(format!("Bearer {}", memory.token)) {
            return (said(401, &[], r#"{"message":"Bad credentials"}"#.to_owned()), false);
        }
        let query: Vec<(String, String)> =
            form_urlencoded::parse(path.split_once('?').map_or("", |(_, it)| it).as_bytes())
                .into_owned()
                .collect();
        let bare = path.split('?').next().unwrap();
        if bare.starts_with("/v1/events") {
            return (memory.stripe(bare, &query), false);
        }
        let given = headers.get("if-none-match").map(|it| it.to_str().unwrap());
        memory.github(bare, &query, given)
    }
}

impl Behave {
    fn answer(self) -> Response<Body> {
        match self {
            Self::Answer(status, headers, body) => said(status, &headers, body.to_owned()),
            Self::UsedUp(wait) => {
                // A time in whole seconds.
                let until = Timestamp::now().checked_add(wait).unwrap().as_second().to_string();
                let headers =
                    [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", until)];
                said(403, &headers, r#"{"message":"API rate limit exceeded"}"#.to_owned())
            }
            Self::BreakOff => {
                let stream = futures_util::stream::iter([
                    Ok(r#"[{"id":"#.to_owned()),
                    Err(std::io::Error::other("gone")),
                ]);
                Response::new(Body::from_stream(stream))
            }
        }
    }
}

fn said(status: u16, headers: &[(&'static str, String)], body: String) -> Response<Body> {
    let mut response =
        Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body)).unwrap()
}

/// A token as an App signs it, of which we believe here that its shape is enough.
fn is_app(authorization: &str) -> bool {
    authorization.strip_prefix("Bearer ").is_some_and(|it| it.split('.').count() == 3)
}

impl Memory {
    fn github(
        &self,
        path: &str,
        query: &[(String, String)],
        etag: Option<&str>,
    ) -> (Response<Body>, bool) {
        let (hook, delivery) = path.trim_start_matches('/').split_once("/deliveries").unwrap();
        let all: Vec<&Value> =
            self.deliveries.iter().filter(|(of, _)| of == hook).map(|(_, it)| it).rev().collect();
        if let Some(id) = delivery.strip_prefix('/') {
            let found = all.iter().find(|it| it["id"].as_u64() == id.parse().ok());
            let answer = match found {
                Some(found) => said(200, &[], found.to_string()),
                None => said(404, &[], r#"{"message":"Not Found"}"#.to_owned()),
            };
            return (answer, false);
        }
        let now = format!("\"{}\"", all.len());
        if etag == Some(now.as_str()) {
            return (said(304, &[], String::new()), true);
        }
        let value =
            |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, it)| it.clone());
        let per_page: usize = value("per_page").map_or(30, |it| it.parse().unwrap());
        assert!(per_page <= 100, "GitHub gives 100 at most");
        let start =
            value("cursor").map_or(0, |it| it.strip_prefix("v1_").unwrap().parse().unwrap());
        let page: Vec<Value> = all
            .iter()
            .skip(start)
            .take(per_page)
            .map(|it| {
                let mut row = (*it).clone();
                let row_map = row.as_object_mut().unwrap();
                row_map.remove("request");
                row_map.remove("response");
                row
            })
            .collect();
        let mut headers = vec![("etag", now)];
        if start + per_page < all.len() {
            let next = start + per_page;
            // The address is not this world's: only the cursor may be taken from it.
            let link = format!(
                "<https://elsewhere.example/{hook}/deliveries?per_page={per_page}&cursor=v1_{next}>; rel=\"next\""
            );
            headers.push(("link", link));
        }
        (said(200, &headers, Value::from(page).to_string()), false)
    }

    fn stripe(&self, path: &str, query: &[(String, String)]) -> Response<Body> {
        if let Some(id) = path.strip_prefix("/v1/events/") {
            let found = self.events.iter().find(|(event, _)| event["id"] == id);
            return match found {
                Some((event, _)) => said(200, &[], event.to_string()),
                None => said(404, &[], r#"{"error":{"message":"No such event"}}"#.to_owned()),
            };
        }
        let value =
            |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, it)| it.clone());
        let since: i64 = value("created[gte]").map_or(0, |it| it.parse().unwrap());
        let limit: usize = value("limit").map_or(10, |it| it.parse().unwrap());
        let wanted = value("delivery_success").map(|it| it == "true");
        let all: Vec<&Value> = self
            .events
            .iter()
            .rev()
            .filter(|(event, delivered)| {
                event["created"].as_i64().unwrap() >= since
                    && wanted.is_none_or(|it| it == *delivered)
            })
            .map(|(event, _)| event)
            .collect();
        let start = value("starting_after").map_or(0, |after| {
            all.iter().position(|event| event["id"] == after.as_str()).unwrap() + 1
        });
        let page: Vec<&Value> = all.iter().skip(start).take(limit).copied().collect();
        let has_more = start + page.len() < all.len();
        let body =
            json!({ "object": "list", "url": "/v1/events", "has_more": has_more, "data": page });
        said(200, &[], body.to_string())
    }
}
