//! Is a packed body taken only where the source says so, checked over the bytes that its sender
//! signs, and stopped when it grows too much?

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use kabari::receive::Settings;

use super::{House, ROW, forged, source};

const GZIP: (&str, &str) = ("Content-Encoding", "gzip");

fn pack(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("packed");
    encoder.finish().expect("packed")
}

fn bomb() -> Vec<u8> {
    pack(format!(r#"{{"kind":"{}"}}"#, "a".repeat(3 << 20)).as_bytes())
}

async fn house(row: &str) -> House {
    let settings = Settings { body_limit: 1 << 20, ..Settings::default() };
    House::of(source(&format!("{ROW}{row}")).unpacking_to(1 << 20), &[], settings).await
}

/// A packed body under the signature of the plain one.
fn plainly_signed(house: &House, body: &[u8], packed: Vec<u8>) -> kabari::verify::Outgoing {
    let mut request = house.signed(body, &[GZIP]);
    request.body = packed;
    request
}

#[tokio::test]
async fn the_packed_bytes_are_signed_or_the_plain_ones_as_the_source_says() {
    let body = br#"{"kind":"order"}"#;
    for (row, over_packed, over_plain) in
        [(", gzip: packed", 200, 401), (", gzip: plain", 401, 200), ("", 400, 401)]
    {
        let house = house(row).await;
        let packed = house.signed(&pack(body), &[GZIP]);
        assert_eq!(house.send(&packed).await.status, over_packed, "{row}");
        let plain = plainly_signed(&house, body, pack(body));
        assert_eq!(house.send(&plain).await.status, over_plain, "{row}");
        let unpacked = house.signed(body, &[]);
        assert_eq!(house.send(&unpacked).await.status, 200, "{row}: not everything is packed");
        assert_eq!(house.send(&forged(&packed)).await.status, 401, "{row}");
        let kinds: Vec<_> = house.recorded().await.into_iter().map(|event| event.kind).collect();
        let expected = if row.is_empty() { ["order", "unreadable"] } else { ["order", "order"] };
        assert_eq!(kinds, expected, "{row}");
    }
}

#[tokio::test]
async fn what_is_kept_is_the_plain_body_without_the_header_that_calls_it_packed() {
    for row in [", gzip: packed", ", gzip: plain"] {
        let house = house(row).await;
        let body = br#"{"kind":"order"}"#;
        let request = match row {
            ", gzip: plain" => plainly_signed(&house, body, pack(body)),
            _ => house.signed(&pack(body), &[GZIP]),
        };
        let id = house.send(&request).await.json()["event"].as_str().unwrap().parse().unwrap();
        let event = kabari::store::Store::event(&*house.store, id).await.unwrap().unwrap();
        assert_eq!(&event.body[..], body);
        assert_eq!(event.headers.get("content-encoding"), None);
    }
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_is_stopped_at_the_limit() {
    assert!(bomb().len() < 10_000);
    let of_strangers = house(", gzip: plain").await;
    let mut request = of_strangers.signed(b"{}", &[GZIP]);
    request.body = bomb();
    assert_eq!(of_strangers.send(&request).await.status, 413, "before it is verified");
    let of_the_sender = house(", gzip: packed").await;
    let request = of_the_sender.signed(&bomb(), &[GZIP]);
    let answer = of_the_sender.send(&request).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"unreadable body".into()));
    let events = of_the_sender.recorded().await;
    assert_eq!((events.len(), &*events[0].kind), (1, "unreadable"), "as it came");
}

#[tokio::test]
async fn unpacking_for_strangers_takes_its_share_of_the_room_for_unread_bodies() {
    let settings = Settings { body_limit: 1 << 20, body_budget: 100_000, ..Settings::default() };
    let house = House::of(source(&format!("{ROW}, gzip: plain")), &[], settings).await;
    let body = format!(r#"{{"kind":"{}"}}"#, "a".repeat(200_000));
    let request = plainly_signed(&house, body.as_bytes(), pack(body.as_bytes()));
    let answer = house.send(&request).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    let small = plainly_signed(&house, b"{}", pack(b"{}"));
    assert_eq!(house.send(&small).await.status, 200, "and gives it back");
}

#[tokio::test]
async fn what_is_no_gzip_or_another_coding_is_not_guessed_at() {
    let plain = house(", gzip: plain").await;
    let broken = plainly_signed(&plain, b"{}", b"{}".to_vec());
    let answer = plain.send(&broken).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error":"signature"}"#));
    plain.counts(r#"kabari_denied_total{source="warung",reason="malformed"} 1"#);
    let packed = house(", gzip: packed").await;
    for coding in ["br", "deflate", "gzip, gzip", "identity"] {
        let request = packed.signed(&pack(b"{}"), &[("Content-Encoding", coding)]);
        assert_eq!(packed.send(&request).await.status, 400, "{coding}");
    }
    let cut = packed.signed(&pack(b"{}")[..10], &[GZIP]);
    assert_eq!(packed.send(&cut).await.status, 400);
}
