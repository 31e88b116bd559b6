//! What exactly does Wachat's API take? As its documentation says.

use serde_json::Value;

use crate::model::{Content, Kind};

/// Where media is sent.
pub const MEDIA_PATH: &str = "/api/v1/send/media";
/// Where texts are sent.
pub const TEXT_PATH: &str = "/api/v1/send/text";

/// The path and the JSON body of the request that sends `content` to `number`.
pub fn request(instance: &str, number: &str, content: &Content) -> (&'static str, Value) {
    let path = if content.kind == Kind::Text { TEXT_PATH } else { MEDIA_PATH };
    (path, Value::Object(content.request_fields(instance, number)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(kind: Kind) -> Content {
        Content {
            kind,
            media_url: None,
            message: Some("hello".into()),
            file_name: None,
            mimetype: None,
            delay: Some(1200),
        }
    }

    #[test]
    fn a_text_has_three_fields_and_no_delay() {
        let (path, body) = request("shop", "6281234567890", &content(Kind::Text));
        assert_eq!(path, "/api/v1/send/text");
        let expected =
            json!({"instanceName": "shop", "number": "6281234567890", "message": "hello"});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_whole_document_has_all_eight_fields() {
        let document = Content {
            media_url: Some("https://files.example/a.pdf".into()),
            file_name: Some("A.pdf".into()),
            mimetype: Some("application/pdf".into()),
            ..content(Kind::Document)
        };
        let (path, body) = request("shop", "6281234567890", &document);
        assert_eq!(path, "/api/v1/send/media");
        let expected = json!({
            "instanceName": "shop", "number": "6281234567890", "type": "document",
            "mediaUrl": "https://files.example/a.pdf", "message": "hello", "fileName": "A.pdf",
            "mimetype": "application/pdf", "delay": 1200,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn what_is_absent_is_not_sent_and_audio_has_no_caption() {
        let audio = Content {
            media_url: Some("https://files.example/a.ogg".into()),
            delay: None,
            ..content(Kind::Audio)
        };
        let (_, body) = request("shop", "120363000000000000@g.us", &audio);
        let expected = json!({
            "instanceName": "shop", "number": "120363000000000000@g.us", "type": "audio",
            "mediaUrl": "https://files.example/a.ogg",
        });
        assert_eq!(body, expected);
    }
}
