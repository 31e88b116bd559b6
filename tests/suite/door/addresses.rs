//! Is a source closed to all addresses but its sender's, also behind a proxy, and is a stranger told
//! nothing by it?

use kabari::receive::Settings;

use super::{House, Page, ROW, SECRET, forged, source, written};
use crate::receive::exchange;

/// Networks for documentation (RFC 5737, RFC 3849): never this machine.
const ELSEWHERE: &str = "allow_from: [192.0.2.0/24, 2001:db8::/32]";

async fn behind(proxies: &[&str]) -> House {
    House::of(source(&format!("{ROW}, {ELSEWHERE}")), proxies, Settings::default()).await
}

#[tokio::test]
async fn to_an_address_that_is_not_allowed_there_is_no_such_source() {
    let page = Page::open();
    let house = House::with(ELSEWHERE).await;
    let signed = String::from_utf8(written(&house.signed(b"{}", &[]))).unwrap();
    for method in ["POST", "GET", "HEAD", "PUT", "OPTIONS"] {
        let asks = |name: &str| {
            signed.replacen("POST", method, 1).replace("/hooks/warung", &format!("/hooks/{name}"))
        };
        let refused = exchange(house.address, asks("warung").as_bytes()).await;
        let unknown = exchange(house.address, asks("nobody").as_bytes()).await;
        assert_eq!(refused.status, if method == "POST" { 404 } else { 405 });
        let head = |answer: &crate::receive::Answer| {
            answer
                .head
                .lines()
                .filter(|line| !line.starts_with("date"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(head(&refused), head(&unknown), "{method}");
        assert_eq!(refused.body, unknown.body, "{method}");
    }
    // Nobody is asked for the body.
    let unasked = signed.replace("Host: x", "Host: x\r\nExpect: 100-continue");
    let answer = exchange(house.address, unasked.as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"error":"not found"}"#));
    assert!(house.recorded().await.is_empty());
    house.counts(r#"kabari_denied_total{source="warung",reason="address"} 6"#);
    house.counts(r#"kabari_requests_total{source="warung",outcome="address not allowed"} 6"#);
    let log = page.text();
    assert!(log.contains("127.0.0.1") && log.contains("allow_from"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn an_allowed_address_still_needs_the_signature() {
    let house = House::with("allow_from: [127.0.0.0/8, \"::1\"]").await;
    let signed = house.signed(b"{}", &[]);
    assert_eq!(house.send(&signed).await.status, 200);
    assert_eq!(house.send(&forged(&signed)).await.status, 401);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_is_the_one_that_it_names() {
    let house = behind(&["127.0.0.1", "10.0.0.0/8"]).await;
    for (name, value, status) in [
        ("X-Forwarded-For", "192.0.2.1", 200),
        ("X-Forwarded-For", "203.0.113.1, 192.0.2.1:4711, 10.0.0.2", 200),
        ("X-Forwarded-For", "192.0.2.1, 203.0.113.1", 404),
        ("X-Forwarded-For", "192.0.2.1, unknown", 404),
        ("X-Forwarded-For", "2001:db8::1", 200),
        ("Forwarded", "for=\"[2001:db8::1]:4711\";proto=https", 200),
        ("Forwarded", "for=192.0.2.1, for=203.0.113.1", 404),
        ("Forwarded", "for=_hidden", 404),
        ("X-Real-IP", "192.0.2.1", 404),
    ] {
        let answer = house.send(&house.signed(b"{}", &[(name, value)])).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    let both = [("Forwarded", "for=203.0.113.1"), ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(house.send(&house.signed(b"{}", &both)).await.status, 404);
    let lines = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "10.0.0.2")];
    assert_eq!(house.send(&house.signed(b"{}", &lines)).await.status, 200);
}

#[tokio::test]
async fn what_a_stranger_says_of_his_own_address_counts_for_nothing() {
    for proxies in [&[][..], &["10.0.0.0/8"]] {
        let house = behind(proxies).await;
        for header in [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")] {
            assert_eq!(house.send(&house.signed(b"{}", &[header])).await.status, 404, "{header:?}");
        }
    }
}

#[tokio::test]
async fn failures_behind_a_proxy_are_those_of_the_client_and_so_is_the_address_in_the_log() {
    let page = Page::open();
    let settings = Settings { failures_burst: 2, failures_per_s: 1, ..Settings::default() };
    let house = House::of(source(ROW), &["127.0.0.1"], settings).await;
    let from = |address: &str| house.signed(b"{}", &[("X-Forwarded-For", address)]);
    for status in [401, 401, 429, 429] {
        assert_eq!(house.send(&forged(&from("192.0.2.1"))).await.status, status);
    }
    assert_eq!(house.send(&forged(&from("192.0.2.2"))).await.status, 401, "somebody else");
    assert_eq!(house.send(&from("192.0.2.1")).await.status, 200, "verified all the same");
    let log = page.text();
    assert!(
        log.contains(r#""client":"192.0.2.1""#) && log.contains(r#""client":"192.0.2.2""#),
        "{log}"
    );
}
