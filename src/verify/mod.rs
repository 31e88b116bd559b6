//! Is it really from them? One file a shape of signature, each with `check()` beside `sign()`.
//!
//! Trust is a type: the body of a [`Request`] cannot be read outside this folder, and
//! [`Verified`], which only [`Scheme::verify`] makes, is the only door to it.

mod request;
mod outgoing;
mod denied;
mod scheme;
mod signature_settings;
mod signature;
mod carrier;
mod maker;
mod token;
mod jwt;
mod twilio;
mod contentful;
mod signed;
mod hole;
mod timestamp;
mod view;
mod place;
mod form;
mod fields;
mod key;
mod mac;
mod public_key;
mod keys;
mod key_from;
mod app_token;
mod gzip;
mod look;
mod compare;

pub use app_token::{app_token, is_private_key};
pub use denied::Denied;
pub use form::{FormField, FormFields, form_fields};
pub use gzip::{Packed, is_gzip, unpack};
pub use jwt::JwtSettings;
pub use key_from::KeyFromSettings;
pub use keys::{Keys, NoKey};
pub use mac::{Encoding, Hash, answer_challenge, is_challenge};
pub use outgoing::Outgoing;
pub use place::{OneOrMore, PlaceSettings};
pub use public_key::Algorithm;
pub use request::{Greeting, Request, Verified};
pub use scheme::{NoSettings, Scheme, SchemeSettings};
pub use signature_settings::SignatureSettings;
pub use timestamp::{Future, TimestampSettings, Tolerance, Unit};
pub use token::{TokenEncoding, TokenSettings};
pub use view::Address;
