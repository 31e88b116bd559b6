//! What does the sandbox answer, and in which of the many shapes that engines use?

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

const ACCEPTED: &str = r#"{"status":"success","message":"Media processed and dispatched through the cloud instance infrastructure"}"#;
const ACCEPTED_TEXT: &str = r#"{"status":"success","message":"Text processed and dispatched through the cloud instance infrastructure"}"#;

/// A marker in a response: close the connection instead of sending it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HangUp;

/// What is said in the end.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// 200 and the documented sentence.
    Accepted { text: bool },
    /// A status with an error in one of the shapes of engines.
    Error { status: u16, message: String, retry_after: Option<u32> },
    /// 200 whose JSON denies it.
    Denied,
    /// A proxy's page.
    Html { status: u16 },
    /// The connection closes without an answer.
    HangUp,
    /// An answer that breaks off.
    Truncated,
    /// An answer that comes byte by byte, one each so often.
    Drip { every: Duration },
    /// Nothing, until the client goes away.
    Never,
}

impl Answer {
    /// An error without a `Retry-After`.
    pub(super) fn error(status: u16, message: impl Into<String>) -> Self {
        Self::Error { status, message: message.into(), retry_after: None }
    }

    /// Its HTTP status; `None` where no answer can be read.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Accepted { .. } | Self::Denied => Some(200),
            Self::Error { status, .. } | Self::Html { status } => Some(*status),
            Self::HangUp | Self::Truncated | Self::Drip { .. } | Self::Never => None,
        }
    }

    /// The same for people.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Accepted { .. } => None,
            Self::Error { message, .. } => Some(message.clone()),
            Self::Denied => Some("answered 200 with success: false".to_owned()),
            Self::Html { status } => Some(format!("answered {status} with a proxy's HTML page")),
            Self::HangUp => Some("closed the connection without an answer".to_owned()),
            Self::Truncated => Some("broke the answer off in the middle".to_owned()),
            Self::Drip { .. } => Some("answers byte by byte".to_owned()),
            Self::Never => Some("never answers".to_owned()),
        }
    }

    /// The response itself. `turn` counts errors: each has another shape than the one before.
    pub(super) fn into_response(self, turn: usize) -> Response {
        match self {
            Self::Accepted { text } => {
                json_response(StatusCode::OK, if text { ACCEPTED_TEXT } else { ACCEPTED })
            }
            Self::Error { status, message, retry_after } => {
                let status = status_code(status);
                let mut response = error_shape(status, &message, turn);
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
            Self::Denied => {
                let body = json!({"success": false, "message": "request invalid on device"});
                json_response(StatusCode::OK, &body.to_string())
            }
            Self::Html { status } => html_page(status_code(status)),
            Self::HangUp | Self::Never => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.extensions_mut().insert(HangUp);
                response
            }
            Self::Truncated => {
                let half = Bytes::from_static(&ACCEPTED.as_bytes()[..ACCEPTED.len() / 2]);
                let broken = Err(io::Error::other("the sandbox broke the answer off"));
                // The pause lets the first half leave before the connection is torn down.
                let parts = stream::iter([Ok(half)]).chain(stream::once(async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    broken
                }));
                long_json(Body::from_stream(parts))
            }
            Self::Drip { every } => {
                let bytes = ACCEPTED.as_bytes().chunks(1);
                let drops = stream::iter(bytes).then(move |byte| async move {
                    tokio::time::sleep(every).await;
                    Ok::<_, Infallible>(Bytes::from_static(byte))
                });
                long_json(Body::from_stream(drops))
            }
        }
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn long_json(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, HeaderValue::from(ACCEPTED.len())),
    ];
    (headers, body).into_response()
}

fn json_response(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_owned()).into_response()
}

/// The same error as one gateway or another would word it; all were seen in the wild.
fn error_shape(status: StatusCode, message: &str, turn: usize) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let body: Value = match turn % 6 {
        0 => json!({"error": message}),
        1 => json!({"details": message}),
        2 => json!({"error": reason, "details": message}),
        3 => json!({"status": code, "error": reason, "response": {"message": [message]}}),
        4 => json!({"success": false, "details": {"code": code, "message": message}}),
        _ => return (status, format!("{message}\n")).into_response(),
    };
    json_response(status, &body.to_string())
}

fn html_page(status: StatusCode) -> Response {
    let title = status.to_string();
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
         </center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    );
    (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}
