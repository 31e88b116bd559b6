//! A shared secret sent as it is: as a token, or as user and password.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::look::Look;
use super::mac::{self, Match};
use super::place::{OneOrMore, Place, dotted};
use super::view::{Site, View, malformed};
use super::{Denied, Outgoing};
use crate::model::Fault;
use crate::secret::Secret;

/// `token:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSettings {
    /// The header that carries it.
    #[schemars(extend("examples" = ["Authorization"]))]
    pub header: Option<OneOrMore>,
    /// The parameter of the query that carries it.
    #[schemars(extend("examples" = ["token"]))]
    pub query: Option<String>,
    /// The dotted path in the body at which it stands.
    #[schemars(extend("examples" = ["auth.token"]))]
    pub field: Option<String>,
    /// The path, with `*` for each element of a list, of the parts of a batch that each carry it.
    #[schemars(extend("examples" = ["events.*"]))]
    pub each: Option<String>,
    /// What stands before it, as `Bearer `; by default nothing.
    #[schemars(extend("examples" = ["Bearer "]))]
    pub prefix: Option<String>,
    /// How it is written, by default as it is.
    #[schemars(extend("examples" = ["base64"]))]
    pub encoding: Option<TokenEncoding>,
}

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenEncoding {
    /// As it is.
    #[default]
    Text,
    /// In base64, as HTTP's `Basic` does with `user:password`.
    Base64,
}

/// A shared secret sent as it is.
#[derive(Clone, Debug)]
pub(super) struct TokenScheme {
    place: Place,
    each: Option<Vec<String>>,
    prefix: String,
    encoding: TokenEncoding,
}

/// What is sent, for the person who compares it with the sender's documentation.
impl fmt::Display for TokenScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, prefix, .. } = self;
        let form = if self.encoding == TokenEncoding::Base64 { " in base64" } else { "" };
        write!(f, "{place}: {prefix}the secret itself{form}; nothing is signed")
    }
}

impl TokenSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        let own_place = self.header.is_some() || self.query.is_some() || self.field.is_some();
        let place = if own_place { self } else { preset };
        Self {
            header: place.header.clone(),
            query: place.query.clone(),
            field: place.field.clone(),
            each: self.each.clone().or_else(|| preset.each.clone()),
            prefix: self.prefix.clone().or_else(|| preset.prefix.clone()),
            encoding: self.encoding.or(preset.encoding),
        }
    }
}

impl TokenScheme {
    pub(super) fn build(settings: &TokenSettings, faults: &mut Vec<Fault>) -> Option<Self> {
        let named =
            (settings.header.as_ref(), settings.query.as_deref(), settings.field.as_deref());
        Some(Self {
            place: Place::build("token", named, faults)?,
            each: settings.each.as_deref().map(dotted),
            prefix: settings.prefix.clone().unwrap_or_default(),
            encoding: settings.encoding.unwrap_or_default(),
        })
    }

    /// The secret that was sent; in a batch, by every part of it.
    pub(super) fn check(&self, view: &View<'_>, secrets: &[Secret]) -> Result<Match, Denied> {
        let Some(path) = &self.each else { return self.check_one(view, secrets) };
        let mut all = None;
        for element in view.each(path)? {
            all = Some(self.check_one(&element, secrets)?);
        }
        all.ok_or(Denied::Mismatch { secrets: secrets.len() })
    }

    fn check_one(&self, view: &View<'_>, secrets: &[Secret]) -> Result<Match, Denied> {
        let sent = self.place.read(view)?;
        let Some(given) = sent.strip_prefix(self.prefix.as_str()) else {
            let why = format!("`{}` expected in front, got {}", self.prefix, Look::of(&sent));
            return Err(malformed(&self.place.to_string(), why));
        };
        if given.is_empty() {
            return Err(malformed(&self.place.to_string(), "the token is empty"));
        }
        mac::matching_secret(secrets, |secret| {
            let written = self.write(secret);
            Ok(mac::is(&written, given).then_some(written))
        })
    }

    /// The token that was sent.
    pub(super) fn sent(&self, view: &View<'_>) -> Option<String> {
        let elements = match &self.each {
            Some(path) => view.each(path).ok()?,
            None => Vec::new(),
        };
        let sent = self.place.read(elements.first().unwrap_or(view)).ok()?;
        sent.strip_prefix(self.prefix.as_str()).map(str::to_owned)
    }

    pub(super) fn sign(&self, outgoing: &mut Outgoing, secret: &Secret) -> bool {
        let written = format!("{}{}", self.prefix, self.write(secret));
        let Some(path) = &self.each else {
            self.place.put(outgoing, &written);
            return true;
        };
        let arriving = outgoing.arriving();
        let Ok(elements) = View::new(&arriving, &Site::default()).each(path).map(|all| all.len())
        else {
            return false;
        };
        let Place::Field(field) = &self.place else { return false };
        for number in 0..elements {
            let name = |n: &String| if n == "*" { number.to_string() } else { n.clone() };
            let at: Vec<String> = path.iter().map(name).chain(field.iter().cloned()).collect();
            outgoing.put_field(&at, &written);
        }
        true
    }

    fn write(&self, secret: &Secret) -> String {
        match self.encoding {
            TokenEncoding::Text => secret.expose().to_owned(),
            TokenEncoding::Base64 => STANDARD.encode(secret.expose()),
        }
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials(&self) -> Vec<String> {
        self.place.headers()
    }

    /// What is wrong with a secret for this scheme.
    pub(super) fn unfit(&self, secret: &Secret) -> Option<String> {
        let is_basic = self.encoding == TokenEncoding::Base64;
        (is_basic && !secret.expose().contains(':'))
            .then(|| "the secret is no user and password with a colon between them".to_owned())
    }

    /// A good secret for it, made of random bytes.
    pub(super) fn new_secret(&self, random: &[u8]) -> String {
        let token = hex::encode(random);
        if self.encoding == TokenEncoding::Base64 { format!("kabari:{token}") } else { token }
    }
}
