//! The only code that knows Wachat's API.

mod api;
mod client;
mod words;
mod error;

pub use api::{MEDIA_PATH, TEXT_PATH, request};
pub use client::{Client, Settings};
pub use error::{Answer, verdict};
