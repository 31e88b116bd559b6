//! What does the message say? The fields of `send:` and who gets it.

mod recipient;
mod send;
mod settings;

pub use recipient::{Country, NotARecipient, recipient};
pub use send::{Made, Send, Unmade};
pub use settings::SendSettings;
