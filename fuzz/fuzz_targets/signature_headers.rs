//! Is there a signature header that makes a verifier panic, or that it believes without the secret?
#![no_main]

mod receiver;

use kabari::verify::Keys;
use libfuzzer_sys::fuzz_target;
use receiver::{PIPELINE, now, request};

/// One sender of each shape, and the header that carries its signature.
const SENDERS: [(&str, &str); 14] = [
    ("github", "x-hub-signature-256"),
    ("stripe", "stripe-signature"),
    ("standard-webhooks", "webhook-signature"),
    ("standard-webhooks-v1a", "webhook-signature"),
    ("paddle", "paddle-signature"),
    ("recurly", "recurly-signature"),
    ("zendesk", "x-zendesk-webhook-signature"),
    ("mercadopago", "x-signature"),
    ("netlify", "x-webhook-signature"),
    ("paypal", "paypal-transmission-sig"),
    ("paypal", "paypal-cert-url"),
    ("contentful", "x-contentful-signature"),
    ("twilio", "x-twilio-signature"),
    ("postmark-basic", "authorization"),
];

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (header, other, body) = input;
    // What a sender's host answers where its key should stand.
    let _ = Keys::default().with("https://api.paypal.com/v1/notifications/certs/C", other, now());
    for (source, name) in SENDERS {
        let headers = [
            (name, header),
            ("x-github-event", other),
            ("x-github-delivery", "1"),
            ("webhook-id", other),
            ("paypal-cert-url", other),
            ("paypal-transmission-sig", other),
            ("webhook-timestamp", "1700000000"),
            ("x-zendesk-webhook-signature-timestamp", other),
            ("x-contentful-timestamp", "1700000000000"),
            ("x-contentful-signed-headers", other),
        ];
        let verdict = PIPELINE.accept(&request(source, &headers, body), now());
        // A fuzzer that does not know the secret cannot make a signature.
        assert!(verdict.is_err(), "{source} believed {header:?}");
    }
});
