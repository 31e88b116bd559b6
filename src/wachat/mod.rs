//! The only code that knows Wachat's API.

mod api;
mod client;
mod carrier;
mod words;
mod fates;
mod error;

pub use api::{MEDIA_PATH, TEXT_PATH, request};
pub use carrier::Carrier;
pub use client::{Client, Settings};
pub use error::{Answer, verdict, verdict_by};
pub use fates::{Cause, FateSettings, FateWord, Fates};
