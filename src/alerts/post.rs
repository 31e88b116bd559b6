//! How does an alert reach its webhook?

use jiff::Timestamp;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::settings::{Hook, Shape};
use super::told::{Alert, AlertKind};

/// Posts it; the webhook took it if it answers 2xx.
///
/// # Errors
/// What went wrong, without the address.
pub(super) async fn post(hook: &Hook, alert: &Alert, now: Timestamp) -> Result<(), String> {
    let request = shaped(hook.client.post(hook.url.clone()), hook.shape, alert, now);
    let request = match &hook.token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    };
    let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answers {}", status.as_u16())) }
}

fn shaped(request: RequestBuilder, shape: Shape, alert: &Alert, now: Timestamp) -> RequestBuilder {
    match shape {
        // <https://docs.ntfy.sh/publish/>
        Shape::Ntfy => {
            let (priority, tag) = match alert.kind {
                AlertKind::New => ("high", "warning"),
                AlertKind::Repeat => ("default", "warning"),
                AlertKind::Clear => ("default", "white_check_mark"),
            };
            request
                .header("Title", alert.title())
                .header("Priority", priority)
                .header("Tags", tag)
                .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                .body(alert.text())
        }
        // <https://api.slack.com/messaging/webhooks>; these three characters are its markup's own.
        Shape::Slack => {
            let text = format!("*{}*\n{}", alert.title(), alert.text());
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            request.json(&json!({ "text": text }))
        }
        Shape::Json => request.json(&alert.json(now)),
    }
}
