//! A key that the request names: by which is it judged, and how many may strangers have us fetch?

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use kabari::model::{EventId, Rate};
use kabari::secret::Secret;
use kabari::sources::{LimitSettings, Source, SourceSettings};
use kabari::verify::{Denied, Keys, NoKey, Outgoing, Request};

use super::presets::{RSA, build};
use super::{CLOCK, House, NOON, NOW, settings};

const AT: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";
const SIGNER: &str = include_str!("keys/signer.pem");
const ENDED: &str = include_str!("keys/signer-ended.pem");
const STRANGER: &str = include_str!("keys/stranger.pem");
const NEXT: (&str, &str) =
    (include_str!("keys/signer-next.private.pem"), include_str!("keys/signer-next.pem"));

fn noon() -> Timestamp {
    Timestamp::from_second(NOON).unwrap()
}

fn after(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

/// As a rule file has it: a webhook id alone.
fn paypal() -> Source {
    let settings: SourceSettings =
        settings("paypal", "the id of a webhook", "https://a.example/hooks/paypal");
    Source::build("paypal", &settings).expect("it needs no key").0
}

/// The same, with a limit of what is not believed.
fn limited() -> Source {
    let limits = LimitSettings { unverified: Some(Rate::parse("1/h").unwrap()), verified: None };
    let settings: SourceSettings =
        settings("paypal", "the id of a webhook", "https://a.example/hooks/paypal");
    let settings = SourceSettings { limits: Some(limits), ..settings };
    Source::build("paypal", &settings).expect("it needs no key").0
}

/// What the sender would send with this private key, its public half at `address`.
fn sent(address: &str, private: &str, now: Timestamp) -> Outgoing {
    let mut request = Outgoing::post("paypal", r#"{"id":"WH-1","event_type":"A"}"#, now);
    request.put_header("paypal-transmission-id", "t-1");
    request.put_header("paypal-cert-url", address);
    let (source, _) = build("paypal");
    source.sign(request, Some(&Secret::new(private))).expect("signed")
}

fn judge(request: &Outgoing, keys: &Keys, now: Timestamp) -> Result<(), Denied> {
    let Outgoing { method, target, headers, body, .. } = request.clone();
    let headers = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let id = EventId(uuid::Uuid::nil());
    let request = Request::new(id, now, "paypal", method, target, headers, body.into());
    paypal().verify(&request.with_keys(keys.clone().into()), now).map(drop)
}

fn unknown() -> Result<(), Denied> {
    Err(Denied::UnknownKey { address: AT.to_owned() })
}

#[test]
fn a_key_that_its_sender_replaced_is_asked_for_again_but_not_for_every_forgery() {
    let keys = Keys::default().with(AT, SIGNER, noon()).unwrap();
    assert_eq!(judge(&sent(AT, RSA.0, noon()), &keys, noon()), Ok(()));
    let by_next = sent(AT, NEXT.0, noon());
    let mismatch = Err(Denied::Mismatch { secrets: 1 });
    assert_eq!(judge(&by_next, &keys, after(599)), mismatch, "it was fetched a moment ago");
    assert_eq!(judge(&by_next, &keys, after(600)), unknown());
    assert_eq!(judge(&sent(AT, RSA.0, noon()), &keys, after(600)), Ok(()), "until then it counts");
    let keys = keys.with(AT, NEXT.1, after(600)).unwrap();
    assert_eq!(judge(&by_next, &keys, after(601)), Ok(()));
    assert_eq!(judge(&sent(AT, RSA.0, noon()), &keys, after(601)), mismatch);
}

#[test]
fn a_certificate_counts_in_its_time_and_for_its_name_alone() {
    let none = Keys::default();
    let january = "2024-01-20T00:00:00Z".parse::<Timestamp>().unwrap();
    assert!(matches!(none.with(AT, ENDED, noon()), Err(NoKey::Ended(_))));
    let early = january - SignedDuration::from_hours(24 * 30);
    assert!(matches!(none.with(AT, SIGNER, early), Err(NoKey::TooEarly(_))));
    let keys = none.with(AT, ENDED, january).unwrap();
    assert_eq!(judge(&sent(AT, RSA.0, january), &keys, january), Ok(()));
    let february = january + SignedDuration::from_hours(24 * 12 + 1);
    assert_eq!(judge(&sent(AT, RSA.0, february), &keys, february), unknown(), "it has ended");
    for not_theirs in [STRANGER, RSA.1] {
        let keys = none.with(AT, not_theirs, noon()).unwrap();
        let told = judge(&sent(AT, RSA.0, noon()), &keys, noon());
        assert!(matches!(told, Err(Denied::Malformed { .. })), "{told:?}");
    }
}

#[test]
fn what_is_no_key_is_not_kept_and_of_too_many_the_oldest_goes() {
    for other in ["", "<html>", "-----BEGIN CERTIFICATE-----", RSA.0, "00ff"] {
        assert_eq!(Keys::default().with(AT, other, noon()).err(), Some(NoKey::Other), "{other}");
    }
    let mut keys = Keys::default();
    for number in 0..70 {
        keys = keys.with(&format!("{AT}{number}"), SIGNER, after(number)).unwrap();
    }
    let known: Vec<&str> = keys.fetched_by(after(1000)).collect();
    assert_eq!(known.len(), 64);
    assert!(!known.contains(&format!("{AT}5").as_str()) && known.contains(&&*format!("{AT}6")));
    assert_eq!(keys.fetched_by(after(9)).count(), 4, "those that are old are fetched again");
    assert_eq!(keys.without(&format!("{AT}6")).fetched_by(after(1000)).count(), 63);
}

#[tokio::test]
async fn strangers_make_us_want_only_a_few_keys_and_none_without_a_signature() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    house.serve(paypal());
    let mut unsigned = sent(AT, RSA.0, noon());
    unsigned.put_header("paypal-transmission-sig", "AAAA");
    assert_eq!(house.send(&unsigned).await.status, 401);
    assert!(house.keys.wanted().is_empty(), "a signature of the wrong shape is not worth a key");
    for number in 0..20 {
        let answer = house.send(&sent(&format!("{AT}{number}"), RSA.0, noon())).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    }
    assert_eq!(house.keys.wanted().len(), 4, "one address does not fill the list of wishes");
    let page = house.metrics.text();
    let line = r#"kabari_denied_total{source="paypal",reason="unknown key"} 20"#;
    assert!(page.contains(line), "{page}");
    NOW.store(NOON + 1, Ordering::SeqCst);
    assert_eq!(house.send(&sent(AT, RSA.0, noon())).await.status, 503);
    assert_eq!(house.keys.wanted().len(), 5);
    house.keys.keep(AT, SIGNER, after(1)).unwrap();
    assert_eq!(house.send(&sent(AT, RSA.0, noon())).await.status, 200);
    NOW.store(NOON, Ordering::SeqCst);
}

#[tokio::test]
async fn a_flood_of_forgeries_keeps_no_key_from_being_wanted() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    house.serve(limited());
    let mut forged = sent(AT, RSA.0, noon());
    forged.put_header("paypal-transmission-sig", "AAAA");
    assert_eq!(house.send(&forged).await.status, 401);
    assert_eq!(house.send(&forged).await.status, 429, "one too many");
    assert_eq!(house.send(&sent(AT, RSA.0, noon())).await.status, 503, "it may come again");
    assert_eq!(house.keys.wanted(), [AT]);
    house.keys.keep(AT, SIGNER, noon()).unwrap();
    assert_eq!(house.send(&sent(AT, RSA.0, noon())).await.status, 200);
}
