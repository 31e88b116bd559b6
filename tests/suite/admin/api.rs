//! What does the JSON API show and do?

use kabari::model::{Content, Kind, Recipient, State};
use kabari::store::Store;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EVENT, NUMBER, office};

#[tokio::test]
async fn a_message_is_shown_as_it_is_sent_and_its_number_only_on_request() {
    let office = office(None, true).await;
    let ids = office.furnish(&[State::Waiting]).await;
    let list = office.get("/api/messages").await.json();
    let expected = json!([{
        "id": ids[0].to_string(),
        "event": EVENT.to_string(),
        "source": "github",
        "rule": "tell",
        "instance": "jakarta",
        "state": "waiting",
        "reason": null,
        "detail": null,
        "attempts": 0,
        "created_at": "2026-01-02T03:04:05Z",
        "due_at": "2026-01-02T03:04:05Z",
        "request": {
            "instanceName": "jakarta",
            "number": "62812••••7890",
            "type": "document",
            "mediaUrl": "https://x.example/a.pdf",
            "message": "your invoice",
            "fileName": "a.pdf",
            "delay": 1200,
        },
    }]);
    assert_eq!(list, expected);
    let full = office.get("/api/messages?full=true").await.json();
    assert_eq!(full[0]["request"]["number"], NUMBER);
    let one = office.get(&format!("/api/messages/{}", ids[0])).await.json();
    assert_eq!(one["history"], json!([]));
}

#[tokio::test]
async fn nothing_shows_a_whole_number_unless_it_is_asked_to() {
    let office = office(None, true).await;
    let ids = office.furnish(&[State::Waiting, State::Failed, State::Skipped]).await;
    let message = format!("/api/messages/{}", ids[0]);
    let event = format!("/api/events/{EVENT}");
    for path in ["/", "/metrics", "/api/overview", "/api/messages", "/api/events", &message, &event]
    {
        let answer = office.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.contains(NUMBER), "{path}: {answer:?}");
    }
    let full = office.get(&format!("{event}?full=true")).await.json();
    assert_eq!(full["body"]["phone"], NUMBER);
}

#[tokio::test]
async fn lists_are_filtered_and_a_wrong_filter_says_so() {
    let office = office(None, true).await;
    office.furnish(&[State::Waiting, State::Failed, State::Uncertain]).await;
    for (filter, rows) in [
        ("", 3),
        ("?state=failed", 1),
        ("?rule=tell&source=github", 3),
        ("?rule=other", 0),
        ("?number=%2B62%20812-3456-7890", 3),
        ("?number=6281234567891", 0),
        ("?limit=2", 2),
        ("?limit=all", 3),
        (&format!("?event={EVENT}"), 3),
    ] {
        let list = office.get(&format!("/api/messages{filter}")).await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(rows), "{filter}: {list}");
    }
    for wrong in ["?state=lost", "?limit=many", "?colour=red", "?event=1"] {
        let answer = office.get(&format!("/api/messages{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    }
    let events = office.get("/api/events?source=github&kind=push").await.json();
    assert_eq!((&events[0]["messages"], &events[0]["provider_id"]), (&json!(3), &json!("d-1")));
}

#[tokio::test]
async fn a_person_makes_only_legal_moves() {
    let office = office(None, true).await;
    let states = [State::Failed, State::Uncertain, State::Waiting, State::Sent, State::Uncertain];
    let ids = office.furnish(&states).await;
    let path = |n: usize, wish: &str| format!("/api/messages/{}/{wish}", ids[n]);
    for (n, wish, status, state) in [
        (0, "retry", 200, "waiting"),
        (1, "mark-sent", 200, "sent"),
        (2, "cancel", 200, "cancelled"),
        (4, "retry", 200, "waiting"),
        (3, "retry", 409, "sent"),
        (3, "cancel", 409, "sent"),
        (0, "mark-sent", 409, "waiting"),
        (2, "retry", 409, "cancelled"),
    ] {
        let answer = office.post(&path(n, wish)).await;
        assert_eq!(answer.status, status, "{n} {wish}: {answer:?}");
        assert_eq!(answer.json()["state"], state, "{n} {wish}");
    }
    assert_eq!(office.post(&path(0, "explode")).await.status, 404);
    assert_eq!(office.post("/api/messages/nonsense/retry").await.status, 404);
    let unknown = format!("/api/messages/{}/retry", Uuid::from_u128(1));
    assert_eq!(office.post(&unknown).await.status, 404);
}

#[tokio::test]
async fn a_message_by_hand_is_recorded_like_any_other() {
    let office = office(None, true).await;
    let send = async |headers: &[&str], body: &str| {
        let mut all = vec!["Content-Type: application/json"];
        all.extend(headers);
        office.ask("POST /api/send", &all, body).await
    };
    let body = r#"{"number":"+62 812-3456-7890","message":"hello"}"#;
    let told = send(&[], body).await;
    assert_eq!(told.status, 200, "{told:?}");
    let id = told.json()["message"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let (message, _) = office.store.message(id).await.unwrap().expect("the message");
    assert_eq!((message.state, message.instance.as_str()), (State::Waiting, "jakarta"));
    assert_eq!(message.recipient, Recipient::person(NUMBER));
    assert_eq!((message.source.as_str(), message.origin.rule.as_str()), ("by hand", "by hand"));

    let key = ["Idempotency-Key: once"];
    let first = send(&key, body).await.json();
    let second = send(&key, body).await.json();
    assert_eq!((&second["duplicate"], &second["event"]), (&json!(true), &first["event"]));

    for wrong in [r#"{"number":"12","message":"x"}"#, r#"{"number":"+6281234567890"}"#, "{"] {
        let answer = send(&[], wrong).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
}

#[tokio::test]
async fn the_floor_above_is_told_what_was_asked() {
    let office = office(None, true).await;
    assert_eq!(office.post("/api/lanes/jakarta/pause").await.status, 200);
    assert_eq!(office.post("/api/lanes/jakarta/resume").await.status, 200);
    assert_eq!(office.post("/api/lanes/nowhere/pause").await.status, 404);
    assert_eq!(office.post("/api/lanes/jakarta/explode").await.status, 404);
    let asked = office.floor.asked.lock().unwrap().clone();
    assert_eq!(asked, ["pause jakarta", "resume jakarta", "pause nowhere"]);
    assert_eq!(office.post("/api/reload").await.json()["report"], "2 rules");
    let refused = self::office(None, false).await.post("/api/reload").await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["report"], "rules.yaml:3:1: bad");
}

#[test]
fn what_is_shown_is_what_wachat_is_sent() {
    for kind in [Kind::Text, Kind::Image, Kind::Video, Kind::Document, Kind::Audio] {
        let text = kind == Kind::Text;
        let content = Content {
            kind,
            media_url: (!text).then(|| "https://x.example/a".to_owned()),
            message: Some("hello".to_owned()),
            file_name: (!text).then(|| "a.pdf".to_owned()),
            mimetype: None,
            delay: Some(5),
        };
        let shown = Value::Object(content.request_fields("jakarta", NUMBER));
        assert_eq!(shown, kabari::wachat::request("jakarta", NUMBER, &content).1);
    }
}
