//! What can an expression see?

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::value::Val;
use super::{Country, Json};
use crate::model::{Event, Headers};

/// What all events of one source have in common for expressions.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// `vars:` of the rule file. Its texts are the user's own: they are not neutralised.
    pub vars: serde_json::Value,
    /// How the source writes amounts; `None` if nobody said.
    pub amounts: Option<AmountUnit>,
    /// Where `date` shows times.
    pub timezone: jiff::tz::TimeZone,
    /// Whose local numbers `phone` understands.
    pub country: Option<Country>,
}

/// How a source writes amounts of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AmountUnit {
    /// In the smallest unit: 1050 is $10.50.
    Minor,
    /// In whole units: 10.50 is $10.50.
    Major,
}

/// One event as expressions see it: `event`, `request`, `source`, `kind`, `id`, `headers`,
/// `received_at`, `vars`, and `events` where many become one message. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Facts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    json: Json,
    events: Option<Json>,
    source: String,
    kind: String,
    id: String,
    headers: Headers,
    received_at: Timestamp,
    received_at_text: String,
    surroundings: Arc<Surroundings>,
}

impl Facts {
    /// The facts of `event`, whose body is `json`. Its `id` is the provider's, or ours without one.
    pub fn new(event: &Event, json: Json, surroundings: Arc<Surroundings>) -> Self {
        Self::with(event, json, None, surroundings)
    }

    /// The facts of the last of several events, each with its document, that become one message;
    /// expressions see all of them as `events`, each with `event`, `kind`, `id` and `received_at`.
    /// `None` if there is none.
    pub fn of_group<'e>(
        events: impl IntoIterator<Item = (&'e Event, Json)>,
        surroundings: Arc<Surroundings>,
    ) -> Option<Self> {
        let (mut text, mut last) = (b"[".to_vec(), None);
        for (event, json) in events {
            let id = event.provider_id.clone().unwrap_or_else(|| event.id.to_string());
            let rest = serde_json::json!({
                "kind": event.kind,
                "id": id,
                "received_at": event.received_at.to_string(),
            });
            if last.is_some() {
                text.push(b',');
            }
            text.extend_from_slice(b"{\"event\":");
            text.extend_from_slice(json.text().as_bytes());
            text.push(b',');
            text.extend_from_slice(&rest.to_string().as_bytes()[1..]);
            last = Some((event, json));
        }
        text.push(b']');
        let (event, json) = last?;
        let events = Json::parse(text.into()).ok()?;
        Some(Self::with(event, json, Some(events), surroundings))
    }

    fn with(
        event: &Event,
        json: Json,
        events: Option<Json>,
        surroundings: Arc<Surroundings>,
    ) -> Self {
        Self(Arc::new(Inner {
            json,
            events,
            source: event.source.clone(),
            kind: event.kind.clone(),
            id: event.provider_id.clone().unwrap_or_else(|| event.id.to_string()),
            headers: event.headers.clone(),
            received_at: event.received_at,
            received_at_text: event.received_at.to_string(),
            surroundings,
        }))
    }

    /// The event's body.
    pub fn json(&self) -> &Json {
        &self.0.json
    }

    /// What all events of the source share.
    pub fn surroundings(&self) -> &Surroundings {
        &self.0.surroundings
    }

    /// When the event came: what `date("relative")` counts from.
    pub(super) fn received_at(&self) -> Timestamp {
        self.0.received_at
    }

    /// The provider's id, or ours.
    pub(super) fn id(&self) -> Val<'_> {
        self.root(Root::Id)
    }

    /// The value of a name that every expression sees.
    pub(super) fn root(&self, root: Root) -> Val<'_> {
        match root {
            Root::Event => Val::of_node(self.0.json.root()),
            Root::Request => Val::of_node(self.0.json.around().unwrap_or(&self.0.json).root()),
            Root::Events => {
                self.0.events.as_ref().map_or(Val::Missing, |events| Val::of_node(events.root()))
            }
            Root::Source => Val::safe(&self.0.source),
            Root::Kind => Val::foreign(&self.0.kind),
            Root::Id => Val::foreign(&self.0.id),
            Root::Headers => Val::Headers(&self.0.headers),
            Root::ReceivedAt => Val::safe(&self.0.received_at_text),
            Root::Vars => Val::of_own(&self.0.surroundings.vars),
        }
    }
}

/// The names that every expression sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Event,
    /// The whole body, where the event is one of several in it.
    Request,
    Events,
    Source,
    Kind,
    Id,
    Headers,
    ReceivedAt,
    Vars,
}

impl Root {
    /// All of them, as they are written.
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("event", Self::Event),
        ("request", Self::Request),
        ("events", Self::Events),
        ("source", Self::Source),
        ("kind", Self::Kind),
        ("id", Self::Id),
        ("headers", Self::Headers),
        ("received_at", Self::ReceivedAt),
        ("vars", Self::Vars),
    ];

    /// The root of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, root)| *root)
    }
}
