//! Is there a signature header that makes a verifier panic, or that it believes without the secret?
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use shared::{PIPELINE, now, request};

fuzz_target!(|input: (&str, &[u8])| {
    let (header, body) = input;
    for (source, name) in [("github", "x-hub-signature-256"), ("stripe", "stripe-signature")] {
        let headers = [(name, header), ("x-github-event", header), ("x-github-delivery", "1")];
        let verdict = PIPELINE.accept(&request(source, &headers, body), now());
        // A fuzzer that does not know the secret cannot make a signature of 256 bits.
        assert!(verdict.is_err(), "{source} believed {header:?}");
    }
});
