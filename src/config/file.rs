//! What can be written in a rule file? Its top; each part is declared where it is used.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::placed::{Named, OneOrList, Placed, Texts};
use crate::dispatch::LaneSettings;
use crate::model::{ByteSize, OnUncertain, Priority, Span};
use crate::render::{
    Country, DedupeSettings, GroupSettings, HoursSettings, Mode, SendSettings, ThrottleSettings,
};
use crate::rules::Pattern;
use crate::secret::Secret;
use crate::sources::SourceSettings;

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
    /// Where events and messages are kept; `sqlite://kabari.db` by default.
    #[serde(default)]
    pub(super) store: Option<String>,
    /// More rule files (`*` allowed), with `rules:` and `tests:` only.
    #[serde(default)]
    #[schemars(with = "OneOrMany<String>")]
    pub(super) include: Texts,
    /// What rules leave unsaid.
    #[serde(default)]
    pub(super) defaults: DefaultSettings,
    /// Who may be messaged.
    #[serde(default)]
    pub(super) recipients: RecipientSettings,
    /// Anything; templates see it as `vars`.
    #[serde(default)]
    #[expect(dead_code, reason = "read for its mistakes; its values are taken from the tree")]
    pub(super) vars: BTreeMap<String, Value>,
    /// Who sends webhooks, each at `/hooks/<name>`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SourceSettings>")]
    pub(super) sources: BTreeMap<String, Placed<SourceSettings>>,
    /// Which events become which messages.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSettings>")]
    pub(super) rules: Vec<Placed<RuleSettings>>,
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
    pub(super) rules: Vec<Placed<RuleSettings>>,
    /// More tests.
    #[serde(default)]
    #[schemars(with = "Vec<TestSettings>")]
    pub(super) tests: Vec<Placed<TestSettings>>,
}

/// `wachat:`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WachatSettings {
    /// The account's token.
    pub(super) token: Secret,
    /// The session that sends by default (`instanceName`).
    pub(super) instance: Option<String>,
    /// Where Wachat's API is; https unless on this machine.
    pub(super) base_url: Option<String>,
    /// How long one call may take; 120s by default.
    pub(super) timeout: Option<Span>,
    /// How fast each session sends.
    #[serde(default)]
    pub(super) instances: BTreeMap<String, LaneSettings>,
}

/// `server:`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerSettings {
    /// Address and port for webhooks; 127.0.0.1:8080 by default.
    pub(super) listen: Option<String>,
    /// Address and port for dashboard, API and health; 127.0.0.1:9090 by default.
    pub(super) admin: Option<String>,
    /// Needed where the admin address is not on this machine alone.
    pub(super) admin_token: Option<Secret>,
    /// The largest body that is taken; 25MiB by default.
    pub(super) body_limit: Option<ByteSize>,
}

/// `recipients:`, each a file with one number a line.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RecipientSettings {
    /// Nobody else is messaged.
    pub(super) allow: Option<String>,
    /// These are never messaged; see also `kabari optout`.
    pub(super) deny: Option<String>,
}

/// `defaults:`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DefaultSettings {
    /// Whose local numbers are understood, as `ID`.
    pub(super) country: Option<Country>,
    /// Where `date` shows times, as `Asia/Jakarta`; UTC by default.
    pub(super) timezone: Option<String>,
    /// The session that sends; by default `wachat.instance`.
    pub(super) instance: Option<String>,
    /// How often a message is tried; by default as often as its growing gaps fit into `max_age`.
    pub(super) attempts: Option<u32>,
    /// How long a message may be tried; 24h by default.
    pub(super) max_age: Option<Span>,
    /// What to do when it is not known whether a message was sent.
    pub(super) on_uncertain: Option<OnUncertain>,
    /// When messages may be sent, for rules that do not say so.
    pub(super) hours: Option<HoursSettings>,
    /// How long a message is of use, for rules that do not say so.
    pub(super) expires: Option<Span>,
    /// `shadow`: nothing is sent, whatever rules say.
    pub(super) mode: Option<Mode>,
}

/// One entry of `rules:`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSettings {
    /// Its name, unique in all files.
    pub(super) name: String,
    /// The source that it listens to.
    pub(super) source: String,
    /// The kinds of event that it takes, `*` and `?` allowed; all by default.
    #[serde(default)]
    #[schemars(with = "OneOrMany<String>")]
    pub(super) kind: Texts,
    /// What the body must be like.
    #[serde(default, rename = "match")]
    pub(super) pattern: Pattern,
    /// Short names for expressions, as `inv: event.data.object`; each may use those before it.
    /// `when`, `each` and every template see them.
    #[serde(default, rename = "let")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) names: Named,
    /// A list of the event: there is a message for each element, as in `line in event.lines if
    /// line.qty > 0`. Without a name the element is `item`; `loop.index` counts them.
    pub(super) each: Option<String>,
    /// A condition over everything, asked after `match`.
    pub(super) when: Option<String>,
    /// What is sent; one or a list.
    #[schemars(with = "OneOrMany<SendSettings>")]
    pub(super) send: Option<OneOrList<SendSettings>>,
    /// What to do when it is not known whether a message was sent.
    pub(super) on_uncertain: Option<OnUncertain>,
    /// How often a message is tried.
    pub(super) attempts: Option<u32>,
    /// How long a message may be tried.
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
    pub(super) expires: Option<Span>,
    /// Who goes first: `high`, `normal` or `low`.
    #[serde(default)]
    pub(super) priority: Priority,
    /// Not to be sent before: a time, or a span as `2h`.
    pub(super) delay_until: Option<String>,
    /// `shadow`: messages are recorded and shown, and not sent.
    pub(super) mode: Option<Mode>,
    /// What is sent instead of a message that failed or had no recipient.
    pub(super) or: Option<SendSettings>,
}

/// One entry of `tests:`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSettings {
    /// A sentence.
    pub(super) name: String,
    /// The source that the event comes from.
    pub(super) source: String,
    /// The event's kind.
    pub(super) kind: Option<String>,
    /// The event's body.
    #[schemars(required)]
    pub(super) event: Option<TestEvent>,
    /// What must come of it; an empty list means no message.
    #[serde(default)]
    pub(super) expect: Vec<Expected>,
}

/// `event:` of a test: a file or a built-in sample, with changes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestEvent {
    /// A JSON file, relative to this file.
    pub(super) file: Option<String>,
    /// A built-in event, as `stripe/invoice.paid`.
    pub(super) sample: Option<String>,
    /// Values to set, by their dotted paths.
    pub(super) set: BTreeMap<String, Value>,
    /// Dotted paths to remove.
    pub(super) unset: Vec<String>,
}

/// One expected message: what is not said is not compared.
#[derive(Debug, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Expected {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mimetype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How one or several are written, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is only ever described")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// The JSON schema of a rule file, for editors.
pub fn schema() -> Value {
    schemars::schema_for!(RuleFile).to_value()
}
