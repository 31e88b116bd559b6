//! A JSON Web Token signed with the secret (RFC 7515, HS256), perhaps with a hash of the body in it.
//!
//! Nothing but HS256 is believed, whatever the token's own header says.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::mac::{self, Encoding, Hash, Match};
use super::place::{OneOrMore, Place};
use super::view::{View, malformed};
use super::{Denied, Outgoing};
use crate::model::Fault;
use crate::secret::{Secret, same};

/// `jwt:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JwtSettings {
    /// The header that carries the token.
    #[schemars(extend("examples" = ["X-Webhook-Signature"]))]
    pub header: Option<OneOrMore>,
    /// What stands before it, as `Bearer `; by default nothing.
    #[schemars(extend("examples" = ["Bearer "]))]
    pub prefix: Option<String>,
    /// Claims that must be there with just these texts, as `iss: netlify`.
    #[schemars(extend("examples" = [{"iss": "netlify"}]))]
    pub claims: Option<BTreeMap<String, String>>,
    /// The claim that holds the SHA-256 of the body in hex; without it the body is not signed.
    #[schemars(extend("examples" = ["sha256"]))]
    pub body_sha256: Option<String>,
}

/// A signed token.
#[derive(Clone, Debug)]
pub(super) struct JwtScheme {
    place: Place,
    prefix: String,
    claims: BTreeMap<String, String>,
    body_sha256: Option<String>,
}

/// How it signs, for the person who compares it with the sender's documentation.
impl fmt::Display for JwtScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}a JSON Web Token, HS256", self.place, self.prefix)?;
        for (name, value) in &self.claims {
            write!(f, ", {name}={value}")?;
        }
        match &self.body_sha256 {
            Some(claim) => write!(f, ", {claim}=SHA-256 of the body in hex"),
            None => f.write_str("; the body is not signed"),
        }
    }
}

impl JwtSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        Self {
            header: self.header.clone().or_else(|| preset.header.clone()),
            prefix: self.prefix.clone().or_else(|| preset.prefix.clone()),
            claims: self.claims.clone().or_else(|| preset.claims.clone()),
            body_sha256: self.body_sha256.clone().or_else(|| preset.body_sha256.clone()),
        }
    }
}

impl JwtScheme {
    pub(super) fn build(settings: &JwtSettings, faults: &mut Vec<Fault>) -> Option<Self> {
        Some(Self {
            place: Place::build("jwt", (settings.header.as_ref(), None, None), faults)?,
            prefix: settings.prefix.clone().unwrap_or_default(),
            claims: settings.claims.clone().unwrap_or_default(),
            body_sha256: settings.body_sha256.clone(),
        })
    }

    /// The secret that signed the token: its shape first, then the MAC, then what it claims.
    pub(super) fn check(
        &self,
        view: &View<'_>,
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Match, Denied> {
        let sent = self.place.read(view)?;
        let wrong = |why| malformed(&self.place.to_string(), why);
        let token = sent
            .strip_prefix(self.prefix.as_str())
            .ok_or_else(|| wrong("the token's prefix is missing"))?;
        let (signing_input, given) =
            token.rsplit_once('.').ok_or_else(|| wrong("it is no JSON Web Token"))?;
        let (header, claims) =
            signing_input.split_once('.').ok_or_else(|| wrong("it is no JSON Web Token"))?;
        let header = object(header).ok_or_else(|| wrong("it is no JSON Web Token"))?;
        if header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return Err(wrong("the token is not signed with HS256"));
        }
        let made = mac::matching_secret(secrets, |secret| {
            let written = sign(secret, signing_input);
            Ok(mac::is(&written, given).then_some(written))
        })?;
        let claims = object(claims).ok_or_else(|| wrong("its claims are no JSON object"))?;
        self.judge(&claims, view, now)?;
        Ok(made)
    }

    fn judge(
        &self,
        claims: &Map<String, Value>,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let wrong = |why| Err(malformed(&self.place.to_string(), why));
        let text = |name: &String| claims.get(name).and_then(Value::as_str);
        if self.claims.iter().any(|(name, value)| text(name) != Some(value)) {
            return wrong("the token claims to be for something else");
        }
        if let Some(expiry) = claims.get("exp") {
            let Some(expiry) = expiry.as_i64() else { return wrong("its `exp` is no time") };
            let age_s = now.as_second().saturating_sub(expiry);
            if age_s >= 0 {
                return Err(Denied::Stale { age_s, tolerance_s: 0 });
            }
        }
        if let Some(name) = &self.body_sha256 {
            let body = body_hash(view.request.body());
            let claimed = text(name).unwrap_or_default();
            if !same(body.as_bytes(), claimed.as_bytes()) {
                return wrong("the token is for another body");
            }
        }
        Ok(())
    }

    pub(super) fn sign(&self, outgoing: &mut Outgoing, secret: &Secret) {
        const LIFE_S: i64 = 600;
        let mut claims: Map<String, Value> =
            self.claims.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let now = outgoing.now.as_second();
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now + LIFE_S));
        if let Some(name) = &self.body_sha256 {
            claims.insert(name.clone(), json!(body_hash(&outgoing.body)));
        }
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let signing_input = format!("{header}.{claims}");
        let signed = format!("{}{signing_input}.{}", self.prefix, sign(secret, &signing_input));
        self.place.put(outgoing, &signed);
    }

    /// The headers that must not be kept, in lower case.
    pub(super) fn credentials(&self) -> Vec<String> {
        self.place.headers()
    }

    pub(super) fn covers_body(&self) -> bool {
        self.body_sha256.is_some()
    }
}

fn sign(secret: &Secret, signing_input: &str) -> String {
    let pieces = [signing_input.as_bytes().into()];
    Encoding::Base64url.write(&mac::hmac(Hash::Sha256, secret.expose().as_bytes(), &pieces))
}

fn body_hash(body: &[u8]) -> String {
    Encoding::Hex.write(&mac::hash(Hash::Sha256, &[body.into()]))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
