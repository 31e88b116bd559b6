//! What of times, lists and tokens that no honest sender writes?

use std::sync::atomic::Ordering;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kabari::sources::{Source, SourceSettings};
use kabari::verify::Outgoing;
use sha2::Sha256;

use super::{CLOCK, House, NOON, NOW, outgoing, settings};

const SECRET: &str = "the secret of a provider";

fn mac(signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The header that is made of a right signature.
type Given<'g> = &'g dyn Fn(&str) -> String;

async fn stripe() -> House {
    let house = House::new().await;
    let url = "https://hooks.example.test/hooks/stripe";
    house.serve(Source::build("stripe", &settings("stripe", SECRET, url)).unwrap().0);
    house
}

/// A request with this in `Stripe-Signature`, once a line.
fn with_signature(number: usize, given: &str) -> Outgoing {
    let mut request = outgoing("stripe", body(number).as_bytes());
    let lines = given.lines().map(|line| ("Stripe-Signature".to_owned(), line.to_owned()));
    request.headers.extend(lines);
    request
}

fn body(number: usize) -> String {
    format!(r#"{{"id":"evt_{number}","type":"a","livemode":true}}"#)
}

/// Each is signed rightly, as it is written.
#[tokio::test]
async fn a_time_is_read_as_its_sender_writes_it_and_in_no_other_way() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = stripe().await;
    let ms = (NOON * 1000).to_string();
    let wrong = [
        format!("+{NOON}"),
        format!("-{NOON}"),
        format!(" {NOON}"),
        format!("{NOON} "),
        format!("{NOON}.0"),
        format!("{NOON}e0"),
        format!("{NOON}_"),
        format!("0x{NOON:x}"),
        format!("{}{NOON}", "0".repeat(10)),
        (NOON - 301).to_string(),
        "-1".to_owned(),
        "0".to_owned(),
        String::new(),
        ms,
        i64::MAX.to_string(),
        u64::MAX.to_string(),
        "9".repeat(400),
        "١٧٦٤٠٠٠٠٠٠".to_owned(),
        "2025-11-24T16:00:00Z".to_owned(),
    ];
    for (number, time) in wrong.iter().enumerate() {
        let right = mac(&format!("{time}.{}", body(number)));
        let answer = house.send(&with_signature(number, &format!("t={time},v1={right}"))).await;
        assert_eq!(answer.status, 401, "{time:?}: {answer:?}");
        assert_eq!(answer.body, r#"{"error":"signature"}"#, "nobody learns why");
    }
    assert!(house.recorded().await.is_empty());
    let right = mac(&format!("{NOON}.{}", body(99)));
    assert_eq!(house.send(&with_signature(99, &format!("t={NOON},v1={right}"))).await.status, 200);
}

#[tokio::test]
async fn of_a_list_one_right_signature_holds_and_two_times_must_be_one() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = stripe().await;
    let zeros = "0".repeat(64);
    let many = vec![format!("v1={zeros}"); 200].join(",");
    let made = |number: usize| mac(&format!("{NOON}.{}", body(number)));
    let all: [(u16, Given<'_>); 15] = [
        (200, &|v| format!("t={NOON},v1={zeros},v1={v}")),
        (200, &|v| format!("t={NOON},v1={v},v1={zeros}")),
        (200, &|v| format!("v1={v},t={NOON}")),
        (200, &|v| format!("t={NOON},v1={v},t={NOON}")),
        (200, &|v| format!("t={NOON},v1={v},,")),
        (200, &|v| format!("t={NOON},{many},v1={v}")),
        (200, &|v| format!("t={NOON},v1={zeros}\nt={NOON},v1={v}")),
        (401, &|v| format!("t={NOON},t={},v1={v}", NOON - 1)),
        (401, &|v| format!("t={NOON},v1={v}\nt={},v1={v}", NOON - 1)),
        (401, &|v| format!("t={NOON},V1={v}")),
        (401, &|v| format!("t={NOON},v0={v}")),
        (401, &|v| format!("t={NOON},v1= {v}")),
        (401, &|_| format!("t={NOON},v1=")),
        (401, &|_| format!("t={NOON}")),
        (401, &|v| format!("v1={v}")),
    ];
    for (number, (status, given)) in all.iter().enumerate() {
        let given = given(&made(number));
        let answer = house.send(&with_signature(number, &given)).await;
        assert_eq!(answer.status, *status, "{given:.200}: {answer:?}");
    }
}

#[tokio::test]
async fn of_a_token_in_the_query_the_first_counts_whole() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    let row = "{ secret: the secret of a provider, id: none, verify: { token: { query: token } } }";
    let settings: SourceSettings = serde_yaml::from_str(row).unwrap();
    house.serve(Source::build("shop", &settings).unwrap().0);
    let right = "token=the+secret+of%20a%20provider";
    for (query, status) in [
        (right.to_owned(), 200),
        (format!("a=b&{right}&token=x"), 200),
        (format!("token=x&{right}"), 401),
        (format!("token=&{right}"), 401),
        ("token=".to_owned(), 401),
        ("token".to_owned(), 401),
        (right.replace("token", "token[]"), 401),
        (right.replace("token", "Token"), 401),
        (format!("{right}x"), 401),
        (format!("{right}%00"), 401),
        (format!("%3f{right}"), 401),
        (String::new(), 401),
    ] {
        let mut request = outgoing("shop", b"{}");
        request.target = format!("/hooks/shop?{query}");
        assert_eq!(house.send(&request).await.status, status, "{query}");
    }
}
