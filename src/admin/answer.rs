//! What is a caller of the admin pages told? Every refusal in one table.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http;
use crate::model::{EventId, MessageId, State};
use crate::store::StoreError;

/// What a handler answers.
pub(super) type Answer = Result<Json<Value>, Refused>;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No token, or a wrong one.
    Login,
    /// Too many wrong tokens came from there.
    TooManyLogins,
    /// The `Host` is not a name of this machine.
    ForeignHost,
    /// Another site's page sent it.
    ForeignPage,
    /// No such page, event, message or lane.
    NotFound,
    /// Not this method.
    Method,
    /// The request says something that cannot be.
    Wrong(String),
    /// From this state there is no such move.
    Illegal(State),
    /// Nothing was rendered of it.
    Unmade { event: EventId },
    /// Another message has its `dedupe` key.
    Held { by: Option<MessageId>, state: State },
    /// The rule file on disk has problems: the report.
    BadRules(String),
    /// The store cannot do it.
    Store(String),
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Login => StatusCode::UNAUTHORIZED,
            Self::TooManyLogins => StatusCode::TOO_MANY_REQUESTS,
            Self::ForeignHost | Self::ForeignPage => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Illegal(_) | Self::Unmade { .. } | Self::Held { .. } => StatusCode::CONFLICT,
            Self::BadRules(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Login => json!({"error": "give server.admin_token as Bearer token or password"}),
            Self::TooManyLogins => json!({"error": "too many wrong tokens; wait a little"}),
            Self::ForeignHost => json!({
                "error": "without server.admin_token these pages answer only to localhost"
            }),
            Self::ForeignPage => json!({"error": "another site's page may not do this"}),
            Self::NotFound => json!({"error": "not found"}),
            Self::Method => json!({"error": "method"}),
            Self::Illegal(state) => json!({
                "error": format!("not from state {}", state.as_str()),
                "state": state.as_str(),
            }),
            Self::Unmade { event } => json!({
                "error": format!("nothing was rendered of it: put the rule right, then \
                                  kabari events replay {event}"),
                "state": State::Failed,
                "event": event,
            }),
            Self::Held { by, state } => json!({
                "error": format!("another message has its dedupe key, and is {}", state.as_str()),
                "state": State::Failed,
                "by": by,
                "by_state": state,
            }),
            Self::BadRules(report) => json!({
                "error": "the rule file has problems; the last good one is in force",
                "report": report,
            }),
            Self::Wrong(why) | Self::Store(why) => json!({"error": why}),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = http::json(self.status(), self.body().to_string());
        let more = match self {
            Self::Login => {
                Some((header::WWW_AUTHENTICATE, r#"Basic realm="kabari", charset="UTF-8""#))
            }
            Self::TooManyLogins => Some((header::RETRY_AFTER, "20")),
            Self::Store(_) => Some((header::RETRY_AFTER, "5")),
            _ => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the admin pages cannot use the store");
        Self::Store(error.to_string())
    }
}
