//! Who sends, and where are their kind and id?
//!
//! A provider is one row in `presets.yaml`, in the syntax that users write; a source is a preset
//! (or none) with the user's overrides and secrets.

mod settings;
mod presets;
mod build;
mod source;
mod told;
mod door;
mod rotation;
mod reconcile;
mod handshake;
mod offers;
mod key_ring;
mod body;
mod lookup;
mod glob;
mod samples;
mod sample_table;

pub use handshake::{Answer, Handshake};
pub use key_ring::KeyRing;
pub use offers::{Offer, Offers};
pub use presets::{preset, presets};
pub use reconcile::{ApiKey, MissedApi, Reconcile, ReconcileSettings};
pub use rotation::{DatedSecret, SOON_S, warnings as secret_warnings};
pub use samples::{Sample, sample, samples};
pub use settings::{Gzip, LimitSettings, ReplySettings, SourceSettings, TestEvents, Unsigned};
pub use source::{IdPlace, Read, Source};
