//! What can be said about the two listeners?

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{ByteSize, Network};
use crate::receive::UnverifiedSettings;
use crate::secret::Secret;

/// `server:`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerSettings {
    /// Address and port for webhooks; 127.0.0.1:8080 by default.
    #[schemars(extend("default" = "127.0.0.1:8080", "examples" = ["0.0.0.0:8080"]))]
    pub(super) listen: Option<String>,
    /// Address and port for dashboard, API and health; 127.0.0.1:9090 by default.
    #[schemars(extend("default" = "127.0.0.1:9090", "examples" = ["127.0.0.1:9091"]))]
    pub(super) admin: Option<String>,
    /// Needed where the admin address is not on this machine alone.
    #[schemars(extend("examples" = ["${KABARI_ADMIN_TOKEN}"]))]
    pub(super) admin_token: Option<Secret>,
    /// The largest body that is taken; 25MiB by default.
    #[schemars(extend("default" = "25MiB", "examples" = ["1MiB"]))]
    pub(super) body_limit: Option<ByteSize>,
    /// How many requests of one address may fail verification; beyond that it hears 429, until fewer
    /// come. What is verified is never counted.
    pub(super) unverified: UnverifiedSettings,
    /// Where the world reaches `listen`, as its senders write it. Senders that sign the address
    /// they send to are checked with `/hooks/NAME` behind it, where a source has no `url`.
    #[schemars(extend("examples" = ["https://hooks.shop.example"]))]
    pub(super) public_url: Option<String>,
    /// The addresses and networks of the proxies in front of `listen`. Of a request from one of them
    /// the client is whom `Forwarded` (RFC 7239) or `X-Forwarded-For` names, walked from the end over
    /// trusted proxies; from anybody else these headers count for nothing. The proxy must write one
    /// of the two. It decides about `allow_from`, the limit of each address, and the log.
    #[schemars(extend("examples" = [["127.0.0.1", "10.0.0.0/8"]]))]
    pub(super) trusted_proxies: Vec<Network>,
}
