//! Which provider can be asked what it sent in vain, and what must be said for that?

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use crate::model::{Fault, Span};
use crate::secret::Secret;
use crate::verify::is_private_key;

/// How often it is asked unless the rule file says otherwise.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// More often is no use, and the provider would mind.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// How far back the first look goes: whoever begins today has heard of what was last month.
const LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// `reconcile:` of a source: asks the provider for events that it sent in vain, and takes them in
/// as if they had come.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileSettings {
    /// Whose API it is; the presets that have one say so themselves.
    #[schemars(extend("examples" = ["github"]))]
    pub api: Option<MissedApi>,
    /// The token of the API. It needs to read alone: at GitHub "Webhooks" of the repository or the
    /// organisation, at Stripe a restricted key for "Events".
    #[schemars(extend("examples" = ["${GITHUB_TOKEN}"]))]
    pub token: Option<Secret>,
    /// GitHub: the webhooks to ask about, as their settings page names them:
    /// `repos/OWNER/REPOSITORY/hooks/NUMBER`, `orgs/NAME/hooks/NUMBER`, or `app/hook` for a GitHub
    /// App's own.
    #[schemars(extend("examples" = [["repos/octo/shop/hooks/42"]]))]
    pub hooks: Option<Vec<String>>,
    /// For `app/hook`: the App's client id (or its number).
    #[schemars(extend("examples" = ["Iv23liAbCdEf"]))]
    pub app_id: Option<String>,
    /// For `app/hook`: the App's private key, in PEM as GitHub gives it.
    #[schemars(extend("examples" = ["${file:/run/secrets/app.pem}"]))]
    pub private_key: Option<Secret>,
    /// Where the API is; for GitHub Enterprise Server `https://HOST/api/v3`. https unless on this
    /// machine.
    #[schemars(extend("default" = "the provider's own", "examples" = ["https://github.shop.example/api/v3"]))]
    pub base_url: Option<String>,
    /// How often it is asked; 15m by default.
    #[schemars(extend("default" = "15m", "examples" = ["5m"]))]
    pub every: Option<Span>,
    /// How far back the very first look goes; later ones begin where the last one ended, however
    /// long ago that was. 1d by default.
    #[schemars(extend("default" = "1d", "examples" = ["3d"]))]
    pub look_back: Option<Span>,
    /// Only events of these kinds (`*` and `?` allowed): for an account that sends other events to
    /// other places, which count as missed too if those are down.
    #[schemars(extend("examples" = [["invoice.*"]]))]
    pub kinds: Option<Vec<String>>,
}

/// An API that lists what was sent in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MissedApi {
    /// GitHub's deliveries of a webhook.
    Github,
    /// Stripe's events with `delivery_success=false`.
    Stripe,
}

impl MissedApi {
    /// Where it is.
    fn base_url(self) -> &'static str {
        match self {
            Self::Github => "https://api.github.com",
            Self::Stripe => "https://api.stripe.com",
        }
    }
}

/// What to ask, where and how often.
#[derive(Debug)]
pub struct Reconcile {
    /// Whose API it is.
    pub api: MissedApi,
    /// By what it is opened.
    pub key: ApiKey,
    /// Where it is, without a slash at its end.
    pub base_url: String,
    /// The lists to look at; at least one.
    pub places: Vec<String>,
    /// How often.
    pub every: Duration,
    /// How far back the very first look goes.
    pub look_back: Duration,
    /// Which kinds to take; empty for all.
    pub kinds: Vec<String>,
}

/// By what an API is opened.
#[derive(Debug)]
pub enum ApiKey {
    /// A token that stays as it is.
    Token(Secret),
    /// A GitHub App's id and private key, of which tokens are made.
    App(String, Secret),
}

impl ApiKey {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Token(one), Self::Token(other)) => one.equals(other.expose().as_bytes()),
            (Self::App(id, key), Self::App(other_id, other)) => {
                id == other_id && key.equals(other.expose().as_bytes())
            }
            _ => false,
        }
    }
}

impl ReconcileSettings {
    /// These settings where they say something, and `preset` where they do not.
    pub(super) fn over(&self, preset: &Self) -> Self {
        Self { api: self.api.or(preset.api), ..self.clone() }
    }
}

impl Reconcile {
    /// Reads the settings.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(super) fn build(settings: &ReconcileSettings) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let Some(api) = settings.api else {
            let wrong = "it is not known how this sender is asked what it sent in vain";
            let help =
                "GitHub and Stripe can be asked: leave `reconcile` out, or add `api: github`";
            return Err(vec![Fault::error("", "missing-key", wrong).help(help)]);
        };
        let places = places(api, settings.hooks.as_deref(), &mut faults);
        let needs_app = places.iter().any(|place| place == APP_HOOK);
        let key = key(settings, needs_app, &mut faults);
        if needs_app && places.len() > 1 {
            let wrong = "`app/hook` needs another key than the other webhooks";
            let help = "give the App's webhook a source of its own";
            faults.push(Fault::error("hooks", "value", wrong).help(help));
        }
        let base_url = base_url(api, settings.base_url.as_deref(), &mut faults);
        let every = settings.every.map_or(EVERY, |span| span.0);
        if every < EVERY_MIN {
            let fault = Fault::error("every", "value", "that is more often than once a second");
            faults.push(fault.help("write 1m or more"));
        }
        match key {
            Some(key) if faults.is_empty() => Ok(Self {
                api,
                key,
                base_url,
                places,
                every,
                look_back: settings.look_back.map_or(LOOK_BACK, |span| span.0),
                kinds: settings.kinds.clone().unwrap_or_default(),
            }),
            _ => Err(faults),
        }
    }

    /// Whether it asks the same, as often and with the same token.
    pub fn same(&self, other: &Self) -> bool {
        self.api == other.api
            && self.key.same(&other.key)
            && self.base_url == other.base_url
            && self.places == other.places
            && self.every == other.every
            && self.look_back == other.look_back
            && self.kinds == other.kinds
    }
}

/// The one list of GitHub's that no token opens, but only the App itself.
const APP_HOOK: &str = "app/hook";
/// Stripe's one list.
const EVENTS: &str = "events";

fn places(api: MissedApi, hooks: Option<&[String]>, faults: &mut Vec<Fault>) -> Vec<String> {
    match (api, hooks) {
        (MissedApi::Stripe, Some(_)) => {
            let fault = Fault::error("hooks", "value", "Stripe has one list of events for all");
            faults.push(fault.help("leave `hooks` out"));
            Vec::new()
        }
        (MissedApi::Stripe, None) => vec![EVENTS.to_owned()],
        (MissedApi::Github, None | Some([])) => {
            let wrong = "it is not said which webhooks to ask about";
            let help = "add `hooks: [repos/OWNER/REPOSITORY/hooks/NUMBER]`: the number is in the \
                        address of the webhook's settings page";
            faults.push(Fault::error("", "missing-key", wrong).help(help));
            Vec::new()
        }
        (MissedApi::Github, Some(hooks)) => {
            for (index, hook) in hooks.iter().enumerate().filter(|(_, hook)| !is_hook(hook)) {
                let wrong = format!("`{hook}` names no webhook");
                let help = "write `repos/OWNER/REPOSITORY/hooks/NUMBER`, `orgs/NAME/hooks/NUMBER` \
                            or `app/hook`";
                faults.push(Fault::error(format!("hooks[{index}]"), "value", wrong).help(help));
            }
            hooks.to_vec()
        }
    }
}

/// Whether a text is one of the paths under which GitHub has deliveries.
fn is_hook(text: &str) -> bool {
    let name = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && part.bytes().all(fits) && part.bytes().any(|it| it != b'.')
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split('/').collect::<Vec<_>>().as_slice() {
        ["repos", owner, repository, "hooks", id] => name(owner) && name(repository) && number(id),
        ["orgs", owner, "hooks", id] => name(owner) && number(id),
        ["app", "hook"] => true,
        _ => false,
    }
}

fn key(settings: &ReconcileSettings, needs_app: bool, faults: &mut Vec<Fault>) -> Option<ApiKey> {
    let is_there = |it: &&Secret| !it.is_empty();
    if !needs_app {
        if settings.app_id.is_some() || settings.private_key.is_some() {
            let fault = Fault::error("", "value", "an App's key opens `app/hook` alone");
            faults.push(fault.help("give a `token`, and leave `app_id` and its key out"));
        }
        let token = settings.token.as_ref().filter(is_there);
        if token.is_none() {
            let wrong = "there is no token to ask with";
            let help = "add `token:`, or leave `reconcile` out";
            faults.push(Fault::error("", "no-secret", wrong).help(help));
        }
        return token.cloned().map(ApiKey::Token);
    }
    if settings.token.is_some() {
        let fault = Fault::error("token", "value", "`app/hook` is opened by no token");
        faults.push(fault.help("give `app_id` and `private_key` in its place"));
    }
    match (&settings.app_id, settings.private_key.as_ref().filter(is_there)) {
        (Some(id), Some(key)) if is_private_key(key) => Some(ApiKey::App(id.clone(), key.clone())),
        (_, Some(_)) if settings.app_id.is_some() => {
            let wrong = "this is no private key";
            let help = "give the whole file that GitHub made, as `\"${file:app.pem}\"`";
            faults.push(Fault::error("private_key", "bad-secret", wrong).help(help));
            None
        }
        _ => {
            let wrong = "`app/hook` is opened by the App itself";
            let help = "add `app_id` and `private_key`";
            faults.push(Fault::error("", "no-secret", wrong).help(help));
            None
        }
    }
}

fn base_url(api: MissedApi, written: Option<&str>, faults: &mut Vec<Fault>) -> String {
    let written = written.unwrap_or_else(|| api.base_url()).trim_end_matches('/');
    let url = Url::parse(written).ok();
    let fits = url.is_some_and(|url| {
        let on_this_machine = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let is_private = url.scheme() == "https" || (url.scheme() == "http" && on_this_machine);
        is_private && is_bare && url.has_host() && url.username().is_empty()
    });
    if !fits {
        let wrong = format!("`{written}` is no address of an API, or one that shows the token");
        let help = "write `https://HOST/api/v3`; http is for this machine alone";
        faults.push(Fault::error("base_url", "bad-url", wrong).help(help));
    }
    written.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_hook, *};

    fn settings(hook: &str, base_url: &str) -> ReconcileSettings {
        ReconcileSettings {
            api: Some(MissedApi::Github),
            token: Some(Secret::new("ghp_0123456789")),
            hooks: Some(vec![hook.to_owned()]),
            base_url: Some(base_url.to_owned()),
            ..ReconcileSettings::default()
        }
    }

    #[test]
    fn a_hook_is_named_as_in_the_address_of_its_deliveries() {
        for fine in ["repos/octo/shop.js/hooks/42", "orgs/octo-org/hooks/7", "app/hook"] {
            assert!(is_hook(fine), "{fine}");
        }
        for wrong in ["42", "repos/octo/../hooks/1", "repos/o/r/hooks/x", "repos/o/r/hooks/1/a", ""]
        {
            assert!(!is_hook(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_token_travels_encrypted_or_stays_on_this_machine() {
        let build = |base: &str| Reconcile::build(&settings("repos/o/r/hooks/1", base));
        for fine in ["https://ghe.shop.example/api/v3/", "http://127.0.0.1:9", "http://[::1]:9"] {
            assert!(build(fine).is_ok(), "{fine}");
        }
        for wrong in ["http://ghe.shop.example", "ftp://x", "https://", "https://u:p@x", "x"] {
            assert_eq!(build(wrong).unwrap_err()[0].code, "bad-url", "{wrong}");
        }
    }

    #[test]
    fn an_apps_own_webhook_needs_the_apps_key() {
        let wrong = Reconcile::build(&settings("app/hook", "https://x")).unwrap_err();
        let codes: Vec<&str> = wrong.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["value", "no-secret"]);
    }
}
