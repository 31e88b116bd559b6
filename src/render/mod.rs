//! What does the message say? The fields of `send:` and who gets it.

mod country;
mod recipient;
mod send;
mod settings;
mod hours;
mod terms;

pub use country::Country;
pub use hours::HoursSettings;
pub use recipient::{NotARecipient, recipient};
pub use send::{Made, Send, Unmade};
pub use settings::{OneOrMany, SendSettings, TEXTS};
pub use terms::{
    DedupeSettings, DedupeWithin, GroupSettings, Mode, Terms, TermsSettings, ThrottleSettings,
};
