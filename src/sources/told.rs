//! What does the sender itself tell about an event that never came?
//!
//! It was asked over a connection that names it (TLS and its own token), so there is no signature to
//! be checked. All else is as for a request.

use bytes::Bytes;
use jiff::Timestamp;

use super::source::{Read, Source};
use crate::model::{Digest, EventId, Headers};

impl Source {
    /// Reads an event that the sender told when it was asked: `headers` are those of the request
    /// that did not get here, where they are known. There is one event, or all of a batch.
    pub fn told(
        &self,
        id: EventId,
        received_at: Timestamp,
        mut headers: Headers,
        body: Bytes,
    ) -> Vec<Read> {
        let claimed = self.scheme().claimed_digest(&headers);
        headers = self.scheme().without_credentials(&headers);
        // What was a form on its way is told as the JSON in it.
        headers = headers.only(|name| !["content-type", "content-length"].contains(&name));
        headers.push("content-type", "application/json");
        let mut reads = self.read_body(id, received_at, None, headers, body);
        for read in &mut reads {
            let digest = claimed.filter(|_| self.is_held_by_digest());
            read.event.digest = digest
                .map(|bytes| Digest { bytes, never_repeats: self.never_repeats(&read.event.kind) });
        }
        reads
    }

    /// Whether events are also told by their signatures, one by one.
    fn is_held_by_digest(&self) -> bool {
        !self.parts.never_repeats.is_empty() && self.parts.events.is_none()
    }

    /// Whether the sender never signs the same body twice for this kind.
    pub(super) fn never_repeats(&self, kind: &str) -> bool {
        self.parts.never_repeats.iter().any(|pattern| self.kind_matches(pattern, kind))
    }
}
