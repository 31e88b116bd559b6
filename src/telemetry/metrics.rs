//! What is counted? One table; the doc text of a metric is its help text.
//!
//! Labels are words of closed lists, names out of the rule file, or `unknown`: a stranger cannot
//! make a new time series.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::model::{Fate, Reason, State};

/// The media type of [`Metrics::text`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of a request's buckets, in seconds: a commit takes 0.1 to 10 ms.
const REQUEST_BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Upper bounds of an attempt's buckets, in seconds: Wachat shows "typing" for 3 to 5 s first.
const ATTEMPT_BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 2.0, 4.0, 6.0, 10.0, 30.0, 60.0, 120.0];

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $kind:ty = $name:literal $(by $make:expr)?,)+) => {
        /// All that is counted. Cheap to count with: no metric waits for another.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ $field: $kind,)+
        }

        impl Default for Metrics {
            fn default() -> Self {
                let mut registry = Registry::default();
                $(
                    let $field: $kind = metrics!(@make $($make)?);
                    let help = concat!($($help),+).trim().trim_end_matches('.');
                    // The text format adds the ending of a counter itself.
                    let name = $name.trim_end_matches("_total");
                    registry.register(name, help, $field.clone());
                )+
                registry.register(
                    "kabari_build",
                    "Which kabari this is",
                    Info::new([("version", env!("CARGO_PKG_VERSION"))]),
                );
                Self { registry, $($field,)+ }
            }
        }
    };
    (@make) => { Default::default() };
    (@make $make:expr) => { $make };
}

metrics! {
    /// Requests to the public listener, by source and by what they were answered.
    requests: Family<Outcome, Counter> = "kabari_requests_total",
    /// From complete headers to the answer, in seconds.
    request_seconds: Histogram = "kabari_request_seconds" by Histogram::new(REQUEST_BUCKETS),
    /// Events recorded, by source.
    events: Family<Source, Counter> = "kabari_events_total",
    /// Requests that were not believed, by source and reason.
    denied: Family<Denial, Counter> = "kabari_denied_total",
    /// Which of a source's secrets matched, from 0: an old one that is not used any more may go.
    secret_matched: Family<Position, Counter> = "kabari_secret_matched_total",
    /// Secrets of a source that count now: with 0 all its requests are refused.
    secrets_valid: Family<Source, Gauge> = "kabari_secrets_valid",
    /// When the secret at this position, from 0, ends to count, in seconds since 1970.
    secret_until: Family<Position, Gauge> = "kabari_secret_until_timestamp_seconds",
    /// Events whose request lacked the id that its source promises; a digest took its place.
    id_missing: Family<Source, Counter> = "kabari_id_missing_total",
    /// What a provider was asked for that it sent in vain, by source: entries of its list that were
    /// looked at (asked), those sent in vain (missed), and of these what became of them (taken,
    /// duplicate, failed).
    reconciled: Family<Reconciled, Counter> = "kabari_reconcile_events_total",
    /// Whether the last look at a source's list came to its end (1) or not (0).
    reconcile_success: Family<Source, Gauge> = "kabari_reconcile_success",
    /// When a look at a source's list last came to its end, in seconds since 1970.
    reconcile_success_time: Family<Source, Gauge<f64, AtomicU64>> =
        "kabari_reconcile_success_timestamp_seconds",
    /// Messages in the store, by state.
    messages: Family<InState, Gauge> = "kabari_messages",
    /// Calls to Wachat, by instance, fate and reason.
    attempts: Family<Try, Counter> = "kabari_attempts_total",
    /// How long a call to Wachat took, in seconds.
    attempt_seconds: Histogram = "kabari_attempt_seconds" by Histogram::new(ATTEMPT_BUCKETS),
    /// Whether an instance's lane sends (1) or stands still (0).
    lane_open: Family<Lane, Gauge> = "kabari_lane_open",
    /// Rules in force.
    rules: Gauge = "kabari_rules",
    /// Whether the last reload of the rule file went well (1) or left the old rules in force (0).
    reload_success: Gauge = "kabari_rules_reload_success",
    /// When the rules in force were read, in seconds since 1970.
    reload_success_time: Gauge<f64, AtomicU64> =
        "kabari_rules_reload_success_timestamp_seconds",
    /// Requests that were answered 503 because the store could not write.
    store_unavailable: Counter = "kabari_store_unavailable_total",
    /// Bytes that can still be written where the store is.
    store_free: Gauge = "kabari_store_free_bytes",
    /// Bytes of the store's files on the disk (`file`), and of these in use (`used`).
    store_bytes: Family<Room, Gauge> = "kabari_store_bytes",
    /// What retention removed: bodies of events, events, messages.
    pruned: Family<Kept, Counter> = "kabari_pruned_total",
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciled {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Denial {
    source: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Position {
    source: String,
    position: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Try {
    instance: String,
    fate: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Room {
    part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kept {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lane {
    instance: String,
}

impl Metrics {
    /// The label of a source that is not configured.
    pub const UNKNOWN: &'static str = "unknown";

    /// A request was answered. `source` is a configured one or [`Metrics::UNKNOWN`].
    pub fn request(&self, source: &str, outcome: &'static str, seconds: f64) {
        self.requests.get_or_create(&Outcome { source: source.to_owned(), outcome }).inc();
        self.request_seconds.observe(seconds);
    }

    /// An event was recorded.
    pub fn event(&self, source: &str) {
        self.events.get_or_create(&Source { source: source.to_owned() }).inc();
    }

    /// An event lacked its provider's id.
    pub fn id_missing(&self, source: &str) {
        self.id_missing.get_or_create(&Source { source: source.to_owned() }).inc();
    }

    /// So many entries of a provider's list were `asked`, `missed`, `taken`, `duplicate`, `failed`.
    pub fn reconcile_counted(&self, source: &str, outcome: &'static str, count: u64) {
        let label = Reconciled { source: source.to_owned(), outcome };
        self.reconciled.get_or_create(&label).inc_by(count);
    }

    /// A look at a provider's list ended at `now`.
    pub fn reconciled(&self, source: &str, to_its_end: bool, now: Timestamp) {
        let label = Source { source: source.to_owned() };
        self.reconcile_success.get_or_create(&label).set(i64::from(to_its_end));
        if to_its_end {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds need 41 of 53 bits")]
            let seconds = now.as_millisecond() as f64 / 1000.0;
            self.reconcile_success_time.get_or_create(&label).set(seconds);
        }
    }

    /// A request was not believed; the reason is `Denied::label`.
    pub fn denied(&self, source: &str, reason: &'static str) {
        self.denied.get_or_create(&Denial { source: source.to_owned(), reason }).inc();
    }

    /// The secret at this position, from 0, matched.
    pub fn secret_matched(&self, source: &str, position: usize) {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        self.secret_matched.get_or_create(&Position { source: source.to_owned(), position }).inc();
    }

    /// Of these sources, how many secrets count now, and when each ends that does (in seconds since
    /// 1970). Others are forgotten.
    pub fn secrets<'s>(&self, sources: impl Iterator<Item = (&'s str, usize, Vec<Option<i64>>)>) {
        self.secrets_valid.clear();
        self.secret_until.clear();
        for (source, valid, ends) in sources {
            let label = Source { source: source.to_owned() };
            self.secrets_valid.get_or_create(&label).set(i64::try_from(valid).unwrap_or(i64::MAX));
            for (position, until) in ends.into_iter().enumerate() {
                let Some(until) = until else { continue };
                let position = u32::try_from(position).unwrap_or(u32::MAX);
                let label = Position { source: source.to_owned(), position };
                self.secret_until.get_or_create(&label).set(until);
            }
        }
    }

    /// The store could not write.
    pub fn store_unavailable(&self) {
        self.store_unavailable.inc();
    }

    /// So many bytes can still be written.
    pub fn store_free(&self, bytes: u64) {
        self.store_free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// An attempt ended.
    pub fn attempt(&self, instance: &str, fate: Fate, reason: Option<Reason>, seconds: f64) {
        let instance = instance.to_owned();
        let reason = reason.map_or("", Reason::as_str);
        self.attempts.get_or_create(&Try { instance, fate: fate.as_str(), reason }).inc();
        self.attempt_seconds.observe(seconds);
    }

    /// A lane sends, or stands still.
    pub fn lane_open(&self, instance: &str, open: bool) {
        let lane = Lane { instance: instance.to_owned() };
        self.lane_open.get_or_create(&lane).set(i64::from(open));
    }

    /// So many rules are in force, after a load that went well at `now`.
    pub fn rules_loaded(&self, rules: usize, now: Timestamp) {
        self.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
        self.reload_success.set(1);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds need 41 of 53 bits")]
        self.reload_success_time.set(now.as_millisecond() as f64 / 1000.0);
    }

    /// A reload failed; the old rules are in force.
    pub fn reload_failed(&self) {
        self.reload_success.set(0);
    }

    /// How many messages are in a state now, as the store counted.
    pub fn messages_in(&self, state: State, count: u64) {
        let state = InState { state: state.as_str() };
        self.messages.get_or_create(&state).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Nobody knows how many messages there are: no figure is better than an old one.
    pub fn messages_unknown(&self) {
        self.messages.clear();
    }

    /// How much room the store takes, in bytes.
    pub fn store_bytes(&self, file: u64, used: u64) {
        for (part, bytes) in [("file", file), ("used", used)] {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.store_bytes.get_or_create(&Room { part }).set(bytes);
        }
    }

    /// Retention removed so much.
    pub fn pruned(&self, bodies: u64, events: u64, messages: u64) {
        for (what, count) in [("bodies", bodies), ("events", events), ("messages", messages)] {
            self.pruned.get_or_create(&Kept { what }).inc_by(count);
        }
    }

    /// Everything in the text format that Prometheus reads.
    pub fn text(&self) -> String {
        let mut page = String::new();
        // Writing into a String cannot fail; a metric that cannot be written is left out.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Metrics;
    use crate::model::{Fate, Reason, State};

    #[test]
    fn every_metric_is_on_the_page_under_its_documented_name() {
        let metrics = Metrics::default();
        metrics.request("github", "accepted", 0.003);
        metrics.event("github");
        metrics.denied("github", "mismatch");
        metrics.secret_matched("stripe", 1);
        metrics.secrets([("gone", 1, vec![])].into_iter());
        metrics.secrets([("stripe", 1, vec![None, Some(1_800_000_000)])].into_iter());
        metrics.store_unavailable();
        metrics.store_free(4096);
        metrics.attempt("jakarta", Fate::Sent, None, 3.1);
        metrics.attempt("jakarta", Fate::Failed, Some(Reason::Media), 3.1);
        metrics.lane_open("jakarta", true);
        metrics.rules_loaded(7, Timestamp::from_millisecond(1_800_000_000_500).unwrap());
        metrics.messages_in(State::Waiting, 3);
        metrics.store_bytes(16_384, 8_192);
        metrics.pruned(7, 6, 5);
        let page = metrics.text();
        for line in [
            r#"kabari_requests_total{source="github",outcome="accepted"} 1"#,
            r#"kabari_request_seconds_bucket{le="0.005"} 1"#,
            r#"kabari_events_total{source="github"} 1"#,
            r#"kabari_denied_total{source="github",reason="mismatch"} 1"#,
            r#"kabari_secret_matched_total{source="stripe",position="1"} 1"#,
            r#"kabari_secrets_valid{source="stripe"} 1"#,
            r#"kabari_secret_until_timestamp_seconds{source="stripe",position="1"} 1800000000"#,
            r"kabari_store_unavailable_total 1",
            r"kabari_store_free_bytes 4096",
            r#"kabari_attempts_total{instance="jakarta",fate="sent",reason=""} 1"#,
            r#"kabari_attempts_total{instance="jakarta",fate="failed",reason="media"} 1"#,
            r#"kabari_attempt_seconds_bucket{le="4.0"} 2"#,
            r#"kabari_lane_open{instance="jakarta"} 1"#,
            r"kabari_rules 7",
            r"kabari_rules_reload_success 1",
            r"kabari_rules_reload_success_timestamp_seconds 1800000000.5",
            r#"kabari_messages{state="waiting"} 3"#,
            r#"kabari_store_bytes{part="used"} 8192"#,
            r#"kabari_pruned_total{what="messages"} 5"#,
            concat!(r#"kabari_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
        ] {
            assert!(page.lines().any(|have| have == line), "{line}\n{page}");
        }
        assert!(page.contains("# HELP kabari_rules Rules in force.\n"), "{page}");
        assert!(!page.contains("gone"), "{page}");
    }

    #[test]
    fn a_store_that_cannot_count_leaves_no_old_figure() {
        let metrics = Metrics::default();
        metrics.messages_in(State::Waiting, 3);
        metrics.messages_unknown();
        assert!(!metrics.text().contains("waiting"));
    }
}
