//! Is what was answered 200 recorded, once?

use kabari::model::{Event, State};
use kabari::receive::Settings;
use kabari::store::{EventFilter, MessageFilter, Store};
use serde_json::{Value, json};

use super::{BODY, exchange, house, push};

#[tokio::test]
async fn a_signed_event_is_recorded_before_it_is_answered() {
    let house = house(Settings::default()).await;
    let answer = house.ask(&push("d-1", BODY)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = answer.json();
    assert_eq!(told["messages"], 1, "the broken rule's message does not wait");
    let id = told["event"].as_str().and_then(|id| id.parse().ok()).expect("an event id");
    let event = house.store.event(id).await.expect("a store").expect("the event");
    assert_eq!((event.kind.as_str(), &event.body[..]), ("push", BODY));
    let messages = house.store.messages(MessageFilter::default()).await.expect("messages").rows;
    let mut states: Vec<_> =
        messages.iter().map(|made| (made.origin.rule.as_str(), made.state)).collect();
    states.sort_by_key(|(rule, _)| *rule);
    assert_eq!(states, [("broken", State::Failed), ("tell", State::Waiting)]);
    let page = house.metrics.text();
    for line in [
        r#"kabari_requests_total{source="github",outcome="accepted"} 1"#,
        r#"kabari_secret_matched_total{source="github",position="0"} 1"#,
        r#"kabari_events_total{source="github"} 1"#,
    ] {
        assert!(page.contains(line), "{page}");
    }
}

#[tokio::test]
async fn the_same_event_again_is_a_duplicate_and_names_the_first() {
    let house = house(Settings::default()).await;
    let first = house.ask(&push("d-1", BODY)).await.json();
    let second = house.ask(&push("d-1", BODY)).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.json(), json!({"event": first["event"], "duplicate": true}));
    assert_eq!(house.event_count().await, 1);
}

#[tokio::test]
async fn a_seen_request_sent_again_under_another_id_or_kind_is_a_duplicate() {
    let house = house(Settings::default()).await;
    let text = |delivery: &str, kind: &str, body: &[u8]| {
        let request = String::from_utf8(push(delivery, body)).expect("text");
        request.replace("X-GitHub-Event: push", &format!("X-GitHub-Event: {kind}")).into_bytes()
    };
    let first = house.ask(&push("d-1", BODY)).await.json();
    for (delivery, kind) in [("d-2", "push"), ("d-3", "workflow_dispatch"), ("d-4", "fork")] {
        let again = house.ask(&text(delivery, kind, BODY)).await;
        assert_eq!(again.json(), json!({"event": first["event"], "duplicate": true}), "{kind}");
    }
    let by_hand = br#"{"ref":"refs/heads/main","inputs":null,"workflow":"w.yml"}"#;
    for delivery in ["d-5", "d-6"] {
        let told = house.ask(&text(delivery, "workflow_dispatch", by_hand)).await.json();
        assert_eq!(told["messages"], 0, "two honest ones may be alike: {told}");
    }
    assert_eq!(house.event_count().await, 3);
    let waiting = house.store.messages(MessageFilter::default()).await.expect("messages").rows;
    assert_eq!(waiting.iter().filter(|made| made.state == State::Waiting).count(), 1);
}

#[tokio::test]
async fn of_equal_events_at_the_same_moment_one_is_new() {
    let house = house(Settings::default()).await;
    let request = push("d-1", BODY);
    let answers =
        futures_util::future::join_all((0..30).map(|_| exchange(house.address, &request))).await;
    let (new, duplicate): (Vec<Value>, Vec<Value>) = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()
        })
        .partition(|told| told.get("duplicate").is_none());
    assert_eq!((new.len(), duplicate.len()), (1, 29));
    assert!(duplicate.iter().all(|told| told["event"] == new[0]["event"]));
    assert_eq!(house.event_count().await, 1);
}

#[tokio::test]
async fn a_verified_body_that_is_no_json_is_kept_and_refused() {
    let house = house(Settings::default()).await;
    let answer = house.ask(&push("d-1", b"{\"ref\": nonsense")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let events = house.store.events(EventFilter::default()).await.expect("events").rows;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, Event::UNREADABLE);
}

#[tokio::test]
async fn what_cannot_be_stored_is_never_answered_200() {
    let house = house(Settings::default()).await;
    house.store.set_page_count_max(Some(1)).await.expect("a limit");
    let noise = (0..40_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string());
    let noise = noise.collect::<Vec<_>>().concat();
    let body = format!(r#"{{"ref":"{noise}"}}"#);
    let request = push("d-1", body.as_bytes());
    let answer = house.ask(&request).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("15"));
    assert_eq!(house.event_count().await, 0);
    assert!(house.metrics.text().contains("kabari_store_unavailable_total 1"));
    house.store.set_page_count_max(None).await.expect("no limit");
    assert_eq!(house.ask(&request).await.status, 200, "the sender's next try gets in");
}
