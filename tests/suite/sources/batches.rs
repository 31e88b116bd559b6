//! Is a request with several events several events, of which only the new ones are taken?

use std::sync::atomic::Ordering;

use kabari::secret::Secret;
use kabari::sources::Source;
use kabari::store::{EventRow, Store};
use serde_json::{Value, json};

use super::{CLOCK, House, NOON, NOW, outgoing, settings};

const ADYEN: &str = "11223344D785FBAE710E7F943F307971";
const URL: &str = "https://hooks.shop.example/hooks/it";

/// A sender of batches: what signs, and its events by their names.
struct Sender {
    source: Source,
    key: Option<Secret>,
    batch: fn(&[&str]) -> Value,
    kind: &'static str,
    id: fn(&str) -> String,
}

fn senders() -> Vec<Sender> {
    let build = |preset, secret: &str| {
        Source::build(preset, &settings(preset, secret, URL)).expect("a source").0
    };
    vec![
        Sender {
            source: build("adyen", ADYEN),
            key: None,
            batch: |names| {
                let items: Vec<Value> = names
                    .iter()
                    .map(|name| {
                        json!({ "NotificationRequestItem": {
                    "eventCode": "AUTHORISATION", "success": "true", "pspReference": name,
                    "merchantAccountCode": "Toko", "merchantReference": "INV-1",
                    "amount": { "value": 1000, "currency": "IDR" },
                    "additionalData": { "hmacSignature": "" },
                } })
                    })
                    .collect();
                json!({ "live": "true", "notificationItems": items })
            },
            kind: "AUTHORISATION",
            id: |name| format!("{name}:AUTHORISATION:true"),
        },
        Sender {
            source: build("sendgrid", super::presets::P256.1),
            key: Some(Secret::new(super::presets::P256.0)),
            batch: |names| {
                names.iter().map(|name| json!({ "event": "bounce", "sg_event_id": name })).collect()
            },
            kind: "bounce",
            id: str::to_owned,
        },
        Sender {
            source: build("hubspot-v3", "the client secret of an app"),
            key: None,
            batch: |names| {
                let event = |name: &&str| {
                    json!({
                        "subscriptionType": "deal.creation", "eventId": name, "objectId": 7,
                        "occurredAt": 1_767_323_045_000_i64,
                    })
                };
                names.iter().map(event).collect()
            },
            kind: "deal.creation",
            id: |name| format!("deal.creation:{name}:7:1767323045000"),
        },
    ]
}

impl Sender {
    async fn post(&self, house: &House, names: &[&str]) -> crate::receive::Answer {
        let body = (self.batch)(names).to_string();
        let request = outgoing(self.source.name(), body.as_bytes());
        let signed = self.source.sign(request, self.key.as_ref()).expect("signed");
        house.send(&signed).await
    }
}

#[tokio::test]
async fn each_event_of_a_batch_is_one_and_of_a_partial_duplicate_only_the_new_ones_are_taken() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    for mut sender in senders() {
        let house = House::new().await;
        let name = sender.source.name().to_owned();
        let served = senders().into_iter().find(|it| it.source.name() == name).unwrap();
        house.serve(std::mem::replace(&mut sender.source, served.source));

        let first = sender.post(&house, &["one", "two"]).await;
        assert_eq!(first.status, 200, "{name}: {first:?}");
        let second = sender.post(&house, &["two", "three", "three"]).await;
        assert_eq!(second.status, 200, "{name}: {second:?}");
        let third = sender.post(&house, &["three", "one"]).await;

        let rows: Vec<EventRow> = house.recorded().await;
        let mut ids: Vec<&str> = rows.iter().filter_map(|row| row.provider_id.as_deref()).collect();
        ids.sort_unstable();
        let mut due = ["one", "two", "three"].map(sender.id);
        due.sort_unstable();
        assert_eq!(ids, due, "{name}");
        assert!(rows.iter().all(|row| row.kind == sender.kind), "{name}: {rows:?}");
        for row in &rows {
            let event = house.store.event(row.id).await.unwrap().unwrap();
            let body: Value = serde_json::from_slice(&event.body).unwrap();
            let own = ["one", "two", "three"]
                .into_iter()
                .find(|it| Some((sender.id)(it)) == row.provider_id)
                .unwrap();
            let alone: Value = (sender.batch)(&[own]);
            assert_eq!(shape(&body), shape(&alone), "{name} keeps what stands around it");
        }
        // Adyen hears its own word; to the others it is said which events these are.
        if name != "adyen" {
            let id = |own: &str| {
                let row = rows.iter().find(|row| row.provider_id == Some((sender.id)(own)));
                Value::from(row.unwrap().id.to_string())
            };
            assert_eq!(first.json()["events"], json!([id("one"), id("two")]), "{name}");
            assert_eq!(first.json()["event"], id("one"), "{name}");
            assert_eq!(first.json()["messages"], 0, "{name}");
            assert_eq!(second.json()["events"], json!([id("two"), id("three"), id("three")]));
            assert_eq!(third.json()["duplicate"], true, "{name}: {third:?}");
        }
    }
}

/// A body without its signatures.
fn shape(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(item) = body.pointer_mut("/notificationItems/0/NotificationRequestItem") {
        item["additionalData"] = Value::Null;
    }
    body
}

#[tokio::test]
async fn one_forged_event_keeps_the_whole_batch_out() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let mut all = senders();
    let adyen = all.remove(0);
    let body = (adyen.batch)(&["one", "two"]).to_string();
    let mut signed = adyen.source.sign(outgoing("adyen", body.as_bytes()), None).unwrap();
    house.serve(adyen.source);
    let body = String::from_utf8(signed.body.clone()).unwrap();
    signed.body = body.replace("\"two\"", "\"six\"").into_bytes();
    assert_eq!(house.send(&signed).await.status, 401);
    assert!(house.recorded().await.is_empty());
}
