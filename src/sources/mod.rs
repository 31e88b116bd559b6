//! Who sends, and where are their kind and id?
//!
//! A provider is one row in `presets.yaml`, in the syntax that users write; a source is a preset
//! (or none) with the user's overrides and secrets.

mod settings;
mod presets;
mod build;
mod source;
mod body;
mod lookup;
mod glob;
mod samples;

pub use presets::presets;
pub use samples::{Sample, sample, samples};
pub use settings::{SourceSettings, TestEvents};
pub use source::{Read, Source};
