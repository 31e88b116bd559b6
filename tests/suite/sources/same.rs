//! Is what is read of a request what was verified, and nothing that stands beside it?

use std::sync::atomic::Ordering;

use kabari::sources::{Source, SourceSettings, samples};
use kabari::store::Store;
use kabari::verify::Outgoing;
use serde_json::{Value, json};

use super::presets::{build, signed};
use super::{CLOCK, House, NOON, NOW, outgoing};

const FORM: &str = "application/x-www-form-urlencoded";
const EVIL: &str = r#"{"action":"deleted","evil":true}"#;

/// A request of this preset as its provider would send it.
fn honest(source: &Source, preset: &str) -> Outgoing {
    let sample = samples().iter().find(|sample| sample.preset == preset).expect("a sample");
    signed(source, None, sample).expect("signed")
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

/// The body of the one event that was recorded.
async fn recorded(house: &House) -> Value {
    let rows = house.recorded().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let event = house.store.event(rows[0].id).await.unwrap().unwrap();
    serde_json::from_slice(&event.body).unwrap()
}

#[tokio::test]
async fn of_two_documents_in_a_form_the_one_that_is_signed_is_read() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    for preset in ["gitea", "forgejo", "gogs"] {
        let house = House::new().await;
        let (source, _) = build(preset);
        let mut request = honest(&source, preset);
        house.serve(source);
        let good = String::from_utf8(request.body.clone()).unwrap();
        request.put_header("content-type", FORM);
        request.body = form(&[("payload", &good), ("payload", EVIL)]);
        assert_eq!(house.send(&request).await.status, 401, "{preset}");
        request.body = form(&[("payload", EVIL), ("payload", &good)]);
        assert_eq!(house.send(&request).await.status, 200, "{preset}");
        assert_eq!(recorded(&house).await["evil"], Value::Null, "{preset}");
    }
}

#[tokio::test]
async fn beside_the_signed_document_of_a_form_nothing_counts() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let (source, _) = build("dropbox-sign");
    let request = honest(&source, "dropbox-sign");
    house.serve(source);
    let fields: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
    let (_, good) = fields.iter().find(|(name, _)| name == "json").expect("a document");
    let event = serde_json::from_str::<Value>(good).unwrap()["event"].take();
    let text = |name: &str| event[name].as_str().expect("a text");
    let evil = json!({ "event": { "event_type": "evil" } }).to_string();
    let flat =
        ["event_hash", "event_time", "event_type"].map(|it| (format!("event.{it}"), text(it)));
    let flat: Vec<(&str, &str)> = flat.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    let forged = [
        vec![("payload", good.as_str()), ("json", &evil)],
        vec![("json", good), ("json", &evil)],
        [&flat[..], &[("json", &*evil)]].concat(),
        flat,
    ];
    for fields in forged {
        let mut request = request.clone();
        request.body = form(&fields);
        assert_eq!(house.send(&request).await.status, 401, "{fields:?}");
    }
    assert_eq!(house.send(&request).await.status, 200);
}

#[tokio::test]
async fn what_stands_in_a_batch_without_a_signature_keeps_all_of_it_out() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let (source, _) = build("adyen");
    let request = honest(&source, "adyen");
    house.serve(source);
    let good: Value = serde_json::from_slice(&request.body).unwrap();
    let mut around = good.clone();
    for (name, value) in [("eventCode", "REFUND"), ("pspReference", "evil"), ("success", "true")] {
        around[name] = value.into();
    }
    let item = good["notificationItems"][0].clone();
    for beside in [json!({}), json!({ "Item": 1 }), json!([item]), json!("x"), json!(null)] {
        for items in [json!([item, beside]), json!([beside, item])] {
            let mut request = request.clone();
            around["notificationItems"] = items;
            request.body = around.to_string().into_bytes();
            let answer = house.send(&request).await;
            assert_eq!(answer.status, 401, "{beside}: {answer:?}");
        }
    }
    assert!(house.recorded().await.is_empty());
    assert_eq!(house.send(&request).await.status, 200);
}

#[tokio::test]
async fn a_get_says_its_event_in_its_query_where_that_is_signed_and_nowhere_else() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let get = |request: &mut Outgoing, query: &[u8]| {
        let query = std::str::from_utf8(query).unwrap();
        request.method = "GET".to_owned();
        request.headers.retain(|(name, _)| name != "content-type");
        request.target = format!("/hooks/{}?{query}", "it");
        request.body.clear();
    };
    for (preset, name) in [("gitea", "action"), ("forgejo", "action"), ("twilio", "MessageStatus")]
    {
        let house = House::new().await;
        let (source, _) = build(preset);
        let mut request = honest(&source, preset);
        let query = if preset == "twilio" {
            request.body.clone()
        } else {
            form(&[("payload", std::str::from_utf8(&request.body).unwrap())])
        };
        get(&mut request, &query);
        request.target = request.target.replace("/it?", &format!("/{preset}?"));
        if preset == "twilio" {
            request = source.sign(request, None).unwrap();
        }
        house.serve(source);
        let answer = house.send(&request).await;
        assert_eq!(answer.status, 200, "{preset}: {answer:?}");
        assert!(recorded(&house).await[name].is_string(), "{preset}");
        request.target.push_str("&payload=%7B%7D&evil=1");
        assert_eq!(house.send(&request).await.status, 401, "{preset}");
    }
    let house = House::new().await;
    let row = "{ secret: a secret of the warung, id: none, methods: [POST, GET], verify: { hmac: { header: X-Sum } } }";
    let settings: SourceSettings = serde_yaml::from_str(row).unwrap();
    let source = Source::build("it", &settings).unwrap().0;
    let mut request = source.sign(outgoing("it", b""), None).unwrap();
    get(&mut request, b"evil=1");
    house.serve(source);
    let answer = house.send(&request).await;
    assert_eq!((answer.status, &*answer.json()["error"].to_string()), (400, "\"unreadable body\""));
}
