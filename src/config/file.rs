//! What can be written in a rule file? Its top; each part is declared where it is used.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account::WachatSettings;
use super::placed::{Named, OneOrList, OneOrMany, Placed, PutOff, Texts};
use super::server::ServerSettings;
use crate::alerts::AlertSettings;
use crate::model::{OnUncertain, Priority, Span, State};
use crate::render::{
    Country, DedupeSettings, GroupSettings, HoursSettings, Mode, SendSettings, ThrottleSettings,
};
use crate::rules::Pattern;
use crate::sources::SourceSettings;
use crate::store::{RetentionSettings, StoreSettings};

/// A rule file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) struct RuleFile {
    /// The account that sends.
    #[schemars(required)]
    pub(super) wachat: Option<WachatSettings>,
    /// Where kabari listens.
    #[serde(default)]
    pub(super) server: ServerSettings,
    /// Where events and messages are kept, `sqlite://kabari.db` by default, and what they are
    /// encrypted with: an address, or `{ url: …, secret: … }`.
    #[serde(default)]
    #[schemars(with = "Option<StoreSettings>")]
    #[schemars(extend("default" = "sqlite://kabari.db", "examples" = ["sqlite:///var/lib/kabari/kabari.db"]))]
    pub(super) store: StoreSettings,
    /// How long events and messages are kept; 90 days by default.
    #[serde(default)]
    pub(super) retention: RetentionSettings,
    /// More rule files (`*` allowed), with `rules:` and `tests:` only.
    #[serde(default)]
    #[schemars(with = "OneOrMany<String>")]
    #[schemars(extend("examples" = [["rules.d/*.yaml"]]))]
    pub(super) include: Texts,
    /// What rules leave unsaid.
    #[serde(default)]
    pub(super) defaults: DefaultSettings,
    /// Who is told when something needs a person.
    pub(super) alerts: Option<AlertSettings>,
    /// Who may be messaged.
    #[serde(default)]
    pub(super) recipients: RecipientSettings,
    /// Anything; templates see it as `vars`.
    #[serde(default)]
    #[expect(dead_code, reason = "read for its mistakes; its values are taken from the tree")]
    #[schemars(extend("examples" = [{"dev_group": "120363000000000000@g.us"}]))]
    pub(super) vars: BTreeMap<String, Value>,
    /// Who sends webhooks, each at `/hooks/<name>`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SourceSettings>")]
    pub(super) sources: BTreeMap<String, Placed<SourceSettings>>,
    /// Which events become which messages.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSettings>")]
    #[expect(dead_code, reason = "each is read when it is compiled: there may be very many")]
    pub(super) rules: Vec<PutOff>,
    /// What `kabari test` tries.
    #[serde(default)]
    #[schemars(with = "Vec<TestSettings>")]
    pub(super) tests: Vec<Placed<TestSettings>>,
}

/// A file that is included.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IncludedFile {
    /// More rules.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSettings>")]
    #[expect(dead_code, reason = "each is read when it is compiled: there may be very many")]
    pub(super) rules: Vec<PutOff>,
    /// More tests.
    #[serde(default)]
    #[schemars(with = "Vec<TestSettings>")]
    pub(super) tests: Vec<Placed<TestSettings>>,
}

/// `recipients:`, each a file with one number a line.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RecipientSettings {
    /// Nobody else is messaged.
    #[schemars(extend("examples" = ["allowed.txt"]))]
    pub(super) allow: Option<String>,
    /// These are never messaged; see also `kabari optout`.
    #[schemars(extend("examples" = ["denied.txt"]))]
    pub(super) deny: Option<String>,
}

/// `defaults:`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DefaultSettings {
    /// Whose local numbers are understood, as `ID`.
    #[schemars(extend("examples" = ["ID"]))]
    pub(super) country: Option<Country>,
    /// Where `date` shows times, as `Asia/Jakarta`; UTC by default.
    #[schemars(extend("default" = "UTC", "examples" = ["Asia/Jakarta"]))]
    pub(super) timezone: Option<String>,
    /// The session that sends; by default `wachat.instance`.
    #[schemars(extend("examples" = ["jakarta_store"]))]
    pub(super) instance: Option<String>,
    /// How often a message is tried; by default as often as its growing gaps fit into `max_age`.
    #[schemars(extend("examples" = [5]))]
    pub(super) attempts: Option<u32>,
    /// How long a message may be tried; 24h by default.
    #[schemars(extend("default" = "24h", "examples" = ["6h"]))]
    pub(super) max_age: Option<Span>,
    /// What to do when it is not known whether a message was sent.
    #[schemars(extend("examples" = ["hold"]))]
    pub(super) on_uncertain: Option<OnUncertain>,
    /// When messages may be sent, for rules that do not say so.
    pub(super) hours: Option<HoursSettings>,
    /// How long a message is of use, for rules that do not say so.
    #[schemars(extend("examples" = ["1d"]))]
    pub(super) expires: Option<Span>,
    /// `shadow`: nothing is sent, whatever rules say, also by hand; what waited before goes on to wait.
    #[schemars(extend("examples" = ["shadow"]))]
    pub(super) mode: Option<Mode>,
    /// Fields that every `send` has unless it says otherwise. A text takes none of those that media
    /// alone have (`type`, `mediaUrl`, `fileName`, `mimetype`, `delay`).
    pub(super) send: SendSettings,
}

impl DefaultSettings {
    /// Whether nothing is to be sent at all.
    pub(super) fn is_shadow(&self) -> bool {
        self.mode == Some(Mode::Shadow)
    }
}

/// One entry of `rules:`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSettings {
    /// Its name, unique in all files.
    #[schemars(extend("examples" = ["invoice-paid"]))]
    pub(super) name: String,
    /// The source that it listens to.
    #[schemars(extend("examples" = ["stripe"]))]
    pub(super) source: String,
    /// The kinds of event that it takes, `*` and `?` allowed; all by default.
    #[serde(default)]
    #[schemars(with = "OneOrMany<String>")]
    #[schemars(extend("examples" = [["invoice.paid", "invoice.*"]]))]
    pub(super) kind: Texts,
    /// What the body must be like.
    #[serde(default, rename = "match")]
    pub(super) pattern: Pattern,
    /// Short names for expressions, as `inv: event.data.object`; each may use those before it.
    /// `when`, `each` and every template see them.
    #[serde(default, rename = "let")]
    #[schemars(with = "BTreeMap<String, String>")]
    #[schemars(extend("examples" = [{"inv": "event.data.object"}]))]
    pub(super) names: Named,
    /// A list of the event: there is a message for each element, as in `line in event.lines if
    /// line.qty > 0`. Without a name the element is `item`; `loop.index` counts them.
    #[schemars(extend("examples" = ["line in event.lines if line.qty > 0"]))]
    pub(super) each: Option<String>,
    /// A condition over everything, asked after `match`.
    #[schemars(extend("examples" = ["event.ref == \"refs/heads/main\""]))]
    pub(super) when: Option<String>,
    /// What is sent; one or a list.
    #[schemars(with = "OneOrMany<SendSettings>")]
    pub(super) send: Option<OneOrList<SendSettings>>,
    /// What to do when it is not known whether a message was sent.
    #[schemars(extend("examples" = ["resend"]))]
    pub(super) on_uncertain: Option<OnUncertain>,
    /// How often a message is tried.
    #[schemars(extend("examples" = [3]))]
    pub(super) attempts: Option<u32>,
    /// How long a message may be tried.
    #[schemars(extend("default" = "24h", "examples" = ["1h30m"]))]
    pub(super) max_age: Option<Span>,
    /// One message with this key to a recipient is enough, also over many events and days.
    pub(super) dedupe: Option<DedupeSettings>,
    /// How many messages may go in a span of time.
    pub(super) throttle: Option<ThrottleSettings>,
    /// Many events become one message.
    pub(super) group: Option<GroupSettings>,
    /// On which days and in which hours messages may be sent.
    pub(super) hours: Option<HoursSettings>,
    /// How long a message is of use; the time in which kabari itself holds it does not count.
    #[schemars(extend("examples" = ["6h"]))]
    pub(super) expires: Option<Span>,
    /// Who goes first: `high`, `normal` or `low`.
    #[serde(default)]
    #[schemars(extend("examples" = ["high"]))]
    pub(super) priority: Priority,
    /// Not to be sent before: a time, or a span as `2h`. Up to a year (`366d`) ahead: beyond that the
    /// message fails at once, since nobody would see it wait.
    #[schemars(extend("examples" = ["2h"]))]
    pub(super) delay_until: Option<String>,
    /// `shadow`: messages are recorded and shown, and not sent; those that waited before are kept.
    #[schemars(extend("examples" = ["shadow"]))]
    pub(super) mode: Option<Mode>,
    /// What is sent instead of a message that failed or had no recipient.
    pub(super) or: Option<SendSettings>,
}

/// One entry of `tests:`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSettings {
    /// A sentence.
    #[schemars(extend("examples" = ["a paid invoice sends its PDF"]))]
    pub(super) name: String,
    /// The source that the event comes from.
    #[schemars(extend("examples" = ["stripe"]))]
    pub(super) source: String,
    /// The event's kind, with or without its action.
    #[schemars(extend("examples" = ["invoice.paid"]))]
    pub(super) kind: Option<String>,
    /// Headers that come with it, in addition to a sample's own.
    #[serde(default)]
    #[schemars(extend("examples" = [{"X-Event-Id": "evt_1"}]))]
    pub(super) headers: BTreeMap<String, String>,
    /// When it comes, as `2026-03-01T09:00:00+07:00`; the present by default.
    #[schemars(with = "Option<String>")]
    #[schemars(extend("examples" = ["2026-03-01T09:00:00+07:00"]))]
    pub(super) now: Option<Timestamp>,
    /// Whether it comes through the whole door: signed with the source's secret as the sender
    /// signs, verified, and read from headers and body alone.
    #[serde(default)]
    #[schemars(extend("examples" = [true]))]
    pub(super) signed: bool,
    /// The event's body.
    #[schemars(required)]
    pub(super) event: Option<TestEvent>,
    /// What must come of it, in any order; an empty list means no message.
    #[serde(default)]
    #[schemars(extend("examples" = [[{"rule": "invoice-paid", "number": "6281234567890"}]]))]
    pub(super) expect: Vec<Expected>,
}

/// `event:` of a test: a file, a built-in sample or a body, with changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestEvent {
    /// A JSON file, relative to this file.
    #[schemars(extend("examples" = ["tests/invoice.paid.json"]))]
    pub(super) file: Option<String>,
    /// A built-in event, as `stripe/invoice.paid`.
    #[schemars(extend("examples" = ["stripe/invoice.paid"]))]
    pub(super) sample: Option<String>,
    /// The body itself.
    #[schemars(extend("examples" = [{"ref": "refs/heads/main"}]))]
    pub(super) body: Option<BTreeMap<String, Value>>,
    /// Values to set, by their dotted paths.
    #[schemars(extend("examples" = [{"data.object.customer_phone": "+62 812-3456-7890"}]))]
    pub(super) set: BTreeMap<String, Value>,
    /// Dotted paths to remove.
    #[schemars(extend("examples" = [["data.object.customer_phone"]]))]
    pub(super) unset: Vec<String>,
}

/// One expected message: what is not said is not compared.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Expected {
    /// The rule that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["invoice-paid"]))]
    pub(super) rule: Option<String>,
    /// Its state: `waiting` if it would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["skipped"]))]
    state: Option<State>,
    /// Why it would not be sent, as `no recipient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["no recipient"]))]
    reason: Option<String>,
    /// Texts that stand in its message.
    #[serde(skip_serializing_if = "Texts::is_empty")]
    #[schemars(with = "OneOrMany<String>")]
    #[schemars(extend("examples" = [["Rp 186.332"]]))]
    contains: Texts,
    /// The whole request to Wachat: no field more, none less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"number": "6281234567890", "message": "Paid."}]))]
    exactly: Option<ExpectedRequest>,
    /// The session that sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["jakarta_store"]))]
    instance_name: Option<String>,
    /// The number, with its country code and no `+`, or the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::render::OneOrMany>")]
    #[schemars(extend("examples" = ["6281234567890"]))]
    number: Option<String>,
    /// `text`, `image`, `video`, `document` or `audio`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["document"]))]
    kind: Option<String>,
    /// The address of the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["https://files.example/invoice.pdf"]))]
    media_url: Option<String>,
    /// The text or caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["Hi Budi, we received *Rp 186.332*."]))]
    message: Option<String>,
    /// The name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["Invoice-7.pdf"]))]
    file_name: Option<String>,
    /// The media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["application/pdf"]))]
    mimetype: Option<String>,
    /// How long Wachat shows "typing", in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [1200]))]
    delay: Option<u64>,
}

/// `exactly:` of an expected message: the fields of Wachat's API, as `kabari explain` shows them.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct ExpectedRequest {
    /// The session that sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["jakarta_store"]))]
    instance_name: Option<String>,
    /// The number, with its country code and no `+`, or the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["6281234567890"]))]
    number: Option<String>,
    /// `image`, `video`, `document` or `audio`; none for a text.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["document"]))]
    kind: Option<String>,
    /// The address of the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["https://files.example/invoice.pdf"]))]
    media_url: Option<String>,
    /// The text or caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["Hi Budi, we received *Rp 186.332*."]))]
    message: Option<String>,
    /// The name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["Invoice-7.pdf"]))]
    file_name: Option<String>,
    /// The media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["application/pdf"]))]
    mimetype: Option<String>,
    /// How long Wachat shows "typing", in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [1200]))]
    delay: Option<u64>,
}
