//! One configured sender: how a request becomes an event.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::body;
use super::build::{FALLBACK_S, Parts};
use super::glob::{glob, meet};
use super::handshake::Handshake;
use super::lookup::Lookup;
use super::reconcile::Reconcile;
use super::rotation::DatedSecret;
use super::settings::{ReplySettings, SourceSettings, Unsigned};
use crate::expr::{AmountUnit, BatchPath, Facts, Json, Surroundings};
use crate::model::{Digest, Event, EventId, Fault, Headers};
use crate::secret::Secret;
use crate::verify::{
    Denied, FormFields, Outgoing, Request, Scheme, Verified, form_fields, is_challenge,
};

/// A configured sender of webhooks.
#[derive(Debug)]
pub struct Source {
    name: String,
    pub(super) parts: Parts,
    /// What templates of a source see beside the event: nothing.
    around: Arc<Surroundings>,
}

/// How a second delivery of one event is recognised.
#[derive(Debug)]
pub(super) enum Identity {
    /// Not: every request is an event of its own.
    None,
    /// Equal bodies are one event.
    Digest,
    /// By the sender's id.
    Given(Lookup),
}

/// Where the id of an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdPlace<'s> {
    /// In this header.
    Header(&'s str),
    /// At this path in the body.
    Field(Vec<String>),
    /// It is made of several parts, of the whole body, or there is none.
    Elsewhere,
}

/// A verified request, read.
#[derive(Debug)]
pub struct Read {
    /// The event; of kind `unreadable` if the body could not be read.
    pub event: Event,
    /// Its body, or why it could not be read.
    pub json: Result<Json, String>,
    /// Whether the id that the source promises was not there, so that the body's digest stands in.
    pub id_missing: bool,
}

impl Source {
    /// Builds the source `name`; warnings are returned beside it.
    ///
    /// # Errors
    /// Every mistake in the settings, warnings among them.
    pub fn build(name: &str, settings: &SourceSettings) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let (parts, warnings) = Parts::build(name, settings)?;
        let around = Surroundings {
            vars: serde_json::Value::Null,
            amounts: parts.amounts,
            timezone: TimeZone::UTC,
            country: None,
        };
        Ok((Self { name: name.to_owned(), parts, around: Arc::new(around) }, warnings))
    }

    /// The name in the URL and in rules.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The preset that it is based on.
    pub fn preset(&self) -> Option<&str> {
        self.parts.preset.as_deref()
    }

    /// How it writes amounts of money, if its preset or the user said.
    pub fn amounts(&self) -> Option<AmountUnit> {
        self.parts.amounts
    }

    /// Where the id of an event stands, so that a sample can be made a new one.
    pub fn id_place(&self) -> IdPlace<'_> {
        match &self.parts.identity {
            Identity::Given(Lookup::Header(name)) => IdPlace::Header(name),
            Identity::Given(Lookup::Path(path)) => {
                let first = self.parts.events.as_ref().map(BatchPath::to_first);
                IdPlace::Field(first.into_iter().flatten().chain(path.iter().cloned()).collect())
            }
            Identity::Given(Lookup::Template(_)) | Identity::Digest | Identity::None => {
                IdPlace::Elsewhere
            }
        }
    }

    /// How the sender is asked for what it sent in vain, if it is.
    pub fn reconcile(&self) -> Option<&Arc<Reconcile>> {
        self.parts.reconcile.as_ref()
    }

    /// Where the sender documents its webhooks.
    pub fn docs(&self) -> Option<&str> {
        self.parts.docs.as_deref()
    }

    /// Where the sender shows the secret.
    pub fn secret_at(&self) -> Option<&str> {
        self.parts.secret_at.as_deref()
    }

    /// How it signs, in one line for people.
    pub fn signs(&self) -> String {
        self.parts.scheme.to_string()
    }

    /// How many secrets are tried; several while one is replaced by another.
    pub fn secret_count(&self) -> usize {
        self.parts.secrets.all().len()
    }

    /// The secrets in the order in which they are tried.
    pub fn secrets(&self) -> &[DatedSecret] {
        self.parts.secrets.all()
    }

    /// Until when the secret at this place counts, if that is soon.
    pub fn ends_soon(&self, place: usize, now: Timestamp) -> Option<Timestamp> {
        let secret = self.parts.secrets.all().get(place)?;
        if secret.ends_soon(now) { secret.until() } else { None }
    }

    /// How it signs.
    pub fn scheme(&self) -> &Scheme {
        &self.parts.scheme
    }

    /// The parts of a request that are not under the signature.
    pub fn unsigned(&self) -> &[Unsigned] {
        &self.parts.unsigned
    }

    /// What the sender must be answered for an event that is recorded.
    pub fn reply(&self) -> Option<&ReplySettings> {
        self.parts.reply.as_ref()
    }

    /// Whether the request is really from them. `now` is when its headers were complete.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub fn verify<'r>(&self, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, Denied> {
        let proof = self.parts.scheme.verify(request, &self.parts.secrets.at(now), now)?;
        // A stranger can have such a word signed by the sender's handshake.
        let signs_words = self.parts.handshake.is_some_and(Handshake::signs_words);
        if signs_words && std::str::from_utf8(proof.body()).is_ok_and(is_challenge) {
            return Err(Denied::malformed("body", "it is a word that a handshake would sign"));
        }
        Ok(proof)
    }

    /// What the verified request says: one event, or all of a batch; never none.
    pub fn read(&self, proof: &Verified<'_>) -> Vec<Read> {
        let mut headers = proof.headers();
        let unpacked = self.unpacked(&mut headers, proof.body());
        let body = unpacked.as_ref().map_or_else(|_| proof.body().clone(), Bytes::clone);
        let event = self.unread(proof.id(), proof.received_at(), headers, body);
        let json = unpacked.and_then(|body| self.json(proof.form_fields(&body), &body));
        let mut reads = self.understand(&event, json, None);
        for read in &mut reads {
            if let (Err(why), Some(_)) = (&mut read.json, event.headers.get("content-encoding")) {
                why.push_str(
                    "; it has a Content-Encoding: let the sender send it plain, or say `gzip:`",
                );
            }
            read.event.digest = self.digest_of(proof, &read.event);
        }
        reads
    }

    fn json(&self, fields: Option<FormFields<'_>>, body: &Bytes) -> Result<Json, String> {
        body::json(fields, self.parts.form.as_ref(), body)
    }

    /// Unless the id is signed, a request that was seen is told by its signature; of a batch, an
    /// event in it by that and its own body.
    fn digest_of(&self, proof: &Verified<'_>, event: &Event) -> Option<Digest> {
        if self.parts.never_repeats.is_empty() {
            return None;
        }
        let never_repeats = self.never_repeats(&event.kind);
        let mut bytes = proof.digest();
        if self.parts.events.is_some() {
            let both = Sha256::new_with_prefix(bytes).chain_update(&event.body).finalize();
            bytes.copy_from_slice(&both[..16]);
        }
        Some(Digest { bytes, never_repeats })
    }

    /// The event in a document of which it is a part; the document itself, where it is not.
    pub fn element(&self, json: Json) -> Json {
        let Some(path) = self.parts.events.as_ref().filter(|_| json.around().is_none()) else {
            return json;
        };
        path.first(&json).and_then(|node| json.taken_out(node)).unwrap_or(json)
    }

    /// Reads a body that came without a request (`kabari explain FILE`); `kind` may be given with
    /// or without its action. Without an id in body or headers it is the only one of its kind.
    /// There is one event, or all of a batch; never none.
    pub fn read_body(
        &self,
        id: EventId,
        received_at: Timestamp,
        kind: Option<&str>,
        headers: Headers,
        body: Bytes,
    ) -> Vec<Read> {
        let content_type = headers.get("content-type").map(str::to_owned);
        let event = self.unread(id, received_at, headers, body);
        let json = self.json(form_fields(content_type.as_deref(), &event.body), &event.body);
        let mut reads = self.understand(&event, json, kind);
        for read in reads.iter_mut().filter(|read| read.id_missing) {
            read.event.provider_id = Some(read.event.id.to_string());
        }
        reads
    }

    /// Whether rules for `pattern` (a kind, `*` and `?` allowed) take events of `kind`; where kinds
    /// have actions, `pull_request` stands for `pull_request.*` too.
    pub fn kind_matches(&self, pattern: &str, kind: &str) -> bool {
        glob(pattern, kind)
            || (self.parts.action.is_some()
                && kind.split_once('.').is_some_and(|(bare, _)| glob(pattern, bare)))
    }

    /// The kinds that it is known to send, globs among them; empty where that is not known.
    pub fn kinds(&self) -> &[String] {
        &self.parts.kinds
    }

    /// Whether it may send a kind that fits `pattern`.
    pub fn may_send(&self, pattern: &str) -> bool {
        let fits = |kind: &String| {
            let bare = kind.split_once('.').filter(|_| self.parts.action.is_some());
            meet(pattern, kind) || bare.is_some_and(|(bare, _)| meet(pattern, bare))
        };
        self.parts.kinds.is_empty() || self.parts.kinds.iter().any(fits)
    }

    /// What the body says where the kind is this one: a path and the text there. `None` where that
    /// is not certain.
    pub fn said_by_kind<'k>(&self, kind: &'k str) -> Option<(String, &'k str)> {
        if kind.contains(['*', '?']) || [Event::UNKNOWN, Event::UNREADABLE].contains(&kind) {
            return None;
        }
        let (lookup, text) = match &self.parts.action {
            Some(action) => (action, kind.split_once('.')?.1),
            None => (self.parts.kind.as_ref()?, kind),
        };
        match lookup {
            Lookup::Path(path) => Some((path.join("."), text)),
            _ => None,
        }
    }

    /// Whether the event is of the sender's test mode, so that it must not reach people.
    pub fn is_test(&self, facts: &Facts) -> bool {
        self.parts.test_when.as_ref().is_some_and(|when| when.holds(facts).unwrap_or(false))
    }

    /// `request` with all that makes this source believe it; `None` if it cannot be signed: with a
    /// key pair only by `private_key`.
    pub fn sign(&self, request: Outgoing, private_key: Option<&Secret>) -> Option<Outgoing> {
        let secret = self.parts.secrets.signing(request.now)?;
        self.parts.scheme.sign(request, secret, private_key)
    }

    fn unread(&self, id: EventId, received_at: Timestamp, headers: Headers, body: Bytes) -> Event {
        let (source, kind) = (self.name.clone(), String::new());
        Event { id, source, kind, provider_id: None, digest: None, received_at, headers, body }
    }

    /// The events of a body, or one that says why it cannot be read.
    fn understand(
        &self,
        event: &Event,
        json: Result<Json, String>,
        given_kind: Option<&str>,
    ) -> Vec<Read> {
        let documents = match json.and_then(|json| self.documents(json)) {
            Ok(documents) => documents.into_iter().map(Ok).collect(),
            Err(why) => vec![Err(why)],
        };
        let numbered = documents.into_iter().enumerate();
        let read = |(place, json): (usize, _)| {
            let event = Event { id: event.id.at(place), ..event.clone() };
            self.understand_one(event, json, given_kind)
        };
        numbered.map(read).collect()
    }

    /// A document for each event in it, itself where it is no batch.
    fn documents(&self, json: Json) -> Result<Vec<Json>, String> {
        let Some(path) = &self.parts.events else { return Ok(vec![json]) };
        let texts = path.split(&json).map_err(|why| why.to_string())?;
        if texts.len() == 1 {
            return Ok(vec![json]);
        }
        let parse = |text: String| Json::parse(text.into()).map_err(|why| why.to_string());
        texts.into_iter().map(parse).collect()
    }

    /// Puts the JSON in the body's place, and finds kind and id.
    fn understand_one(
        &self,
        mut event: Event,
        json: Result<Json, String>,
        given_kind: Option<&str>,
    ) -> Read {
        let json = json.map(|json| {
            event.body = json.bytes();
            self.element(json)
        });
        match &json {
            Ok(json) => event.kind = self.kind(&event, json, given_kind),
            Err(_) => Event::UNREADABLE.clone_into(&mut event.kind),
        }
        let mut id_missing = false;
        event.provider_id = match &self.parts.identity {
            Identity::None => None,
            Identity::Digest => Some(self.digest(&event, self.parts.window_s)),
            Identity::Given(lookup) => {
                let found = lookup.find(&event, json.as_ref().ok(), &self.around);
                id_missing = found.is_none();
                let window_s = self.parts.window_s.unwrap_or(FALLBACK_S);
                found.or_else(|| Some(self.digest(&event, Some(window_s))))
            }
        };
        Read { event, json, id_missing }
    }

    fn kind(&self, event: &Event, json: &Json, given: Option<&str>) -> String {
        let find = |lookup: &Lookup| lookup.find(event, Some(json), &self.around);
        let bare = match given {
            Some(given) => Some(given.to_owned()),
            None => self.parts.kind.as_ref().and_then(find),
        };
        let Some(mut kind) = bare else { return Event::UNKNOWN.to_owned() };
        let is_whole = given.is_some() && kind.contains('.');
        if !is_whole && let Some(action) = self.parts.action.as_ref().and_then(find) {
            kind.push('.');
            kind.push_str(&action);
        }
        kind
    }

    /// What stands for an id where there is none: equal bodies to one source are one event, within
    /// its window.
    fn digest(&self, event: &Event, window_s: Option<i64>) -> String {
        let mut digest = Sha256::new();
        digest.update(self.name.as_bytes());
        digest.update([0]);
        digest.update(&event.body);
        let digest = hex::encode(digest.finalize());
        match window_s {
            Some(window_s) => {
                format!("sha256:{digest}@{}", event.received_at.as_second().div_euclid(window_s))
            }
            None => format!("sha256:{digest}"),
        }
    }
}
