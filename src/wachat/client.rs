//! One HTTP client for all lanes: how does a message get to Wachat, and what came back?
//!
//! The line that matters runs through the middle of a call: before anything of the request was
//! written it is safe to try again, afterwards nobody can know. Where it is not clear on which side
//! a call broke, it counts as after.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Response;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use url::{Host, Url};

use crate::clock;
use crate::http;
use crate::model::{Content, Recipient, Verdict};
use crate::secret::Secret;

use super::api::{MEDIA_PATH, TEXT_PATH};
use super::error::{Answer, verdict, verdict_by};
use super::fates::Fates;
use super::words::without_echo;

/// How long it may take until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may rest and be used again. Servers close idle ones after 5 s and more; a
/// request that meets such a closing would be uncertain.
const POOL_IDLE_MAX: Duration = Duration::from_secs(2);
/// How many connections may rest.
const POOL_CONNECTIONS_MAX: usize = 64;
/// A token shorter than this is no real one.
const TOKEN_MIN: usize = 8;
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How to reach Wachat.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its API is; https unless it is on this machine.
    pub base_url: Url,
    /// The account's token.
    pub token: Secret,
    /// How long one call may take; the message's own `delay` comes on top.
    pub timeout: Duration,
}

impl Settings {
    /// Where Wachat's API is unless the rule file says otherwise.
    pub const BASE_URL_DEFAULT: &'static str = "https://app.wachat.net";
    /// How long a call may take by default: typing, fetching and uploading a large file can take a
    /// minute and more, and giving up early makes a message uncertain that was sent.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);
}

/// A client with pooled connections, cheap to clone.
///
/// It follows no redirects (the token would follow them) and ignores `HTTP_PROXY` and its like: what
/// a proxy answers cannot be told from what Wachat answers.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    urls: Urls,
    authorization: HeaderValue,
    fates: Arc<Fates>,
}

/// Where each kind of message is sent.
#[derive(Clone, Debug)]
struct Urls {
    text: Url,
    media: Url,
}

impl Urls {
    fn of(base: &Url) -> anyhow::Result<Self> {
        let base = base.as_str().trim_end_matches('/');
        let url = |path| Url::parse(&format!("{base}{path}")).context("Wachat's base URL");
        Ok(Self { text: url(TEXT_PATH)?, media: url(MEDIA_PATH)? })
    }
}

impl Client {
    /// Builds the client.
    ///
    /// # Errors
    /// The base URL is not https and not on this machine, the token cannot stand in a header, or
    /// the system's root certificates cannot be read.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        must_be_private(&settings.base_url)?;
        let authorization = bearer(&settings.token)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = http::client(settings.timeout)
            .default_headers(headers)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
            .pool_idle_timeout(POOL_IDLE_MAX)
            .pool_max_idle_per_host(POOL_CONNECTIONS_MAX)
            .build()
            .context("the HTTP client for Wachat cannot be set up")?;
        let urls = Urls::of(&settings.base_url)?;
        Ok(Self { http, settings, urls, authorization, fates: Arc::default() })
    }

    /// The same, with users' lines before the built-in table of answers.
    #[must_use]
    pub fn with_fates(mut self, fates: Fates) -> Self {
        self.fates = Arc::new(fates);
        self
    }

    /// Sends one message and says what the answer, or its absence, means.
    ///
    /// Dropping the future in the middle leaves it unknown whether the message was sent.
    pub async fn send(&self, instance: &str, to: &Recipient, content: &Content) -> Verdict {
        let (path, body) = super::request(instance, to.expose(), content);
        let url = if path == TEXT_PATH { &self.urls.text } else { &self.urls.media };
        let typing = Duration::from_millis(content.delay.unwrap_or(0));
        let call = self
            .http
            .post(url.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .timeout(self.settings.timeout.saturating_add(typing))
            .json(&body)
            .send();
        let mut verdict = match call.await {
            Ok(response) => self.read(response).await,
            // Name, connection, TLS, or no connection in time: nothing of the request went out.
            // A time-out of the whole call is none of these, even if it hit while connecting.
            Err(error) if error.is_connect() || error.is_builder() => {
                verdict(&Answer::NotSent(self.without_secrets(&chain(error))))
            }
            Err(error) => verdict(&Answer::Lost(self.without_secrets(&chain(error)))),
        };
        verdict.detail = without_echo(verdict.detail, content.message.as_deref());
        verdict
    }

    async fn read(&self, mut response: Response) -> Verdict {
        let status = response.status().as_u16();
        let retry_after = http::retry_after(response.headers(), clock::now().into());
        let mut bytes = Vec::new();
        while bytes.len() < ANSWER_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                // A success of which only a part came may have been about to deny itself.
                Err(error) => {
                    let broke = format!("the answer {status} broke off: {}", chain(error));
                    return verdict(&Answer::Lost(self.without_secrets(&broke)));
                }
            }
        }
        bytes.truncate(ANSWER_BYTES_MAX);
        let body = self.without_secrets(&String::from_utf8_lossy(&bytes));
        verdict_by(&Answer::Http { status, body: &body, retry_after }, &self.fates)
    }

    /// A gateway may echo what it was sent. A make-believe token may be part of any word.
    fn without_secrets(&self, text: &str) -> String {
        let token = self.settings.token.expose();
        if token.len() < TOKEN_MIN { text.to_owned() } else { text.replace(token, "••••") }
    }
}

fn must_be_private(base_url: &Url) -> anyhow::Result<()> {
    let on_this_machine = match base_url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => bail!("Wachat's base URL names no host"),
    };
    match base_url.scheme() {
        "https" => Ok(()),
        "http" if on_this_machine => Ok(()),
        "http" => bail!(
            "Wachat's base URL is not https, so the token would be readable on its way: write \
             https://… (http is for this machine alone)"
        ),
        other => bail!("Wachat's base URL begins with `{other}:`: write https://…"),
    }
}

fn bearer(token: &Secret) -> anyhow::Result<HeaderValue> {
    if token.is_empty() {
        bail!("Wachat's token is empty");
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .ok()
        .context("Wachat's token has a line break or another character that no header may have")?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error with its causes, without the URL.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base_url: &str, token: &str) -> anyhow::Result<Client> {
        Client::new(Settings {
            base_url: base_url.parse().unwrap(),
            token: Secret::new(token),
            timeout: Settings::TIMEOUT_DEFAULT,
        })
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for fine in ["https://app.wachat.net", "http://127.0.0.1:9", "http://[::1]:9/x/"] {
            assert!(client(fine, "token").is_ok(), "{fine}");
        }
        for wrong in ["http://app.wachat.net", "http://10.0.0.1", "ftp://localhost"] {
            assert!(client(wrong, "token").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_refused_without_being_shown() {
        let error = client("https://app.wachat.net", "tok\nen").unwrap_err();
        assert!(!format!("{error:#}").contains("tok\nen"));
        assert!(client("https://app.wachat.net", " ").is_err());
    }

    #[test]
    fn the_token_is_not_in_the_debug_text() {
        let client = client("https://app.wachat.net", "hunter2").unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }
}
