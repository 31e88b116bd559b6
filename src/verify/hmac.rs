//! An HMAC of the body (and what else is signed) in one header.

/// An HMAC in a header.
#[derive(Clone, Debug)]
pub struct HmacScheme;
