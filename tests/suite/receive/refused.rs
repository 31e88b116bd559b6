//! Who is refused, and how much does he learn?

use kabari::receive::Settings;

use super::{BODY, SECRET, house, push, push_signed, signature, until};

#[tokio::test]
async fn what_was_not_signed_so_learns_nothing_and_leaves_nothing() {
    let house = house(Settings::default()).await;
    let good = signature(SECRET, BODY);
    let changed = br#"{"ref":"refs/heads/mail"}"#;
    let unsigned = String::from_utf8(push("d-1", BODY)).unwrap();
    let unsigned = unsigned.replace("X-Hub-Signature-256", "X-Something-Else");
    for request in [
        push_signed("d-1", changed, &good),
        push_signed("d-1", BODY, &signature("another secret", BODY)),
        push_signed("d-1", BODY, "sha256=zz"),
        push_signed("d-1", BODY, ""),
        unsigned.into_bytes(),
    ] {
        let answer = house.ask(&request).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.body, r#"{"error":"signature"}"#);
    }
    assert_eq!(house.event_count().await, 0);
    let page = house.metrics.text();
    for reason in ["mismatch", "malformed", "missing"] {
        let line = format!(r#"kabari_denied_total{{source="github",reason="{reason}"}}"#);
        assert!(page.contains(&line), "{page}");
    }
}

#[tokio::test]
async fn only_posts_to_configured_sources_are_answered() {
    let house = house(Settings::default()).await;
    for (line, status) in [
        ("POST /hooks/gitlab", 404),
        ("POST /hooks/", 404),
        ("POST /hooks/github/more", 404),
        ("GET /", 404),
        ("GET /metrics", 404),
        ("GET /hooks/github", 405),
        ("DELETE /hooks/github", 405),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let answer = house.ask(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"), "{line}");
        assert!(answer.body.len() < 40, "{answer:?}");
    }
    assert!(!house.metrics.text().contains("gitlab"), "a stranger cannot make a time series");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length_or_when_it_gets_there() {
    let house = house(Settings { body_limit: 1000, ..Settings::default() }).await;
    let head = "POST /hooks/github HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let declared = format!("{head}Content-Length: 1001\r\n\r\n");
    assert_eq!(house.ask(declared.as_bytes()).await.status, 413);
    let chunk = "a".repeat(0x400);
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n400\r\n{chunk}\r\n0\r\n\r\n");
    assert_eq!(house.ask(chunked.as_bytes()).await.status, 413);
    let fits = format!(r#"{{"ref":"{}"}}"#, "a".repeat(1000 - 10));
    assert_eq!(fits.len(), 1000);
    assert_eq!(house.ask(&push("d-1", fits.as_bytes())).await.status, 200);
}

#[tokio::test]
async fn a_flood_of_forgeries_is_slowed_and_real_events_pass() {
    let settings = Settings { failures_burst: 3, failures_per_s: 1, ..Settings::default() };
    let house = house(settings).await;
    let forged = push_signed("d-1", BODY, &signature("guess", BODY));
    for status in [401, 401, 401, 429] {
        assert_eq!(house.ask(&forged).await.status, status);
    }
    let slowed = until(house.address, &forged, 429).await;
    assert!(slowed.header("retry-after").is_some());
    assert_eq!(house.ask(&push("d-2", BODY)).await.status, 200);
}
