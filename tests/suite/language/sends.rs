//! What becomes of the fields of a `send`?

use kabari::model::{Kind, Reason, State};
use kabari::render::{Country, Made, Send, SendSettings, Unmade};
use serde_json::json;

use super::facts;

fn send(settings: serde_json::Value) -> Send {
    let settings: SendSettings = serde_json::from_value(settings).unwrap();
    Send::compile(&settings).unwrap()
}

fn made(settings: serde_json::Value) -> Vec<Result<Made, Unmade>> {
    send(settings).make(&facts(), Country::of("ID"))
}

#[test]
fn a_document_is_known_by_its_name() {
    let all = made(json!({
        "number": "{{ vars.team.Siti }}1234",
        "mediaUrl": "{{ event.data.object.url }}",
        "fileName": "Invoice-{{ event.data.object.number }}.pdf",
        "message": "Hi {{ event.data.object.title }}\n*thanks*\n",
        "delay": 500,
        "instanceName": "shop",
    }));
    let Ok(made) = &all[0] else { panic!("{all:?}") };
    assert_eq!(made.recipient.expose(), "6281111234");
    assert_eq!(made.instance.as_deref(), Some("shop"));
    let content = &made.content;
    assert_eq!(content.kind, Kind::Document);
    assert_eq!(content.file_name.as_deref(), Some("Invoice-INV-7.pdf"));
    assert_eq!(content.mimetype.as_deref(), Some("application/pdf"));
    assert_eq!(content.message.as_deref(), Some("Hi ∗evil∗ > quote\n*thanks*"));
    assert_eq!(content.media_url.as_deref(), Some("https://x.test/a_b?c=*d*"));
    assert_eq!(content.delay, Some(500));
}

#[test]
fn the_type_follows_from_what_is_written() {
    for (settings, kind) in [
        (json!({"number": "+6281234567", "message": "x"}), Kind::Text),
        (json!({"number": "+6281234567", "mediaUrl": "https://x.test/y"}), Kind::Document),
        (
            json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "fileName": "a.png"}),
            Kind::Image,
        ),
        (
            json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "mimetype": "video/mp4"}),
            Kind::Video,
        ),
        (
            json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "fileName": "a.png", "type": "document"}),
            Kind::Document,
        ),
        (
            json!({"number": "+6281234567", "mediaUrl": "https://x.test/y", "type": "audio", "message": "x"}),
            Kind::Audio,
        ),
    ] {
        let all = made(settings.clone());
        let Ok(made) = &all[0] else { panic!("{settings}: {all:?}") };
        assert_eq!(made.content.kind, kind, "{settings}");
        assert_eq!(made.content.message.is_some(), kind == Kind::Text, "{settings}");
    }
}

#[test]
fn each_recipient_gets_one_message_and_a_bad_one_fails_alone() {
    let all = made(json!({
        "number": ["0812 3456 7890", "+6281234567890", "{{ vars.oncall }}", "{{ event.nobody }}", "123@g.us0", "120363000000000123@g.us"],
        "message": "x",
    }));
    let seen: Vec<String> = all
        .iter()
        .map(|made| match made {
            Ok(made) => made.recipient.expose().to_owned(),
            Err(unmade) => format!("{} {}", unmade.state.as_str(), unmade.reason.as_str()),
        })
        .collect();
    assert_eq!(
        seen,
        [
            "6281234567890",
            "failed invalid number",
            "failed invalid number",
            "120363000000000123@g.us"
        ]
    );
}

#[test]
fn what_cannot_be_made_says_why() {
    let text = |number: &str, message: &str| json!({"number": number, "message": message});
    for (settings, state, reason, part) in [
        (
            text("{{ event.data.object.customer_phone }}", "x"),
            State::Skipped,
            Reason::NoRecipient,
            "event.data.object.customer_phone",
        ),
        (
            text("+62{{ event.nobody }}", "x"),
            State::Skipped,
            Reason::NoRecipient,
            "event.nobody is missing",
        ),
        (
            text("{{ event.data.object.none }}", "x"),
            State::Skipped,
            Reason::NoRecipient,
            "object.none",
        ),
        (text("Budi", "x"), State::Failed, Reason::InvalidNumber, "number"),
        (
            text("+6281234567", "{{ event.nobody }}"),
            State::Failed,
            Reason::Render,
            "message: event.nobody is missing",
        ),
        (
            json!({"number": "+6281234567", "mediaUrl": "{{ event.code }}"}),
            State::Failed,
            Reason::Render,
            "mediaUrl: this is no URL",
        ),
        (
            json!({"number": "+6281234567", "mediaUrl": "file:///etc/passwd"}),
            State::Failed,
            Reason::Render,
            "https",
        ),
    ] {
        let all = made(settings.clone());
        assert_eq!(all.len(), 1, "{settings}");
        let Err(unmade) = &all[0] else { panic!("{settings}: {all:?}") };
        assert_eq!((unmade.state, unmade.reason), (state, reason), "{settings}");
        assert!(unmade.detail.contains(part), "{settings}: {}", unmade.detail);
    }
}

#[test]
fn impossible_sends_are_told_at_load_with_their_field() {
    for (settings, path) in [
        (json!({"number": "1", "message": " "}), "message"),
        (json!({"number": [], "message": "x"}), "number"),
        (json!({"number": "1", "type": "image"}), "mediaUrl"),
        (json!({"number": "1", "message": "x", "fileName": "a.pdf"}), "fileName"),
        (
            json!({"number": "1", "type": "text", "message": "x", "mediaUrl": "https://x"}),
            "mediaUrl",
        ),
        (
            json!({"number": "1", "type": "image", "mediaUrl": "https://x", "mimetype": "application/pdf"}),
            "mimetype",
        ),
        (json!({"number": ["1", "{{ evnt }}"], "message": "x"}), "number[1]"),
        (json!({"number": "1", "message": "{{ event.x | upperr }}"}), "message"),
    ] {
        let parsed: SendSettings = serde_json::from_value(settings.clone()).unwrap();
        let faults = Send::compile(&parsed).unwrap_err();
        assert_eq!(faults[0].path, path, "{settings}: {faults:?}");
        assert!(faults[0].help.is_some(), "{settings}: {faults:?}");
    }
    let wrong = serde_json::from_value::<SendSettings>(json!({"number": {"a": 1}})).unwrap_err();
    assert!(wrong.to_string().contains("a text or a list of texts"), "{wrong}");
}
