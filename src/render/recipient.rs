//! Which number do people mean?

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::model::Recipient;

/// A country whose numbers may be written as at home: an ISO 3166-1 alpha-2 code, as `ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Country;

/// Why a text is no recipient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotARecipient(pub String);

/// The recipient that `written` means: `+62 812-3456-7890`, `0812…` (with a default country),
/// `0062…`, `tel:…`, `…@g.us`. The error masks the number.
pub fn recipient(_written: &str, _country: Option<Country>) -> Result<Recipient, NotARecipient> {
    todo!()
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}
