//! Can a sender that nobody knows be added without Rust, and what of rotation and duplicates?

use std::sync::atomic::Ordering;

use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings};
use kabari::verify::Outgoing;

use super::{CLOCK, House, NOON, NOW, outgoing};

fn source(name: &str, yaml: &str) -> Source {
    let settings: SourceSettings = serde_yaml::from_str(yaml).expect("settings");
    match Source::build(name, &settings) {
        Ok((source, _)) => source,
        Err(faults) => panic!("{faults:#?}"),
    }
}

#[tokio::test]
async fn a_made_up_provider_with_a_signature_like_github_s_is_one_row() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    house.serve(source(
        "warung",
        r#"{ secret: a secret of the warung, kind: "{{ headers['x-warung-event'] }}", id: "{{ headers['x-warung-delivery'] }}",
             verify: { hmac: { header: X-Warung-Signature-256, prefix: "sha256=" } } }"#,
    ));
    let request = Outgoing::post("warung", r#"{"order":1}"#, super::now()).with_headers([
        ("X-Warung-Event".to_owned(), "order".to_owned()),
        ("X-Warung-Delivery".to_owned(), "1".to_owned()),
    ]);
    let signed = house.source().source("warung").unwrap().sign(request, None).unwrap();
    assert_eq!(house.send(&signed).await.status, 200);
    let mut forged = signed.clone();
    forged.body = br#"{"order":2}"#.to_vec();
    assert_eq!(house.send(&forged).await.status, 401);
    let events = house.recorded().await;
    assert_eq!(events.len(), 1);
    assert_eq!((&*events[0].source, &*events[0].kind), ("warung", "order"));
}

#[tokio::test]
async fn a_secret_that_is_replaced_counts_until_its_last_day_and_the_one_that_matched_is_counted() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    let row = |secrets: &str| {
        let yaml = format!(
            "{{ secrets: {secrets}, id: none, verify: {{ hmac: {{ header: X-Signature }} }} }}"
        );
        source("shop", &yaml)
    };
    let old = row("[the old secret of the shop]");
    let both =
        "[the new secret of the shop, { secret: the old secret of the shop, until: 2025-12-01 }]";
    house.serve(row(both));
    let signed = old.sign(outgoing("shop", b"{}"), None).unwrap();
    assert_eq!(house.send(&signed).await.status, 200);
    let page = house.metrics.text();
    assert!(
        page.lines().any(|line| line.contains("shop") && line.contains("position=\"1\"")),
        "{page}"
    );
    NOW.store(
        "2025-12-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second(),
        Ordering::SeqCst,
    );
    assert_eq!(house.send(&signed).await.status, 401);
    let new = house.source().source("shop").unwrap().sign(outgoing("shop", b"{}"), None).unwrap();
    assert_eq!(house.send(&new).await.status, 200);
    NOW.store(NOON, Ordering::SeqCst);
}

#[tokio::test]
async fn equal_bodies_are_two_events_where_every_request_is_one_and_one_by_their_digest() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    for (id, more, expected) in [("none", "", 2), ("digest", ", window: 1d", 1)] {
        let yaml = format!(
            "{{ secret: a secret of the meter, id: {id}{more}, verify: {{ hmac: {{ header: X-Sum }} }} }}"
        );
        house.serve(source(id, &yaml));
        let pipeline = house.source();
        let signed = pipeline.source(id).unwrap().sign(outgoing(id, b"{\"kwh\":1}"), None).unwrap();
        for _ in 0..2 {
            assert_eq!(house.send(&signed).await.status, 200);
        }
        let events = house.recorded().await;
        assert_eq!(events.iter().filter(|event| event.source == id).count(), expected, "{id}");
    }
}

#[tokio::test]
async fn equal_bodies_are_one_event_within_their_window_and_two_beyond() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    let yaml = "{ secret: a secret of the meter, id: digest, window: 1h, verify: { hmac: { header: X-Sum } } }";
    house.serve(source("meter", yaml));
    let pipeline = house.source();
    let signed = pipeline.source("meter").unwrap().sign(outgoing("meter", b"{}"), None).unwrap();
    for (seconds, expected) in [(0, 1), (60, 1), (3600, 2)] {
        NOW.store(NOON + seconds, Ordering::SeqCst);
        assert_eq!(house.send(&signed).await.status, 200);
        assert_eq!(house.recorded().await.len(), expected, "{seconds}");
    }
    NOW.store(NOON, Ordering::SeqCst);
}

#[test]
fn a_limit_that_loses_events_is_told_where_the_sender_does_not_try_again() {
    let told = |name: &str, more: &str| {
        let row = format!("secret: 0123456789abcdef, limits: {{ unverified: 1/h{more} }}");
        let settings: SourceSettings = serde_yaml::from_str(&format!("{{ {row} }}")).unwrap();
        let (_, warnings) = Source::build(name, &settings).expect("it may be meant");
        warnings.into_iter().map(|it| (it.path, it.code)).collect::<Vec<_>>()
    };
    let lost = [("limits.verified".to_owned(), "lost-events")];
    assert_eq!(told("github", ", verified: 600/min"), lost);
    assert_eq!(told("github", ""), [], "forgeries may be lost");
    assert_eq!(told("stripe", ", verified: 600/min"), [], "Stripe tries again for days");
    let row = "secret: 0123456789abcdef, id: none, tries_again: false, limits: { verified: 9/s }, \
               verify: { hmac: { header: A } }";
    let settings: SourceSettings = serde_yaml::from_str(&format!("{{ {row} }}")).unwrap();
    assert_eq!(Source::build("shop", &settings).unwrap().1[0].code, "lost-events");
}

#[test]
fn what_cannot_be_meant_refuses_with_what_to_do() {
    let refused = |yaml: &str| {
        let settings: SourceSettings = serde_yaml::from_str(yaml).expect("settings");
        let faults = Source::build("shop", &settings).err().unwrap_or_default();
        faults.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    for (yaml, code) in [
        ("{ preset: square, secret: 0123456789abcdef }", "no-url"),
        ("{ secret: 0123456789abcdef, id: digest, verify: { hmac: { header: A } } }", "no-window"),
        ("{ preset: zoom, secret: 0123456789abcdef, id: digest }", "no-window"),
        ("{ preset: square, secret: 0123456789abcdef, url: shop.example }", "bad-url"),
        ("{ preset: standard-webhooks, secret: whsec_not base64 at all }", "bad-secret"),
        ("{ preset: adyen, secret: 0123456789abcdeg }", "bad-secret"),
        ("{ preset: discord, secret: 0123456789abcdef }", "bad-secret"),
        ("{ preset: postmark-basic, secret: 0123456789abcdef }", "bad-secret"),
        (
            "{ secret: 0123456789abcdef, id: none, verify: { public_key: { algorithm: rsa-sha256, header: A, signed: '{secret}{body}' } } }",
            "no-key",
        ),
        (
            "{ secret: 0123456789abcdef, id: none, verify: { public_key: { algorithm: rsa-sha256, header: A }, key_from: { header: B, hosts: [a.example] } } }",
            "no-secret",
        ),
        (
            "{ preset: paypal, secret: 0123456789abcdef, verify: { key_from: { hosts: [] } } }",
            "bad-key-from",
        ),
        (
            "{ secret: 0123456789abcdef, id: none, verify: { hmac: { header: A, signed: '{timestamp}' }, timestamp: { header: B } } }",
            "unsigned-body",
        ),
    ] {
        assert!(refused(yaml).contains(&code), "{yaml}: {:?}", refused(yaml));
    }
    assert!(!Secret::new("x").is_empty());
}
