//! One question to a provider's API: what came back, and when may the next be asked?

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{ACCEPT, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http;
use crate::secret::Secret;
use crate::sources::{ApiKey, MissedApi, Reconcile};
use crate::verify::app_token;

/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// The largest answer, in bytes: GitHub's payloads have up to 25 MiB, and our own answer beside.
const ANSWER_MAX: usize = 32 << 20;
/// How long a provider may make us wait at most: what it sends in vain is kept for three days.
const WAIT_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// How long to wait where it says that it is enough, but not until when.
const WAIT_UNSAID: Duration = Duration::from_secs(60);
/// How much of a provider's own words is repeated.
const WORDS_MAX: usize = 200;

/// Why a look does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The provider wants to be left alone for so long.
    Wait(Duration),
    /// A person must change something: the token, the name of the webhook.
    Refused(String),
    /// It did not answer, or not as it should.
    Broken(String),
    /// There is no such thing (any more).
    Gone,
    /// The store cannot keep what was missed.
    NotStored(String),
}

impl Halt {
    /// For people.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Wait(span) => {
                format!("the provider's limit is used up: again in {} s", span.as_secs())
            }
            Self::Refused(why) => format!("refused: {why}"),
            Self::Broken(why) => why.clone(),
            Self::Gone => "there is no such list: is the webhook still there, and may this token \
                           read it?"
                .to_owned(),
            Self::NotStored(why) => format!("it cannot be stored: {why}"),
        }
    }
}

/// An answer that is good.
pub(super) struct Good {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Good {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Halt> {
        serde_json::from_slice(&self.body)
            .map_err(|why| Halt::Broken(format!("an answer that is not as documented: {why}")))
    }

    /// By what the same answer is recognised the next time.
    pub(super) fn etag(&self) -> Option<HeaderValue> {
        self.headers.get(ETAG).cloned()
    }
}

/// A provider's API, and the key to it.
pub(super) struct Api<'r> {
    http: &'r reqwest::Client,
    settings: &'r Reconcile,
    clock: fn() -> Timestamp,
}

/// A client for all of them: no redirects, since a token would follow them.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    http::client(ANSWER_TIME).build()
}

impl<'r> Api<'r> {
    pub(super) fn new(
        http: &'r reqwest::Client,
        settings: &'r Reconcile,
        clock: fn() -> Timestamp,
    ) -> Self {
        Self { http, settings, clock }
    }

    /// Asks for `path`, which may have a query; `None` if it is still what had this `etag`.
    pub(super) async fn get(
        &self,
        path: &str,
        etag: Option<&HeaderValue>,
    ) -> Result<Option<Good>, Halt> {
        let key = self.key().ok_or_else(|| Halt::Refused("the App's key is none".to_owned()))?;
        let accept = match self.settings.api {
            MissedApi::Github => "application/vnd.github+json",
            MissedApi::Stripe => "application/json",
        };
        let url = format!("{}/{path}", self.settings.base_url);
        let mut request = self.http.get(url).bearer_auth(key.expose()).header(ACCEPT, accept);
        if self.settings.api == MissedApi::Github {
            request = request.header("x-github-api-version", "2022-11-28");
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let broken =
            |why: reqwest::Error| Halt::Broken(format!("no answer: {}", why.without_url()));
        let answer = request.send().await.map_err(broken)?;
        if answer.status().as_u16() == 304 {
            return Ok(None);
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = read(answer).await?;
        match status {
            200 => Ok(Some(Good { headers, body })),
            _ => Err(self.halt(status, &headers, &body, &key)),
        }
    }

    fn key(&self) -> Option<Secret> {
        match &self.settings.key {
            ApiKey::Token(token) => Some(token.clone()),
            ApiKey::App(id, key) => app_token(id, key, (self.clock)()),
        }
    }

    /// GitHub says 403 or 429 when its limits are used up, Stripe 429 (docs.github.com, "Rate limits
    /// for the REST API"; docs.stripe.com/rate-limits).
    fn halt(&self, status: u16, headers: &HeaderMap, body: &[u8], key: &Secret) -> Halt {
        let now = (self.clock)();
        let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
        let used_up = number("x-ratelimit-remaining") == Some(0);
        let asked = http::retry_after(headers, now.into());
        if status == 429 || (status == 403 && (used_up || asked.is_some())) {
            let reset = number("x-ratelimit-reset").filter(|_| used_up);
            let until = reset.map(|reset| {
                Duration::from_secs(u64::try_from(reset - now.as_second()).unwrap_or(0) + 1)
            });
            return Halt::Wait(asked.or(until).unwrap_or(WAIT_UNSAID).min(WAIT_MAX));
        }
        let said = words(body).replace(key.expose(), "••••");
        match status {
            404 | 410 => Halt::Gone,
            400..500 => Halt::Refused(format!("{status} {said}")),
            503 if asked.is_some() => Halt::Wait(asked.unwrap_or(WAIT_UNSAID).min(WAIT_MAX)),
            _ => Halt::Broken(format!("it answered {status} {said}")),
        }
    }
}

async fn read(mut answer: Response) -> Result<Bytes, Halt> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_MAX => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(Halt::Broken("an answer of more than 32 MiB".to_owned())),
            Ok(None) => return Ok(bytes.into()),
            Err(why) => {
                return Err(Halt::Broken(format!("the answer broke off: {}", why.without_url())));
            }
        }
    }
}

/// What an error answer says, for the log: GitHub's `message`, Stripe's `error.message`.
fn words(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = json.get("message").or_else(|| json.pointer("/error/message"));
    let text = message.and_then(Value::as_str).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}
