//! Is `kabari serve` running on this store? Then what changes something goes through its admin API.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use crate::http;
use crate::secret::Secret;
use crate::store::{self, Address};

/// How long it may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A running `kabari serve`.
pub(super) struct Running {
    admin: String,
    /// The key that it left beside its store; else the token of the rule file.
    token: Option<Secret>,
    client: reqwest::Client,
}

/// What it said when it did not do what it was told.
pub(super) fn refused(status: u16, answer: &Value) -> anyhow::Error {
    let said = answer.get("error").and_then(Value::as_str).unwrap_or("no words");
    anyhow!("the running kabari refuses it ({status}): {said}")
}

impl Running {
    /// The one that owns this store, if any.
    pub(super) fn find(store: &Address, token: Option<Secret>) -> anyhow::Result<Option<Self>> {
        let Some(owner) = store::owner(&store.file()?) else { return Ok(None) };
        let Some(admin) = owner.admin else {
            bail!(
                "process {} uses the store and is just starting or stopping; try again",
                owner.pid
            );
        };
        let (token, client) = (owner.key.or(token), http::client(ANSWER_MAX).build()?);
        Ok(Some(Self { admin, token, client }))
    }

    /// Posts to its API; the status and the answer's JSON.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let request = self.client.post(self.url(path)).header("content-type", "application/json");
        self.ask(request.body(body.to_string())).await
    }

    /// Reads from its API; the status and the answer's JSON.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        self.ask(self.client.get(self.url(path))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.admin.trim_end_matches('/'))
    }

    async fn ask(&self, mut request: reqwest::RequestBuilder) -> anyhow::Result<(u16, Value)> {
        let url = &self.admin;
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await.with_context(|| format!("no answer from {url}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status == 401 {
            bail!(
                "{url} asks for a token: server.admin_token of the rule file is not set here, or is \
                 not the one with which it was started"
            );
        }
        Ok((status, json))
    }
}
