//! What happens to one call, from the token to the answer?

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use tokio::sync::oneshot;

use super::answer::Answer;
use super::fault::Fault;
use super::outbox::PREVIEW_MAX;
use super::request::{self, Endpoint, SendRequest};
use super::world::World;
use crate::clock;
use crate::model::Kind;
use crate::wachat::{MEDIA_PATH, TEXT_PATH};

/// The longest that a call which is never answered is held open.
const HANG_MAX: Duration = Duration::from_secs(600);

pub(super) async fn send_media(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    send(world, Endpoint::Media, headers, body).await
}

pub(super) async fn send_text(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    send(world, Endpoint::Text, headers, body).await
}

async fn send(world: Arc<World>, endpoint: Endpoint, headers: HeaderMap, body: Bytes) -> Response {
    let path = if endpoint == Endpoint::Media { MEDIA_PATH } else { TEXT_PATH };
    let id = world.outbox.begin(path, clock::now());
    let read = check_token(&world, &headers)
        .map_err(|reason| (401, reason))
        .and_then(|()| check_json(&headers).map_err(|reason| (400, reason)))
        .and_then(|()| request::read(endpoint, &body).map_err(|reason| (400, reason)));
    let sent = match read {
        Ok(sent) => sent,
        Err((status, reason)) => {
            world.outbox.refuse(id, status, &reason);
            return Answer::error(status, reason).into_response(world.turn());
        }
    };
    // Like the engines, the work goes on when the client has gone away.
    let (done, answer) = oneshot::channel();
    let worker = Arc::clone(&world);
    world.work.spawn(async move {
        let answer = process(&worker, id, &sent).await;
        worker.outbox.answer(id, answer.status(), answer.reason());
        let _ = done.send(answer);
    });
    let answer = answer.await.unwrap_or_else(|_| Answer::error(500, "the sandbox failed"));
    if matches!(answer, Answer::Never) {
        let _ = tokio::time::timeout(HANG_MAX, world.stop.cancelled()).await;
    }
    answer.into_response(world.turn())
}

fn check_token(world: &World, headers: &HeaderMap) -> Result<(), String> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    match (given, &world.token) {
        (None, _) => Err("Unauthorized: the header `Authorization: Bearer <token>` is missing"),
        (Some(given), Some(token)) if !token.equals(given.as_bytes()) => {
            Err("Unauthorized: this is not the token")
        }
        _ => Ok(()),
    }
    .map_err(str::to_owned)
}

fn check_json(headers: &HeaderMap) -> Result<(), String> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"));
    if is_json { Ok(()) } else { Err("the Content-Type must be application/json".to_owned()) }
}

/// Fault, media, typing, dispatch, answer: in the order of an engine.
async fn process(world: &World, id: u64, sent: &SendRequest) -> Answer {
    world.outbox.typing(id, sent);
    let fault = world.next_fault(sent);
    if let Some((fault, retry_after)) = fault
        && let Some(answer) = at_once(fault, retry_after, sent)
    {
        return answer;
    }
    let fetched = match &sent.media_url {
        None => None,
        Some(url) => match world.fetcher.fetch(url, sent.kind, PREVIEW_MAX).await {
            Ok(fetched) => Some(fetched),
            Err(reason) => return Answer::error(500, reason),
        },
    };
    tokio::time::sleep(world.typing_time(sent.delay)).await;
    let fault = fault.map(|(fault, _)| fault);
    for _ in 0..fault.map_or(1, Fault::copies) {
        let later = fault == Some(Fault::TimelockLater);
        world.outbox.dispatch(id, sent, fetched.as_ref(), later, clock::now());
    }
    in_the_end(fault, sent.kind, world)
}

/// The answer of a fault that strikes before anything is fetched.
fn at_once(fault: Fault, retry_after: Option<u32>, sent: &SendRequest) -> Option<Answer> {
    let instance = &sent.instance;
    let limited =
        |status, message: &str| Answer::Error { status, message: message.to_owned(), retry_after };
    Some(match fault {
        Fault::Disconnect => Answer::error(400, "Error: Connection Closed"),
        Fault::Qr => Answer::error(
            422,
            "Session status is not as expected: SCAN_QR_CODE, expected WORKING. Scan the QR code",
        ),
        Fault::UnknownInstance => {
            Answer::error(404, format!("The \"{instance}\" instance does not exist"))
        }
        Fault::UnknownNumber => {
            Answer::error(400, format!("{} is not registered on WhatsApp", sent.number))
        }
        Fault::TooMany => limited(429, "rate-overlimit: too many requests"),
        Fault::Unavailable => limited(503, "Service Unavailable"),
        Fault::Timelock => Answer::error(
            400,
            "server returned error 463: reach-out timelock, the account is restricted",
        ),
        Fault::Internal => Answer::error(500, "Internal Server Error"),
        _ => return None,
    })
}

/// The answer after the typing.
fn in_the_end(fault: Option<Fault>, kind: Kind, world: &World) -> Answer {
    match fault {
        Some(Fault::BadGateway | Fault::DispatchThenBadGateway) => Answer::Html { status: 502 },
        Some(Fault::GatewayTimeout | Fault::DispatchThenTimeout) => Answer::Html { status: 504 },
        Some(Fault::HtmlBy200) => Answer::Html { status: 200 },
        Some(Fault::DeniedBy200) => Answer::Denied,
        Some(Fault::Hang | Fault::DispatchThenHang) => Answer::Never,
        Some(Fault::Reset) => Answer::HangUp,
        Some(Fault::Truncated) => Answer::Truncated,
        Some(Fault::SlowDrip) => Answer::Drip { every: world.scaled(Duration::from_millis(500)) },
        _ => Answer::Accepted { text: kind == Kind::Text },
    }
}
