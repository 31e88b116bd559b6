//! What is the sender answered? The one table from outcome to status and body.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};

use crate::http;
use crate::model::EventId;
use crate::sources::Answer;

/// When to come again after the byte budget was used up: bodies under way are read soon.
const NO_ROOM_RETRY: HeaderValue = HeaderValue::from_static("2");
/// When to come again after the store could not write: a disk is not freed at once.
const NOT_STORED_RETRY: HeaderValue = HeaderValue::from_static("15");
/// When to come again for a key that is fetched meanwhile.
const NO_KEY_RETRY: HeaderValue = HeaderValue::from_static("5");
/// When to come again after too many failures.
const TOO_MANY_RETRY: HeaderValue = HeaderValue::from_static("60");

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Verified and recorded.
    Accepted {
        /// Its id.
        event: EventId,
        /// How many messages wait.
        messages: usize,
    },
    /// Verified, and recorded before.
    Duplicate {
        /// The id it was first recorded under.
        event: EventId,
    },
    /// Verified, and all events of its batch are recorded.
    Batch {
        /// Their ids, as first recorded, in the order of the body; at least one.
        events: Vec<EventId>,
        /// How many messages of the new ones wait.
        messages: usize,
        /// Whether all of them were recorded before.
        duplicate: bool,
    },
    /// Verified and recorded, but its body cannot be read.
    Unreadable {
        /// Its id.
        event: EventId,
        /// Why, for the log.
        why: String,
    },
    /// The sender's handshake, answered.
    Handshake(Answer),
    /// Verified, but of a media type that the source does not take.
    MediaType,
    /// Signed with a key that is not known yet.
    NoKey,
    /// Not to be believed.
    Denied,
    /// Not to be believed, and not the first from there.
    TooMany,
    /// No such source.
    UnknownSource,
    /// Not from there: answered as if there were no such source.
    NotAllowed {
        /// Whether it came by POST.
        by_post: bool,
    },
    /// No such page.
    NoSuchPage,
    /// Not a POST.
    Method,
    /// The body is over the limit.
    TooLarge,
    /// The body took too long.
    TooSlow,
    /// The body broke off.
    BrokenOff,
    /// The byte budget for bodies is used up.
    NoRoom,
    /// Verified, but more than the source is to take.
    OverLimit {
        /// When the next may come, in seconds.
        retry_s: u64,
    },
    /// Verified, but the store cannot keep it now.
    NotStored {
        /// Why, for the log.
        why: String,
    },
}

impl Reply {
    /// The answer where there is no such source.
    pub(crate) fn unknown(method: &Method) -> Self {
        if method == Method::POST { Self::UnknownSource } else { Self::Method }
    }

    /// The word in the log and in the metric.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Accepted { .. } | Self::Batch { duplicate: false, .. } => "accepted",
            Self::Duplicate { .. } | Self::Batch { duplicate: true, .. } => "duplicate",
            Self::Unreadable { .. } => "unreadable",
            Self::Handshake(_) => "handshake",
            Self::MediaType => "media type",
            Self::NoKey => "unknown key",
            Self::Denied => "denied",
            Self::TooMany => "too many denied",
            Self::UnknownSource => "unknown source",
            Self::NotAllowed { .. } => "address not allowed",
            Self::OverLimit { .. } => "over limit",
            Self::NoSuchPage => "no such page",
            Self::Method => "method",
            Self::TooLarge => "too large",
            Self::TooSlow => "too slow",
            Self::BrokenOff => "broken off",
            Self::NoRoom => "no room",
            Self::NotStored { .. } => "not stored",
        }
    }

    /// What the log tells the person who runs this to do about a refusal.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownSource => "no such source; the configured ones: `kabari sources`",
            Self::NotAllowed { .. } => {
                "`allow_from` of this source does not have this address; behind a proxy it takes \
                 `server.trusted_proxies`"
            }
            Self::OverLimit { .. } => {
                "verified, but over `limits` of this source; the sender was asked to come again"
            }
            Self::TooLarge => "the body is over `server.body_limit`",
            Self::TooSlow => "the body did not come in time",
            Self::BrokenOff => "the body broke off",
            Self::NoRoom => "too many bodies at once; the sender was asked to come again",
            Self::NoSuchPage => "webhooks go to /hooks/SOURCE, without a slash at the end",
            Self::Method => "webhooks come by POST",
            Self::MediaType => "the source takes no such media type: `kabari sources show`",
            _ => "not a webhook",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Handshake(answer) => {
                StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK)
            }
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Accepted { .. } | Self::Duplicate { .. } | Self::Batch { .. } => StatusCode::OK,
            Self::Unreadable { .. } | Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::Denied => StatusCode::UNAUTHORIZED,
            Self::TooMany | Self::OverLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownSource | Self::NoSuchPage | Self::NotAllowed { by_post: true } => {
                StatusCode::NOT_FOUND
            }
            Self::Method | Self::NotAllowed { by_post: false } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoKey | Self::NoRoom | Self::NotStored { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> Body {
        match self {
            Self::Accepted { event, messages } => {
                Body::from(format!(r#"{{"event":"{event}","messages":{messages}}}"#))
            }
            Self::Duplicate { event } => {
                Body::from(format!(r#"{{"event":"{event}","duplicate":true}}"#))
            }
            Self::Batch { events, messages, duplicate } => {
                let first = events.first().map(ToString::to_string).unwrap_or_default();
                let all = events.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(",");
                let last = if *duplicate {
                    r#""duplicate":true"#.to_owned()
                } else {
                    format!(r#""messages":{messages}"#)
                };
                Body::from(format!(r#"{{"event":"{first}","events":[{all}],{last}}}"#))
            }
            Self::Unreadable { event, .. } => {
                Body::from(format!(r#"{{"event":"{event}","error":"unreadable body"}}"#))
            }
            Self::Handshake(answer) => Body::from(answer.body.clone()),
            Self::MediaType => Body::from(r#"{"error":"media type"}"#),
            Self::Denied => Body::from(r#"{"error":"signature"}"#),
            Self::TooMany | Self::OverLimit { .. } => {
                Body::from(r#"{"error":"too many requests"}"#)
            }
            Self::UnknownSource | Self::NoSuchPage | Self::NotAllowed { by_post: true } => {
                Body::from(r#"{"error":"not found"}"#)
            }
            Self::Method | Self::NotAllowed { by_post: false } => {
                Body::from(r#"{"error":"method"}"#)
            }
            Self::TooLarge => Body::from(r#"{"error":"too large"}"#),
            Self::TooSlow => Body::from(r#"{"error":"too slow"}"#),
            Self::BrokenOff => Body::from(r#"{"error":"incomplete body"}"#),
            Self::NoKey | Self::NoRoom | Self::NotStored { .. } => {
                Body::from(r#"{"error":"try again"}"#)
            }
        }
    }

    fn more_header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::NoKey => Some((header::RETRY_AFTER, NO_KEY_RETRY)),
            Self::NoRoom => Some((header::RETRY_AFTER, NO_ROOM_RETRY)),
            Self::NotStored { .. } => Some((header::RETRY_AFTER, NOT_STORED_RETRY)),
            Self::TooMany => Some((header::RETRY_AFTER, TOO_MANY_RETRY)),
            Self::OverLimit { retry_s } => Some((header::RETRY_AFTER, HeaderValue::from(*retry_s))),
            Self::Method | Self::NotAllowed { by_post: false } => {
                Some((header::ALLOW, HeaderValue::from_static("POST")))
            }
            _ => None,
        }
    }

    /// The answer itself.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = http::json(self.status(), self.body());
        if let Some((name, value)) = self.more_header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use uuid::Uuid;

    use super::Reply;
    use crate::model::EventId;

    const ID: EventId = EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));

    #[tokio::test]
    async fn every_outcome_has_its_answer() {
        let why = || "it is secret why".to_owned();
        let id = r#"{"event":"01930000-0000-7000-8000-000000000001","#;
        for (reply, status, body, header) in [
            (Reply::Accepted { event: ID, messages: 2 }, 200, format!(r#"{id}"messages":2}}"#), ""),
            (Reply::Duplicate { event: ID }, 200, format!(r#"{id}"duplicate":true}}"#), ""),
            (
                Reply::Batch { events: vec![ID, ID], messages: 3, duplicate: false },
                200,
                format!(r#"{id}"events":["{ID}","{ID}"],"messages":3}}"#),
                "",
            ),
            (
                Reply::Batch { events: vec![ID], messages: 0, duplicate: true },
                200,
                format!(r#"{id}"events":["{ID}"],"duplicate":true}}"#),
                "",
            ),
            (
                Reply::Unreadable { event: ID, why: why() },
                400,
                format!(r#"{id}"error":"unreadable body"}}"#),
                "",
            ),
            (Reply::Denied, 401, r#"{"error":"signature"}"#.to_owned(), ""),
            (Reply::TooMany, 429, r#"{"error":"too many requests"}"#.to_owned(), "retry-after: 60"),
            (Reply::UnknownSource, 404, r#"{"error":"not found"}"#.to_owned(), ""),
            (Reply::NoSuchPage, 404, r#"{"error":"not found"}"#.to_owned(), ""),
            (Reply::Method, 405, r#"{"error":"method"}"#.to_owned(), "allow: POST"),
            (Reply::NotAllowed { by_post: true }, 404, r#"{"error":"not found"}"#.to_owned(), ""),
            (
                Reply::NotAllowed { by_post: false },
                405,
                r#"{"error":"method"}"#.to_owned(),
                "allow: POST",
            ),
            (
                Reply::OverLimit { retry_s: 7 },
                429,
                r#"{"error":"too many requests"}"#.to_owned(),
                "retry-after: 7",
            ),
            (Reply::TooLarge, 413, r#"{"error":"too large"}"#.to_owned(), ""),
            (Reply::TooSlow, 408, r#"{"error":"too slow"}"#.to_owned(), ""),
            (Reply::BrokenOff, 400, r#"{"error":"incomplete body"}"#.to_owned(), ""),
            (Reply::NoKey, 503, r#"{"error":"try again"}"#.to_owned(), "retry-after: 5"),
            (Reply::NoRoom, 503, r#"{"error":"try again"}"#.to_owned(), "retry-after: 2"),
            (
                Reply::NotStored { why: why() },
                503,
                r#"{"error":"try again"}"#.to_owned(),
                "retry-after: 15",
            ),
        ] {
            let response = reply.clone().into_response();
            assert_eq!(response.status().as_u16(), status, "{reply:?}");
            let headers: Vec<String> = response
                .headers()
                .iter()
                .filter(|(name, _)| *name != "content-type")
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect();
            assert_eq!(headers.join(", "), header, "{reply:?}");
            let sent = to_bytes(response.into_body(), 1000).await.unwrap();
            assert_eq!(sent, body.as_bytes(), "{reply:?}");
        }
    }
}
