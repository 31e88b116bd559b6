//! What does this provider want before events, instead of events, and as an answer to them?

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;

use crate::receive::reply::Reply;
use crate::sources::{ReplySettings, Source};
use crate::verify::Request;

/// Whether a request from this client may be read at all, and whether its body is to be unpacked
/// before it is verified.
///
/// # Errors
/// 404 for an address that is not allowed, as if there were no such source; 405.
pub(super) fn enter(source: &Source, client: IpAddr, head: &Parts) -> Result<bool, Reply> {
    if source.allow_from().is_some_and(|networks| !networks.contain(client)) {
        return Err(Reply::NotAllowed { by_post: head.method == Method::POST });
    }
    let method = head.method.as_str();
    if !source.takes_method(method) && !source.greets_method(method) {
        return Err(Reply::Method);
    }
    Ok(source.signs_unpacked(text(&head.headers, &header::CONTENT_ENCODING)))
}

/// The answer to a handshake; 405 for what is none and comes by a method of handshakes alone.
pub(super) fn before(source: &Source, request: &Request, now: Timestamp) -> Option<Reply> {
    if let Some(answer) = source.greet(request, now) {
        return Some(Reply::Handshake(answer));
    }
    (!source.takes_method(request.greeting().method())).then_some(Reply::Method)
}

/// Whether a verified request is taken.
///
/// # Errors
/// 415 for a media type that the source does not take, 429 for one request too many.
pub(super) fn after(source: &Source, headers: &HeaderMap, now: Timestamp) -> Result<(), Reply> {
    if !source.takes_media_type(text(headers, &header::CONTENT_TYPE)) {
        return Err(Reply::MediaType);
    }
    let whole_s = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    source.take_verified(now).map_err(|wait| Reply::OverLimit { retry_s: whole_s(wait) })
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
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
