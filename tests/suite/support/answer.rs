//! What did a request bring?

use serde_json::Value;

/// What was answered to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// When to come again, in seconds, if it says so.
    pub(crate) retry_after: Option<u64>,
}

impl Answer {
    /// Reads it whole.
    pub(crate) async fn of(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after.and_then(|it| it.to_str().ok()?.parse().ok());
        let status = response.status().as_u16();
        Ok(Self { status, body: response.text().await?, retry_after })
    }

    /// The body as JSON; `null` if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}
