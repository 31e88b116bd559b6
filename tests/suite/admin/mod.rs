//! What do the admin pages show and refuse?

mod api;
mod guard;
mod dashboard;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;
use kabari::admin::{Admin, router};
use kabari::model::{
    Content, Controls, Event, EventId, Groups, Headers, Kind, Message, MessageId, Origin,
    Readiness, Recipient, Replay, Replayed, State,
};
use kabari::secret::Secret;
use kabari::store::{Recorded, SqliteStore, Store};
use kabari::telemetry::Metrics;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::receive::{Answer, exchange, listen, pipeline};

const NUMBER: &str = "6281234567890";

const EVENT: EventId = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));

/// The floor above: remembers what it was asked for.
struct Floor {
    asked: Mutex<Vec<String>>,
    ready: bool,
}

#[async_trait]
impl Controls for Floor {
    async fn reload(&self) -> Result<String, String> {
        if self.ready { Ok("2 rules".to_owned()) } else { Err("rules.yaml:3:1: bad".to_owned()) }
    }

    async fn pause(&self, instance: &str) -> bool {
        self.asked.lock().unwrap().push(format!("pause {instance}"));
        instance == "jakarta"
    }

    async fn resume(&self, instance: &str) -> bool {
        self.asked.lock().unwrap().push(format!("resume {instance}"));
        instance == "jakarta"
    }

    async fn replay(&self, asked: Replay) -> Result<(Vec<Replayed>, Groups), String> {
        self.asked.lock().unwrap().push(format!("replay {}", asked.events.len()));
        Ok((Vec::new(), asked.groups))
    }

    async fn readiness(&self) -> Readiness {
        Readiness {
            probes: Vec::new(),
            waits: Vec::new(),
            ready: self.ready,
            store: "ok".to_owned(),
            disk: "ok".to_owned(),
            rules: "ok".to_owned(),
            instances: vec!["jakarta".to_owned()],
            sending: "nothing goes out (`defaults.mode: shadow`)".to_owned(),
            reconciled: Vec::new(),
            lanes: vec![("medan".to_owned(), "session".to_owned())],
        }
    }
}

struct Office {
    address: SocketAddr,
    store: Arc<SqliteStore>,
    floor: Arc<Floor>,
    _stop: oneshot::Sender<()>,
    _directory: tempfile::TempDir,
}

async fn office(token: Option<&str>, ready: bool) -> Office {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(&directory.path().join("kabari.db")).expect("a store");
    let store = Arc::new(store);
    let floor = Arc::new(Floor { asked: Mutex::default(), ready });
    let admin = Admin::new(
        Arc::new(ArcSwap::from_pointee(pipeline())),
        store.clone(),
        Arc::new(Metrics::default()),
        floor.clone(),
        token.map(Secret::new),
    );
    let admin = admin.with_clock(|| "2026-01-02T12:00:00Z".parse().expect("a time"));
    let (address, stop, _) = listen(router(Arc::new(admin))).await;
    Office { address, store, floor, _stop: stop, _directory: directory }
}

impl Office {
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|header| header.starts_with("Host:")) {
            request.push_str("Host: localhost\r\n");
        }
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        let length = body.len();
        let request = format!("{request}Content-Length: {length}\r\n\r\n{body}");
        exchange(self.address, request.as_bytes()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(&format!("POST {path}"), &[], "").await
    }

    /// One event with one message for each of these states.
    async fn furnish(&self, states: &[State]) -> Vec<MessageId> {
        self.furnish_with(states, "push", "your invoice").await
    }

    async fn furnish_with(&self, states: &[State], kind: &str, text: &str) -> Vec<MessageId> {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let event = Event {
            provider_id: Some("d-1".to_owned()),
            headers: Headers::from([("x-github-event", "push")]),
            ..Event::new(EVENT, "github", kind, at, r#"{"phone":"6281234567890"}"#)
        };
        let messages: Vec<_> =
            (0..).zip(states).map(|(n, state)| message(&event, n, *state, text)).collect();
        let ids = messages.iter().map(|message| message.id).collect();
        let recorded = self.store.record(event, messages).await.expect("recorded");
        assert!(matches!(recorded, Recorded::New { .. }));
        ids
    }
}

fn message(event: &Event, send: u16, state: State, text: &str) -> Message {
    let origin = Origin { rule: "tell".to_owned(), send, element: 0 };
    let content = Content {
        kind: Kind::Document,
        media_url: Some("https://x.example/a.pdf".to_owned()),
        file_name: Some("a.pdf".to_owned()),
        delay: Some(1200),
        ..Content::text(text)
    };
    let recipient = Recipient::person(NUMBER).unwrap();
    Message { state, ..Message::waiting(event, origin, "jakarta", recipient, content) }
}
