//! Is what the providers' own libraries sign believed, and not with one byte changed?

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use kabari::sources::{Source, samples};
use kabari::verify::Scheme;
use serde_json::json;

use super::{CLOCK, House, NOON, NOW, outgoing, settings};
use crate::support::signer::Signer;

const WHSEC: &str = "whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg=";
const HEX: &str = "11223344D785FBAE710E7F943F307971";
const TEXT: &str = "a secret that is long enough for all of them";
const SEED: [u8; 32] = *b"kabari's own key of these tests!";

/// A library as its signer calls it, the preset whose events it signs, and the secret.
type Library = (&'static str, &'static str, &'static str);

const NODE: [Library; 14] = [
    ("octokit", "github", TEXT),
    ("octokit_webhooks", "github", TEXT),
    ("stripe_node", "stripe", TEXT),
    ("standardwebhooks", "standard-webhooks", WHSEC),
    ("svix", "svix", WHSEC),
    ("twilio", "twilio", TEXT),
    ("hubspot", "hubspot-v3", TEXT),
    ("adyen", "adyen", HEX),
    ("adyen_platform", "adyen-platform", HEX),
    ("contentful", "contentful", CONTENTFUL),
    ("sanity", "sanity", TEXT),
    ("coinbase", "coinbase-commerce", TEXT),
    ("workos", "workos", TEXT),
    ("netlify", "netlify", TEXT),
];
/// Theirs have 64 characters.
const CONTENTFUL: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const PYTHON: [Library; 7] = [
    ("slack", "slack", TEXT),
    ("standardwebhooks", "standard-webhooks", WHSEC),
    ("svix", "svix", WHSEC),
    ("twilio", "twilio", TEXT),
    ("stripe", "stripe", TEXT),
    ("discord", "discord", ""),
    ("evolution", "evolution-jwt", TEXT),
];

#[tokio::test]
async fn what_the_libraries_of_npm_sign_is_believed() {
    let Some(signer) = Signer::start() else { return };
    believed(signer, &NODE).await;
}

#[tokio::test]
async fn what_the_libraries_of_pypi_sign_is_believed() {
    let Some(signer) = Signer::start_python() else { return };
    believed(signer, &PYTHON).await;
}

async fn believed(mut signer: Signer, libraries: &[Library]) {
    let _alone = CLOCK.lock().await;
    NOW.store(NOON, Ordering::SeqCst);
    let house = House::new().await;
    for (library, preset, secret) in libraries {
        let place = format!("{library} for {preset}");
        let url = format!("https://hooks.example.test/hooks/{preset}");
        // Ed25519 is signed with the seed and checked with the public key.
        let (signs, checks) = match *library {
            "discord" => (hex::encode(SEED), Scheme::new_pair(&SEED).expect("a pair").1),
            _ => ((*secret).to_owned(), (*secret).to_owned()),
        };
        let source = Source::build(preset, &settings(preset, &checks, &url)).expect("a source").0;
        house.serve(source);
        let sample = samples().iter().find(|it| it.preset == *preset).expect("a sample");
        let asked = json!({
            "do": library, "secret": signs, "body": sample.body, "url": url, "time": NOON,
        });
        let (headers, body) = signer.sign(&asked);
        let mut request = outgoing(preset, body.as_bytes());
        for (name, value) in sample.headers {
            request.put_header(name, value);
        }
        for (name, value) in &headers {
            request.put_header(name, value);
        }
        let answer = house.send(&request).await;
        assert!((200..300).contains(&answer.status), "{place}: {answer:?}");

        // Evolution's signature does not cover its body, so there the token is changed.
        let mut forged = request.clone();
        if *library == "evolution" {
            let token = forged.headers.iter_mut().find(|(name, _)| name == "authorization");
            let (_, token) = token.expect("a token");
            let at = token.len() - 10;
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            token.replace_range(at..=at, other);
        } else {
            let digit = forged.body.iter_mut().rev().find(|byte| byte.is_ascii_digit());
            let digit = digit.expect("a digit");
            *digit = if *digit == b'1' { b'2' } else { b'1' };
            if *preset == "adyen" {
                // Of its body some fields are signed.
                let text = String::from_utf8(request.body.clone()).expect("text");
                forged.body = text.replace("18633200", "18633201").into_bytes();
            }
        }
        assert_ne!((&forged.body, &forged.headers), (&request.body, &request.headers), "{place}");
        assert_eq!(house.send(&forged).await.status, 401, "{place}, forged");
    }
    let senders: BTreeSet<&str> = libraries.iter().map(|(_, preset, _)| *preset).collect();
    let recorded = house.recorded().await.len();
    assert_eq!(recorded, senders.len(), "the event of each is recorded once");
}
