//! Are too many requests sent away, and never the real ones for the sake of forged ones? Is a slow
//! sender let go?

use std::sync::atomic::Ordering;
use std::time::Duration;

use kabari::http::{self, HEADER_TIME};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{CLOCK, House, NOON, NOW, forged};

#[tokio::test]
async fn verified_requests_over_their_limit_are_asked_to_come_again_and_then_taken() {
    let _alone = CLOCK.lock().await;
    let house = House::with("limits: { verified: 3/min }").await;
    let signed = house.signed(b"{}", &[]);
    for _ in 0..3 {
        assert_eq!(house.send(&signed).await.status, 200);
    }
    let over = house.send(&signed).await;
    assert_eq!((over.status, over.header("retry-after")), (429, Some("20")), "{over:?}");
    assert_eq!(house.recorded().await.len(), 3, "what is sent away is not recorded");
    house.counts(r#"kabari_requests_total{source="warung",outcome="over limit"} 1"#);
    NOW.store(NOON + 20, Ordering::SeqCst);
    assert_eq!(house.send(&signed).await.status, 200);
    NOW.store(NOON, Ordering::SeqCst);
}

#[tokio::test]
async fn forged_requests_use_up_nothing_of_the_limit_of_verified_ones() {
    let _alone = CLOCK.lock().await;
    let house = House::with("limits: { verified: 2/h, unverified: 3/h }").await;
    let signed = house.signed(b"{}", &[]);
    for status in [401, 401, 401, 429, 429, 429] {
        let answer = house.send(&forged(&signed)).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    for status in [200, 200, 429] {
        assert_eq!(house.send(&signed).await.status, status, "verified ones have their own");
    }
    assert_eq!(house.send(&forged(&signed)).await.status, 429);
    assert_eq!(house.recorded().await.len(), 2);
}

#[tokio::test]
async fn without_a_limit_nothing_that_is_verified_is_refused() {
    let house = House::with("test_events: skip, test_when: event.test == true").await;
    let signed = house.signed(b"{}", &[]);
    for _ in 0..300 {
        assert_eq!(house.send(&signed).await.status, 200);
    }
}

/// The paused clock goes on by itself to the next thing that is waited for.
#[tokio::test(start_paused = true)]
async fn a_sender_that_does_not_end_its_headers_is_let_go() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().route("/", axum::routing::any(async || "fine"));
    let served = tokio::spawn(http::serve(listener, router, std::future::pending()));
    for head in ["", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: a"] {
        let begun = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(HEADER_TIME * 3, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{head:?}: it is still waited for");
        assert!(begun.elapsed() <= HEADER_TIME + Duration::from_secs(5), "{head:?}");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{head:?}");
    }
    served.abort();
}
