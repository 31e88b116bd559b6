//! What is a message, and which states can it be in?

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, EventId, MessageId, Reason, Recipient, Terms};

/// One rendered send to one recipient.
///
/// A message that could not be made (no recipient, a template that failed) is a row too: it starts
/// in [`State::Skipped`] or [`State::Failed`] with its reason, and has no `recipient` or `content`.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Follows from event, rule, send, element and recipient.
    pub id: MessageId,
    /// The event that it was made from.
    pub event: EventId,
    /// The configured source's name.
    pub source: String,
    /// The rule that made it, or how it came without one.
    pub origin: Origin,
    /// The WhatsApp session that sends it (`instanceName`); one lane each.
    pub instance: String,
    /// Who gets it. `None` only for a message that could not be made.
    pub recipient: Option<Recipient>,
    /// What is sent. `None` only for a message that could not be made.
    pub content: Option<Content>,
    /// Where it stands.
    pub state: State,
    /// Why it stands there, from the closed list.
    pub reason: Option<Reason>,
    /// The same for people: field, path and remedy, or Wachat's words. Never a secret or a whole
    /// number.
    pub detail: Option<String>,
    /// How often Wachat was called for it.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not to be sent before.
    pub due_at: Timestamp,
    /// What was promised about trying again, fixed when it was made.
    pub policy: Policy,
    /// When it may be sent, and what makes it one too many.
    pub terms: Terms,
}

impl Message {
    /// A message that waits, due at once, with what is promised to every message of no rule.
    pub fn waiting(
        event: &Event,
        origin: Origin,
        instance: &str,
        recipient: Recipient,
        content: Content,
    ) -> Self {
        let Origin { rule, send, element } = &origin;
        Self {
            id: MessageId::derive(event.id, rule, *send, *element, recipient.expose()),
            event: event.id,
            source: event.source.clone(),
            origin,
            instance: instance.to_owned(),
            recipient: Some(recipient),
            content: Some(content),
            state: State::Waiting,
            reason: None,
            detail: None,
            attempts: 0,
            created_at: event.received_at,
            due_at: event.received_at,
            policy: Policy::default(),
            terms: Terms::default(),
        }
    }
}

/// Where a message comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The rule's name; `by hand` for `kabari send`.
    pub rule: String,
    /// Which of the rule's sends, from 0.
    pub send: u16,
    /// Which element of the event's array, from 0; 0 for a rule without `each:`.
    pub element: u32,
}

impl Origin {
    /// In the place of a rule's name: a person sent it.
    pub const BY_HAND: &str = "by hand";
}

/// What is sent, in the words of Wachat's API; text that is absent is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Text, or the type of the media.
    pub kind: Kind,
    /// Where Wachat fetches the media. Always there but for texts.
    pub media_url: Option<String>,
    /// The text, or the media's caption; audio has none.
    pub message: Option<String>,
    /// The name under which a document is shown.
    pub file_name: Option<String>,
    /// The media type (RFC 6838) of the file.
    pub mimetype: Option<String>,
    /// How long Wachat shows "typing", in milliseconds; absent means its own 3 to 5 s.
    pub delay: Option<u64>,
}

impl Content {
    /// A text with these words.
    pub fn text(words: impl Into<String>) -> Self {
        Self {
            kind: Kind::Text,
            media_url: None,
            message: Some(words.into()),
            file_name: None,
            mimetype: None,
            delay: None,
        }
    }

    /// The JSON fields of the request that sends this to `number`: only documented fields, absent
    /// ones left out. A text has no `delay`, audio has no `message` (Wachat's API documentation).
    pub fn request_fields(
        &self,
        instance: &str,
        number: &str,
    ) -> serde_json::Map<String, serde_json::Value> {
        let is_text = self.kind == Kind::Text;
        let media = |text: &Option<String>| text.clone().filter(|_| !is_text).map(Into::into);
        let message = match self.kind {
            Kind::Text => Some(self.message.clone().unwrap_or_default()),
            Kind::Audio => None,
            Kind::Image | Kind::Video | Kind::Document => self.message.clone(),
        };
        let fields = [
            ("instanceName", Some(instance.into())),
            ("number", Some(number.into())),
            ("type", (!is_text).then(|| self.kind.as_str().into())),
            ("mediaUrl", media(&self.media_url)),
            ("message", message.map(Into::into)),
            ("fileName", media(&self.file_name)),
            ("mimetype", media(&self.mimetype)),
            ("delay", self.delay.filter(|_| !is_text).map(Into::into)),
        ];
        let present = |(name, value): (&str, Option<serde_json::Value>)| {
            value.map(|value| (name.to_owned(), value))
        };
        fields.into_iter().filter_map(present).collect()
    }
}

/// What sort of message it is; the media ones are the values of the API's `type`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words alone (`POST /api/v1/send/text`).
    Text,
    /// A picture with an optional caption.
    Image,
    /// A film with an optional caption.
    Video,
    /// A file with a name and an optional caption.
    Document,
    /// Sound; the caption is ignored by WhatsApp.
    Audio,
}

impl Kind {
    /// The word in the API and the rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
            Self::Audio => "audio",
        }
    }
}

/// What was promised about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How many attempts in all before it is failed.
    pub attempts_max: u32,
    /// How long after it was made it may still be tried, in seconds.
    pub age_max_s: u64,
    /// What to do when an attempt's outcome is not known.
    pub on_uncertain: OnUncertain,
}

impl Policy {
    /// A message whose outcome is not known may have arrived, each time: so often at most it is
    /// tried where it is sent again without asking, whatever `attempts_max` allows.
    pub const RESENT_ATTEMPTS_MAX: u32 = 10;

    /// Whether a message may be sent again although an attempt, its `attempts`-th, may have sent it.
    pub fn may_resend(&self, attempts: u32) -> bool {
        self.on_uncertain == OnUncertain::Resend
            && attempts < self.attempts_max.min(Self::RESENT_ATTEMPTS_MAX)
    }
}

/// As many attempts as fit into a day: a message outlives an outage of hours, and those attempts
/// are few, since their gaps grow.
impl Default for Policy {
    fn default() -> Self {
        Self { attempts_max: u32::MAX, age_max_s: 24 * 60 * 60, on_uncertain: OnUncertain::Hold }
    }
}

/// What to do with a message when it is not known whether an attempt sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Keep it as `uncertain` for a person to decide: nobody is messaged twice.
    Hold,
    /// Send it again: better twice than not at all.
    Resend,
}

/// Where a message stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be sent, now or later.
    Waiting,
    /// An attempt is under way.
    Sending,
    /// Accepted by Wachat; not known to be delivered.
    Sent,
    /// It is not known whether an attempt sent it.
    Uncertain,
    /// It will not be sent without a person.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Not to be sent; its reason says why.
    Skipped,
}

impl State {
    /// All states, in the order of a message's life.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Sending,
        Self::Sent,
        Self::Uncertain,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// The word in the database, the API and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Uncertain => "uncertain",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether `next` is a legal move from here.
    pub fn may_become(self, next: Self) -> bool {
        use State::{Cancelled, Failed, Sending, Sent, Skipped, Uncertain, Waiting};
        matches!(
            (self, next),
            (Waiting, Sending | Cancelled | Skipped | Failed)
                | (Sending, Sent | Waiting | Uncertain | Failed)
                | (Uncertain, Sent | Waiting | Cancelled)
                | (Failed, Waiting)
        )
    }
}
