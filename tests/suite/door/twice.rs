//! Is a request that lacks its id, or comes again under another, taken for what it is?

use std::sync::atomic::Ordering;

use kabari::receive::Settings;
use kabari::sources::{Source, SourceSettings};
use kabari::verify::Outgoing;

use super::{CLOCK, House, NOON, NOW, now, source};

#[tokio::test]
async fn without_its_id_an_event_is_known_by_its_body_for_an_hour_and_counted() {
    let _alone = CLOCK.lock().await;
    let row = "secret: a secret of the warung, id: \"{{ headers['x-id'] }}\", \
               verify: { hmac: { header: X-Sum } }";
    let house = House::of(source(row), &[], Settings::default()).await;
    let hour = NOON - NOON % 3600;
    for (seconds, body, duplicate) in [
        (0, "{\"n\":1}", false),
        (3599, "{\"n\":1}", true),
        (3599, "{\"n\":2}", false),
        (3600, "{\"n\":1}", false),
    ] {
        NOW.store(hour + seconds, Ordering::SeqCst);
        let told = house.send(&house.signed(body.as_bytes(), &[])).await.json();
        assert_eq!(told.get("duplicate").is_some(), duplicate, "{seconds} {body}");
    }
    house.counts(r#"kabari_id_missing_total{source="warung"} 4"#);
    let with_id = house.signed(b"{\"n\":1}", &[("X-Id", "7")]);
    assert!(house.send(&with_id).await.json().get("duplicate").is_none());
    house.counts(r#"kabari_id_missing_total{source="warung"} 4"#);
    NOW.store(NOON, Ordering::SeqCst);
}

#[tokio::test]
async fn two_honest_events_with_equal_bodies_are_both_taken_where_every_request_is_one() {
    let house = House::with("amounts: minor").await;
    let signed = house.signed(br#"{"kwh":1}"#, &[]);
    for _ in 0..2 {
        let told = house.send(&signed).await.json();
        assert!(told.get("duplicate").is_none(), "{told}");
    }
    assert_eq!(house.recorded().await.len(), 2);
}

/// What a sender signs with a time in milliseconds it signs once: another id in front of the same
/// signature is somebody else's.
#[tokio::test]
async fn what_a_sender_signs_once_is_a_duplicate_under_any_id() {
    let _alone = CLOCK.lock().await;
    for (preset, header, body) in [
        ("linear", "Linear-Delivery", r#"{"type":"Issue","action":"create","webhookTimestamp":0}"#),
        ("sanity", "idempotency-key", r#"{"_type":"post"}"#),
        ("contentful", "x-contentful-idempotency-key", r#"{"sys":{"type":"Entry"}}"#),
    ] {
        let settings: SourceSettings = serde_yaml::from_str(&format!(
            "{{ preset: {preset}, secret: a secret of some length, url: https://a.example/hooks/warung }}"
        ))
        .expect("settings");
        let (source, _) = Source::build("warung", &settings).expect(preset);
        let post = |now| Outgoing::post("warung", body, now);
        let first = source.sign(post(now()), None).expect("signed");
        NOW.store(NOON + 1, Ordering::SeqCst);
        let later = source.sign(post(now()), None).expect("signed");
        let house = House::of(source, &[], Settings::default()).await;
        for (request, id, duplicate) in
            [(&first, "1", false), (&first, "2", true), (&later, "3", false), (&later, "3", true)]
        {
            let mut request = request.clone();
            request.put_header(header, id);
            let answer = house.send(&request).await;
            assert_eq!(answer.status, 200, "{preset}: {answer:?}");
            assert_eq!(answer.json().get("duplicate").is_some(), duplicate, "{preset} {id}");
        }
        NOW.store(NOON, Ordering::SeqCst);
    }
}
