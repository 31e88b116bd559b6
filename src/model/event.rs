//! What is an event?

use bytes::Bytes;
use jiff::Timestamp;

use super::{EventId, Headers};

/// What a verified request says.
#[derive(Clone, Debug)]
pub struct Event {
    /// Our id, made when the request arrived.
    pub id: EventId,
    /// The configured source's name.
    pub source: String,
    /// What happened, in the provider's words (`push`, `invoice.paid`); `unknown` where the request
    /// names none, `unreadable` where its body could not be read.
    pub kind: String,
    /// The provider's id of this event, by which a second delivery is recognised. `None` for a
    /// source in which every request is an event of its own.
    pub provider_id: Option<String>,
    /// What is signed, digested, where the id is not signed and could be changed by whoever sends a
    /// seen request again. Known only when an event is new.
    pub digest: Option<Digest>,
    /// When the request's headers were complete.
    pub received_at: Timestamp,
    /// The request's headers, without those that carry credentials.
    pub headers: Headers,
    /// The body: one valid JSON document in UTF-8, or, for kind `unreadable`, the bytes as they
    /// came.
    pub body: Bytes,
}

/// By what a request that was seen before is recognised, whatever id it comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of all that is under the signature.
    pub bytes: [u8; 16],
    /// Whether an honest sender never signs the same twice for this kind of event. Only these are
    /// remembered; the others are held against them, since the kind could be changed too.
    pub never_repeats: bool,
}

impl Event {
    /// An event with no provider's id, no digest and no headers.
    pub fn new(
        id: EventId,
        source: &str,
        kind: &str,
        received_at: Timestamp,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            id,
            source: source.to_owned(),
            kind: kind.to_owned(),
            provider_id: None,
            digest: None,
            received_at,
            headers: Headers::default(),
            body: body.into(),
        }
    }

    /// The kind of an event whose verified body could not be read.
    pub const UNREADABLE: &'static str = "unreadable";
    /// The kind of an event whose request names none.
    pub const UNKNOWN: &'static str = "unknown";
}
