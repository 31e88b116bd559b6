//! What does a source ask beside the signature, from where, how many and packed how? And what does
//! it say to a handshake, and to the log of what it denies?

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::handshake::Answer;
use super::settings::Gzip;
use super::source::Source;
use crate::model::{Headers, Networks};
use crate::verify::{Denied, Request, is_gzip, unpack};

impl Source {
    /// Whether events may come by this method (upper case).
    pub fn takes_method(&self, method: &str) -> bool {
        self.parts.methods.iter().any(|known| known == method)
    }

    /// Whether a request by this method may be a handshake.
    pub fn greets_method(&self, method: &str) -> bool {
        self.parts.handshake.is_some_and(|it| it.method().unwrap_or("POST") == method)
    }

    /// Whether a verified body of this media type is taken.
    pub fn takes_media_type(&self, content_type: Option<&str>) -> bool {
        let (Some(accepts), Some(given)) = (&self.parts.accepts, content_type) else { return true };
        let given = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        given.is_empty() || accepts.contains(&given)
    }

    /// Whether the sender sends again what was not taken, as far as that is known.
    pub fn tries_again(&self) -> bool {
        self.parts.tries_again
    }

    /// The statuses after which it does not, though it sends again what others were answered to.
    pub fn gives_up_on(&self) -> &[u16] {
        &self.parts.gives_up_on
    }

    /// From where its requests may come, if that matters.
    pub fn allow_from(&self) -> Option<&Networks> {
        self.parts.allow_from.as_ref()
    }

    /// Counts a verified request.
    ///
    /// # Errors
    /// When it is one too many: how long until the next may come.
    pub fn take_verified(&self, now: Timestamp) -> Result<(), Duration> {
        self.parts.verified.as_ref().map_or(Ok(()), |meter| meter.take(now))
    }

    /// Counts a request that is not believed, and says whether it is one too many.
    pub fn over_unverified(&self, now: Timestamp) -> bool {
        self.parts.unverified.as_ref().is_some_and(|meter| meter.take(now).is_err())
    }

    /// Whether a body of this `Content-Encoding` is to be unpacked before it is verified.
    pub fn signs_unpacked(&self, content_encoding: Option<&str>) -> bool {
        self.parts.gzip == Some(Gzip::Plain) && content_encoding.is_some_and(is_gzip)
    }

    /// The same, unpacking what is verified to at most so many bytes.
    #[must_use]
    pub fn unpacking_to(mut self, limit: u64) -> Self {
        self.parts.unpacked_max = limit;
        self
    }

    /// The verified body as it is read. Where it was unpacked, the header that says it is packed goes.
    pub(super) fn unpacked(&self, headers: &mut Headers, body: &Bytes) -> Result<Bytes, String> {
        let is_packed = headers.get("content-encoding").is_some_and(is_gzip);
        if self.parts.gzip != Some(Gzip::Packed) || !is_packed {
            return Ok(body.clone());
        }
        let plain =
            unpack(body, self.parts.unpacked_max, |_| true).map_err(|why| why.to_string())?;
        *headers = headers.only(|name| name != "content-encoding");
        Ok(plain.into())
    }

    /// What the request is answered if it is the sender's handshake, and no event.
    pub fn greet(&self, request: &Request, now: Timestamp) -> Option<Answer> {
        let handshake = self.parts.handshake?;
        let secrets = self.parts.secrets.at(now);
        if !handshake.is_signed() {
            let secret = self.parts.secrets.signing(now);
            return handshake.greet(request.greeting(), secret, self.parts.verify_token.as_ref());
        }
        let proof = self.verify(request, now).ok()?;
        let body: serde_json::Value = serde_json::from_slice(proof.body()).ok()?;
        handshake.answer(&proof.headers(), &body, secrets.get(proof.secret())?)
    }

    /// How its secrets and the signature of a request that was `denied` differ in shape, for the log.
    pub fn compare(&self, denied: &Denied, request: &Request, now: Timestamp) -> Option<String> {
        self.parts.scheme.compare(denied, request, &self.parts.secrets.at(now), now)
    }
}
