//! What becomes of requests that no honest sender makes, or only an odd one?

use kabari::receive::Settings;
use kabari::store::EventFilter;
use kabari::store::Store;

use crate::receive::{BODY, House, SECRET, house, push, push_signed, signature};

/// A good request with other lines in its head.
fn with(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    let request = push("d-1", body);
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&request[..end]).expect("text");
    assert!(head.contains(from), "{head}");
    [head.replace(from, to).as_bytes(), &request[end..]].concat()
}

async fn status(house: &House, request: &[u8]) -> u16 {
    house.ask(request).await.status
}

#[tokio::test]
async fn a_signature_that_is_there_twice_folded_or_misshapen_gets_nowhere() {
    let house = house(Settings::default()).await;
    let good = signature(SECRET, BODY);
    let wrong = signature("another secret", BODY);
    let twice = |first: &str, second: &str| format!("{first}\r\nX-Hub-Signature-256: {second}");
    for given in [
        twice(&good, &good),
        twice(&wrong, &good),
        twice(&good, &wrong),
        twice(&good, ""),
        good.to_uppercase(),
        good.replace("sha256=", "SHA256="),
        good.replace("sha256=", "sha256= "),
        good.replace("sha256=", "sha1="),
        good.replace("sha256=", ""),
        format!("{good},{good}"),
        format!("{good}; {good}"),
        format!("{}é", &good[..good.len() - 2]),
        format!("sha256={}", "0".repeat(30_000)),
        signature("", BODY),
    ] {
        let answer = house.ask(&push_signed("d-1", BODY, &given)).await;
        assert_eq!(answer.status, 401, "{given:.80}");
        assert_eq!(answer.body, r#"{"error":"signature"}"#, "nobody learns why");
    }
    let folded = good.replace("sha256=", "sha256=\r\n ");
    assert_eq!(status(&house, &push_signed("d-1", BODY, &folded)).await, 400);
    assert_eq!(house.event_count().await, 0);
}

#[tokio::test]
async fn only_the_exact_path_of_a_source_is_one() {
    let house = house(Settings::default()).await;
    for path in [
        "/hooks/github/",
        "//hooks/github",
        "/hooks//github",
        "/hooks/git%68ub",
        "/%68ooks/github",
        "/hooks/github%00",
        "/hooks/GITHUB",
        "/hooks/../hooks/github",
        "/hooks/github;a",
        "*",
    ] {
        let answer = house.ask(&with(BODY, "/hooks/github", path)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"error":"not found"}"#),
            "{path}"
        );
    }
    for (number, path) in
        ["/hooks/github?a=b", "http://kabari.example/hooks/github"].iter().enumerate()
    {
        let body = format!(r#"{{"ref":"{number}"}}"#);
        let request = with(body.as_bytes(), "/hooks/github", path);
        let request = String::from_utf8(request).unwrap().replace("d-1", path);
        assert_eq!(status(&house, request.as_bytes()).await, 200, "{path}");
    }
    let page = house.metrics.text();
    assert!(page.contains(r#"{source="unknown",outcome="no such page"}"#), "{page}");
}

#[tokio::test]
async fn every_other_method_is_refused_alike_for_known_and_unknown_sources() {
    let house = house(Settings::default()).await;
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "TRACE", "post", "BREW"] {
        for path in ["/hooks/github", "/hooks/nobody"] {
            let line = format!("{method} {path} ");
            let answer = house.ask(&with(BODY, "POST /hooks/github ", &line)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{line}");
        }
    }
}

#[tokio::test]
async fn the_length_of_a_body_cannot_be_told_in_two_ways() {
    let house = house(Settings::default()).await;
    let length = format!("Content-Length: {}", BODY.len());
    let other = format!("{length}\r\nContent-Length: 3");
    assert_eq!(status(&house, &with(BODY, &length, &other)).await, 400);
    for wrong in ["Content-Length: -1", "Content-Length: +5", "Content-Length: 5, 6"] {
        assert_eq!(status(&house, &with(BODY, &length, wrong)).await, 400, "{wrong}");
    }
    // Chunks win over a length (RFC 9112, 6.3), and what follows is no second request.
    let both = "Content-Length: 4\r\nTransfer-Encoding: chunked".to_owned();
    let mut request = with(BODY, &length, &both);
    request.truncate(request.len() - BODY.len());
    request.extend(format!("{:x}\r\n", BODY.len()).as_bytes());
    request.extend(BODY);
    request.extend(b"\r\n0\r\n\r\n");
    let answer = house.ask(&request).await;
    assert_eq!((answer.status, answer.body.matches("HTTP/1.1").count()), (200, 0), "{answer:?}");
}

/// What comes behind the body was not there when the headers were complete.
#[tokio::test]
async fn a_trailer_is_no_header() {
    let house = house(Settings::default()).await;
    let length = format!("Content-Length: {}", BODY.len());
    let sent = |signature: &str, trailer: &str| {
        let mut request = with(BODY, &length, "Transfer-Encoding: chunked");
        request.truncate(request.len() - BODY.len());
        let head = String::from_utf8(request).unwrap();
        let good = format!("X-Hub-Signature-256: {}", crate::receive::signature(SECRET, BODY));
        assert!(head.contains(&good), "{head}");
        let mut request = head.replace(&good, signature).into_bytes();
        request.extend(format!("{:x}\r\n", BODY.len()).as_bytes());
        request.extend(BODY);
        request.extend(format!("\r\n0\r\n{trailer}\r\n").as_bytes());
        request
    };
    let good = format!("X-Hub-Signature-256: {}\r\n", signature(SECRET, BODY));
    let none = "X-Other: 1";
    assert_eq!(status(&house, &sent(none, &good)).await, 401);
    assert_eq!(house.event_count().await, 0);
    let wrong = good.replace("sha256=", "sha256=0");
    assert_eq!(status(&house, &sent(good.trim_end(), &wrong)).await, 200);
}

#[tokio::test]
async fn old_clients_asking_ones_and_hasty_ones_are_served() {
    let house = house(Settings::default()).await;
    let old = String::from_utf8(with(BODY, "HTTP/1.1", "HTTP/1.0")).unwrap();
    assert_eq!(status(&house, old.as_bytes()).await, 200);
    let expects = "Connection: close\r\nExpect: 100-continue";
    let asked = house.ask(&with(br#"{"ref":1}"#, "Connection: close", expects)).await;
    assert!(asked.status == 100 && asked.body.contains("200 OK"), "{asked:?}");
    let unknown = String::from_utf8(with(BODY, "Connection: close", expects)).unwrap();
    let unknown = unknown.replace("/hooks/github", "/hooks/nobody");
    assert_eq!(status(&house, unknown.as_bytes()).await, 404, "nobody is asked for the body");
    let mut at_once = Vec::new();
    for number in 0..3 {
        let body = format!(r#"{{"ref":"hasty {number}"}}"#);
        let request = String::from_utf8(with(body.as_bytes(), "d-1", &format!("h-{number}")));
        at_once.push(request.unwrap());
    }
    let at_once = at_once.concat().replacen("Connection: close\r\n", "", 2);
    let answers = house.ask(at_once.as_bytes()).await;
    assert_eq!(answers.body.matches("200 OK").count(), 2, "after the first: {answers:?}");
}

#[tokio::test]
async fn what_is_verified_but_cannot_be_read_is_kept_and_says_why() {
    let house = house(Settings::default()).await;
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0];
    let bodies: [&[u8]; 6] =
        [b"", b"{\"a\":\"\xff\"}", b"\xff\xfe{\0}\0", b"{} x", b"{\"a\":NaN}", &packed];
    for (number, body) in bodies.iter().enumerate() {
        let request = push(&format!("d-{number}"), body);
        let answer = house.ask(&request).await;
        assert_eq!(answer.status, 400, "{number}: {answer:?}");
        assert_eq!(answer.json()["error"], "unreadable body");
    }
    let events = house.store.events(EventFilter::default()).await.expect("events").rows;
    assert_eq!(events.len(), bodies.len());
    assert!(events.iter().all(|event| event.kind == "unreadable" && event.messages == 0));
}

#[tokio::test]
async fn a_body_as_deep_as_it_is_long_is_kept_and_stops_nobody() {
    let house = house(Settings::default()).await;
    for (number, (open, close)) in [("[", "]"), (r#"{"a":"#, "}")].iter().enumerate() {
        let depth = 100_000;
        let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let answer = house.ask(&push(&format!("d-{number}"), body.as_bytes())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let open = house.ask(&push(&format!("o-{number}"), open.repeat(depth).as_bytes())).await;
        assert_eq!(open.status, 400, "{open:?}");
    }
    assert_eq!(status(&house, &push("d-9", BODY)).await, 200);
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused_before_they_take_memory() {
    let house = house(Settings::default()).await;
    let long = format!("Connection: close\r\nX-Long: {}", "a".repeat(300_000));
    assert_eq!(status(&house, &with(BODY, "Connection: close", &long)).await, 431);
    let many = format!("Connection: close{}", "\r\nX-Many: 1".repeat(200));
    assert_eq!(status(&house, &with(BODY, "Connection: close", &many)).await, 431);
    let usual = format!("Connection: close\r\nX-Usual: {}", "a".repeat(16_000));
    assert_eq!(status(&house, &with(BODY, "Connection: close", &usual)).await, 200);
}
