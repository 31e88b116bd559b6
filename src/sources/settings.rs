//! What can be said about a source, in a preset as in the rule file?

use schemars::JsonSchema;
use serde::Deserialize;

use super::handshake::Handshake;
use super::reconcile::ReconcileSettings;
use super::rotation::DatedSecret;
use crate::expr::AmountUnit;
use crate::model::{Network, Rate, Span};
use crate::secret::Secret;
use crate::verify::SchemeSettings;

/// One entry of `sources:`, or one row of the presets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The preset that it is based on; by default the one of its own name.
    #[schemars(extend("examples" = ["github"]))]
    pub preset: Option<String>,
    /// The secret that the provider signs with.
    #[schemars(extend("examples" = ["${GITHUB_WEBHOOK_SECRET}"]))]
    pub secret: Option<Secret>,
    /// Several of them, while one is replaced by another. Empty entries drop out. An entry may say
    /// when it counts: `{ secret: …, from: 2026-11-01, until: 2026-12-01 }`.
    #[schemars(extend("examples" = [["${STRIPE_SECRET}", "${STRIPE_SECRET_OLD:-}"]]))]
    pub secrets: Option<Vec<DatedSecret>>,
    /// The address of this source as its sender knows it, for senders that sign it.
    #[schemars(extend("examples" = ["https://hooks.shop.example/billing"]))]
    pub url: Option<String>,
    /// What a handshake must show, where that is not the secret (Meta's, Strava's `verify_token`).
    #[schemars(extend("examples" = ["${META_VERIFY_TOKEN}"]))]
    pub verify_token: Option<Secret>,
    /// How requests are signed.
    pub verify: Option<SchemeSettings>,
    /// What happened: a template such as `{{ event.type }}` or `{{ headers['x-event'] }}`.
    #[schemars(extend("examples" = ["{{ event.type }}"]))]
    pub kind: Option<String>,
    /// What more precisely happened: a template, appended to `kind` with a dot where it gives
    /// something. A rule for the bare kind then takes all its actions.
    #[schemars(extend("examples" = ["{{ event.action }}"]))]
    pub action: Option<String>,
    /// The sender's id of an event, by which a second delivery is recognised: a template, `none`
    /// (every request is an event of its own) or `digest` (equal bodies are one event). Of requests
    /// that lack it, equal bodies are one event for an hour (or `window`), and
    /// `kabari_id_missing_total` counts them.
    #[schemars(extend("examples" = ["{{ headers['x-event-id'] }}"]))]
    pub id: Option<String>,
    /// The kinds (`*` and `?` allowed) that the sender is known to send: `kabari check` warns of a
    /// rule for another.
    #[schemars(extend("examples" = [["invoice.*"]]))]
    pub kinds: Option<Vec<String>>,
    /// Where a body stands for its id: how long equal ones are one event, as `1h`. Time is cut into pieces of
    /// this length, so a second delivery just after a cut is an event of its own. `id: digest` of your
    /// own takes one.
    #[schemars(extend("examples" = ["1h"]))]
    pub window: Option<Span>,
    /// The kinds (`*` and `?` allowed) of which the sender never signs the same body twice. Of
    /// these a body that was seen is a second delivery, whatever id it comes with: for senders
    /// whose id is not under the signature.
    #[schemars(extend("examples" = [["push"]]))]
    pub never_repeats: Option<Vec<String>>,
    /// The field that holds the JSON where a body is sent as a form; without it, the form's fields
    /// are the event. With a question mark behind it, as `payload?`, only of forms that have it.
    #[schemars(extend("examples" = ["payload"]))]
    pub form: Option<String>,
    /// How amounts of money are written: `minor` (1050 is $10.50) or `major`.
    #[schemars(extend("examples" = ["minor"]))]
    pub amounts: Option<AmountUnit>,
    /// Which events are of the sender's test mode: a condition, as `event.livemode == false`.
    #[schemars(extend("examples" = ["event.livemode == false"]))]
    pub test_when: Option<String>,
    /// What becomes of test-mode events; by default they reach nobody.
    #[schemars(extend("default" = "skip", "examples" = ["send"]))]
    pub test_events: Option<TestEvents>,
    /// Where the events are in a body that holds several: a dotted path with `*` for each element
    /// of a list. In templates and patterns `event` is then one of them, and `request` the body.
    #[schemars(extend("examples" = ["notificationItems.*.NotificationRequestItem"]))]
    pub events: Option<String>,
    /// What the sender asks before, or among, its events.
    #[schemars(extend("examples" = ["slack"]))]
    pub handshake: Option<Handshake>,
    /// What the sender must be answered for an event, where that is not kabari's own answer.
    pub reply: Option<ReplySettings>,
    /// The methods that the sender uses, by default `[POST]`.
    #[schemars(extend("examples" = [["POST"]]))]
    pub methods: Option<Vec<String>>,
    /// The media types that are taken, by default any; others are refused with 415, after they are
    /// verified.
    #[schemars(extend("examples" = [["application/json"]]))]
    pub accepts: Option<Vec<String>>,
    /// The addresses and networks that the sender sends from: to all others the source does not
    /// exist (404, told by the log and by `kabari_denied_total`). Behind a proxy it takes
    /// `server.trusted_proxies`. Providers publish theirs and change them: GitHub's are the `hooks`
    /// of <https://api.github.com/meta>. The signature is checked in any case.
    #[schemars(extend("examples" = [["192.0.2.0/24", "2001:db8::/32"]]))]
    pub allow_from: Option<Vec<Network>>,
    /// How many requests are too many; by default none is.
    pub limits: Option<LimitSettings>,
    /// For a sender that packs its bodies with gzip (`Content-Encoding: gzip`): whether it signs the
    /// `packed` bytes or the `plain` ones. Unpacked they may be as long as `server.body_limit`.
    /// Without it a packed body is recorded and refused with 400.
    #[schemars(extend("examples" = ["packed"]))]
    pub gzip: Option<Gzip>,
    /// The parts of a request that whoever has seen one can change: `body`, `id`, `kind`,
    /// `timestamp`.
    #[schemars(extend("examples" = [["id"]]))]
    pub unsigned: Option<Vec<Unsigned>>,
    /// Asks the sender for events that it sent in vain.
    pub reconcile: Option<ReconcileSettings>,
    /// Whether the sender sends again what was not taken; by default it is believed to. Where it does
    /// not (`false`), a request that is refused for `limits` is lost, and `kabari check` says so.
    #[schemars(extend("examples" = [false]))]
    pub tries_again: Option<bool>,
    /// The answers after which the sender does not send an event again, though it sends others again.
    #[schemars(extend("examples" = [[400, 403]]))]
    pub gives_up_on: Option<Vec<u16>>,
    /// Where the sender documents its webhooks.
    #[schemars(extend("examples" = ["https://docs.example/webhooks"]))]
    pub docs: Option<String>,
    /// Where the sender shows the secret.
    #[schemars(extend("examples" = ["Settings > Webhooks > Secret"]))]
    pub secret_at: Option<String>,
}

/// A fixed answer for events that are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplySettings {
    /// The status, by default 200.
    #[schemars(extend("examples" = [202]))]
    pub status: Option<u16>,
    /// The body's media type, by default `text/plain`.
    #[serde(rename = "type")]
    #[schemars(extend("examples" = ["application/json"]))]
    pub media_type: Option<String>,
    /// The body, by default empty.
    #[schemars(extend("examples" = ["OK"]))]
    pub body: String,
}

/// How many requests to one source are too many. Whoever is over hears 429 and when to come again.
/// Either is counted by itself, so a flood of forgeries takes nothing from what is verified. As many
/// as the rate names may come at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Verified requests, from all addresses. Over it they are not recorded: an event of a sender
    /// that does not try again, such as GitHub, is lost then.
    #[schemars(extend("examples" = ["600/min"]))]
    pub verified: Option<Rate>,
    /// Requests that are not believed, from all addresses; beside the limit that each address has.
    #[schemars(extend("examples" = ["60/min"]))]
    pub unverified: Option<Rate>,
}

/// Which bytes of a packed body its sender signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gzip {
    /// Those that come: they are checked first, and unpacked if they are believed.
    Packed,
    /// Those inside: they are unpacked first.
    Plain,
}

/// A part of a request that is not under the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unsigned {
    /// The body, or some of its fields.
    Body,
    /// What the id is made of.
    Id,
    /// What the kind is made of.
    Kind,
    /// The time that the sender names.
    Timestamp,
}

impl std::fmt::Display for Unsigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Body => "body",
            Self::Id => "id",
            Self::Kind => "kind",
            Self::Timestamp => "timestamp",
        })
    }
}

/// What becomes of events of the sender's test mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TestEvents {
    /// Their messages are recorded and not sent.
    #[default]
    Skip,
    /// They are like any other.
    Send,
}

impl SourceSettings {
    /// These settings where they say something, and `preset` where they do not.
    pub(super) fn over(&self, preset: &Self) -> Self {
        let text =
            |own: &Option<String>, theirs: &Option<String>| own.clone().or_else(|| theirs.clone());
        // As with `action`: the preset's are of its own kinds.
        let of_kinds = |own: &Option<Vec<String>>, theirs: &Option<Vec<String>>| match self.kind {
            Some(_) => own.clone(),
            None => own.clone().or_else(|| theirs.clone()),
        };
        Self {
            preset: self.preset.clone(),
            secret: self.secret.clone(),
            secrets: self.secrets.clone(),
            url: self.url.clone(),
            verify_token: self.verify_token.clone(),
            verify: match (&self.verify, &preset.verify) {
                (Some(own), Some(theirs)) => Some(own.over(theirs)),
                (own, theirs) => own.clone().or_else(|| theirs.clone()),
            },
            kind: text(&self.kind, &preset.kind),
            // A kind of one's own says all; the preset's action was made for its own kind.
            action: match &self.kind {
                Some(_) => self.action.clone(),
                None => text(&self.action, &preset.action),
            },
            id: text(&self.id, &preset.id),
            kinds: of_kinds(&self.kinds, &preset.kinds),
            never_repeats: of_kinds(&self.never_repeats, &preset.never_repeats),
            window: self.window.or(preset.window),
            form: text(&self.form, &preset.form),
            events: match &self.kind {
                Some(_) => self.events.clone(),
                None => text(&self.events, &preset.events),
            },
            amounts: self.amounts.or(preset.amounts),
            test_when: text(&self.test_when, &preset.test_when),
            test_events: self.test_events.or(preset.test_events),
            handshake: self.handshake.or(preset.handshake),
            reply: self.reply.clone().or_else(|| preset.reply.clone()),
            methods: self.methods.clone().or_else(|| preset.methods.clone()),
            accepts: self.accepts.clone().or_else(|| preset.accepts.clone()),
            allow_from: self.allow_from.clone().or_else(|| preset.allow_from.clone()),
            limits: self.limits.or(preset.limits),
            gzip: self.gzip.or(preset.gzip),
            unsigned: self.unsigned.clone().or_else(|| preset.unsigned.clone()),
            reconcile: match (&self.reconcile, &preset.reconcile) {
                (Some(own), Some(theirs)) => Some(own.over(theirs)),
                // A preset only says whose API it is.
                (own, _) => own.clone(),
            },
            tries_again: self.tries_again.or(preset.tries_again),
            gives_up_on: self.gives_up_on.clone().or_else(|| preset.gives_up_on.clone()),
            docs: text(&self.docs, &preset.docs),
            secret_at: text(&self.secret_at, &preset.secret_at),
        }
    }
}
