//! A signature over a template, in one place of the request: an HMAC, a bare hash with the secret
//! in it, or one of a key pair.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::hole::{Beside, Of};
use super::key::KeyForm;
use super::look::Look;
use super::mac::{self, Encoding, Match};
use super::maker::Maker;
use super::place::{OneOrMore, Place, dotted};
use super::signature_settings::SignatureSettings;
use super::signed::Signed;
use super::timestamp::{SignedTime, TimePlace};
use super::view::{View, malformed};
use super::{Denied, Outgoing};
use crate::model::Fault;
use crate::secret::Secret;

/// A signature over a template.
#[derive(Clone, Debug)]
pub(super) struct SignatureScheme {
    maker: Maker,
    place: Place,
    each: Option<Vec<String>>,
    prefix: String,
    separator: Option<String>,
    encoding: Encoding,
    signed: Vec<Signed>,
    timestamp: Option<SignedTime>,
    id: Option<Place>,
}

/// What a place holds: signatures, and the time if it stands among them.
struct Found<'s> {
    candidates: Vec<&'s str>,
    time: Option<&'s str>,
}

/// How it signs, for the person who compares it with the sender's documentation.
impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { maker, place, prefix, encoding, .. } = self;
        write!(f, "{place}: {prefix}{maker} of ")?;
        for (number, signed) in self.signed.iter().enumerate() {
            write!(f, "{}`{signed}`", if number > 0 { " or " } else { "" })?;
        }
        write!(f, " in {encoding}")?;
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
        let named =
            (settings.header.as_ref(), settings.query.as_deref(), settings.field.as_deref());
        let place = Place::build(shape, named, faults);
        let signed = templates(shape, settings.signed.as_ref(), timestamp.is_some(), faults);
        let scheme = Self {
            maker: maker?,
            place: place?,
            each: settings.each.as_deref().map(dotted),
            prefix: settings.prefix.clone().unwrap_or_default(),
            separator: settings.separator.clone().filter(|it| !it.is_empty()),
            encoding: settings.encoding.unwrap_or_default(),
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
            let wrong = "the time is not under the signature, so it is not looked at";
            let help = "if the sender signs it, say so: `signed: \"{timestamp}.{body}\"`";
            fault(Fault::warning("timestamp", "unsigned-timestamp", wrong), help);
        }
        if says(Of::Id) && self.id.is_none() {
            let wrong = "`{id}` is signed, but it is not said where it stands";
            fault(Fault::error(&at, "no-id", wrong), "add `id: { header: X-Id }` to `verify`");
        }
        let in_list =
            |it: &SignedTime| matches!(&it.place, TimePlace::InList(_)) && self.separator.is_none();
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
        let sent = self.place.read(view)?;
        let found = self.found(&sent)?;
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
                if let Some(held) = self.maker.held(secret, self.encoding, &pieces, candidates) {
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
        let sent = self.place.read(view).ok().filter(|_| self.separator.is_none())?;
        let given = self.encoding.read(self.found(&sent).ok()?.candidates.first()?)?;
        Some(self.encoding.write(&given))
    }

    /// The signatures that are of the right shape, and the time among them.
    fn found<'s>(&self, sent: &'s str) -> Result<Found<'s>, Denied> {
        let wrong = |why: String| Err(malformed(&self.place.to_string(), why));
        let Some(separator) = &self.separator else {
            let Some(given) = sent.strip_prefix(self.prefix.as_str()) else {
                let look = Look::of(sent);
                return wrong(format!("`{}` expected in front, got {look}", self.prefix));
            };
            return match self.maker.misshapen(self.encoding, given) {
                Some(why) => wrong(why),
                None => Ok(Found { candidates: vec![given], time: None }),
            };
        };
        let mut items: Vec<&str> = sent.split(separator.as_str()).map(str::trim).collect();
        let time = match &self.timestamp {
            Some(SignedTime { place: TimePlace::InList(prefix), .. }) => {
                match take_time(&mut items, prefix) {
                    Ok(time) => Some(time),
                    Err(why) => return wrong(why.to_owned()),
                }
            }
            _ => None,
        };
        let given: Vec<&str> =
            items.iter().filter_map(|item| item.strip_prefix(self.prefix.as_str())).collect();
        let shaped = |given: &&&str| self.maker.is_shaped(self.encoding, given);
        let candidates: Vec<&str> = given.iter().filter(shaped).copied().collect();
        match given.first() {
            None => wrong(format!("no part of it begins with `{}`", self.prefix)),
            Some(first) if candidates.is_empty() => {
                wrong(self.maker.misshapen(self.encoding, first).unwrap_or_default())
            }
            Some(_) => Ok(Found { candidates, time }),
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
        let whole = View::new(&arriving, at.address);
        let views = match &self.each {
            Some(path) => whole.each(path),
            None => Ok(vec![View::new(&arriving, at.address)]),
        };
        let mut written = Vec::new();
        for view in &views.unwrap_or_default() {
            let timestamp = time.as_ref().map(|(_, time)| time.as_str());
            let beside = Beside { view, timestamp, id: self.id.as_ref(), secret };
            let made = self.signed.first().and_then(|signed| signed.pieces(&beside).ok());
            let made = made.and_then(|pieces| self.maker.make(secret, at.private_key, &pieces));
            let Some(made) = made else { return false };
            written.push(format!("{}{}", self.prefix, self.encoding.write(&made)));
        }
        if let (Some(path), Place::Field(field)) = (&self.each, &self.place) {
            for (number, written) in written.iter().enumerate() {
                outgoing.put_field(&numbered(path, number, field), written);
            }
            return true;
        }
        let Some(written) = written.first() else { return false };
        self.place.put(outgoing, &self.listed(written, time.as_ref().map(|(_, t)| &**t)));
        true
    }

    /// The signature with the time beside it, where it stands there.
    fn listed(&self, written: &str, time: Option<&str>) -> String {
        match (&self.timestamp, &self.separator, time) {
            (
                Some(SignedTime { place: TimePlace::InList(prefix), .. }),
                Some(separator),
                Some(time),
            ) => format!("{prefix}{time}{separator}{written}"),
            _ => written.to_owned(),
        }
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials(&self) -> Vec<String> {
        self.place.headers()
    }

    /// Whether every byte of the body is under the signature.
    pub(super) fn covers_body(&self) -> bool {
        self.each.is_none() && self.signed.iter().all(|it| it.has(super::hole::Hole::is_body))
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
        let sent = self.place.read(elements.first().unwrap_or(view)).ok()?;
        self.found(&sent).ok()?.candidates.first().map(|first| (*first).to_owned())
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
    pub(super) address: Option<&'s super::Address>,
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
    (read.len() == given.all().len() && !read.is_empty()).then_some(read)
}

/// Takes the time out of the list: the item with its prefix, or the first if it has none.
fn take_time<'s>(items: &mut Vec<&'s str>, prefix: &str) -> Result<&'s str, &'static str> {
    if prefix.is_empty() {
        return Ok(items.remove(0));
    }
    let mut times: Vec<&str> = items.iter().filter_map(|item| item.strip_prefix(prefix)).collect();
    items.retain(|item| !item.starts_with(prefix));
    let time = times.pop().ok_or("there is no time in it")?;
    if times.iter().any(|other| *other != time) {
        return Err("there are two different times in it");
    }
    Ok(time)
}

/// The path of one element's field: `*` is its number.
fn numbered(each: &[String], number: usize, field: &[String]) -> Vec<String> {
    let name = |name: &String| if name == "*" { number.to_string() } else { name.clone() };
    each.iter().map(name).chain(field.iter().cloned()).collect()
}
