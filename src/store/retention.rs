//! How long is what kept?

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer};

use crate::model::{ByteSize, Fault, Span};

/// How long events and messages are kept, unless said otherwise.
const KEPT_DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A shorter time is a mistake: a person could not even look at what failed last night.
const KEPT_MIN: Duration = Duration::from_secs(60 * 60);
/// A smaller store is a mistake.
const SIZE_MIN: u64 = 16 << 20;
/// That an event was here is remembered for at least so long, whatever becomes of its body.
const REMEMBERED_MIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `retention:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// How long the bodies of events are kept, or `forever`; default 90d. What is still to be sent
    /// keeps its event. A second delivery is recognised for 30 days in any case.
    #[schemars(extend("default" = "90d", "examples" = ["30d", "forever"]))]
    pub events: Option<Keep>,
    /// How long messages are kept that are sent, failed, skipped or cancelled, or `forever`;
    /// default 90d. All others stay until they are done, and none goes before its event's body.
    #[schemars(extend("default" = "90d", "examples" = ["90d", "forever"]))]
    pub messages: Option<Keep>,
    /// When the store holds more than this, the oldest go before their time. No limit by default.
    #[schemars(extend("examples" = ["2GiB"]))]
    pub size: Option<ByteSize>,
}

/// How long something is kept: a span, or `forever`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum Keep {
    /// Nothing goes.
    Forever,
    /// What is older goes.
    For(Span),
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let span =
            Span::parse(&text).map_err(|why| de::Error::custom(format!("{why}, or `forever`")))?;
        Ok(Self::For(span))
    }
}

/// How long is what kept, all said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The bodies of events; `None` is forever.
    pub events: Option<Duration>,
    /// Messages that are done; `None` is forever.
    pub messages: Option<Duration>,
    /// Bytes in use beyond which the oldest go.
    pub size: Option<u64>,
}

impl RetentionSettings {
    /// What is wrong with them, for `check`.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (path, keep) in [("events", self.events), ("messages", self.messages)] {
            let Some(Keep::For(span)) = keep else { continue };
            if span.0 < KEPT_MIN {
                let fault =
                    Fault::error(path, "value", "this is gone before anybody can look at it");
                faults.push(fault.help("write 1h or more, as `30d`, or `forever`"));
            }
        }
        if self.size.is_some_and(|size| size.0 < SIZE_MIN) {
            let fault = Fault::error("size", "value", "so small a store keeps nothing");
            faults.push(fault.help("write 16MiB or more, or leave it out for no limit"));
        }
        faults
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::from(RetentionSettings::default())
    }
}

impl From<RetentionSettings> for Retention {
    fn from(settings: RetentionSettings) -> Self {
        let kept = |keep: Option<Keep>| match keep {
            Some(Keep::Forever) => None,
            Some(Keep::For(span)) => Some(span.0),
            None => Some(KEPT_DEFAULT),
        };
        Self {
            events: kept(settings.events),
            messages: kept(settings.messages),
            size: settings.size.map(|size| size.0),
        }
    }
}

impl Retention {
    /// What was received before this has had its time; `None` if nothing has.
    pub(super) fn events_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.events.and_then(|kept| before(now, kept))
    }

    /// What was made before this and is done has had its time.
    pub(super) fn messages_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.messages.and_then(|kept| before(now, kept))
    }

    /// Of what came before this, nobody need know that it was here.
    pub(super) fn forgotten_until(now: Timestamp) -> Option<Timestamp> {
        before(now, REMEMBERED_MIN)
    }
}

fn before(now: Timestamp, span: Duration) -> Option<Timestamp> {
    now.checked_sub(SignedDuration::try_from(span).ok()?).ok()
}

/// As it is said at start: `events 90 days, messages 90 days`.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = |span: Option<Duration>| match span.map(|span| span.as_secs()) {
            None => "forever".to_owned(),
            Some(seconds) if seconds.is_multiple_of(86_400) => format!("{} days", seconds / 86_400),
            Some(seconds) => format!("{} hours", seconds / 3_600),
        };
        write!(f, "bodies of events {}, messages {}", kept(self.events), kept(self.messages))?;
        match self.size {
            Some(size) => write!(f, ", at most {} MiB", size >> 20),
            None => Ok(()),
        }
    }
}

/// How far a round of pruning is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub(super) part: Part,
    /// What is behind: a number of a row, or a key.
    pub(super) after: i64,
    /// Of the event behind that, messages were looked at up to this number.
    pub(super) within: i64,
    /// Whether rows of events are gone, and their keys are to go.
    pub(super) forgot: bool,
}

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    #[default]
    Events,
    /// Those whose event has no body any more: a replay must find what was made of it.
    Messages,
    /// Messages that go for their size alone: bodies are larger, so these come after them.
    Oldest,
    Keys,
}

/// What one step of a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events that lost headers and body.
    pub bodies: u64,
    /// Events of which nothing is left.
    pub events: u64,
    /// Messages of which nothing is left.
    pub messages: u64,
    /// Where the round goes on; `None` at its end.
    pub next: Option<Round>,
}

/// How much room the store takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// Its files on the disk, in bytes.
    pub file: u64,
    /// Of these in use; what is free is used again before a file grows.
    pub used: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<RetentionSettings, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn ninety_days_are_kept_unless_said_otherwise() {
        let default = Retention::default();
        assert_eq!(default.to_string(), "bodies of events 90 days, messages 90 days");
        let said = settings(r#"{"events":"36h","messages":"forever","size":"2GiB"}"#).unwrap();
        let said = Retention::from(said).to_string();
        assert_eq!(said, "bodies of events 36 hours, messages forever, at most 2048 MiB");
    }

    #[test]
    fn what_would_keep_nothing_is_refused() {
        let wrong = settings(r#"{"events":"5m","messages":"0s","size":"1MiB"}"#).unwrap();
        let paths: Vec<String> = wrong.faults().into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["events", "messages", "size"]);
        let said = settings(r#"{"events":"always"}"#).unwrap_err().to_string();
        assert!(said.contains("forever"), "{said}");
    }
}
