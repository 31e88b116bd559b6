//! One message by hand: recorded as an event of its own, so it is as durable as any.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::admin::Admin;
use crate::admin::answer::{Answer, Refused};
use crate::model::{
    self, Content, Event, EventId, Kind, Message, OnUncertain, Origin, Policy, Reason, Recipient,
};
use crate::pipeline::Defaults;
use crate::render;
use crate::store::Recorded;

/// The source and the rule of what is sent by hand.
const BY_HAND: &str = Origin::BY_HAND;
/// The kind of such an event.
const KIND: &str = "send";

/// What is to be sent, in the field names of Wachat's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendRequest {
    /// The session of `WhatsApp`; by default the rule file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// Who gets it, as people write numbers.
    pub number: String,
    /// What it is; a text where there is no `mediaUrl`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Where Wachat fetches the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// The text or caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The name of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// The file's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mimetype: Option<String>,
    /// How long "typing" is shown, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<u64>,
}

/// The header by which a caller that asks twice is recognised.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn send(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    asked: Result<Json<SendRequest>, JsonRejection>,
) -> Answer {
    let Json(asked) = asked.map_err(|why| Refused::Wrong(why.body_text()))?;
    let now = (admin.clock)();
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()).map(str::to_owned);
    let id = admin.event_id(now);
    let (event, message) =
        asked.into_event(id, key, admin.pipeline.load().defaults(), now).map_err(Refused::Wrong)?;
    let (event_id, message_id) = (event.id, message.id);
    match admin.store.record(event, vec![message]).await? {
        Recorded::New { .. } => {
            tracing::info!(message_id = %message_id, "to be sent by hand");
            Ok(Json(json!({
                "event": event_id.to_string(),
                "message": message_id.to_string(),
            })))
        }
        Recorded::Duplicate { event } => {
            Ok(Json(json!({"event": event.to_string(), "duplicate": true})))
        }
    }
}

impl SendRequest {
    /// The event of its own, of source `by hand`, and the message. `key` is by what a caller that
    /// asks twice is recognised.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub fn into_event(
        self,
        id: EventId,
        key: Option<String>,
        defaults: &Defaults,
        now: Timestamp,
    ) -> Result<(Event, Message), String> {
        let body = serde_json::to_vec(&self).map_err(|why| why.to_string())?;
        let event = Event { provider_id: key, ..Event::new(id, BY_HAND, KIND, now, body) };
        let message = self.into_message(&event, defaults)?;
        Ok((event, message))
    }

    fn into_message(self, event: &Event, defaults: &Defaults) -> Result<Message, String> {
        let recipient = render::recipient(&self.number, defaults.country)
            .map_err(|why| format!("number: {why}"))?;
        let instance = self.instance_name.clone().unwrap_or_else(|| defaults.instance.clone());
        let content = self.into_content()?;
        let policy = policy(&recipient);
        let origin = Origin { rule: BY_HAND.to_owned(), send: 0, element: 0 };
        let message = Message::waiting(event, origin, &instance, recipient, content);
        if defaults.shadow {
            let detail = Some("nothing is sent while `defaults.mode` is `shadow`".to_owned());
            let (state, reason) = (model::State::Skipped, Some(Reason::Shadow));
            return Ok(Message { state, reason, detail, policy, ..message });
        }
        Ok(Message { policy, ..message })
    }

    fn into_content(self) -> Result<Content, String> {
        let kind = match (self.kind, &self.media_url) {
            (None | Some(Kind::Text), None) => Kind::Text,
            (Some(Kind::Text), Some(_)) => return Err("mediaUrl: a text has none".to_owned()),
            (None, Some(_)) => {
                return Err("type: write image, video, document or audio".to_owned());
            }
            (Some(_), None) => return Err("mediaUrl: media must be fetched from somewhere".into()),
            (Some(kind), Some(url)) => {
                let is_web =
                    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
                if !is_web {
                    return Err("mediaUrl: write an address that begins with https://".to_owned());
                }
                kind
            }
        };
        let empty = self.message.as_deref().is_none_or(|text| text.trim().is_empty());
        if kind == Kind::Text && empty {
            return Err("message: a text must say something".to_owned());
        }
        Ok(Content {
            kind,
            media_url: self.media_url,
            message: self.message,
            file_name: self.file_name,
            mimetype: self.mimetype,
            delay: self.delay,
        })
    }
}

/// As for rules: nobody is messaged twice, a group rather twice than not at all.
fn policy(recipient: &Recipient) -> Policy {
    let on_uncertain = if recipient.is_group() { OnUncertain::Resend } else { OnUncertain::Hold };
    Policy { on_uncertain, ..Policy::default() }
}

#[cfg(test)]
mod tests {
    use super::SendRequest;
    use crate::model::Kind;

    fn asked(json: &str) -> SendRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_cannot_be_sent_says_which_field_is_wrong() {
        for (json, field) in [
            (r#"{"number":"1"}"#, "message:"),
            (r#"{"number":"1","message":"  "}"#, "message:"),
            (r#"{"number":"1","message":"a","mediaUrl":"https://x.example/a"}"#, "type:"),
            (r#"{"number":"1","type":"image"}"#, "mediaUrl:"),
            (r#"{"number":"1","type":"image","mediaUrl":"file:///etc/passwd"}"#, "mediaUrl:"),
            (r#"{"number":"1","type":"text","mediaUrl":"https://x.example/a"}"#, "mediaUrl:"),
        ] {
            let error = asked(json).into_content().unwrap_err();
            assert!(error.starts_with(field), "{json}: {error}");
        }
        assert!(serde_json::from_str::<SendRequest>(r#"{"number":"1","mesage":"a"}"#).is_err());
    }

    #[test]
    fn a_text_and_a_document_are_taken() {
        let text = asked(r#"{"number":"1","message":"hello"}"#).into_content();
        assert_eq!(text.map(|content| content.kind), Ok(Kind::Text));
        let document = r#"{"number":"1","type":"document","mediaUrl":"https://x.example/a.pdf",
            "fileName":"a.pdf"}"#;
        let document = asked(document).into_content().unwrap();
        assert_eq!((document.kind, document.file_name.as_deref()), (Kind::Document, Some("a.pdf")));
    }
}
