//! What can be said about a source, in a preset as in the rule file?

use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::Secret;

/// One entry of `sources:`, or one row of the presets.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// The preset that it is based on; by default the one of its own name.
    pub preset: Option<String>,
    /// The secret that the provider signs with.
    pub secret: Option<Secret>,
    /// Several of them, while one is replaced by another. Empty entries drop out.
    pub secrets: Option<Vec<Secret>>,
}
