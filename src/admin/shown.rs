//! How do events and messages look as JSON? The same for the API and for `kabari messages --json`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::model::{Attempt, Event, Message, Recipient, mask_number};
use crate::store::Listed;

/// How numbers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// With their middle hidden.
    #[default]
    Masked,
    /// Whole: only when a person asked for it.
    Full,
}

impl Numbers {
    /// Whole if a person asked for that.
    pub fn full_if(asked: bool) -> Self {
        if asked { Self::Full } else { Self::Masked }
    }

    /// The number as it is shown so.
    pub fn show(self, recipient: &Recipient) -> String {
        match self {
            Self::Masked => mask_number(recipient.expose()),
            Self::Full => recipient.expose().to_owned(),
        }
    }
}

/// One message: `request` is exactly what Wachat is sent, but for the number where it is masked;
/// `null` for a message that could not be made.
pub fn message_json(message: &Message, numbers: Numbers) -> Value {
    let request = match (&message.recipient, &message.content) {
        (Some(recipient), Some(content)) => {
            Value::Object(content.request_fields(&message.instance, &numbers.show(recipient)))
        }
        _ => Value::Null,
    };
    json!({
        "id": message.id.to_string(),
        "event": message.event.to_string(),
        "source": message.source,
        "rule": message.origin.rule,
        "instance": message.instance,
        "state": message.state.as_str(),
        "reason": message.reason.map(crate::model::Reason::as_str),
        "detail": message.detail,
        "attempts": message.attempts,
        "created_at": message.created_at.to_string(),
        "due_at": message.due_at.to_string(),
        "request": request,
    })
}

/// One message with its `history`, oldest attempt first.
pub fn message_and_attempts_json(
    message: &Message,
    attempts: &[Attempt],
    numbers: Numbers,
) -> Value {
    let mut shown = message_json(message, numbers);
    shown["history"] = attempts.iter().map(attempt_json).collect();
    shown
}

/// One call to Wachat.
fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "started_at": attempt.started_at.to_string(),
        "took_ms": attempt.took_ms,
        "fate": attempt.verdict.fate.as_str(),
        "reason": attempt.verdict.reason.map(crate::model::Reason::as_str),
        "status": attempt.verdict.status,
        "detail": attempt.verdict.detail,
    })
}

/// One event. Its body is full of other people's data, so it is shown only to who asked for whole
/// numbers: as JSON, or in base64 where it is none.
pub fn event_json(event: &Event, messages: &[Message], numbers: Numbers) -> Value {
    let messages: Vec<_> = messages.iter().map(|made| message_json(made, numbers)).collect();
    let mut shown = json!({
        "id": event.id.to_string(),
        "source": event.source,
        "kind": event.kind,
        "provider_id": event.provider_id,
        "received_at": event.received_at.to_string(),
        "body_bytes": event.body.len(),
        "messages": messages,
    });
    if numbers == Numbers::Full {
        let headers: Vec<_> =
            event.headers.iter().map(|(name, value)| json!([name, value])).collect();
        shown["headers"] = Value::Array(headers);
        match serde_json::from_slice::<Value>(&event.body) {
            Ok(body) => shown["body"] = body,
            Err(_) => shown["body_base64"] = Value::String(STANDARD.encode(&event.body)),
        }
    }
    shown
}

/// The rows of a list; of others the log tells.
pub(super) fn readable<T>(Listed { rows, unreadable }: Listed<T>) -> Vec<T> {
    if 0 < unreadable.count {
        tracing::warn!(rows = unreadable.count, "in a list {unreadable}");
    }
    rows
}
