//! Is it really from them? One file a scheme, each with `check()` beside `sign()`.
//!
//! Trust is a type: the body of a [`Request`] cannot be read outside this folder, and
//! [`Verified`], which only [`Scheme::verify`] makes, is the only door to it.

mod request;
mod scheme;
mod hmac;
mod stripe;
mod signed;
mod mac;
mod timestamp;

pub use hmac::{HmacScheme, HmacSettings};
pub use mac::{Encoding, Hash};
pub use request::{Request, Verified};
pub use scheme::{Denied, Outgoing, Scheme, SchemeSettings};
pub use stripe::{StripeScheme, StripeSettings};
pub use timestamp::{TimestampSettings, Tolerance};
