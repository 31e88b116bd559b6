//! What does a source ask beside the signature: from where, how many, and packed how?

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::settings::Gzip;
use super::source::Source;
use crate::model::{Headers, Networks};
use crate::verify::{is_gzip, unpack};

impl Source {
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
        headers.0.retain(|(name, _)| name != "content-encoding");
        Ok(plain.into())
    }
}
