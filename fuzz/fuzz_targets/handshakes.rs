//! Is there a question that makes a handshake panic, repeat what could be markup, or sign an event?
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use kabari::model::{EventId, Headers};
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings, presets};
use kabari::verify::Request;
use libfuzzer_sys::fuzz_target;

/// A source of every preset that has a handshake.
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let settings = |name: &str| SourceSettings {
        preset: Some(name.to_owned()),
        secret: Some(Secret::new("the secret of a provider")),
        verify_token: Some(Secret::new("meatyhamhock")),
        url: Some(format!("https://hooks.shop.example/hooks/{name}")),
        ..SourceSettings::default()
    };
    let known = presets().expect("presets").into_iter();
    let greeting = known.filter(|(_, row)| row.handshake.is_some());
    greeting.filter_map(|(name, _)| Some(Source::build(name, &settings(name)).ok()?.0)).collect()
});

const METHODS: [&str; 4] = ["POST", "GET", "HEAD", "OPTIONS"];
const HEADERS: [&str; 4] = [
    "x-hook-secret",
    "x-okta-verification-challenge",
    "webhook-request-origin",
    "content-type",
];

fuzz_target!(|input: (u8, &str, [&str; 4], &[u8])| {
    let (method, query, values, body) = input;
    let now = Timestamp::from_second(1_700_000_000).expect("a time in range");
    let headers = HEADERS.iter().zip(values).map(|(name, it)| ((*name).to_owned(), it.to_owned()));
    let headers: Headers = headers.collect();
    for source in SOURCES.iter() {
        let request = Request::new(
            EventId(uuid::Uuid::nil()),
            now,
            source.name(),
            METHODS[usize::from(method) % METHODS.len()],
            format!("/hooks/{}?{query}", source.name()),
            headers.clone(),
            body.to_vec().into(),
        );
        let Some(answer) = source.greet(&request, now) else { continue };
        let harmless = !answer.body.contains(['<', '>']);
        assert!(harmless, "{}: {answer:?}", source.name());
        // What was signed for a stranger is no event.
        if let Some(signed) = answer.body.strip_prefix(r#"{"response_token":"sha256="#) {
            assert!(signed.len() <= 48, "{}: {answer:?}", source.name());
            assert!(source.verify(&request, now).is_err(), "{}", source.name());
        }
    }
});
