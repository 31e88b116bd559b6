//! What becomes of senders that are slow, leave, or are there when the listener closes?

use std::time::Duration;

use kabari::receive::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{BODY, PATIENCE, answer, exchange, house, listen, push, until};

#[tokio::test]
async fn a_sender_that_stops_in_the_middle_is_told_so() {
    let house =
        house(Settings { body_time: Duration::from_millis(50), ..Settings::default() }).await;
    let request = push("d-1", BODY);
    assert_eq!(house.ask(&request[..request.len() - 5]).await.status, 408);
    assert_eq!(house.event_count().await, 0);
}

#[tokio::test]
async fn a_sender_that_has_said_all_and_closes_its_half_is_answered() {
    let house = house(Settings::default()).await;
    let mut stream = TcpStream::connect(house.address).await.expect("a connection");
    stream.write_all(&push("d-1", BODY)).await.expect("written");
    stream.shutdown().await.expect("its half is closed");
    assert_eq!(answer(stream).await.status, 200);
    assert_eq!(house.event_count().await, 1);
}

#[tokio::test]
async fn bodies_share_a_budget_which_whoever_leaves_gives_back() {
    let house = house(Settings { body_budget: 20_000, ..Settings::default() }).await;
    let long = format!(r#"{{"ref":"{}"}}"#, "a".repeat(15_000));
    let quick = format!(r#"{{"ref":"{}"}}"#, "b".repeat(15_000));
    let (slow, quick) = (push("d-slow", long.as_bytes()), push("d-quick", quick.as_bytes()));
    let occupy = async || {
        let mut stream = TcpStream::connect(house.address).await.expect("a connection");
        stream.write_all(&slow[..slow.len() - 100]).await.expect("written");
        stream
    };

    let mut held = occupy().await;
    let refused = until(house.address, &push("d-probe", long.as_bytes()), 503).await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    held.write_all(&slow[slow.len() - 100..]).await.expect("written");
    assert_eq!(answer(held).await.status, 200, "who was there first is served");

    let held = occupy().await;
    until(house.address, &push("d-probe-2", long.as_bytes()), 503).await;
    drop(held);
    assert_eq!(until(house.address, &quick, 200).await.json()["messages"], 1);
}

#[tokio::test]
async fn requests_under_way_end_well_when_the_listener_closes() {
    let mut house = house(Settings::default()).await;
    let request = push("d-1", BODY);
    let mut slow = TcpStream::connect(house.address).await.expect("a connection");
    // A first whole request shows that this connection is being served.
    let first = String::from_utf8(push("d-0", BODY)).unwrap().replace("Connection: close\r\n", "");
    slow.write_all(first.as_bytes()).await.expect("written");
    let mut byte = [0_u8; 1];
    slow.read_exact(&mut byte).await.expect("the answer begins");
    slow.write_all(&request[..request.len() - 5]).await.expect("written");
    // Another connection's answer: the server has had its turn with the bytes above.
    assert_eq!(house.ask(&push("d-2", BODY)).await.status, 200);
    house.stop.take().expect("not stopped yet").send(()).expect("a listener");
    slow.write_all(&request[request.len() - 5..]).await.expect("written");
    let mut rest = String::new();
    slow.read_to_string(&mut rest).await.expect("the rest");
    assert_eq!(rest.matches("200 OK").count(), 2, "{rest}");
    let served = tokio::time::timeout(PATIENCE, house.served).await.expect("it ends");
    assert!(matches!(served, Ok(())), "{served:?}");
    assert!(TcpStream::connect(house.address).await.is_err());
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_next_one_is_served() {
    async fn bug() -> &'static str {
        panic!("62812345678")
    }
    let router = axum::Router::new()
        .route("/bug", axum::routing::get(bug))
        .route("/", axum::routing::get(async || "fine"));
    let (address, _stop, _served) = listen(router).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, get("/bug").as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, r#"{"error":"internal"}"#));
    assert_eq!(exchange(address, get("/").as_bytes()).await.body, "fine");
}
