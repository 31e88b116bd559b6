//! One HTTP client for all lanes.

use std::time::Duration;

use url::Url;

use crate::model::{Content, Recipient, Verdict};
use crate::secret::Secret;

/// How to reach Wachat.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its API is; https unless it is on this machine.
    pub base_url: Url,
    /// The account's token.
    pub token: Secret,
    /// How long one call may take.
    pub timeout: Duration,
}

/// A client with pooled connections.
#[derive(Clone, Debug)]
pub struct Client;

impl Client {
    /// Builds the client.
    pub fn new(_settings: Settings) -> anyhow::Result<Self> {
        todo!()
    }

    /// Sends one message and says what the answer, or its absence, means.
    pub async fn send(&self, _instance: &str, _to: &Recipient, _content: &Content) -> Verdict {
        todo!()
    }
}
