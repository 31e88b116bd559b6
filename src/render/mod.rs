//! What does the message say? The fields of `send:` and who gets it.

mod country;
mod recipient;
mod send;
mod settings;

pub use country::Country;
pub use recipient::{NotARecipient, recipient};
pub use send::{Made, Send, Unmade};
pub use settings::{OneOrMany, SendSettings, TEXTS};
