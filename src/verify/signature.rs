//! A signature over a template, in one place of the request: an HMAC, a bare hash with the secret
//! in it, or one of a key pair.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::carrier::Carrier;
use super::hole::{Beside, Of};
use super::key::KeyForm;
use super::mac::{self, Match};
use super::maker::Maker;
use super::place::{OneOrMore, Place, dotted};
use super::signature_settings::SignatureSettings;
use super::signed::Signed;
use super::timestamp::{SignedTime, TimePlace};
use super::view::{Site, View};
use super::{Denied, Outgoing};
use crate::model::Fault;
use crate::secret::Secret;

/// A signature over a template.
#[derive(Clone, Debug)]
pub(super) struct SignatureScheme {
    maker: Maker,
    carrier: Carrier,
    each: Option<Vec<String>>,
    signed: Vec<Signed>,
    timestamp: Option<SignedTime>,
    id: Option<Place>,
}

/// How it signs, for the person who compares it with the sender's documentation.
impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { maker, carrier, .. } = self;
        write!(f, "{carrier}{maker} of ")?;
        for (number, signed) in self.signed.iter().enumerate() {
            write!(f, "{}`{signed}`", if number > 0 { " or " } else { "" })?;
        }
        write!(f, " in {}", carrier.encoding)?;
        if let Some(timestamp) = &self.timestamp {
            write!(f, "; {timestamp}")?;
        }
        Ok(())
    }
}

impl SignatureScheme {
    /// Puts the parts together; `shape` is the key under `verify:` at which they stand.
    pub(super) fn build(
        shape: &'static str,
        settings: &SignatureSettings,
        timestamp: Option<SignedTime>,
        id: Option<Place>,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let maker = Maker::build(shape, settings, faults);
        let carrier = Carrier::build(shape, settings, faults);
        let signed = templates(shape, settings.signed.as_ref(), timestamp.is_some(), faults);
        let scheme = Self {
            maker: maker?,
            carrier: carrier?,
            each: settings.each.as_deref().map(dotted),
            signed: signed?,
            timestamp,
            id,
        };
        faults.extend(scheme.contradictions(shape));
        Some(scheme)
    }

    /// What is said here and said differently there.
    fn contradictions(&self, shape: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |fault: Fault, help: &str| faults.push(fault.help(help));
        let at = format!("{shape}.signed");
        let says = |of: Of| self.signed.iter().any(|signed| signed.has(|hole| hole.of == of));
        let is_signed = says(Of::Timestamp);
        if is_signed && self.timestamp.is_none() {
            let wrong = "`{timestamp}` is signed, but no header is named that carries it";
            let help = "add `timestamp: { header: X-Timestamp, tolerance: 5m }` to `verify`";
            fault(Fault::error(&at, "no-timestamp", wrong), help);
        }
        let in_signed_body = |it: &SignedTime| it.is_in_body() && self.covers_body();
        if self.timestamp.as_ref().is_some_and(|it| !is_signed && !in_signed_body(it)) {
            let wrong = "the time is not under the signature, so whoever sends a request again can \
                         write another";
            let help = "if the sender signs it, say so: `signed: \"{timestamp}.{body}\"`; else leave \
                        it out";
            fault(Fault::warning("timestamp", "unsigned-timestamp", wrong), help);
        }
        if says(Of::Id) && self.id.is_none() {
            let wrong = "`{id}` is signed, but it is not said where it stands";
            fault(Fault::error(&at, "no-id", wrong), "add `id: { header: X-Id }` to `verify`");
        }
        let in_list =
            |it: &SignedTime| matches!(&it.place, TimePlace::InList(_)) && !self.carrier.is_list();
        if self.timestamp.as_ref().is_some_and(in_list) {
            let wrong = "the time stands beside the signature, but nothing separates them";
            fault(Fault::error("timestamp", "no-separator", wrong), "add `separator: \",\"`");
        }
        if self.maker.is_bare_hash() && !self.signs_secret() {
            let wrong = "without the secret in it anybody could make this hash";
            fault(Fault::error(&at, "no-secret", wrong), "add `{secret}` where the sender puts it");
        }
        faults
    }

    /// The secret that made this request's signature: shape first, then the MAC, then the time.
    pub(super) fn check(
        &self,
        view: &View<'_>,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let Some(path) = &self.each else { return self.check_one(view, secrets, now) };
        let mut all: Option<Match> = None;
        for element in view.each(path)? {
            let one = self.check_one(&element, secrets, now)?;
            all = Some(match all {
                Some(all) => Match { secret: all.secret, mac: all.mac + &one.mac },
                None => one,
            });
        }
        all.ok_or(Denied::Mismatch { secrets: secrets.len() })
    }

    fn check_one(
        &self,
        view: &View<'_>,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let sent = self.carrier.read(view)?;
        let found = self.carrier.found(&self.maker, &sent, self.time_prefix())?;
        let time: Option<Cow<'_, str>> = match self.timestamp.as_ref().map(|it| &it.place) {
            None => None,
            Some(TimePlace::InList(_)) => found.time.map(|time| Cow::Owned(time.to_owned())),
            Some(TimePlace::At(place)) => Some(place.read(view)?),
        };
        let at = match (&self.timestamp, &time) {
            (Some(timestamp), Some(time)) => Some((timestamp, timestamp.read(time)?)),
            _ => None,
        };
        let made = mac::matching_secret(secrets, |secret| {
            for signed in &self.signed {
                let id = self.id.as_ref();
                let beside = Beside { view, timestamp: time.as_deref(), id, secret };
                let pieces = signed.pieces(&beside)?;
                let candidates = found.candidates.iter().copied();
                let encoding = self.carrier.encoding;
                if let Some(held) = self.maker.held(secret, encoding, &pieces, candidates) {
                    return Ok(Some(held));
                }
            }
            Ok(None)
        })?;
        if let Some((timestamp, at)) = at {
            timestamp.check(at, now)?;
        }
        Ok(made)
    }

    /// The one signature that a request carries, as we would write it, whether it holds or not.
    pub(super) fn claimed(&self, view: &View<'_>) -> Option<String> {
        if self.carrier.is_list() {
            return None;
        }
        let encoding = self.carrier.encoding;
        Some(encoding.write(&encoding.read(&self.sent_in(view)?)?))
    }

    /// What stands before the time, where it stands among the signatures.
    fn time_prefix(&self) -> Option<&str> {
        match &self.timestamp.as_ref()?.place {
            TimePlace::InList(prefix) => Some(prefix),
            TimePlace::At(_) => None,
        }
    }

    /// Writes signature and time into a request, so that it would be believed; `false` if that
    /// cannot be done with this secret.
    pub(super) fn sign(&self, outgoing: &mut Outgoing, secret: &Secret, at: Signer<'_>) -> bool {
        let now = outgoing.now;
        let time = self.timestamp.as_ref().map(|timestamp| (timestamp, timestamp.write(now)));
        if let Some((SignedTime { place: TimePlace::At(place), .. }, time)) = &time {
            place.put(outgoing, time);
        }
        let arriving = outgoing.arriving();
        let whole = View::new(&arriving, at.site);
        let views = match &self.each {
            Some(path) => whole.each(path),
            None => Ok(vec![View::new(&arriving, at.site)]),
        };
        let mut written = Vec::new();
        for view in &views.unwrap_or_default() {
            let timestamp = time.as_ref().map(|(_, time)| time.as_str());
            let beside = Beside { view, timestamp, id: self.id.as_ref(), secret };
            let made = self.signed.first().and_then(|signed| signed.pieces(&beside).ok());
            let made = made.and_then(|pieces| self.maker.make(secret, at.private_key, &pieces));
            let Some(made) = made else { return false };
            written.push(self.carrier.write(&made));
        }
        if let (Some(path), Some(field)) = (&self.each, self.carrier.field()) {
            for (number, written) in written.iter().enumerate() {
                outgoing.put_field(&numbered(path, number, field), written);
            }
            return true;
        }
        let Some(written) = written.first() else { return false };
        let time = self.time_prefix().zip(time.as_ref().map(|(_, time)| time.as_str()));
        self.carrier.put(outgoing, written, time);
        true
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials(&self) -> Vec<String> {
        self.carrier.headers()
    }

    /// Whether every byte of the body is under the signature.
    pub(super) fn covers_body(&self) -> bool {
        self.each.is_none() && self.signed.iter().all(|it| it.has(super::hole::Hole::is_body))
    }

    /// Whether all that a request says in its query is under the signature.
    pub(super) fn covers_query(&self) -> bool {
        let is_query = |hole: &super::hole::Hole| hole.is_query() || hole.is_payload();
        self.each.is_none() && self.signed.iter().all(|signed| signed.has(is_query))
    }

    pub(super) fn signs_payload(&self) -> bool {
        self.signed.iter().any(|signed| signed.has(super::hole::Hole::is_payload))
    }

    pub(super) fn needs_address(&self) -> bool {
        self.signed.iter().any(|signed| signed.has(|hole| hole.of == Of::Url))
    }

    /// What stands where signatures do: the first of the right shape.
    pub(super) fn sent(&self, view: &View<'_>) -> Option<String> {
        let elements = match &self.each {
            Some(path) => view.each(path).ok()?,
            None => Vec::new(),
        };
        self.sent_in(elements.first().unwrap_or(view))
    }

    fn sent_in(&self, view: &View<'_>) -> Option<String> {
        let sent = self.carrier.read(view).ok()?;
        let found = self.carrier.found(&self.maker, &sent, self.time_prefix()).ok()?;
        found.candidates.first().map(|first| (*first).to_owned())
    }

    /// The same with the secret's text taken for something else.
    pub(super) fn with_key_form(&self, form: KeyForm) -> Self {
        Self { maker: self.maker.with_key_form(form), ..self.clone() }
    }

    /// The same with this public key.
    pub(super) fn with_key(&self, key: &str) -> Self {
        Self { maker: self.maker.with_key(key), ..self.clone() }
    }

    /// Whether the secret is under the signature.
    pub(super) fn signs_secret(&self) -> bool {
        self.signed.iter().all(|signed| signed.has(|hole| hole.of == Of::Secret))
    }

    pub(super) fn maker(&self) -> &Maker {
        &self.maker
    }
}

/// What is at hand beside the secret when something is signed.
#[derive(Clone, Copy)]
pub(super) struct Signer<'s> {
    pub(super) site: &'s Site,
    /// For key pairs: the private half.
    pub(super) private_key: Option<&'s Secret>,
}

fn templates(
    shape: &str,
    given: Option<&OneOrMore>,
    has_time: bool,
    faults: &mut Vec<Fault>,
) -> Option<Vec<Signed>> {
    let Some(given) = given else { return Some(vec![Signed::body()]) };
    let mut read = Vec::new();
    for template in given.all() {
        match Signed::parse(template) {
            Ok(signed) => read.push(signed.settle_timestamp(has_time)),
            Err((wrong, help)) => {
                let at = format!("{shape}.signed");
                faults.push(Fault::error(at, "bad-signed", wrong).help(help));
            }
        }
    }
    if given.all().is_empty() {
        let fault = Fault::error(format!("{shape}.signed"), "bad-signed", "nothing is signed");
        faults.push(fault.help("write `{body}`, or leave the key out"));
    }
    (read.len() == given.all().len() && !read.is_empty()).then_some(read)
}

/// The path of one element's field: `*` is its number.
fn numbered(each: &[String], number: usize, field: &[String]) -> Vec<String> {
    let name = |name: &String| if name == "*" { number.to_string() } else { name.clone() };
    each.iter().map(name).chain(field.iter().cloned()).collect()
}
