//! Who sends, and where are their kind and id?
//!
//! A provider is one row in `presets.yaml`, in the syntax that users write; a source is a preset
//! (or none) with the user's overrides and secrets.

mod settings;
mod source;
mod samples;

pub use samples::{Sample, sample, samples};
pub use settings::SourceSettings;
pub use source::{Read, Source};
