//! How does a program show GitHub that it is an App? A short-lived token, signed with its key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use serde_json::json;

use crate::secret::Secret;

/// GitHub takes at most ten minutes, from a moment ago where clocks differ (docs.github.com,
/// "Generating a JSON Web Token (JWT) for a GitHub App").
const AGE_S: i64 = 60;
const LIFE_S: i64 = 9 * 60;

/// Whether a text is an RSA private key in PEM, PKCS #1 (as GitHub makes it) or PKCS #8.
pub fn is_private_key(key: &Secret) -> bool {
    pair(key).is_some()
}

/// The token of the App with this id, at `now` (RFC 7519, RS256); `None` if the key is none.
pub fn app_token(id: &str, key: &Secret, now: Timestamp) -> Option<Secret> {
    let pair = pair(key)?;
    let now = now.as_second();
    let head = json!({ "alg": "RS256", "typ": "JWT" }).to_string();
    let claims = json!({ "iat": now - AGE_S, "exp": now + LIFE_S, "iss": id }).to_string();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let mut made = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut made).ok()?;
    Some(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(made))))
}

fn pair(key: &Secret) -> Option<RsaKeyPair> {
    let text = key.expose().as_bytes();
    if let Ok(document) = PrivatePkcs8KeyDer::from_pem_slice(text) {
        return RsaKeyPair::from_pkcs8(document.secret_pkcs8_der()).ok();
    }
    let document = PrivatePkcs1KeyDer::from_pem_slice(text).ok()?;
    RsaKeyPair::from_der(document.secret_pkcs1_der()).ok()
}
