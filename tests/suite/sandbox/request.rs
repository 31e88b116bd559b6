//! Is the documented request accepted, and nothing else?

use std::sync::Arc;

use kabari::clock::Stopwatch;
use kabari::sandbox::{Change, Dispatched, SandboxSettings};
use kabari::secret::Secret;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{NUMBER, fast, start, until};

#[tokio::test]
async fn the_documented_request_is_accepted_fetched_and_dispatched() {
    let running = fast().await;
    let (status, body) = running.post_media(&running.document()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({"status": "success", "message":
            "Media processed and dispatched through the cloud instance infrastructure"})
    );
    let dispatched = running.outbox().dispatched();
    let [message] = dispatched.as_slice() else { panic!("{dispatched:?}") };
    assert_eq!(message.number.expose(), NUMBER);
    assert_eq!(message.html, "<b>Paid</b>");
    let media = message.media.as_ref().unwrap();
    assert_eq!(media.magic, Some("application/pdf"));
    assert_eq!(media.content_type.as_deref(), Some("application/pdf"));
    let served = running.client.get(format!("{}/sandbox/media/1", running.base)).send().await;
    let served = served.unwrap();
    assert_eq!(served.headers()["x-content-type-options"], "nosniff");
    assert_eq!(served.bytes().await.unwrap().len(), media.size);
    assert_eq!(message.notes, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_token_nothing_is_read_and_a_set_token_must_be_that_one() {
    let running = start(SandboxSettings {
        speed: 1000.0,
        token: Some(Secret::new("right")),
        ..Default::default()
    })
    .await;
    let url = format!("{}/api/v1/send/text", running.base);
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"}).to_string();
    for (header, status) in [
        (None, 401),
        (Some("Bearer "), 401),
        (Some("Basic right"), 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer right"), 200),
        (Some("bearer right"), 200),
    ] {
        let mut request = running.client.post(&url).header("content-type", "application/json");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{header:?}");
    }
    let answer = running.client.post(&url).body("{").send().await.unwrap();
    assert_eq!(answer.status(), 401, "the token comes before the JSON");
    assert_eq!(running.outbox().counters().refused, 5);
}

#[tokio::test]
async fn what_is_not_documented_is_refused_with_400_and_named() {
    let running = fast().await;
    for (change, named) in [
        (json!({"caption": "x"}), "caption"),
        (json!({"delay": "1000"}), "delay"),
        (json!({"number": "+62 812"}), "number"),
        (json!({"number": 6_281_234_567_890_u64}), "number"),
        (json!({"type": "sticker"}), "sticker"),
        (json!({"mediaUrl": "ftp://x.example/a"}), "mediaUrl"),
        (json!({"instanceName": ""}), "instanceName"),
    ] {
        let mut body = running.document();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = running.post_media(&body).await;
        assert_eq!(status, 400, "{change}");
        assert!(answer.contains(named), "{change}: {answer}");
    }
    assert!(running.outbox().dispatched().is_empty());
    assert_eq!(running.outbox().counters().refused, 7);
}

#[tokio::test]
async fn a_delay_is_waited_and_divided_by_the_speed() {
    // A minute is less than a second; `None` is as long as the real one types, 3 to 5 s.
    for (speed, delay, at_least_ms) in
        [(100.0, Some(60_000), 600), (10.0, None, 300), (0.01, Some(0), 0)]
    {
        let running = start(SandboxSettings { speed, ..Default::default() }).await;
        let mut body = running.document();
        match delay {
            Some(delay) => body["delay"] = json!(delay),
            None => drop(body.as_object_mut().unwrap().remove("delay")),
        }
        let watch = Stopwatch::start();
        // Whatever was not divided, or waited for `0`, is longer than the client's patience.
        assert_eq!(running.post_media(&body).await.0, 200, "{delay:?}");
        let took = watch.elapsed().as_millis();
        assert!(took >= at_least_ms, "{delay:?}: {took} ms");
    }
}

#[tokio::test]
async fn a_message_goes_out_though_the_client_went_away() {
    let running = start(SandboxSettings { speed: 10.0, ..Default::default() }).await;
    let mut changes = running.outbox().subscribe();
    let body = json!({"instanceName": "a", "number": NUMBER, "message": "m"}).to_string();
    let address = running.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/send/text HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer t\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(
        &mut changes,
        |change| matches!(change, Change::Request(request) if request.to.is_some()),
    )
    .await;
    drop(stream);
    assert!(running.outbox().dispatched().is_empty(), "it is still typing");
    until(&mut changes, |change| matches!(change, Change::Dispatched(_))).await;
}

#[tokio::test]
async fn only_the_last_500_messages_are_remembered() {
    let running = Arc::new(start(SandboxSettings { speed: 1e9, ..Default::default() }).await);
    for batch in 0..52 {
        let calls = (0..10).map(|_| running.post_text("m"));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.unwrap().0, 200, "{batch}");
        }
    }
    let outbox = running.outbox();
    assert_eq!(outbox.counters().dispatched, 520);
    assert_eq!((outbox.dispatched().len(), outbox.requests().len()), (500, 500));
    assert_eq!(outbox.dispatched().last().map(|last: &Arc<Dispatched>| last.id), Some(520));
}
