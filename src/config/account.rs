//! What can be written of the account that sends?

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::dispatch::LaneSettings;
use crate::model::Span;
use crate::secret::Secret;
use crate::wachat::FateSettings;

/// `wachat:`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WachatSettings {
    /// The account's token.
    #[schemars(extend("examples" = ["${WACHAT_TOKEN}"]))]
    pub(super) token: Secret,
    /// The session that sends by default (`instanceName`).
    #[schemars(extend("examples" = ["jakarta_store"]))]
    pub(super) instance: Option<String>,
    /// Where Wachat's API is; https unless on this machine.
    #[schemars(extend("default" = "https://app.wachat.net", "examples" = ["http://127.0.0.1:8088"]))]
    pub(super) base_url: Option<String>,
    /// How long one call may take; 120s by default.
    #[schemars(extend("default" = "120s", "examples" = ["30s"]))]
    pub(super) timeout: Option<Span>,
    /// How fast each session sends.
    #[serde(default)]
    pub(super) instances: BTreeMap<String, LaneSettings>,
    /// What answers mean that kabari does not know, or reads otherwise than this gateway means
    /// them; these lines come before its own table.
    #[serde(default)]
    pub(super) fates: Vec<FateSettings>,
}
