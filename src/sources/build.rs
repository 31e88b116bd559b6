//! What do a source's settings come to, and what is wrong with them?

use std::sync::Arc;

use super::handshake::Handshake;
use super::lookup::Lookup;
use super::presets::{self, nearest};
use super::reconcile::Reconcile;
use super::rotation::{DatedSecret, Secrets};
use super::settings::{Gzip, ReplySettings, SourceSettings, TestEvents, Unsigned};
use super::source::Identity;
use crate::expr::{AmountUnit, BatchPath, Condition};
use crate::model::{Fault, Meter, Networks, Severity, Span};
use crate::secret::Secret;
use crate::verify::{Address, FormField, Scheme};

/// A secret with fewer characters can be found by trying.
const SECRET_MIN: usize = 16;

/// How long equal bodies that lack the id which the source promises are one event, in seconds: as
/// long as senders try again at once. An event wrongly taken for a second delivery is a lost one.
pub(super) const FALLBACK_S: i64 = 60 * 60;
/// How long a body may be once it is unpacked, in bytes, where nobody says: as long as a plain one.
const UNPACKED_MAX: u64 = 25 << 20;

/// A source but for its name.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) preset: Option<String>,
    /// At least one, and none of them empty.
    pub(super) secrets: Secrets,
    pub(super) verify_token: Option<Secret>,
    pub(super) scheme: Scheme,
    pub(super) kind: Option<Lookup>,
    pub(super) action: Option<Lookup>,
    pub(super) identity: Identity,
    /// Kinds that it is known to send; empty where that is not known.
    pub(super) kinds: Vec<String>,
    /// How long equal bodies are one event, in seconds; `None` for as long as ids are remembered.
    pub(super) window_s: Option<i64>,
    /// Kinds of which no body is signed twice; empty where the id is signed.
    pub(super) never_repeats: Vec<String>,
    pub(super) form: Option<FormField>,
    /// Where the events are in a body that holds several.
    pub(super) events: Option<BatchPath>,
    pub(super) amounts: Option<AmountUnit>,
    /// Tells events that must not reach people; `None` where all may.
    pub(super) test_when: Option<Condition>,
    pub(super) handshake: Option<Handshake>,
    pub(super) reply: Option<ReplySettings>,
    pub(super) methods: Vec<String>,
    /// Lower case; `None` where any media type is taken.
    pub(super) accepts: Option<Vec<String>>,
    /// From where requests may come; `None` where it does not matter.
    pub(super) allow_from: Option<Networks>,
    /// What is let through of the verified requests and of the others; `None` lets all.
    pub(super) verified: Option<Meter>,
    pub(super) unverified: Option<Meter>,
    pub(super) gzip: Option<Gzip>,
    /// How long a body may be once it is unpacked, in bytes.
    pub(super) unpacked_max: u64,
    pub(super) unsigned: Vec<Unsigned>,
    /// How the sender is asked for what it sent in vain.
    pub(super) reconcile: Option<Arc<Reconcile>>,
    /// Whether the sender sends again what was not taken, as far as that is known.
    pub(super) tries_again: bool,
    /// The statuses after which it does not.
    pub(super) gives_up_on: Vec<u16>,
    pub(super) docs: Option<String>,
    pub(super) secret_at: Option<String>,
}

impl Parts {
    pub(super) fn build(
        name: &str,
        own: &SourceSettings,
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        faults.extend(unaddressed(name));
        let preset = preset(name, own, &mut faults);
        let settings = match &preset {
            Some((_, row)) => own.over(row),
            None => own.clone(),
        };
        let secrets = secrets(&settings, &mut faults);
        let scheme = scheme(&settings, &mut faults);
        for (path, secret) in &secrets {
            if let Some(wrong) = scheme.as_ref().and_then(|scheme| scheme.unfit(secret)) {
                let help = "copy it from the sender as it is shown there, whole";
                faults.push(Fault::error(path, "bad-secret", wrong).help(help));
            }
        }
        let kind = lookup("kind", settings.kind.as_deref(), &mut faults);
        let action = lookup("action", settings.action.as_deref(), &mut faults);
        let identity = identity(settings.id.as_deref(), &mut faults);
        faults.extend(endless(own, &settings));
        let test_when = test_when(&settings, &mut faults);
        let events = batch(settings.events.as_deref(), &mut faults);
        let reconcile = settings.reconcile.as_ref().filter(|_| own.reconcile.is_some());
        let reconcile = reconcile.map(|it| Reconcile::build(it).map(|it| (it, Vec::new())));
        let reconcile = reconcile.and_then(|it| keep(it, "reconcile", &mut faults)).map(Arc::new);
        at_the_door(&settings, &mut faults);
        let limits = settings.limits.unwrap_or_default();
        let form = scheme.as_ref().and_then(|scheme| form(&settings, scheme));
        match (scheme, identity) {
            (Some(scheme), Some(identity)) if !refuses(&faults) => {
                let parts = Self {
                    preset: preset.map(|(name, _)| name),
                    secrets: Secrets::new(secrets.into_iter().map(|(_, it)| it).collect()),
                    verify_token: settings.verify_token.filter(|token| !token.is_empty()),
                    scheme,
                    kind,
                    action,
                    identity,
                    kinds: settings.kinds.unwrap_or_default(),
                    window_s: settings.window.map(whole_seconds),
                    never_repeats: settings.never_repeats.unwrap_or_default(),
                    form,
                    events,
                    amounts: settings.amounts,
                    test_when,
                    handshake: settings.handshake,
                    reply: settings.reply,
                    methods: upper(settings.methods),
                    accepts: settings
                        .accepts
                        .map(|all| all.iter().map(|it| it.to_lowercase()).collect()),
                    allow_from: settings.allow_from.map(Networks::new),
                    verified: limits.verified.map(Meter::new),
                    unverified: limits.unverified.map(Meter::new),
                    gzip: settings.gzip,
                    unpacked_max: UNPACKED_MAX,
                    unsigned: settings.unsigned.unwrap_or_default(),
                    reconcile,
                    tries_again: settings.tries_again.unwrap_or(true),
                    gives_up_on: settings.gives_up_on.unwrap_or_default(),
                    docs: settings.docs,
                    secret_at: settings.secret_at,
                };
                Ok((parts, faults))
            }
            _ => Err(faults),
        }
    }
}

fn refuses(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.severity == Severity::Error)
}

/// The value, its warnings or its errors noted under `path`.
fn keep<T>(
    built: Result<(T, Vec<Fault>), Vec<Fault>>,
    path: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let (value, found) = match built {
        Ok((value, warnings)) => (Some(value), warnings),
        Err(errors) => (None, errors),
    };
    faults.extend(found.into_iter().map(|fault| fault.under(path)));
    value
}

/// The preset that is named, or the one of the source's own name.
fn preset(
    name: &str,
    own: &SourceSettings,
    faults: &mut Vec<Fault>,
) -> Option<(String, &'static SourceSettings)> {
    let wanted = own.preset.as_deref().unwrap_or(name);
    match presets::preset(wanted) {
        Ok(Some(row)) => return Some((wanted.to_owned(), row)),
        Ok(None) => {}
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    }
    let remedy = match nearest(wanted) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`kabari sources presets` lists all {}", presets::names().count()),
    };
    if own.preset.is_some() {
        let wrong = format!("there is no preset `{wanted}`");
        faults.push(Fault::error("preset", "unknown-preset", wrong).help(remedy));
    } else if own.verify.is_none() {
        let wrong = format!("`{name}` is no known sender, and it is not said how it signs");
        let end = if remedy.ends_with('?') { "" } else { "." };
        let help = format!(
            "{remedy}{end} For a preset under another name add `preset:`, for any other sender `verify:`"
        );
        faults.push(Fault::error("", "unknown-source", wrong).help(help));
    }
    None
}

/// At least one.
fn whole_seconds(span: Span) -> i64 {
    i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX).max(1)
}

fn upper(methods: Option<Vec<String>>) -> Vec<String> {
    let methods = methods.unwrap_or_else(|| vec!["POST".to_owned()]);
    methods.iter().map(|method| method.to_ascii_uppercase()).collect()
}

/// How it signs, at its address.
fn scheme(settings: &SourceSettings, faults: &mut Vec<Fault>) -> Option<Scheme> {
    let scheme = keep(Scheme::build(settings.verify.as_ref()?), "verify", faults)?;
    let unsigned = settings.unsigned.as_deref().unwrap_or_default();
    if scheme.is_signature() && !scheme.covers_body() && !unsigned.contains(&Unsigned::Body) {
        let wrong = "the body is not under the signature, so anybody could change it";
        let help = "add `{body}` to `signed`; if the sender really leaves it out, say so: \
                    `unsigned: [body]` on the source";
        faults.push(Fault::error("verify", "unsigned-body", wrong).help(help));
    }
    let address = match settings.url.as_deref().map(Address::parse) {
        Some(Ok(address)) => Some(address),
        Some(Err(why)) => {
            let wrong = format!("this is no address of a source: {why}");
            let help = "as the sender knows it: `https://hooks.shop.example/hooks/NAME`";
            faults.push(Fault::error("url", "bad-url", wrong).help(help));
            None
        }
        None if scheme.needs_address() => {
            let wrong = "this sender signs the address that it sends to, and it is not said";
            let help = "add `url:` as it is written at the sender, exactly: \
                        `url: https://hooks.shop.example/hooks/NAME`; or, for all such senders, \
                        `server.public_url: https://hooks.shop.example`";
            faults.push(Fault::error("", "no-url", wrong).help(help));
            None
        }
        None => None,
    };
    let form = form(settings, &scheme);
    Some(scheme.at(address).with_form(form))
}

/// Where a form holds its document: what is signed is what is read.
fn form(settings: &SourceSettings, scheme: &Scheme) -> Option<FormField> {
    let usual = || scheme.signs_payload().then(FormField::payload);
    settings.form.as_deref().map(FormField::parse).or_else(usual)
}

/// Each secret with its path in the settings.
fn secrets(settings: &SourceSettings, faults: &mut Vec<Fault>) -> Vec<(String, DatedSecret)> {
    let mut kept = Vec::new();
    let mut take = |path: String, secret: &DatedSecret, faults: &mut Vec<Fault>| {
        if secret.expose().chars().count() < SECRET_MIN {
            let wrong = format!("the secret has fewer than {SECRET_MIN} characters");
            let help = "make a long one, for example with `openssl rand -hex 32`";
            faults.push(Fault::warning(&path, "short-secret", wrong).help(help));
        }
        kept.push((path, secret.clone()));
    };
    let help = match &settings.secret_at {
        Some(place) => format!("it is shown at {place}"),
        None => "without a secret anybody could send events".to_owned(),
    };
    match &settings.secret {
        Some(secret) if secret.is_empty() => {
            let fault = Fault::error("secret", "empty-secret", "the secret is empty");
            faults.push(fault.help(help.clone()));
        }
        Some(secret) => take("secret".to_owned(), &secret.clone().into(), faults),
        None => {}
    }
    let several = settings.secrets.as_deref().unwrap_or_default();
    for (place, secret) in several.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
        take(format!("secrets[{place}]"), secret, faults);
    }
    if settings.secrets.is_some() && several.iter().all(|secret| secret.is_empty()) {
        let fault = Fault::error("secrets", "empty-secret", "all secrets are empty");
        faults.push(fault.help(help));
    } else if settings.secret.is_none() && settings.secrets.is_none() {
        faults.push(Fault::error("", "no-secret", "there is no `secret`").help(help));
    }
    kept
}

fn lookup(path: &str, text: Option<&str>, faults: &mut Vec<Fault>) -> Option<Lookup> {
    match Lookup::compile(text?) {
        Ok(lookup) => Some(lookup),
        Err(errors) => {
            faults.extend(errors.into_iter().map(|fault| fault.under(path)));
            None
        }
    }
}

fn identity(text: Option<&str>, faults: &mut Vec<Fault>) -> Option<Identity> {
    match text {
        Some("none") => Some(Identity::None),
        Some("digest") => Some(Identity::Digest),
        Some(text) => lookup("id", Some(text), faults).map(Identity::Given),
        None => {
            // A source whose preset is not known has one fault already, and needs no second.
            if !refuses(faults) {
                let wrong = "it is not said by what a second delivery of an event is recognised";
                let help = "add `id: \"{{ headers['x-event-id'] }}\"` or `\"{{ event.id }}\"`; \
                            `id: digest` makes equal bodies one event, `id: none` every request \
                            an event of its own";
                faults.push(Fault::error("", "no-id", wrong).help(help));
            }
            None
        }
    }
}

/// A name stands in the address that the sender is given, as it is: what would be escaped there would
/// never be found.
fn unaddressed(name: &str) -> Option<Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if name.bytes().all(plain) && name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let wrong = format!("`{name}` cannot stand in the address that the sender is given");
    let help = "name the source with letters, digits, `-` and `_`, as in `/hooks/shop-eu`";
    Some(Fault::error("", "bad-name", wrong).help(help))
}

/// Of those who would be turned away.
fn at_the_door(settings: &SourceSettings, faults: &mut Vec<Fault>) {
    let status = settings.reply.as_ref().and_then(|reply| reply.status);
    if let Some(status) = status.filter(|status| !(200..300).contains(status)) {
        let wrong = format!("answered {status}, a sender takes an event for refused");
        let fault = Fault::error("reply.status", "value", wrong);
        faults.push(fault.help("write a status from 200 to 299"));
    }
    if settings.allow_from.as_ref().is_some_and(Vec::is_empty) {
        let fault = Fault::error("allow_from", "nobody", "with an empty list nobody could send");
        faults.push(fault.help("list the sender's addresses, or leave the key out"));
    }
    let is_limited = settings.limits.is_some_and(|limits| limits.verified.is_some());
    if is_limited && settings.tries_again == Some(false) {
        let wrong = "this sender does not try again: an event over this limit is lost";
        let fault = Fault::warning("limits.verified", "lost-events", wrong);
        faults.push(fault.help("leave it out, or make it a rate that its events never reach"));
    }
}

/// Of a preset it is known that equal bodies are one event, however long ago the other was.
fn endless(own: &SourceSettings, all: &SourceSettings) -> Option<Fault> {
    if own.id.as_deref() != Some("digest") || all.window.is_some() {
        return None;
    }
    let wrong = "without a `window` the second of two equal bodies would be lost, however much later \
                 it comes";
    let fault = Fault::error("id", "no-window", wrong);
    Some(fault.help("add `window: 1h`: as long as the sender tries again"))
}

fn batch(text: Option<&str>, faults: &mut Vec<Fault>) -> Option<BatchPath> {
    let path = BatchPath::parse(text?);
    if path.is_none() {
        let wrong = format!("`{}` leads to no list", text.unwrap_or_default());
        let help = "write the path to each event, with `*` for each element: `events.*`, or `*` \
                    where the body itself is the list";
        faults.push(Fault::error("events", "bad-path", wrong).help(help));
    }
    path
}

fn test_when(settings: &SourceSettings, faults: &mut Vec<Fault>) -> Option<Condition> {
    let Some(text) = &settings.test_when else {
        if settings.test_events.is_some() {
            let wrong = "`test_events` does nothing: it is not known which events are of test mode";
            let help = "add `test_when: event.livemode == false`, with the sender's own field";
            faults.push(Fault::warning("test_events", "unused", wrong).help(help));
        }
        return None;
    };
    match Condition::compile(text) {
        Ok(_) if settings.test_events == Some(TestEvents::Send) => None,
        Ok(when) => Some(when),
        Err(errors) => {
            faults.extend(errors.into_iter().map(|fault| fault.under("test_when")));
            None
        }
    }
}
