//! Is there a request that any sender known by name is believed to have sent, without its secret, or
//! that makes its check panic? Every header that a preset reads, and its body, form and query.
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use kabari::model::EventId;
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings, presets};
use kabari::verify::{OneOrMore, Request, SchemeSettings};
use libfuzzer_sys::fuzz_target;

/// Of each sender one fits: a text, `whsec_`, hex, user and password, and public keys.
const SECRETS: [&str; 6] = [
    "fuzz secret of some length: 8f742231b10e8888abcd99",
    "whsec_ZnV6ei1zZWNyZXQtb2Ytc29tZS1sZW5ndGg=",
    "8f742231b10e8888abcd99aa11223344",
    "user:fuzz secret of some length",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    include_str!("../../tests/suite/sources/keys/p256.public.pem"),
];
const RSA: &str = include_str!("../../tests/suite/sources/keys/rsa.public.pem");

/// A source, the headers in which it looks for a signature, and the others that it reads.
struct Sender {
    source: Source,
    signature: Vec<String>,
    beside: Vec<String>,
}

static SENDERS: LazyLock<Vec<Sender>> = LazyLock::new(|| {
    let rows = presets().expect("presets");
    let senders: Vec<Sender> = rows.iter().filter_map(|(name, row)| sender(name, row)).collect();
    assert_eq!(senders.len(), rows.len(), "every sender has a secret that fits");
    senders
});

fn sender(name: &str, row: &SourceSettings) -> Option<Sender> {
    let settings = |secret: &str| SourceSettings {
        preset: Some(name.to_owned()),
        secret: Some(Secret::new(secret)),
        url: Some(format!("https://hooks.shop.example/hooks/{name}")),
        ..SourceSettings::default()
    };
    let mut secrets = SECRETS.into_iter().chain([RSA]);
    let source = secrets.find_map(|secret| Source::build(name, &settings(secret)).ok())?.0;
    let verify = row.verify.clone().unwrap_or_default();
    let (signature, beside) = (signature(&verify), beside(&verify, row));
    Some(Sender { source, signature, beside })
}

fn signature(verify: &SchemeSettings) -> Vec<String> {
    let signed = [&verify.hmac, &verify.digest, &verify.public_key];
    let mut headers: Vec<OneOrMore> =
        signed.into_iter().flatten().filter_map(|it| it.header.clone()).collect();
    headers.extend(verify.token.as_ref().and_then(|it| it.header.clone()));
    headers.extend(verify.jwt.as_ref().and_then(|it| it.header.clone()));
    let mut names: Vec<String> = headers.into_iter().flat_map(names).collect();
    if verify.twilio.is_some() {
        names.push("x-twilio-signature".to_owned());
    }
    if verify.contentful.is_some() {
        names.push("x-contentful-signature".to_owned());
    }
    names
}

fn beside(verify: &SchemeSettings, row: &SourceSettings) -> Vec<String> {
    let mut headers: Vec<OneOrMore> = Vec::new();
    headers.extend(verify.timestamp.as_ref().and_then(|it| it.header.clone()));
    headers.extend(verify.id.as_ref().and_then(|it| it.header.clone()));
    let mut names: Vec<String> = headers.into_iter().flat_map(names).collect();
    names.extend(verify.key_from.as_ref().and_then(|it| it.header.clone()));
    for text in [&row.kind, &row.action, &row.id].into_iter().flatten() {
        let quoted = text.split("headers['").skip(1).filter_map(|rest| rest.split('\'').next());
        names.extend(quoted.map(str::to_owned));
    }
    names.extend(["x-contentful-timestamp", "x-contentful-signed-headers"].map(str::to_owned));
    names.extend(["x-request-id", "client-id", "paypal-transmission-id"].map(str::to_owned));
    names
}

fn names(headers: OneOrMore) -> Vec<String> {
    match headers {
        OneOrMore::One(name) => vec![name],
        OneOrMore::More(names) => names,
    }
}

fuzz_target!(|input: (u8, [&str; 3], &str, &str, &[u8])| {
    let (which, signatures, beside, content_type, body) = input;
    let now = Timestamp::from_second(1_700_000_000).expect("a time in range");
    let method = if which & 1 == 0 { "POST" } else { "GET" };
    for sender in SENDERS.iter() {
        let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
        // The second and the third are further lines of the same name.
        let lines = 1 + usize::from(which >> 1) % 3;
        for name in &sender.signature {
            let lines = signatures.iter().take(lines);
            headers.extend(lines.map(|it| (name.to_ascii_lowercase(), (*it).to_owned())));
        }
        let others = sender.beside.iter();
        headers.extend(others.map(|name| (name.to_ascii_lowercase(), beside.to_owned())));
        let request = Request::new(
            EventId(uuid::Uuid::nil()),
            now,
            sender.source.name(),
            method,
            format!("/hooks/{}?{beside}", sender.source.name()),
            headers.into_iter().collect(),
            body.to_vec().into(),
        );
        let name = sender.source.name();
        assert!(sender.source.verify(&request, now).is_err(), "{name} believed {signatures:?}");
        // What is said of it in the log must not panic either.
        if let Err(denied) = sender.source.verify(&request, now) {
            let _ = sender.source.compare(&denied, &request, now);
        }
    }
});
