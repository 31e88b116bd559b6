//! What can be said about a source, in a preset as in the rule file?

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expr::AmountUnit;
use crate::secret::Secret;
use crate::verify::SchemeSettings;

/// One entry of `sources:`, or one row of the presets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The preset that it is based on; by default the one of its own name.
    pub preset: Option<String>,
    /// The secret that the provider signs with.
    pub secret: Option<Secret>,
    /// Several of them, while one is replaced by another. Empty entries drop out.
    pub secrets: Option<Vec<Secret>>,
    /// How requests are signed.
    pub verify: Option<SchemeSettings>,
    /// What happened: a template such as `{{ event.type }}` or `{{ headers['x-event'] }}`.
    pub kind: Option<String>,
    /// What more precisely happened: a template, appended to `kind` with a dot where it gives
    /// something. A rule for the bare kind then takes all its actions.
    pub action: Option<String>,
    /// The sender's id of an event, by which a second delivery is recognised: a template, `none`
    /// (every request is an event of its own) or `digest` (equal bodies are one event).
    pub id: Option<String>,
    /// The kinds (`*` and `?` allowed) that the sender is known to send: `kabari check` warns of a
    /// rule for another.
    pub kinds: Option<Vec<String>>,
    /// The kinds (`*` and `?` allowed) of which the sender never signs the same body twice. Of
    /// these a body that was seen is a second delivery, whatever id it comes with: for senders
    /// whose id is not under the signature.
    pub never_repeats: Option<Vec<String>>,
    /// The field that holds the JSON where a body is sent as a form; without it, the form's fields
    /// are the event.
    pub form: Option<String>,
    /// How amounts of money are written: `minor` (1050 is $10.50) or `major`.
    pub amounts: Option<AmountUnit>,
    /// Which events are of the sender's test mode: a condition, as `event.livemode == false`.
    pub test_when: Option<String>,
    /// What becomes of test-mode events; by default they reach nobody.
    pub test_events: Option<TestEvents>,
    /// Where the sender documents its webhooks.
    pub docs: Option<String>,
    /// Where the sender shows the secret.
    pub secret_at: Option<String>,
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
            form: text(&self.form, &preset.form),
            amounts: self.amounts.or(preset.amounts),
            test_when: text(&self.test_when, &preset.test_when),
            test_events: self.test_events.or(preset.test_events),
            docs: text(&self.docs, &preset.docs),
            secret_at: text(&self.secret_at, &preset.secret_at),
        }
    }
}
