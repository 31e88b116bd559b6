//! What does the log say about a request? One line, whatever becomes of it.

use std::net::IpAddr;

use jiff::Timestamp;
use tracing::Level;

use crate::clock::Stopwatch;
use crate::model::{Event, EventId};
use crate::receive::reply::Reply;
use crate::sources::Answer;
use crate::telemetry::{Flood, Metrics, Seen};
use crate::verify::Denied;

/// How many characters of an unknown source or page are logged.
const ASKED_FOR_MAX: usize = 64;

/// The line of one request, filled as the request goes on. If it is dropped before its end, the
/// client has gone away, and the line says so.
pub(crate) struct Line<'m> {
    metrics: &'m Metrics,
    stopwatch: Stopwatch,
    /// Behind the proxies that are trusted.
    client: IpAddr,
    source: String,
    /// What the URL named instead of a configured source: a stranger's words, shortened.
    asked_for: Option<String>,
    believed: Option<Believed>,
    told: bool,
    ended: bool,
}

/// Why a request is not believed, for the log alone.
pub(crate) struct Denial {
    /// The check that failed.
    pub(crate) denied: Denied,
    /// How secret and signature differ in shape, without their text.
    pub(crate) compared: Option<String>,
    /// Whether it is written.
    pub(crate) seen: Seen,
}

struct Believed {
    event: EventId,
    /// For the log alone; not gathered where nobody reads it.
    details: Option<Details>,
}

struct Details {
    kind: String,
    rules: String,
    secret: usize,
}

impl<'m> Line<'m> {
    pub(crate) fn begin(metrics: &'m Metrics, stopwatch: Stopwatch, client: IpAddr) -> Self {
        let source = Metrics::UNKNOWN.to_owned();
        Self {
            metrics,
            stopwatch,
            client,
            source,
            asked_for: None,
            believed: None,
            told: false,
            ended: false,
        }
    }

    /// The request is for this configured source.
    pub(crate) fn source(&mut self, name: &str) {
        name.clone_into(&mut self.source);
    }

    /// The request is for no configured source: the name or the path that it asked for.
    pub(crate) fn asked_for(&mut self, name: &str) {
        self.asked_for = Some(name.chars().take(ASKED_FOR_MAX).collect());
    }

    /// From where the request comes.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    /// The configured source, or `unknown`.
    pub(crate) fn source_label(&self) -> &str {
        &self.source
    }

    /// The request is believed.
    pub(crate) fn believed(
        &mut self,
        event: &Event,
        secret: usize,
        rules: impl FnOnce() -> String,
    ) {
        let details = tracing::enabled!(Level::WARN).then(|| Details {
            kind: event.kind.clone(),
            rules: rules(),
            secret,
        });
        self.believed = Some(Believed { event: event.id, details });
    }

    /// The request is not believed. The remedy is told to the log alone.
    pub(crate) fn denied(&mut self, denial: &Denial) {
        self.told = true;
        let Denial { denied, compared, seen } = denial;
        let Seen::Write { kept_back } = *seen else { return };
        tracing::warn!(
            source = self.source,
            outcome = "denied",
            reason = denied.label(),
            client = %self.client,
            kept_back,
            compared,
            took_us = self.took_us(),
            "denied: {denied}; {}",
            denied.remedy(),
        );
    }

    /// The request is answered. `refused` keeps strangers from filling the log.
    pub(crate) fn end(mut self, reply: &Reply, refused: &Flood, now: Timestamp) {
        self.ended = true;
        self.metrics.request(&self.source, reply.outcome(), self.stopwatch.elapsed().as_secs_f64());
        if self.told {
            return;
        }
        match reply {
            Reply::Accepted { event, messages } => self.write(*event, "accepted", *messages),
            Reply::Duplicate { event } => self.write(*event, "duplicate", 0),
            Reply::Batch { events, messages, .. } => {
                let first = events.first().copied();
                let first = first.or(self.believed.as_ref().map(|believed| believed.event));
                let Some(first) = first else { return };
                self.write_all(first, reply.outcome(), *messages, Some(events.len()));
            }
            Reply::Handshake(answer) => self.greet(answer, refused.look(&self.source, now)),
            Reply::Unreadable { why, .. } | Reply::NotStored { why } => self.complain(reply, why),
            other => self.refuse(other, refused.look(&self.source, now)),
        }
    }

    /// A secret that a sender offers is no word for a log: it is said where it is shown.
    fn greet(&self, answer: &Answer, seen: Seen) {
        let Seen::Write { kept_back } = seen else { return };
        let (source, took_us) = (&self.source, self.took_us());
        tracing::info!(source, outcome = "handshake", status = answer.status, kept_back, took_us);
        if answer.offered.is_some() {
            tracing::warn!(
                source,
                "the sender offers a secret: `kabari sources show {source}` shows it until the next \
                 start. If you have just set up the webhook there, put it into the rule file as \
                 this source's `secret`"
            );
        }
    }

    fn refuse(&self, reply: &Reply, seen: Seen) {
        let Seen::Write { kept_back } = seen else { return };
        tracing::warn!(
            source = self.source,
            client = %self.client,
            asked_for = self.asked_for,
            outcome = reply.outcome(),
            kept_back,
            took_us = self.took_us(),
            "refused: {}",
            reply.remedy(),
        );
    }

    fn write(&self, event: EventId, outcome: &'static str, messages: usize) {
        self.write_all(event, outcome, messages, None);
    }

    /// `events` counts those of a batch, of which `event` is the first.
    fn write_all(
        &self,
        event: EventId,
        outcome: &'static str,
        messages: usize,
        events: Option<usize>,
    ) {
        let Some(details) = self.details() else { return };
        tracing::info!(
            source = self.source,
            kind = details.kind,
            %event,
            events,
            rules = details.rules,
            messages,
            outcome,
            secret = details.secret,
            took_us = self.took_us(),
            "event",
        );
    }

    fn complain(&self, reply: &Reply, why: &str) {
        let Some(Believed { event, details: Some(details) }) = &self.believed else { return };
        tracing::warn!(
            source = self.source,
            kind = details.kind,
            %event,
            rules = details.rules,
            outcome = reply.outcome(),
            secret = details.secret,
            took_us = self.took_us(),
            why,
            "event",
        );
    }

    fn details(&self) -> Option<&Details> {
        self.believed.as_ref()?.details.as_ref()
    }

    fn took_us(&self) -> u64 {
        u64::try_from(self.stopwatch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let outcome = if std::thread::panicking() { "internal" } else { "client left" };
        self.metrics.request(&self.source, outcome, self.stopwatch.elapsed().as_secs_f64());
        if let Some(believed) = &self.believed {
            tracing::info!(
                source = self.source,
                event = %believed.event,
                outcome,
                took_us = self.took_us(),
                "gone before the answer; the event may be recorded all the same",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock, Mutex};

    use jiff::Timestamp;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Denial, Line};
    use crate::clock::Stopwatch;
    use crate::model::{Event, EventId, Headers};
    use crate::receive::reply::Reply;
    use crate::telemetry::{Flood, Metrics, Seen};
    use crate::verify::Denied;

    const ID: EventId = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));

    #[derive(Clone)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Somebody else who listens all the time. With one listener alone, whoever comes first to a
    /// place that logs decides whether it is listened to, and that may be a test without one.
    static LISTENS: LazyLock<tracing::Dispatch> =
        LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));

    /// What is logged as JSON while `act` runs, without what is never the same.
    fn logged(act: impl FnOnce(&Metrics, &Flood)) -> Vec<Value> {
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let page = Page(Arc::clone(&written));
        LazyLock::force(&LISTENS);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || page.clone())
            .finish();
        let (metrics, flood) = (Metrics::default(), Flood::new(2, 10));
        tracing::subscriber::with_default(subscriber, || act(&metrics, &flood));
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let line = |text: &str| {
            let mut line: Value = serde_json::from_str(text).unwrap();
            let fields = line.as_object_mut().unwrap();
            for changing in ["timestamp", "target"] {
                fields.remove(changing);
            }
            assert!(fields.remove("took_us").is_some_and(|took| took.is_u64()), "{text}");
            line
        };
        written.lines().map(line).collect()
    }

    fn line(metrics: &Metrics) -> Line<'_> {
        let mut line = Line::begin(metrics, Stopwatch::start(), [192, 0, 2, 1].into());
        line.source("github");
        line
    }

    fn event() -> Event {
        Event {
            headers: Headers::from([("x-token", "a header's value")]),
            ..Event::new(ID, "github", "push", Timestamp::UNIX_EPOCH, "a body")
        }
    }

    #[test]
    fn an_event_is_one_line_with_what_became_of_it() {
        let lines = logged(|metrics, flood| {
            for reply in [
                Reply::Accepted { event: ID, messages: 1 },
                Reply::NotStored { why: "disk full".to_owned() },
            ] {
                let mut line = line(metrics);
                line.believed(&event(), 1, || "tell".to_owned());
                line.end(&reply, flood, Timestamp::UNIX_EPOCH);
            }
        });
        let common = json!({
            "message": "event", "source": "github", "kind": "push", "event": ID.to_string(),
            "rules": "tell", "secret": 1,
        });
        let mut accepted = common.clone();
        accepted["level"] = "INFO".into();
        accepted["messages"] = 1.into();
        accepted["outcome"] = "accepted".into();
        let mut not_stored = common;
        not_stored["level"] = "WARN".into();
        not_stored["outcome"] = "not stored".into();
        not_stored["why"] = "disk full".into();
        assert_eq!(lines, [accepted, not_stored]);
    }

    #[test]
    fn a_denied_request_says_why_from_where_and_what_to_do() {
        let lines = logged(|metrics, flood| {
            let mut line = line(metrics);
            line.denied(&Denial {
                denied: Denied::Mismatch { secrets: 2 },
                compared: Some("how they differ".to_owned()),
                seen: Seen::Write { kept_back: 3 },
            });
            line.end(&Reply::Denied, flood, Timestamp::UNIX_EPOCH);
        });
        let message = "denied: signature does not match any of 2 secret(s); \
            compare the secret with the sender's, and see whether a proxy changes bodies";
        let expected = json!({
            "level": "WARN", "message": message, "source": "github", "outcome": "denied",
            "reason": "mismatch", "client": "192.0.2.1", "kept_back": 3,
            "compared": "how they differ",
        });
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn strangers_who_ask_for_anything_do_not_fill_the_log() {
        let lines = logged(|metrics, flood| {
            for _ in 0..100 {
                let mut line = Line::begin(metrics, Stopwatch::start(), [192, 0, 2, 1].into());
                line.asked_for(&"x".repeat(1000));
                line.end(&Reply::UnknownSource, flood, Timestamp::UNIX_EPOCH);
            }
        });
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["source"], "unknown");
        assert_eq!(lines[0]["asked_for"], "x".repeat(64));
    }

    #[test]
    fn a_client_that_leaves_is_seen() {
        let lines = logged(|metrics, _| {
            let mut line = line(metrics);
            line.believed(&event(), 0, String::new);
            drop(line);
            assert!(metrics.text().contains(r#"outcome="client left"} 1"#));
        });
        assert_eq!(lines[0]["outcome"], "client left");
    }
}
