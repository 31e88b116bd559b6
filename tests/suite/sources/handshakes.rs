//! Is a provider that asks who is there answered as it wants, and nobody else?

use std::sync::atomic::Ordering;

use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings, samples};
use kabari::verify::{Outgoing, Scheme};
use serde_json::Value;

use super::{CLOCK, House, NOON, NOW, outgoing, settings};

const SEED: [u8; 32] = *b"kabari's own key of these tests!";
const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const XERO: &str =
    "a2FiYXJpIG1hZGUtdXAgeGVybyB3ZWJob29rIGtleSwgbm90IGFueWJvZHkncyBzZWNyZXQsIGZvciB0ZXN0cyBvbmx5";

fn reference() -> Option<Vec<Value>> {
    let here = env!("CARGO_MANIFEST_DIR");
    let file = "shared/reference/handshakes.json";
    let places = [format!("{here}/../{file}"), format!("{here}/../../{file}")];
    let text = places.iter().find_map(|path| std::fs::read_to_string(path).ok())?;
    Some(serde_json::from_str(&text).expect("a list"))
}

/// The preset of a provider as the table of handshakes names it, and the secret it signs with.
fn preset(provider: &str) -> (&'static str, String) {
    let (private, public) = Scheme::new_pair(&SEED).expect("a pair");
    assert!(!private.is_empty());
    let secret = |text: &str| text.to_owned();
    match provider {
        "slack" => ("slack", secret(SLACK)),
        "zoom" => ("zoom", secret("zoom-secret-token")),
        "meta-whatsapp" => ("meta-whatsapp", secret("meta-app-secret")),
        "discord interactions" | "discord webhook events" => ("discord", public),
        "microsoft-graph" => ("microsoft-graph", secret("the client state of a subscription")),
        "dropbox" => ("dropbox", secret("dbx-app-secret")),
        "xero" => ("xero", secret(XERO)),
        "twitch" => ("twitch", secret("s3cRe7-twitch")),
        "x-twitter" => ("x", secret("consumer-secret")),
        "asana" => ("asana", secret("the secret of an earlier webhook")),
        "trello" => ("trello", secret("the secret of a power-up")),
        "notion" => ("notion", secret("the token of a subscription")),
        "monday" => ("monday", secret("the signing secret of an app")),
        "okta" => ("okta", secret("the secret of an event hook")),
        "strava" => ("strava", secret("the secret in the address")),
        "cloudevents-http-webhook" => ("cloudevents", secret("the access token of a sender")),
        "woocommerce" => ("woocommerce", secret("woo-secret of some length")),
        "adyen" => ("adyen", "11223344D785FBAE710E7F943F307971".to_owned()),
        "dropbox-sign" => ("dropbox-sign", secret("the api key of an account")),
        other => panic!("no preset for {other}"),
    }
}

fn build(preset: &str, secret: &str, verify_token: &str) -> Source {
    let verify_token = Some(Secret::new(verify_token));
    let url = "https://hooks.example.test/in/it";
    let settings = SourceSettings { verify_token, ..settings(preset, secret, url) };
    Source::build(preset, &settings).expect("a source").0
}

fn request(preset: &str, row: &Value) -> Outgoing {
    let asked = &row["request"];
    let mut request = outgoing(preset, asked["body"].as_str().unwrap_or_default().as_bytes());
    asked["method"].as_str().unwrap().clone_into(&mut request.method);
    if let Some((_, query)) = asked["path"].as_str().unwrap().split_once('?') {
        request.target = format!("{}?{query}", request.target);
    }
    for (name, value) in asked["headers"].as_object().unwrap() {
        request.headers.push((name.clone(), value.as_str().unwrap().to_owned()));
    }
    request
}

#[tokio::test]
async fn every_handshake_of_the_table_is_answered_as_it_says() {
    let Some(rows) = reference() else { return };
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let (private, _) = Scheme::new_pair(&SEED).unwrap();
    let mut compared = 0;
    for row in &rows {
        let provider = row["provider"].as_str().unwrap();
        let (preset, secret) = preset(provider);
        let verify_token = if preset == "strava" { "STRAVA" } else { "meatyhamhock" };
        house.serve(build(preset, &secret, verify_token));
        let mut asked = request(preset, row);
        if preset == "discord" {
            asked = house.source().source(preset).unwrap().sign(asked, Some(&private)).unwrap();
        }
        if matches!(preset, "adyen" | "dropbox-sign") {
            asked = event_in_place_of_words(&house, preset);
        }
        let answer = house.send(&asked).await;
        let mut due = row["response"].clone();
        if preset == "adyen" {
            // What the row says of older setups, which newer ones take as well.
            assert!(row["note"].as_str().unwrap().contains("[accepted] with 200"), "{row}");
            due = serde_json::json!({ "status": 200, "body": "[accepted]" });
        }
        assert_eq!(answer.status, due["status"], "{provider}: {answer:?}");
        compared += 1;
        if let Some(json) = due.get("json") {
            assert_eq!(&answer.json(), json, "{provider}");
        }
        if let Some(body) = due["body"].as_str() {
            assert_eq!(answer.body, body, "{provider}");
        }
        for (name, value) in due["headers"].as_object().into_iter().flatten() {
            let got = answer.header(&name.to_lowercase());
            let any_rate = name == "WebHook-Allowed-Rate" && got == Some("*");
            assert!(any_rate || got == value.as_str(), "{provider} {name}: {answer:?}");
        }
    }
    assert!(compared >= 22 && compared == rows.len(), "{compared} of {}", rows.len());
}

/// Two rows are no questions but events, of which they have no body: the built-in ones stand in, as
/// these senders write them.
fn event_in_place_of_words(house: &House, preset: &str) -> Outgoing {
    let sample = samples().iter().find(|sample| sample.preset == preset).unwrap();
    let mut request = outgoing(preset, sample.body.as_bytes());
    for (name, value) in sample.headers {
        request.put_header(name, value);
    }
    let pipeline = house.source();
    let mut signed = pipeline.source(preset).unwrap().sign(request, None).unwrap();
    if preset == "dropbox-sign" {
        let fields = form_urlencoded::parse(&signed.body).into_owned();
        let part = |(name, value)| {
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        signed.body = (fields.map(part).collect::<String>() + "--xyz--\r\n").into_bytes();
        signed.put_header("content-type", "multipart/form-data; boundary=xyz");
    }
    signed
}

#[tokio::test]
async fn a_head_is_answered_where_the_sender_asks_so_before_its_events() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    for (preset, status) in [("trello", 200), ("intercom", 200), ("slack", 405)] {
        house.serve(build(preset, "the secret of a provider", "x"));
        let mut asked = outgoing(preset, b"");
        asked.method = "HEAD".to_owned();
        assert_eq!(house.send(&asked).await.status, status, "{preset}");
    }
    assert!(house.recorded().await.is_empty());
}

#[tokio::test]
async fn a_handshake_is_not_answered_by_a_source_of_another_provider() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    house.serve(build("github", "a secret of github's own", "x"));
    for (method, query) in [
        ("GET", "challenge=abc"),
        ("GET", "crc_token=abc"),
        ("GET", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x"),
        ("HEAD", "a=b"),
        ("OPTIONS", "a=b"),
    ] {
        let mut asked = outgoing("github", b"");
        asked.method = method.to_owned();
        asked.target = format!("/hooks/github?{query}");
        assert_eq!(house.send(&asked).await.status, 405, "{method} {query}");
    }
    let mut asked = outgoing("github", b"");
    asked.target = "/hooks/github?validationToken=abc".to_owned();
    assert_eq!(house.send(&asked).await.status, 401);
}

#[tokio::test]
async fn nobody_can_have_an_event_signed_by_a_handshake() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    house.serve(build("x", "a consumer secret of some length", "unused"));
    let ask = |token: &str| {
        let mut asked = outgoing("x", b"");
        asked.method = "GET".to_owned();
        asked.target = format!("/hooks/x?crc_token={token}");
        asked
    };
    // What could be a body is not signed ...
    for token in ["%7B%22a%22%3A1%7D", "%5B%5D", "%22a%22", "a%20b", "", &"a".repeat(129)] {
        assert_ne!(house.send(&ask(token)).await.status, 200, "{token}");
    }
    // ... and what is signed is no body, though `12345` is valid JSON.
    for word in ["12345", "true", "abc"] {
        let answer = house.send(&ask(word)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let signature = answer.json()["response_token"].as_str().unwrap().to_owned();
        let mut forged = outgoing("x", word.as_bytes());
        forged.headers.push(("x-twitter-webhooks-signature".to_owned(), signature));
        assert_eq!(house.send(&forged).await.status, 401, "{word}");
    }
    assert!(house.recorded().await.is_empty());
}

#[tokio::test]
async fn an_offered_secret_is_kept_for_the_operator_and_believed_by_nobody() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    for (preset, header, body) in [
        ("asana", Some(("x-hook-secret", "offered-by-asana-0001")), "{}"),
        ("notion", None, r#"{"verification_token":"secret_offered_by_notion"}"#),
    ] {
        house.serve(build(preset, "the secret of an earlier webhook", "x"));
        let mut asked = outgoing(preset, body.as_bytes());
        let headers = header.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        asked.headers.extend(headers);
        assert_eq!(house.send(&asked).await.status, 200, "{preset}");
        let offered = house.offers.of(preset);
        let (offer, at) = (offered[0].secret.expose().to_owned(), offered[0].at);
        let due = header.map_or("secret_offered_by_notion", |(_, value)| value);
        assert_eq!((offered.len(), offer.as_str(), at), (1, due, super::now()));

        let other = build(preset, &offer, "x");
        let signed = other.sign(outgoing(preset, br#"{"events":[]}"#), None).unwrap();
        assert_eq!(house.send(&signed).await.status, 401, "{preset}");
    }
    assert!(house.recorded().await.is_empty());
}

#[tokio::test]
async fn a_signed_question_with_a_bad_signature_is_not_answered() {
    let _alone = CLOCK.lock().await;
    let house = House::new().await;
    let (private, public) = Scheme::new_pair(&SEED).unwrap();
    for (preset, secret, body) in [
        ("slack", SLACK, r#"{"type":"url_verification","challenge":"abc"}"#),
        (
            "zoom",
            "zoom-secret-token",
            r#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#,
        ),
        ("discord", &public, r#"{"type":1}"#),
    ] {
        house.serve(build(preset, secret, "x"));
        let pipeline = house.source();
        let source = pipeline.source(preset).unwrap();
        let signed = source.sign(outgoing(preset, body.as_bytes()), Some(&private)).unwrap();
        assert_eq!(house.send(&signed).await.status, 200, "{preset}");
        let mut forged = signed.clone();
        forged.body.push(b' ');
        assert_eq!(house.send(&forged).await.status, 401, "{preset}");
    }
    assert!(house.recorded().await.is_empty(), "questions are no events");
}
