//! What does a sender ask before it sends events, and what is it answered?
//!
//! Answered only by a source that is configured for that sender. What is repeated is a short plain
//! word, and what is signed for a stranger can never be an event.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::Headers;
use crate::secret::Secret;
use crate::verify::{Encoding, Greeting, answer_challenge, is_challenge};

/// A sender's way to find out who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// A signed POST with `type: url_verification`; its challenge is sent back.
    Slack,
    /// A signed POST `endpoint.url_validation`; its token is sent back, and its HMAC.
    Zoom,
    /// A GET with `hub.challenge` and a verify token.
    Meta,
    /// As Meta's, answered in JSON.
    Strava,
    /// A signed ping: `type` 1 is answered in kind, 0 with 204.
    Discord,
    /// A POST with `validationToken` in the query.
    MicrosoftGraph,
    /// A GET with `challenge`.
    Dropbox,
    /// A signed POST `webhook_callback_verification`.
    Twitch,
    /// A GET with `crc_token`, answered by its HMAC.
    X,
    /// A POST that offers a secret in `X-Hook-Secret`.
    Asana,
    /// A HEAD.
    Trello,
    /// A HEAD.
    Intercom,
    /// A POST that offers a `verification_token`.
    Notion,
    /// A POST with `challenge`, sent back in JSON.
    Monday,
    /// A GET with a challenge in a header.
    Okta,
    /// An OPTIONS with `WebHook-Request-Origin` (HTTP webhooks of `CloudEvents`).
    Cloudevents,
    /// An unsigned form with `webhook_id` alone.
    Woocommerce,
}

/// What a sender is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body's media type, if there is a body.
    pub content_type: Option<&'static str>,
    /// A header more.
    pub header: Option<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// A secret that the sender offers: for the person who runs this, who may configure it.
    pub offered: Option<String>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn text(body: String) -> Self {
        Self { status: 200, content_type: Some(TEXT), body, ..Self::default() }
    }

    fn json(body: &Value) -> Self {
        let body = body.to_string();
        Self { status: 200, content_type: Some(JSON), body, ..Self::default() }
    }
}

impl Handshake {
    /// The methods by which it comes, beside POST.
    pub fn method(self) -> Option<&'static str> {
        match self {
            Self::Meta | Self::Strava | Self::Dropbox | Self::X | Self::Okta => Some("GET"),
            Self::Trello | Self::Intercom => Some("HEAD"),
            Self::Cloudevents => Some("OPTIONS"),
            _ => None,
        }
    }

    /// Whether its request is signed as events are.
    pub(super) fn is_signed(self) -> bool {
        matches!(self, Self::Slack | Self::Zoom | Self::Discord | Self::Twitch)
    }

    /// Whether we sign a stranger's word with the key of the events, over the word alone: such a
    /// word must never pass for a body.
    pub(super) fn signs_words(self) -> bool {
        self == Self::X
    }

    /// What a request without a signature is answered, if it is the sender's question.
    pub(super) fn greet(
        self,
        request: Greeting<'_>,
        secret: Option<&Secret>,
        verify_token: Option<&Secret>,
    ) -> Option<Answer> {
        if self.method().is_some_and(|method| method != request.method()) {
            return None;
        }
        match self {
            Self::Meta | Self::Strava => {
                let challenge = request.parameter("hub.challenge")?;
                let given = request.parameter("hub.verify_token").unwrap_or_default();
                let knows = verify_token.is_some_and(|token| token.equals(given.as_bytes()));
                if !knows || !is_challenge(&challenge) {
                    return Some(Answer::status(403));
                }
                let challenge = challenge.into_owned();
                Some(match self {
                    Self::Strava => Answer::json(&json!({ "hub.challenge": challenge })),
                    _ => Answer::text(challenge),
                })
            }
            Self::MicrosoftGraph => {
                let token = request.parameter("validationToken")?;
                is_sentence(&token).then(|| Answer::text(token.into_owned()))
            }
            Self::Dropbox => {
                let challenge = request.parameter("challenge")?;
                is_challenge(&challenge).then(|| Answer::text(challenge.into_owned()))
            }
            Self::X => {
                let token = request.parameter("crc_token")?;
                let mac = answer_challenge(secret?, &token, Encoding::Base64)?;
                Some(Answer::json(&json!({ "response_token": format!("sha256={mac}") })))
            }
            Self::Okta => {
                let challenge = request.header("x-okta-verification-challenge")?;
                let answer = || Answer::json(&json!({ "verification": challenge }));
                is_sentence(challenge).then(answer)
            }
            Self::Trello | Self::Intercom => Some(Answer::status(200)),
            Self::Cloudevents => {
                let origin = request.header("webhook-request-origin")?;
                let header = Some(("webhook-allowed-origin", origin.to_owned()));
                is_host(origin).then(|| Answer { header, ..Answer::status(200) })
            }
            _ => self.greet_post(request),
        }
    }

    /// Questions that come by POST, without a signature.
    fn greet_post(self, request: Greeting<'_>) -> Option<Answer> {
        match self {
            Self::Asana if request.header("x-hook-signature").is_none() => {
                let offered = request.header("x-hook-secret").filter(|it| is_challenge(it))?;
                Some(Answer {
                    header: Some(("x-hook-secret", offered.to_owned())),
                    offered: Some(offered.to_owned()),
                    ..Answer::status(200)
                })
            }
            Self::Notion if request.header("x-notion-signature").is_none() => {
                let offered = request.field("verification_token").filter(|it| is_challenge(it))?;
                Some(Answer { offered: Some(offered), ..Answer::status(200) })
            }
            Self::Monday => {
                let challenge = request.field("challenge").filter(|it| is_challenge(it))?;
                Some(Answer::json(&json!({ "challenge": challenge })))
            }
            Self::Woocommerce if request.header("x-wc-webhook-signature").is_none() => {
                let id = request.field("webhook_id")?;
                id.bytes().all(|byte| byte.is_ascii_digit()).then(|| Answer::status(200))
            }
            _ => None,
        }
    }

    /// What a signed request is answered, if it is the sender's question and no event.
    pub(super) fn answer(self, headers: &Headers, body: &Value, secret: &Secret) -> Option<Answer> {
        let text = |path: &str| body.pointer(path).and_then(Value::as_str);
        match self {
            Self::Slack if text("/type") == Some("url_verification") => text("/challenge")
                .filter(|it| is_challenge(it))
                .map(|it| Answer::text(it.to_owned())),
            Self::Zoom if text("/event") == Some("endpoint.url_validation") => {
                let token = text("/payload/plainToken")?;
                let mac = answer_challenge(secret, token, Encoding::Hex)?;
                Some(Answer::json(&json!({ "plainToken": token, "encryptedToken": mac })))
            }
            Self::Discord => match body.get("type").and_then(Value::as_i64) {
                Some(1) => Some(Answer::json(&json!({ "type": 1 }))),
                Some(0) => Some(Answer::status(204)),
                _ => None,
            },
            Self::Twitch => {
                let (name, asked) =
                    ("twitch-eventsub-message-type", "webhook_callback_verification");
                headers.iter().find(|(key, value)| *key == name && *value == asked)?;
                text("/challenge")
                    .filter(|it| is_challenge(it))
                    .map(|it| Answer::text(it.to_owned()))
            }
            _ => None,
        }
    }
}

/// Two senders send sentences. They go back as plain text or in a JSON text, never signed; what
/// could be markup is not repeated.
fn is_sentence(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b' '..=b'~') && !b"<>&\"'`\\".contains(&byte);
    (1..=512).contains(&text.len()) && text.bytes().all(fits)
}

fn is_host(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    (1..=253).contains(&text.len()) && text.bytes().all(fits)
}
