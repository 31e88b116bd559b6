//! Who may see the admin pages, and from where?
//!
//! With a token: whoever has it, as a Bearer token or as the password of any user, and commands on
//! this machine, which read a key beside the store. Without one the
//! listener is bound to loopback, and a browser is the way in that is left: a foreign page could
//! post to it, or reach it under a foreign name that resolves to this machine. So the `Host` must
//! be a name of this machine, and a request that a foreign page caused is refused in any case.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::admin::Admin;
use crate::admin::answer::Refused;
use crate::http::is_this_machine;
use crate::secret::Secret;

/// Nothing but our own files, no frames around them, no forms to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Lets a request in, or answers why not; every answer has the headers that keep it private.
pub(super) async fn let_in(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&admin, client.ip(), request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whoever guesses tokens is soon not listened to. A browser's first request has none, and is no
/// guess.
fn admit(
    admin: &Admin,
    client: IpAddr,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    // A command is not shut out because somebody else guesses.
    if admin.key.as_ref().is_some_and(|key| holds(key, headers)) {
        return own(method, headers);
    }
    let tries = headers.contains_key(header::AUTHORIZATION);
    let now = (admin.clock)();
    if tries && admin.token.is_some() && admin.wrong_logins.would_be_over(client, now) {
        return Err(Refused::TooManyLogins);
    }
    let checked = check(admin.token.as_ref(), method, headers);
    if tries && checked == Err(Refused::Login) {
        let over = admin.wrong_logins.over(client, now);
        tracing::warn!(%client, over, "a wrong token for the admin pages");
    }
    checked
}

fn check(token: Option<&Secret>, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let host = text(headers, header::HOST);
    match token {
        Some(token) if !holds(token, headers) => Err(Refused::Login),
        None if !host.is_some_and(is_this_machine) => Err(Refused::ForeignHost),
        _ => own(method, headers),
    }
}

/// What changes something must not come from a foreign page, whoever's browser shows it.
fn own(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let host = text(headers, header::HOST);
    if *method != Method::GET && *method != Method::HEAD && !is_own_page(headers, host) {
        return Err(Refused::ForeignPage);
    }
    Ok(())
}

fn holds(token: &Secret, headers: &HeaderMap) -> bool {
    let Some((scheme, given)) =
        text(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' '))
    else {
        return false;
    };
    let given = given.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return token.equals(given.as_bytes());
    }
    // RFC 7617: base64 of `user:password`; the user has no colon in it.
    let basic = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(given).ok()).flatten();
    basic.is_some_and(|pair| {
        let colon = pair.iter().position(|byte| *byte == b':');
        colon.is_some_and(|at| token.equals(&pair[at + 1..]))
    })
}

/// Whether no foreign page caused this request: browsers name the page's origin with each POST
/// (WHATWG Fetch, `Origin`), programs send none. Behind a proxy that puts its own `Host`, the
/// browser's own word counts (W3C Fetch Metadata); no page can write that header.
fn is_own_page(headers: &HeaderMap, host: Option<&str>) -> bool {
    match text(headers, HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin") => return true,
        Some("cross-site" | "same-site") => return false,
        _ => {}
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let authority = origin.to_str().ok().and_then(|origin| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
    });
    authority.is_some() && authority == host
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, Method};

    use super::{Refused, check};
    use crate::secret::Secret;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_token_is_taken_as_bearer_and_as_password_and_nothing_else_is() {
        let token = Secret::new("s3cret:with colon");
        for (value, lets_in) in [
            ("Bearer s3cret:with colon", true),
            ("bearer s3cret:with colon", true),
            ("Bearer s3cret", false),
            ("Bearer", false),
            ("", false),
            ("Basic YW55Om9uZTpzM2NyZXQ6d2l0aCBjb2xvbg==", false),
            ("Basic YW55OnMzY3JldDp3aXRoIGNvbG9u", true),
            ("Basic OnMzY3JldDp3aXRoIGNvbG9u", true),
            ("Basic czNjcmV0OndpdGggY29sb24=", false),
            ("Basic %%%", false),
        ] {
            let headers = headers(&[("host", "kabari.example"), ("authorization", value)]);
            let checked = check(Some(&token), &Method::GET, &headers);
            assert_eq!(checked, if lets_in { Ok(()) } else { Err(Refused::Login) }, "{value}");
        }
    }

    #[test]
    fn without_a_token_only_names_of_this_machine_are_answered() {
        for (host, lets_in) in [
            ("localhost:9090", true),
            ("LOCALHOST", true),
            ("127.0.0.1:9090", true),
            ("127.8.8.8", true),
            ("[::1]:9090", true),
            ("kabari.example:9090", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("192.168.1.4:9090", false),
            ("", false),
        ] {
            let checked = check(None, &Method::GET, &headers(&[("host", host)]));
            assert_eq!(checked, if lets_in { Ok(()) } else { Err(Refused::ForeignHost) }, "{host}");
        }
        assert_eq!(check(None, &Method::GET, &headers(&[])), Err(Refused::ForeignHost));
    }

    #[test]
    fn a_foreign_page_cannot_post() {
        for (origin, lets_in) in [
            ("http://localhost:9090", true),
            ("https://localhost:9090", true),
            ("http://localhost:9091", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let headers = headers(&[("host", "localhost:9090"), ("origin", origin)]);
            let checked = check(None, &Method::POST, &headers);
            assert_eq!(
                checked,
                if lets_in { Ok(()) } else { Err(Refused::ForeignPage) },
                "{origin}"
            );
            assert_eq!(check(None, &Method::GET, &headers), Ok(()));
        }
        let program = headers(&[("host", "localhost:9090")]);
        assert_eq!(check(None, &Method::POST, &program), Ok(()));
    }
}
