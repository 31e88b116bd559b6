//! What can be said of a signature over a template, in a preset as in the rule file?

use schemars::JsonSchema;
use serde::Deserialize;

use super::mac::{Encoding, Hash};
use super::place::OneOrMore;
use super::public_key::Algorithm;

/// `hmac:`, `digest:` and `public_key:` of `verify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignatureSettings {
    /// `hmac` and `digest`: the hash, by default sha256.
    #[schemars(extend("examples" = ["sha256"]))]
    pub hash: Option<Hash>,
    /// `public_key`: the algorithm.
    #[schemars(extend("examples" = ["ed25519"]))]
    pub algorithm: Option<Algorithm>,
    /// `hmac`: what the secret's text stands for: `text` (as it is, the default), `hex`, `base64`
    /// or `whsec` (base64 after an optional `whsec_`). `public_key`: the key itself (PEM, hex or
    /// base64), where it is not the source's secret.
    #[schemars(extend("examples" = ["base64"]))]
    pub key: Option<String>,
    /// The header that carries the signature; of several the first that is there, and with a
    /// `separator` all of them.
    #[schemars(extend("examples" = ["X-Signature"]))]
    pub header: Option<OneOrMore>,
    /// The parameter of the query that carries it.
    #[schemars(extend("examples" = ["signature"]))]
    pub query: Option<String>,
    /// The dotted path in the body at which it stands; of several any may hold.
    #[schemars(extend("examples" = ["signature.value"]))]
    pub field: Option<OneOrMore>,
    /// The path, with `*` for each element of a list, of the parts of a batch that are signed one
    /// by one; `field` and `signed` are within such a part. All must hold.
    #[schemars(extend("examples" = ["events.*"]))]
    pub each: Option<String>,
    /// What stands before the signature, as `sha256=`; by default nothing. Of several the first that
    /// stands there; an empty one for a sender that leaves it out at times.
    #[schemars(extend("examples" = ["sha256="]))]
    pub prefix: Option<OneOrMore>,
    /// What separates several signatures; any may hold. With a space in it, as `", "`, spaces around
    /// them do not count.
    #[schemars(extend("examples" = [","]))]
    pub separator: Option<String>,
    /// How the signature is written, by default hex.
    #[schemars(extend("examples" = ["base64"]))]
    pub encoding: Option<Encoding>,
    /// What is signed, as `{timestamp}.{body}`; by default `{body}`. Of several any may hold.
    #[schemars(extend("examples" = ["{timestamp}.{body}"]))]
    pub signed: Option<OneOrMore>,
}

impl SignatureSettings {
    /// These settings where they say something, and `preset` where they do not.
    #[must_use]
    pub fn over(&self, preset: &Self) -> Self {
        let own_place = self.header.is_some() || self.query.is_some() || self.field.is_some();
        let place = if own_place { self } else { preset };
        Self {
            hash: self.hash.or(preset.hash),
            algorithm: self.algorithm.or(preset.algorithm),
            key: self.key.clone().or_else(|| preset.key.clone()),
            header: place.header.clone(),
            query: place.query.clone(),
            field: place.field.clone(),
            each: self.each.clone().or_else(|| preset.each.clone()),
            prefix: self.prefix.clone().or_else(|| preset.prefix.clone()),
            separator: self.separator.clone().or_else(|| preset.separator.clone()),
            encoding: self.encoding.or(preset.encoding),
            signed: self.signed.clone().or_else(|| preset.signed.clone()),
        }
    }
}
