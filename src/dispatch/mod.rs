//! HTTP out: wake → claim → send → settle, one lane per WhatsApp session.

mod pace;
mod settings;

pub use pace::Pace;
pub use settings::LaneSettings;
