//! Can every preset be tried without its provider, and what of a request can be changed unnoticed?

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use kabari::secret::Secret;
use kabari::sources::{Sample, Source, SourceSettings, Unsigned, presets, samples};
use kabari::verify::{Outgoing, Scheme, SchemeSettings, SignatureSettings};

use super::{CLOCK, House, NOON, NOW, outgoing, settings};

const SEED: [u8; 32] = *b"kabari's own key of these tests!";
pub(super) const RSA: (&str, &str) =
    (include_str!("keys/rsa.private.pem"), include_str!("keys/rsa.public.pem"));
pub(super) const P256: (&str, &str) =
    (include_str!("keys/p256.private.pem"), include_str!("keys/p256.public.pem"));

/// A source of a preset, and the key that its provider would sign with, if that is another.
pub(super) fn build(preset: &str) -> (Source, Option<Secret>) {
    let (private, public) = Scheme::new_pair(&SEED).expect("a pair");
    let (private, secret) = match preset {
        "discord" | "standard-webhooks-v1a" => (Some(private), public),
        "sendgrid" => (Some(Secret::new(P256.0)), P256.1.to_owned()),
        "travis" | "kick" => (Some(Secret::new(RSA.0)), RSA.1.to_owned()),
        "paypal" => (Some(Secret::new(RSA.0)), "the id of a webhook".to_owned()),
        "standard-webhooks" | "svix" | "gitlab-signing" => {
            (None, "whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg=".to_owned())
        }
        "adyen" | "adyen-platform" | "close" => {
            (None, "11223344D785FBAE710E7F943F307971".to_owned())
        }
        "postmark-basic" | "chargebee-basic" => (None, "user:a password of some length".to_owned()),
        _ => (None, "the secret of a provider".to_owned()),
    };
    let url = format!("https://hooks.example.test/hooks/{preset}");
    let key = SignatureSettings { key: Some(RSA.1.to_owned()), ..SignatureSettings::default() };
    let verify = (preset == "paypal")
        .then(|| SchemeSettings { public_key: Some(key), ..SchemeSettings::default() });
    let settings = SourceSettings { verify, ..settings(preset, &secret, &url) };
    match Source::build(preset, &settings) {
        Ok((source, warnings)) => {
            assert!(warnings.is_empty(), "{preset}: {warnings:?}");
            (source, private)
        }
        Err(faults) => panic!("{preset}: {faults:#?}"),
    }
}

/// The sample as its provider would send it; `None` where nobody but the provider can sign.
pub(super) fn signed(
    source: &Source,
    private: Option<&Secret>,
    sample: &Sample,
) -> Option<Outgoing> {
    let mut request = outgoing(sample.preset, sample.body.as_bytes());
    request.put_header("content-type", "application/json");
    for (name, value) in sample.headers {
        request.put_header(name, value);
    }
    if sample.preset == "mercadopago" {
        request.target.push_str("?data.id=999999999&type=payment");
    }
    source.sign(request, private)
}

#[tokio::test]
async fn every_sample_of_every_preset_is_believed_recorded_and_of_its_kind() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let mut tried = BTreeSet::new();
    for sample in samples() {
        let (source, private) = build(sample.preset);
        let unsigned = source.unsigned().to_vec();
        let reply = source.reply().and_then(|reply| reply.status).unwrap_or(200);
        let request = signed(&source, private.as_ref(), sample);
        tried.insert(sample.preset);
        let Some(request) = request else {
            assert_eq!(sample.preset, "travis", "nobody signs with SHA-1 but Travis");
            continue;
        };
        house.serve(source);
        let before = house.recorded().await.len();
        let answer = house.send(&request).await;
        assert_eq!(answer.status, reply, "{}/{}: {answer:?}", sample.preset, sample.kind);
        let events = house.recorded().await;
        assert_eq!(events.len(), before + 1, "{}/{}", sample.preset, sample.kind);
        let of_kind = |kind: &str| {
            events.iter().any(|event| event.source == sample.preset && event.kind == kind)
        };
        assert!(of_kind(sample.kind), "{}/{}: {events:?}", sample.preset, sample.kind);

        let mut forged = request.clone();
        if unsigned.contains(&Unsigned::Body) {
            forged.headers.retain(|(name, _)| !is_credential(name));
            forged.body = forged.body.iter().map(|byte| byte.wrapping_add(1)).collect();
            forged.target = format!("/hooks/{}", sample.preset);
        } else {
            let place = forged.body.len() / 2;
            forged.body[place] ^= 1;
        }
        let answer = house.send(&forged).await;
        assert_eq!(answer.status, 401, "{}/{}: {answer:?}", sample.preset, sample.kind);
    }
    let all: BTreeSet<&str> = presets().unwrap().keys().copied().collect();
    assert_eq!(tried, all, "every preset has a sample");
}

fn is_credential(name: &str) -> bool {
    let name = name.to_lowercase();
    ["signature", "authorization", "token", "hmac", "verif-hash", "sig"]
        .iter()
        .any(|it| name.contains(it))
}

#[tokio::test]
async fn providers_get_the_very_answers_that_they_ask_for() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    for (preset, status, body, media_type) in [
        ("tripay", 200, r#"{"success":true}"#, Some("application/json")),
        ("adyen", 200, "[accepted]", Some("text/plain; charset=utf-8")),
        ("dropbox-sign", 200, "Hello API Event Received", Some("text/plain; charset=utf-8")),
        ("xero", 200, "", None),
        ("discord", 204, "", None),
        ("twilio", 200, "<Response/>", Some("text/xml")),
    ] {
        let sample = samples().iter().find(|sample| sample.preset == preset).unwrap();
        let (source, private) = build(preset);
        let request = signed(&source, private.as_ref(), sample).unwrap();
        house.serve(source);
        // A second delivery is answered alike: else it would come for ever.
        for _ in 0..2 {
            let answer = house.send(&request).await;
            assert_eq!((answer.status, &*answer.body), (status, body), "{preset}");
            assert_eq!(answer.header("content-type"), media_type, "{preset}");
        }
    }
}

#[tokio::test]
async fn a_media_type_that_a_preset_excludes_is_refused_after_it_is_verified() {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    let (source, _) = build("recurly");
    let mut request = outgoing("recurly", b"<xml/>");
    request.put_header("content-type", "application/xml");
    let request = source.sign(request, None).unwrap();
    house.serve(source);
    assert_eq!(house.send(&request).await.status, 415);
    let mut forged = request;
    forged.body.push(b' ');
    assert_eq!(house.send(&forged).await.status, 401);
}
