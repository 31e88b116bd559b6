//! What are the nouns? Plain data that every other room speaks in; no I/O.
//!
//! An [`Event`] is what a verified request says. Rules turn it into [`Message`]s, one per rule,
//! send, element and recipient. Each call to Wachat for a message is an [`Attempt`], and its
//! [`Verdict`] says what the attempt means for the message, for its recipient and for its lane.

mod id;
mod headers;
mod event;
mod hours;
mod terms;
mod message;
mod recipient;
mod attempt;
mod units;
mod rate;
mod networks;
mod mask;
mod fault;
mod controls;
mod needs;

pub use attempt::{Attempt, Fate, Reason, Scope, Verdict};
pub use controls::{Controls, Fits, Groups, LaneWait, Readiness, Replay, Replayed};
pub use event::{Digest, Event};
pub use fault::{Fault, Severity};
pub use headers::Headers;
pub use hours::{DAY_MINUTES, Hours, Opening, Otherwise, bit};
pub use id::{EventId, MessageId};
pub use mask::{mask_if_phone, mask_number};
pub use message::{Content, Kind, Message, OnUncertain, Origin, Policy, State};
pub use needs::{DiskTrouble, LaneTrouble, Needs, Watched};
pub use networks::{Network, NetworkError, Networks};
pub use rate::{Meter, Rate, RateError};
pub use recipient::Recipient;
pub use terms::{Dedupe, Group, Instead, Priority, Rest, Terms, Throttle};
pub use units::{ByteSize, Span, UnitError, counted};
