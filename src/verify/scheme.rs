//! Which shapes of signature are there?

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::contentful::ContentfulScheme;
use super::jwt::{JwtScheme, JwtSettings};
use super::key::KeyForm;
use super::key_from::{KeyFrom, KeyFromSettings};
use super::place::{Place, PlaceSettings};
use super::public_key;
use super::request::Covers;
use super::request::{digest_of, is_credential};
use super::signature::{SignatureScheme, Signer};
use super::signature_settings::SignatureSettings;
use super::timestamp::{SignedTime, TimestampSettings};
use super::token::{TokenScheme, TokenSettings};
use super::twilio::TwilioScheme;
use super::view::{Address, Site, View};
use super::{Denied, FormField, Outgoing, Request, Verified};
use crate::model::{Fault, Headers, Severity};
use crate::secret::Secret;

/// How one sender signs.
#[derive(Clone, Debug)]
pub struct Scheme {
    shape: Shape,
    site: Site,
    /// Where its public key stands, if each request says so.
    key_from: Option<KeyFrom>,
    /// The headers that carry credentials, in lower case.
    credentials: Arc<[String]>,
}

/// A shape of signature; one variant a file.
#[derive(Clone, Debug)]
enum Shape {
    Signature(Box<SignatureScheme>),
    Token(TokenScheme),
    Jwt(JwtScheme),
    Twilio(TwilioScheme),
    Contentful(ContentfulScheme),
}

/// `verify:` of a source, as written in a preset or by a user.
///
/// One of `hmac`, `digest`, `public_key`, `token`, `jwt`, `twilio` and `contentful`; of a preset's,
/// only what is said here is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SchemeSettings {
    /// An HMAC.
    pub hmac: Option<SignatureSettings>,
    /// A bare hash of a text in which the secret stands.
    pub digest: Option<SignatureSettings>,
    /// A signature of a key pair.
    pub public_key: Option<SignatureSettings>,
    /// The secret itself.
    pub token: Option<TokenSettings>,
    /// A JSON Web Token.
    pub jwt: Option<JwtSettings>,
    /// Twilio's `X-Twilio-Signature`.
    #[schemars(extend("examples" = [{}]))]
    pub twilio: Option<NoSettings>,
    /// Contentful's `x-contentful-signature`.
    #[schemars(extend("examples" = [{}]))]
    pub contentful: Option<NoSettings>,
    /// The time that is signed with it, where one is.
    pub timestamp: Option<TimestampSettings>,
    /// Where the `{id}` of `signed` stands.
    pub id: Option<PlaceSettings>,
    /// Where the key of `public_key` stands, if each request says so.
    pub key_from: Option<KeyFromSettings>,
}

/// A scheme in which nothing can be chosen: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl SchemeSettings {
    /// These settings where they say something, and `preset` where they do not. Another scheme
    /// than the preset's replaces it whole.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        if !self.shapes().is_empty() && self.shapes() != preset.shapes() {
            return self.clone();
        }
        macro_rules! over {
            ($field:ident) => {
                match (&self.$field, &preset.$field) {
                    (Some(own), Some(theirs)) => Some(own.over(theirs)),
                    (own, theirs) => own.clone().or_else(|| theirs.clone()),
                }
            };
        }
        Self {
            hmac: over!(hmac),
            digest: over!(digest),
            public_key: over!(public_key),
            token: over!(token),
            jwt: over!(jwt),
            twilio: self.twilio.or(preset.twilio),
            contentful: self.contentful.or(preset.contentful),
            timestamp: over!(timestamp),
            id: self.id.clone().or_else(|| preset.id.clone()),
            key_from: over!(key_from),
        }
    }

    /// The names of the schemes that are given.
    fn shapes(&self) -> Vec<&'static str> {
        let given = [
            ("hmac", self.hmac.is_some()),
            ("digest", self.digest.is_some()),
            ("public_key", self.public_key.is_some()),
            ("token", self.token.is_some()),
            ("jwt", self.jwt.is_some()),
            ("twilio", self.twilio.is_some()),
            ("contentful", self.contentful.is_some()),
        ];
        given.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }
}

/// How it signs, in one line for people.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Signature(it) => it.fmt(f)?,
            Shape::Token(it) => it.fmt(f)?,
            Shape::Jwt(it) => it.fmt(f)?,
            Shape::Twilio(it) => it.fmt(f)?,
            Shape::Contentful(it) => it.fmt(f)?,
        }
        self.key_from.iter().try_for_each(|from| write!(f, "; {from}"))
    }
}

impl Shape {
    fn build(settings: &SchemeSettings, faults: &mut Vec<Fault>) -> Option<Self> {
        let shapes = settings.shapes();
        let &[name] = shapes.as_slice() else {
            let wrong = if shapes.is_empty() {
                "it is not said how the sender signs".to_owned()
            } else {
                format!("{} schemes for one source: {}", shapes.len(), shapes.join(", "))
            };
            let help = "give one, as `hmac: { header: X-Signature }`";
            faults.push(Fault::error("", "bad-scheme", wrong).help(help));
            return None;
        };
        let signature =
            settings.hmac.as_ref().or(settings.digest.as_ref()).or(settings.public_key.as_ref());
        if let Some(signature) = signature {
            let timestamp = SignedTime::build(settings.timestamp.as_ref(), faults);
            let id = settings.id.as_ref().and_then(|id| {
                let named = (id.header.as_ref(), id.query.as_deref(), id.field.as_deref());
                Place::build("id", named, faults)
            });
            let built = SignatureScheme::build(name, signature, timestamp, id, faults);
            return built.map(|scheme| Self::Signature(Box::new(scheme)));
        }
        let takes_time = settings.contentful.is_some();
        for (key, is_there) in [
            ("timestamp", settings.timestamp.is_some() && !takes_time),
            ("id", settings.id.is_some()),
            ("key_from", settings.key_from.is_some()),
        ] {
            if is_there {
                let wrong = format!("`{key}` is not used by `{name}`");
                faults.push(Fault::warning(key, "unused", wrong).help("leave it out"));
            }
        }
        if let Some(token) = &settings.token {
            return TokenScheme::build(token, faults).map(Self::Token);
        }
        if let Some(jwt) = &settings.jwt {
            return JwtScheme::build(jwt, faults).map(Self::Jwt);
        }
        if settings.twilio.is_some() {
            return Some(Self::Twilio(TwilioScheme));
        }
        let tolerance = settings.timestamp.as_ref().and_then(|timestamp| timestamp.tolerance);
        Some(Self::Contentful(ContentfulScheme::new(tolerance)))
    }

    fn credentials(&self) -> Vec<String> {
        match self {
            Self::Signature(it) => it.credentials(),
            Self::Token(it) => it.credentials(),
            Self::Jwt(it) => it.credentials(),
            Self::Twilio(_) => TwilioScheme::credentials(),
            Self::Contentful(_) => ContentfulScheme::credentials(),
        }
    }
}

impl Scheme {
    /// The scheme that the settings describe; warnings are returned beside it.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub fn build(settings: &SchemeSettings) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        let shape = Shape::build(settings, &mut faults);
        let key_from = match &shape {
            Some(Shape::Signature(it)) => KeyFrom::of(it, settings.key_from.as_ref(), &mut faults),
            _ => None,
        };
        match shape {
            Some(shape) if !faults.iter().any(|fault| fault.severity == Severity::Error) => {
                let credentials = shape.credentials().into();
                Ok((Self { shape, site: Site::default(), key_from, credentials }, faults))
            }
            _ => Err(faults),
        }
    }

    /// The same for a source at this address, as its sender knows it.
    #[must_use]
    pub fn at(self, address: Option<Address>) -> Self {
        Self { site: Site { address, ..self.site }, ..self }
    }

    /// The same for a source whose forms hold their document in this field.
    #[must_use]
    pub fn with_form(self, form: Option<FormField>) -> Self {
        Self { site: Site { form, ..self.site }, ..self }
    }

    /// Whether one of `secrets` made the request's signature, at the time `now` at which its
    /// headers were complete.
    pub fn verify<'r>(
        &self,
        request: &'r Request,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Verified<'r>, Denied> {
        let view = View::new(request, &self.site);
        let made = match (&self.shape, &self.key_from) {
            (Shape::Signature(it), Some(from)) => from.check(it, &view, secrets, now)?,
            (Shape::Signature(it), None) => it.check(&view, secrets, now)?,
            (Shape::Token(it), _) => it.check(&view, secrets)?,
            (Shape::Jwt(it), _) => it.check(&view, secrets, now)?,
            (Shape::Twilio(_), _) => TwilioScheme::check(&view, secrets)?,
            (Shape::Contentful(it), _) => it.check(&view, secrets, now)?,
        };
        let covers = Covers { body: self.covers_body(), query: self.covers_query() };
        Ok(Verified::new(request, made, covers, Arc::clone(&self.credentials)))
    }

    /// The signature or token that was sent, if it has the right shape.
    pub(super) fn sent(&self, request: &Request) -> Option<String> {
        let view = View::new(request, &self.site);
        match &self.shape {
            Shape::Signature(it) => it.sent(&view),
            Shape::Token(it) => it.sent(&view),
            Shape::Jwt(_) | Shape::Twilio(_) | Shape::Contentful(_) => None,
        }
    }

    /// What the secret's text is taken for, of a keyed hash.
    pub(super) fn key_form(&self) -> Option<KeyForm> {
        if let Shape::Signature(it) = &self.shape { it.maker().key_form() } else { None }
    }

    /// The same with the secret's text taken for something else.
    pub(super) fn with_key_form(&self, form: KeyForm) -> Self {
        let shape = match &self.shape {
            Shape::Signature(it) => Shape::Signature(Box::new(it.with_key_form(form))),
            other => other.clone(),
        };
        Self { shape, ..self.clone() }
    }

    /// The request with all that makes it believed; `None` if that cannot be done with this secret:
    /// a signature of a key pair needs `private_key`.
    pub fn sign(
        &self,
        mut outgoing: Outgoing,
        secret: &Secret,
        private_key: Option<&Secret>,
    ) -> Option<Outgoing> {
        let at = Signer { site: &self.site, private_key };
        let is_signed = match &self.shape {
            Shape::Signature(it) => it.sign(&mut outgoing, secret, at),
            Shape::Token(it) => it.sign(&mut outgoing, secret),
            Shape::Jwt(it) => {
                it.sign(&mut outgoing, secret);
                true
            }
            Shape::Twilio(_) => TwilioScheme::sign(&mut outgoing, secret, at),
            Shape::Contentful(_) => ContentfulScheme::sign(&mut outgoing, secret, at),
        };
        is_signed.then_some(outgoing)
    }

    /// The digest that a request with these headers would have ([`Verified::digest`]), if it is as
    /// its signature says; `None` where that does not stand in a header, or leaves the body out.
    pub fn claimed_digest(&self, headers: &Headers) -> Option<[u8; 16]> {
        let Shape::Signature(it) = &self.shape else { return None };
        if !it.covers_body() {
            return None;
        }
        let mut asked = Outgoing::post("", Vec::new(), Timestamp::UNIX_EPOCH);
        asked.headers =
            headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mac = it.claimed(&View::new(&asked.arriving(), &self.site))?;
        Some(digest_of(&mac, None))
    }

    /// The headers that may be kept: all but those that carry credentials.
    pub fn without_credentials(&self, headers: &Headers) -> Headers {
        headers.only(|name| !is_credential(&self.credentials, name))
    }

    /// Whether every byte of the body is under the signature.
    pub fn covers_body(&self) -> bool {
        match &self.shape {
            Shape::Signature(it) => it.covers_body(),
            Shape::Token(_) => false,
            Shape::Jwt(it) => it.covers_body(),
            Shape::Twilio(_) | Shape::Contentful(_) => true,
        }
    }

    /// Whether the query is under the signature, or all that is read of it where it stands for a body.
    fn covers_query(&self) -> bool {
        match &self.shape {
            Shape::Signature(it) => it.covers_query(),
            Shape::Twilio(_) | Shape::Contentful(_) => true,
            Shape::Token(_) | Shape::Jwt(_) => false,
        }
    }

    /// Whether it is the document in a form that is signed, and not the form.
    pub fn signs_payload(&self) -> bool {
        matches!(&self.shape, Shape::Signature(it) if it.signs_payload())
    }

    /// Whether something is signed at all, and not only a secret sent.
    pub fn is_signature(&self) -> bool {
        !matches!(self.shape, Shape::Token(_))
    }

    /// Whether the sender signs the address, so that the source must say its `url`.
    pub fn needs_address(&self) -> bool {
        match &self.shape {
            Shape::Signature(it) => it.needs_address(),
            Shape::Twilio(_) => true,
            Shape::Token(_) | Shape::Jwt(_) | Shape::Contentful(_) => false,
        }
    }

    /// What is wrong with the form of a secret for this scheme; never its text.
    pub fn unfit(&self, secret: &Secret) -> Option<String> {
        match &self.shape {
            // Its key is not its secret.
            Shape::Signature(_) if self.key_from.is_some() => None,
            Shape::Signature(it) => it.maker().unfit(secret),
            Shape::Token(it) => it.unfit(secret),
            Shape::Jwt(_) | Shape::Twilio(_) | Shape::Contentful(_) => None,
        }
    }

    /// Whether only the sender's private key can sign.
    pub fn is_key_pair(&self) -> bool {
        matches!(&self.shape, Shape::Signature(it) if it.maker().is_key_pair())
    }

    /// Whether the sender's key is fetched from where its requests say.
    pub fn names_its_key(&self) -> bool {
        self.key_from.is_some()
    }

    /// A good secret for this scheme out of random bytes (32 are enough); `None` where the sender
    /// makes the keys.
    pub fn new_secret(&self, random: &[u8]) -> Option<String> {
        match &self.shape {
            Shape::Signature(it) => it.maker().new_secret(random),
            Shape::Token(it) => Some(it.new_secret(random)),
            Shape::Jwt(_) | Shape::Twilio(_) | Shape::Contentful(_) => Some(hex::encode(random)),
        }
    }

    /// A new pair of Ed25519 keys, private and public, to try a source with; 32 random bytes.
    pub fn new_pair(random: &[u8]) -> Option<(Secret, String)> {
        public_key::new_ed25519(random)
    }
}
