//! How old may a signed time be?

/// How far a signed time may lie from now.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance;
