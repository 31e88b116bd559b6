//! Where is the store, and what is it sealed with?

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::secret::Secret;

/// `store:` of a rule file: an address, or an address with more.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum StoreSettings {
    /// The address.
    Url(String),
    /// The address, and what the store is sealed with.
    Sealed(SealedSettings),
}

/// `store: { url: …, secret: … }`
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SealedSettings {
    /// Where events and messages are kept; `sqlite://kabari.db` by default.
    #[schemars(extend("default" = "sqlite://kabari.db", "examples" = ["sqlite:///var/lib/kabari/kabari.db"]))]
    pub url: Option<String>,
    /// What bodies, numbers and texts in the store are encrypted with: 32 characters or more, as
    /// `kabari secrets new` prints. Who loses it loses what is in the store.
    #[schemars(extend("examples" = ["${KABARI_STORE_SECRET}"]))]
    pub secret: Option<Secret>,
    /// The same while one follows another: the new one, and then the one before, until `serve` has
    /// started with both once. What comes after that is encrypted with a new key; numbers and ids,
    /// which must be found again, keep theirs.
    #[schemars(extend("examples" = [["${KABARI_STORE_SECRET}", "${KABARI_STORE_SECRET_OLD:-}"]]))]
    pub secrets: Option<Vec<Secret>>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self::Sealed(SealedSettings::default())
    }
}

impl StoreSettings {
    /// The address, as it is written, and all that is said of secrets.
    pub fn into_parts(self) -> SealedSettings {
        match self {
            Self::Url(url) => SealedSettings { url: Some(url), ..SealedSettings::default() },
            Self::Sealed(settings) => settings,
        }
    }
}

impl<'de> Deserialize<'de> for StoreSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlOrMore;
        impl<'de> Visitor<'de> for UrlOrMore {
            type Value = StoreSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or `{ url: …, secret: … }`")
            }

            fn visit_str<E: de::Error>(self, url: &str) -> Result<StoreSettings, E> {
                Ok(StoreSettings::Url(url.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StoreSettings, A::Error> {
                let more = SealedSettings::deserialize(MapAccessDeserializer::new(map))?;
                Ok(StoreSettings::Sealed(more))
            }
        }
        deserializer.deserialize_any(UrlOrMore)
    }
}
