//! What is a request answered? First that it is exactly as documented, then as it was told.

use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use serde_json::{Value, json};

use super::behave::End;
use super::door::Cord;
use super::memory::{Inner, UnderWay};
use super::{Asked, TOKEN};

/// One request, from arrival to answer.
pub(super) async fn asked(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().to_owned();
    let asked = match checked(&method, &path, &headers, &body) {
        Ok(body) => Asked { path, body, at: inner.began.elapsed() },
        Err((status, wrong)) => {
            inner.change(|memory| memory.seen.faults.push(wrong.clone()));
            return answer(status, json!({"error": wrong}).to_string(), &[]);
        }
    };
    let behave = inner.change(|memory| memory.begin(&asked));
    let under_way = UnderWay { inner: Arc::clone(&inner), number: asked.number().to_owned() };
    // Engines go on when their client is gone, so this does not depend on the connection.
    let work = tokio::spawn(async move {
        tokio::time::sleep(behave.wait).await;
        if behave.held {
            let _ = inner.let_go.subscribe().wait_for(|let_go| *let_go).await;
        }
        if behave.dispatch {
            inner.change(|memory| memory.dispatch(asked));
        }
        behave.end
    });
    let end = work.await.expect("the world's own work");
    match end {
        End::Answer { status, body, headers } => {
            drop(under_way);
            answer(status, body, &headers)
        }
        End::Cut { status, part } => {
            drop(under_way);
            let length = (header::CONTENT_LENGTH, (part.len() + 100).to_string());
            let mut answer = answer(status, String::new(), &[length]);
            let part = futures_util::stream::once(async { Ok::<_, std::io::Error>(part) });
            // It is asked for more when it has the part, and then there is no more.
            let end = futures_util::stream::poll_fn(move |_| {
                cord.pull_when_flushed();
                Poll::Pending
            });
            *answer.body_mut() = Body::from_stream(futures_util::StreamExt::chain(part, end));
            answer
        }
        End::Hang => std::future::pending().await,
        End::Close => {
            cord.pull();
            answer(200, String::new(), &[])
        }
    }
}

fn answer(status: u16, body: String, headers: &[(header::HeaderName, String)]) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).expect("an answer")
}

/// The body, if the request is exactly as documented.
fn checked(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, (u16, String)> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bad = |what: String| Err((400, what));
    if header(header::AUTHORIZATION) != format!("Bearer {TOKEN}") {
        return Err((401, "Unauthorized".into()));
    }
    if method != Method::POST {
        return bad(format!("the method is {method}"));
    }
    if header(header::CONTENT_TYPE) != "application/json" {
        return bad(format!("the content type is {}", header(header::CONTENT_TYPE)));
    }
    if header(header::ACCEPT) != "application/json" {
        return bad(format!("Accept is {}", header(header::ACCEPT)));
    }
    if !header(header::USER_AGENT).starts_with("kabari/") {
        return bad(format!("the user agent is {}", header(header::USER_AGENT)));
    }
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return bad(format!("the body is no JSON: {error}")),
    };
    let Some(fields) = body.as_object() else { return bad("the body is no object".into()) };
    let (wanted, known): (&[&str], &[&str]) = match path {
        "/api/v1/send/text" => (&["instanceName", "number", "message"], &[]),
        "/api/v1/send/media" => (
            &["instanceName", "number", "type", "mediaUrl"],
            &["message", "fileName", "mimetype", "delay"],
        ),
        other => return Err((404, format!("there is no {other}"))),
    };
    if let Some(missing) = wanted.iter().find(|name| !fields.contains_key(**name)) {
        return bad(format!("{missing} is missing"));
    }
    for (name, value) in fields {
        if !wanted.contains(&name.as_str()) && !known.contains(&name.as_str()) {
            return bad(format!("{path} has no field {name}"));
        }
        let fits = match (name.as_str(), value) {
            ("delay", value) => value.is_u64(),
            ("type", Value::String(kind)) => {
                ["image", "video", "document", "audio"].contains(&kind.as_str())
            }
            ("mediaUrl", Value::String(url)) => url::Url::parse(url).is_ok(),
            ("number", Value::String(number)) => is_number(number),
            (_, Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        if !fits {
            return bad(format!("{name} cannot be {value}"));
        }
    }
    if fields.get("type").is_some_and(|kind| kind == "audio") && fields.contains_key("message") {
        return bad("audio has no message".into());
    }
    Ok(body)
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_suffix("@g.us").unwrap_or(number);
    7 <= digits.len() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}
