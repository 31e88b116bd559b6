//! What does the log say about a request? One line, whatever becomes of it.

use std::net::IpAddr;

use tracing::Level;

use crate::clock::Stopwatch;
use crate::model::{Event, EventId};
use crate::receive::reply::Reply;
use crate::telemetry::{Metrics, Seen};
use crate::verify::Denied;

/// The line of one request, filled as the request goes on. If it is dropped before its end, the
/// client has gone away, and the line says so.
pub(crate) struct Line<'m> {
    metrics: &'m Metrics,
    stopwatch: Stopwatch,
    source: String,
    believed: Option<Believed>,
    told: bool,
    ended: bool,
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
    pub(crate) fn begin(metrics: &'m Metrics, stopwatch: Stopwatch) -> Self {
        let source = Metrics::UNKNOWN.to_owned();
        Self { metrics, stopwatch, source, believed: None, told: false, ended: false }
    }

    /// The request is for this configured source.
    pub(crate) fn source(&mut self, name: &str) {
        name.clone_into(&mut self.source);
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
    pub(crate) fn denied(&mut self, denied: &Denied, client: IpAddr, seen: Seen) {
        self.told = true;
        let Seen::Write { kept_back } = seen else { return };
        tracing::warn!(
            source = self.source,
            outcome = "denied",
            reason = denied.label(),
            %client,
            kept_back,
            took_us = self.took_us(),
            "denied: {denied}; compare the secret and the scheme: `kabari sources`",
        );
    }

    /// The request is answered.
    pub(crate) fn end(mut self, reply: &Reply) {
        self.ended = true;
        self.metrics.request(&self.source, reply.outcome(), self.stopwatch.elapsed().as_secs_f64());
        if self.told {
            return;
        }
        match reply {
            Reply::Accepted { event, messages } => self.write(*event, "accepted", *messages),
            Reply::Duplicate { event } => self.write(*event, "duplicate", 0),
            Reply::Unreadable { event, why } => self.complain(Some(*event), reply, why),
            Reply::NotStored { why } => self.complain(None, reply, why),
            other => tracing::debug!(
                source = self.source,
                outcome = other.outcome(),
                took_us = self.took_us(),
                "refused",
            ),
        }
    }

    fn write(&self, event: EventId, outcome: &'static str, messages: usize) {
        let Some(details) = self.details() else { return };
        tracing::info!(
            source = self.source,
            kind = details.kind,
            %event,
            rules = details.rules,
            messages,
            outcome,
            secret = details.secret,
            took_us = self.took_us(),
            "event",
        );
    }

    fn complain(&self, event: Option<EventId>, reply: &Reply, why: &str) {
        let Some(details) = self.details() else { return };
        tracing::warn!(
            source = self.source,
            kind = details.kind,
            event = event.map(tracing::field::display),
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
