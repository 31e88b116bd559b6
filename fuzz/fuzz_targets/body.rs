//! Is there a body, rightly signed, that makes the reader, a rule or a template panic?
#![no_main]

mod receiver;

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use receiver::{PIPELINE, now, request};
use sha2::Sha256;

/// The secret of GitHub's source there.
const SECRET: &str = "fuzz-secret-of-some-length";

fuzz_target!(|body: &[u8]| {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length is a key");
    mac.update(body);
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = [
            ("content-type", content_type),
            ("x-github-event", "issues"),
            ("x-github-delivery", "1"),
            ("x-hub-signature-256", &signature),
        ];
        let accepted = PIPELINE.accept(&request("github", &headers, body), now());
        // Whatever it says, a signed event is kept.
        assert!(accepted.is_ok(), "{accepted:?}");
    }
});
