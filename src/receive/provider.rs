//! What does this provider want before events, instead of events, and as an answer to them?

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;

use crate::receive::reply::Reply;
use crate::sources::{ReplySettings, Source};
use crate::verify::Request;

/// Whether requests by this method are looked at.
///
/// # Errors
/// 405.
pub(super) fn method(source: &Source, method: &Method) -> Result<(), Reply> {
    let name = method.as_str();
    let taken = source.takes_method(name) || source.greets_method(name);
    if taken { Ok(()) } else { Err(Reply::Method) }
}

/// The answer to a handshake; 405 for what is none and comes by a method of handshakes alone.
pub(super) fn before(source: Option<&Source>, request: &Request, now: Timestamp) -> Option<Reply> {
    let source = source?;
    if let Some(answer) = source.greet(request, now) {
        return Some(Reply::Handshake(answer));
    }
    (!source.takes_method(request.greeting().method())).then_some(Reply::Method)
}

/// 415 for a verified request of a media type that the source does not take.
pub(super) fn media_type(source: Option<&Source>, headers: &HeaderMap) -> Option<Reply> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    source.is_some_and(|source| !source.takes_media_type(given)).then_some(Reply::MediaType)
}

/// The answer as this provider wants it.
pub(super) fn response(reply: Reply, source: Option<&Source>) -> Response<Body> {
    let wanted = source.and_then(Source::reply);
    match (reply, wanted) {
        (Reply::Handshake(answer), _) => {
            let more = answer.header.clone();
            let content_type = answer.content_type;
            let mut response = Reply::Handshake(answer).into_response();
            let headers = response.headers_mut();
            put_type(headers, content_type);
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            if let Some((name, value)) = more
                && let Ok(value) = HeaderValue::from_str(&value)
            {
                headers.insert(name, value);
            }
            if response.headers().contains_key("webhook-allowed-origin") {
                let any_rate = HeaderValue::from_static("*");
                response.headers_mut().insert("webhook-allowed-rate", any_rate);
            }
            response
        }
        (Reply::Accepted { .. } | Reply::Duplicate { .. } | Reply::Batch { .. }, Some(wanted)) => {
            fixed(wanted)
        }
        // Who wants empty answers wants them always.
        (Reply::Denied, Some(wanted)) if wanted.body.is_empty() => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }
        (reply, _) => reply.into_response(),
    }
}

fn fixed(wanted: &ReplySettings) -> Response<Body> {
    let mut response = Response::new(Body::from(wanted.body.clone()));
    let status = wanted.status.map(StatusCode::from_u16);
    *response.status_mut() = status.and_then(Result::ok).unwrap_or(StatusCode::OK);
    let media_type = wanted.media_type.as_deref().unwrap_or("text/plain; charset=utf-8");
    put_type(response.headers_mut(), (!wanted.body.is_empty()).then_some(media_type));
    response
}

fn put_type(headers: &mut HeaderMap, media_type: Option<&str>) {
    headers.remove(header::CONTENT_TYPE);
    if let Some(Ok(media_type)) = media_type.map(HeaderValue::from_str) {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
}
