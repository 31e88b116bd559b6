//! What is attached? The samples that a demo sends, and their route.

mod samples;

pub use samples::{SAMPLE_PATH, Sample, sample, sample_routes, samples};
