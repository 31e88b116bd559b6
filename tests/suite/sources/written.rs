//! Does a sender that writes its signature or its event in another of its ways get through, as its
//! documentation says? What the vectors do not show.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kabari::sources::Source;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{CLOCK, House, NOON, NOW, outgoing, settings};
use crate::receive::Answer;

const SECRET: &str = "the secret of a provider";
const URL: &str = "https://hooks.example.test/hooks/it";

fn mac(secret: &str, signed: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex_mac(signed: &str) -> String {
    hex::encode(mac(SECRET, signed))
}

/// Headers with what they say.
type Signed<'h> = Vec<(&'h str, String)>;
/// What is signed of a body.
type Headers<'h> = &'h dyn Fn(&str) -> Signed<'static>;

/// What a source of this preset answers to these headers and this body.
async fn post(house: &House, preset: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    house.serve(Source::build(preset, &settings(preset, SECRET, URL)).expect("a source").0);
    let mut request = outgoing(preset, body.as_bytes());
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    request.headers.extend(headers);
    house.send(&request).await
}

/// Who separates signatures by a comma alone is taken at its word, and who writes a space, too.
#[tokio::test]
async fn spaces_in_a_list_of_signatures_count_as_the_sender_s_own_library_has_it() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let body = r#"{"id":"1","type":"a","event":"b"}"#;
    let (ms, s) = (NOON * 1000, NOON);
    let seconds = hex_mac(&format!("{s}.{body}"));
    let millis = hex_mac(&format!("{ms}.{body}"));
    let sanity = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(mac(SECRET, &format!("{ms}.{body}")));
    for (preset, header, first, second, takes_space) in [
        ("stripe", "Stripe-Signature", format!("t={s}"), format!("v1={seconds}"), false),
        (
            "calendly",
            "Calendly-Webhook-Signature",
            format!("t={s}"),
            format!("v1={seconds}"),
            false,
        ),
        ("recurly", "recurly-signature", ms.to_string(), millis.clone(), false),
        (
            "buildkite",
            "X-Buildkite-Signature",
            format!("timestamp={s}"),
            format!("signature={seconds}"),
            true,
        ),
        ("workos", "WorkOS-Signature", format!("t={ms}"), format!("v1={millis}"), true),
        ("sanity", "sanity-webhook-signature", format!("t={ms}"), format!("v1={sanity}"), true),
    ] {
        let bare = post(&house, preset, &[(header, &format!("{first},{second}"))], body).await;
        assert_eq!(bare.status, 200, "{preset}: {bare:?}");
        let spaced = post(&house, preset, &[(header, &format!("{first}, {second}"))], body).await;
        assert_eq!(spaced.status, if takes_space { 200 } else { 401 }, "{preset}: {spaced:?}");
    }
    // Lines of one name are one list wherever there is one.
    let right = format!("v1={}", hex_mac(body));
    let wrong = format!("v1={}", "0".repeat(64));
    let lines = [("X-PagerDuty-Signature", &*wrong), ("X-PagerDuty-Signature", &right)];
    assert_eq!(post(&house, "pagerduty", &lines, body).await.status, 200);
}

#[tokio::test]
async fn mollie_s_prefix_may_be_absent_and_any_of_its_signatures_holds() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let body = r#"{"id":"event_1","type":"payment-link.paid"}"#;
    let right = hex_mac(body);
    for given in [
        right.clone(),
        format!("sha256={right}"),
        format!("sha256={}, {right}", "0".repeat(64)),
        format!("{right},sha256={}", "0".repeat(64)),
    ] {
        let answer = post(&house, "mollie", &[("X-Mollie-Signature", &given)], body).await;
        assert_eq!(answer.status, 200, "{given}: {answer:?}");
    }
    for given in [format!("sha1={right}"), format!("sha256=sha256={right}"), String::new()] {
        let answer = post(&house, "mollie", &[("X-Mollie-Signature", &given)], body).await;
        assert_eq!(answer.status, 401, "{given}");
    }
}

#[tokio::test]
async fn of_mercado_pago_s_manifest_what_a_request_lacks_is_left_out() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let (id, request) = ("id:7;", "request-id:r-1;");
    let time = format!("ts:{NOON};");
    for (query, with_request, signed, status) in [
        ("?data.id=7", true, format!("{id}{request}{time}"), 200),
        ("?data.id=7", false, format!("{id}{time}"), 200),
        ("", true, format!("{request}{time}"), 200),
        ("", false, time.clone(), 200),
        ("?data.id=8", true, format!("{id}{request}{time}"), 401),
        ("", true, format!("{id}{request}{time}"), 401),
        ("?data.id=7", true, format!("{request}{time}"), 401),
    ] {
        house.serve(Source::build("mercadopago", &settings("mercadopago", SECRET, URL)).unwrap().0);
        let mut asked = outgoing("mercadopago", br#"{"id":1,"action":"payment.updated"}"#);
        asked.target.push_str(query);
        asked.put_header("x-signature", &format!("ts={NOON},v1={}", hex_mac(&signed)));
        if with_request {
            asked.put_header("x-request-id", "r-1");
        }
        assert_eq!(house.send(&asked).await.status, status, "{query} {signed}");
    }
}

#[tokio::test]
async fn a_subaccount_s_event_is_believed_by_the_key_of_mailgun_s_main_account() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let other = "0".repeat(64);
    let body = |token: &str, own: &str, parent: Option<&str>| {
        let mut body = json!({
            "signature": { "timestamp": NOON.to_string(), "token": token, "signature": own },
            "event-data": { "event": "failed" },
        });
        if let Some(parent) = parent {
            body["signature"]["parent-signature"] = parent.into();
        }
        body.to_string()
    };
    let right = |token: &str| hex_mac(&format!("{NOON}{token}"));
    for (body, status) in [
        (body("a", &right("a"), None), 200),
        (body("b", &right("b"), Some(&other)), 200),
        (body("c", &other, Some(&right("c"))), 200),
        (body("d", &other, Some(&other)), 401),
        (body("e", &other, None), 401),
    ] {
        let answer = post(&house, "mailgun", &[], &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn slack_s_events_buttons_and_commands_each_have_their_kind_and_id() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let button = json!({ "type": "block_actions", "trigger_id": "t-2" }).to_string();
    let button =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &button).finish();
    let form = "application/x-www-form-urlencoded";
    for (content_type, body, kind, id) in [
        (
            "application/json",
            r#"{"type":"event_callback","event_id":"e-1","event":{"type":"app_mention"}}"#,
            "app_mention",
            "e-1",
        ),
        (form, &*button, "block_actions", "t-2"),
        (form, "command=%2Fsend&text=hi&trigger_id=t-3", "command", "t-3"),
    ] {
        let signature = format!("v0={}", hex_mac(&format!("v0:{NOON}:{body}")));
        let time = NOON.to_string();
        let headers = [
            ("content-type", content_type),
            ("X-Slack-Request-Timestamp", &*time),
            ("X-Slack-Signature", &signature),
        ];
        let answer = post(&house, "slack", &headers, body).await;
        // Anything but an empty answer would be shown to whoever pressed the button.
        assert_eq!((answer.status, &*answer.body), (200, ""), "{kind}");
        let rows = house.recorded().await;
        let found = rows.iter().find(|row| row.provider_id.as_deref() == Some(id));
        assert_eq!(found.map(|row| &*row.kind), Some(kind), "{rows:?}");
    }
}

#[tokio::test]
async fn kinds_are_those_that_the_senders_name() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let revoked = |body: &str| {
        let signed = format!("m-1{}{body}", super::now());
        let signature = format!("sha256={}", hex_mac(&signed));
        vec![
            ("Twitch-Eventsub-Message-Id", "m-1".to_owned()),
            ("Twitch-Eventsub-Message-Timestamp", super::now().to_string()),
            ("Twitch-Eventsub-Message-Type", "revocation".to_owned()),
            ("Twitch-Eventsub-Message-Signature", signature),
        ]
    };
    let telegram = |_: &str| vec![("X-Telegram-Bot-Api-Secret-Token", SECRET.to_owned())];
    let meta = |body: &str| vec![("X-Hub-Signature-256", format!("sha256={}", hex_mac(body)))];
    let all: [(&str, Headers<'_>, Value, &str); 6] = [
        (
            "twitch",
            &revoked,
            json!({ "subscription": { "type": "stream.online", "status": "authorization_revoked" } }),
            "revocation",
        ),
        ("telegram", &telegram, json!({ "update_id": 1, "my_chat_member": {} }), "my_chat_member"),
        ("telegram", &telegram, json!({ "update_id": 2, "poll": {} }), "poll"),
        ("telegram", &telegram, json!({ "update_id": 3, "something_new": {} }), "update"),
        (
            "meta-whatsapp",
            &meta,
            json!({ "entry": [{ "changes": [{ "field": "messages", "value": { "messages": [] } }] }] }),
            "messages",
        ),
        (
            "meta-whatsapp",
            &meta,
            json!({ "entry": [{ "changes": [{ "field": "messages", "value": { "statuses": [] } }] }] }),
            "messages.statuses",
        ),
    ];
    for (preset, headers, body, kind) in all {
        let body = body.to_string();
        let headers = headers(&body);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = post(&house, preset, &headers, &body).await;
        assert_eq!(answer.status, 200, "{preset} {kind}: {answer:?}");
        let id = answer.json()["event"].as_str().expect("an event").to_owned();
        let rows = house.recorded().await;
        let row = rows.iter().find(|row| row.id.to_string() == id).expect("recorded");
        assert_eq!(row.kind, kind, "{preset}");
    }
    // X's encoding, for want of a vector.
    let body = r#"{"tweet_create_events":[]}"#;
    let signature = format!("sha256={}", STANDARD.encode(mac(SECRET, body)));
    assert_eq!(
        post(&house, "x", &[("x-twitter-webhooks-signature", &signature)], body).await.status,
        200
    );
}

/// Those of the table for which there are no vectors.
#[tokio::test]
async fn senders_without_vectors_are_believed_as_they_are_documented() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let body =
        r#"{"id":"1","event":"a","resource":"b","triggerEvent":"c","status":"d","type":"e"}"#;
    let (s, ms) = (NOON.to_string(), (NOON * 1000).to_string());
    let hex_key = "11223344d785fbae710e7f943f307971";
    let base64 = |signed: &str| STANDARD.encode(mac(SECRET, signed));
    let close = {
        let mut mac = Hmac::<Sha256>::new_from_slice(&hex::decode(hex_key).unwrap()).unwrap();
        mac.update(format!("{s}{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    let iris = hex::encode(sha2::Sha512::digest(format!("{body}{SECRET}")));
    let revolut = format!("v1={}", hex_mac(&format!("v1.{ms}.{body}")));
    let all: [(&str, &str, Signed<'_>); 8] = [
        ("cal", SECRET, vec![("X-Cal-Signature-256", hex_mac(body))]),
        ("heroku", SECRET, vec![("Heroku-Webhook-Hmac-SHA256", base64(body))]),
        ("notion", SECRET, vec![("X-Notion-Signature", format!("sha256={}", hex_mac(body)))]),
        ("midtrans-iris", SECRET, vec![("Iris-Signature", iris)]),
        ("close", hex_key, vec![("close-sig-hash", close), ("close-sig-timestamp", s.clone())]),
        (
            "revolut",
            SECRET,
            vec![("Revolut-Signature", revolut), ("Revolut-Request-Timestamp", ms.clone())],
        ),
        (
            "cashfree",
            SECRET,
            vec![
                ("x-webhook-signature", base64(&format!("{ms}{body}"))),
                ("x-webhook-timestamp", ms),
            ],
        ),
        // The first is made with the key that is replaced by ours.
        (
            "docusign",
            SECRET,
            vec![
                ("X-DocuSign-Signature-1", STANDARD.encode(mac("another", body))),
                ("X-DocuSign-Signature-2", base64(body)),
            ],
        ),
    ];
    for (preset, secret, headers) in all {
        house.serve(Source::build(preset, &settings(preset, secret, URL)).unwrap().0);
        let mut request = outgoing(preset, body.as_bytes());
        for (name, value) in &headers {
            request.put_header(name, value);
        }
        let answer = house.send(&request).await;
        assert_eq!(answer.status, 200, "{preset}: {answer:?}");
        request.body.push(b' ');
        assert_eq!(house.send(&request).await.status, 401, "{preset}");
    }
}

#[tokio::test]
async fn a_json_body_of_twilio_s_is_held_by_the_hash_in_its_address() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let source = Source::build("twilio", &settings("twilio", SECRET, URL)).unwrap().0;
    let asked = outgoing("twilio", br#"{"MessageSid":"SM1","MessageStatus":"sent"}"#);
    let signed = source.sign(asked.clone(), None).expect("signed");
    assert!(signed.target.contains("?bodySHA256="), "{}", signed.target);
    // The address alone, as it is signed where there is no body.
    let mut bare = asked.clone();
    bare.body.clear();
    let mut bare = source.sign(bare, None).expect("signed");
    bare.body.clone_from(&asked.body);
    house.serve(source);
    let mut changed = signed.clone();
    changed.body = br#"{"MessageSid":"SM1","MessageStatus":"read"}"#.to_vec();
    assert_eq!(house.send(&changed).await.status, 401);
    assert_eq!(house.send(&bare).await.status, 401, "a body that no hash is signed of");
    assert_eq!(house.send(&signed).await.status, 200);
}
