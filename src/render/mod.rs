//! What does the message say? The fields of `send:` and who gets it.

mod send;
mod settings;
mod hours;
mod terms;

pub use crate::expr::{Country, NotARecipient, recipient};
pub use hours::HoursSettings;
pub use send::{Made, Send, Unmade};
pub use settings::{OneOrMany, SendSettings, TEXTS, WrittenSend};
pub use terms::{
    DedupeSettings, DedupeWithin, GroupSettings, Mode, Terms, TermsSettings, ThrottleSettings,
};
