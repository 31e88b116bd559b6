//! How are events and messages named?
//!
//! Both ids are UUIDs that sort by time. A message's id follows from what it is made of, so the
//! same (event, rule, send, element, recipient) is the same message however often it is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Our id of an event: a `UUIDv7` (RFC 9562), made when its request arrived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// The id of a message: a `UUIDv8` (RFC 9562) that carries its event's time and a digest of what
/// makes the message unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

impl EventId {
    /// The id of the event at `place` in the same request, whose first event has this id: of the
    /// same time, and after those before it.
    #[must_use]
    pub fn at(self, place: usize) -> Self {
        // RFC 9562: the last 62 bits are free.
        const FREE: u128 = (1 << 62) - 1;
        let bits = self.0.as_u128();
        let free = (bits & FREE).wrapping_add(place as u128) & FREE;
        Self(Uuid::from_u128(bits & !FREE | free))
    }
}

impl MessageId {
    /// The id of the message that `rule`'s send number `send` makes from array element `element`
    /// of `event` for `recipient`.
    ///
    /// `recipient` is the normalised number, so that two spellings of one number are one message.
    pub fn derive(event: EventId, rule: &str, send: u16, element: u32, recipient: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(event.0.as_bytes());
        digest.update(send.to_be_bytes());
        digest.update(element.to_be_bytes());
        digest.update((rule.len() as u64).to_be_bytes());
        digest.update(rule.as_bytes());
        digest.update(recipient.as_bytes());
        let digest = digest.finalize();
        let mut bytes = [0_u8; 16];
        bytes[..6].copy_from_slice(&event.0.as_bytes()[..6]);
        bytes[6..].copy_from_slice(&digest[..10]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl MessageId {
    /// The id of the same message made once more, told from others by this number.
    #[must_use]
    pub fn again(self, number: u64) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.0.as_bytes());
        digest.update(number.to_be_bytes());
        let digest = digest.finalize();
        let mut bytes = *self.0.as_bytes();
        bytes[6..].copy_from_slice(&digest[..10]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// A text that is no id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an id has 36 characters, as 01999999-0000-7000-8000-000000000000; `list` shows them")]
pub struct NoId;

macro_rules! text_forms {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.trim().parse().map(Self).map_err(|_| NoId)
            }
        }
    };
}

text_forms!(EventId);
text_forms!(MessageId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_make_the_same_message_and_any_other_part_another() {
        let event = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));
        let id = MessageId::derive(event, "paid", 0, 0, "6281");
        assert_eq!(id, MessageId::derive(event, "paid", 0, 0, "6281"));
        for other in [
            MessageId::derive(event, "paid2", 0, 0, "6281"),
            MessageId::derive(event, "paid", 1, 0, "6281"),
            MessageId::derive(event, "paid", 0, 1, "6281"),
            MessageId::derive(event, "paid", 0, 0, "6282"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_message_id_sorts_with_its_events_time() {
        let early = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));
        let late = EventId(Uuid::from_u128(0x0193_0000_0001_7000_8000_0000_0000_0000));
        assert!(MessageId::derive(early, "z", 9, 0, "9") < MessageId::derive(late, "a", 0, 0, "1"));
    }
}
