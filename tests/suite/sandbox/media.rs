//! Is what is attached really fetched, and looked at as an engine would?

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{NUMBER, fast};

/// A server that gives whoever comes first this answer, whatever was asked.
async fn answering_once(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await;
        // Who has enough hangs up.
        let _ = stream.write_all(&answer).await;
    });
    address
}

#[tokio::test]
async fn media_that_cannot_be_fetched_or_is_of_another_kind_fails_like_an_engine() {
    let running = fast().await;
    for (kind, path, expected) in [
        ("document", "/media/sample/nothing.pdf", "status code 404"),
        ("image", "/media/sample/nothing.png", "status code 404"),
        ("image", "/media/sample/invoice.pdf", "unsupported image format"),
        ("audio", "/media/sample/release.png", "Unsupported media type for audio"),
    ] {
        let mut body = running.document();
        body["type"] = json!(kind);
        body["mediaUrl"] = json!(format!("{}{path}", running.base));
        let (status, answer) = running.post_media(&body).await;
        assert_eq!(status, 500);
        assert!(answer.contains(expected), "{kind} {path}: {answer}");
    }
    let mut body = running.document();
    body["mediaUrl"] = json!("http://127.0.0.1:1/a.pdf");
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 500);
    assert!(answer.contains("Failed to fetch stream from http://127.0.0.1:1/a.pdf"), "{answer}");
    assert!(running.outbox().dispatched().is_empty());
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_not_sent() {
    let running = fast().await;
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    answer.resize(answer.len() + (7 << 20), 0xff);
    let address = answering_once(answer).await;
    let mut body = running.document();
    body["type"] = json!("image");
    body["mediaUrl"] = json!(format!("http://{address}/big.jpg"));
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 500);
    assert!(answer.contains("too large"), "{answer}");
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_to_a_paid_invoice() {
    let running = fast().await;
    let target = format!("{}/media/sample/invoice.pdf", running.base);
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let address = answering_once(answer.into_bytes()).await;
    let mut body = running.document();
    body["mediaUrl"] = json!(format!("http://{address}/invoice"));
    assert_eq!(running.post_media(&body).await.0, 200);
}

#[tokio::test]
async fn sound_has_no_caption_and_the_page_says_so() {
    let running = fast().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: audio/ogg\r\ncontent-length: 40\r\n\r\n";
    let mut answer = head.as_bytes().to_vec();
    answer.extend(b"OggS\x00\x02");
    answer.resize(head.len() + 40, 0);
    let address = answering_once(answer).await;
    let body = json!({"instanceName": "a", "number": NUMBER, "type": "audio",
        "mediaUrl": format!("http://{address}/a.ogg"), "message": "hello"});
    let (status, answer) = running.post_media(&body).await;
    assert_eq!(status, 200, "{answer}");
    let dispatched = running.outbox().dispatched();
    assert_eq!((dispatched[0].message.clone(), dispatched[0].html.as_str()), (None, ""));
    assert!(dispatched[0].notes[0].contains("audio has no caption"));
}

#[tokio::test]
async fn samples_answer_head_and_get_with_a_fixed_type() {
    let running = fast().await;
    for (name, content_type) in [("invoice.pdf", "application/pdf"), ("release.png", "image/png")] {
        let url = format!("{}/media/sample/{name}", running.base);
        let head = running.client.head(&url).send().await.unwrap();
        let get = running.client.get(&url).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], get.headers()["content-length"]);
        assert_eq!(get.headers()["content-type"], content_type);
        assert_eq!(get.headers()["x-content-type-options"], "nosniff");
        let disposition = get.headers()["content-disposition"].to_str().unwrap();
        assert_eq!(disposition, format!("inline; filename=\"{name}\""));
    }
}
