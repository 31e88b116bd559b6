//! What does the message say? The fields of `send:` and who gets it.

mod send;
mod settings;

pub use crate::expr::{Country, NotARecipient, recipient};
pub use send::{Made, Send, Unmade};
pub use settings::{OneOrMany, SendSettings, TEXTS};
