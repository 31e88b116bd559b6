//! Is it really from them? Vectors, tables, and mutations of valid requests.

#![expect(clippy::expect_used, reason = "what builds a test's world may fail it")]

use base64::Engine as _;
use bytes::Bytes;
use jiff::Timestamp;
use kabari::model::{EventId, Headers};
use kabari::secret::Secret;
use kabari::verify::{Denied, Outgoing, Request, Scheme, SchemeSettings, Verified};
use proptest::prelude::*;

const NOW: i64 = 1_764_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

fn scheme(yaml: &str) -> Scheme {
    let settings: SchemeSettings = serde_yaml::from_str(yaml).expect("settings");
    Scheme::build(&settings).expect("a scheme").0
}

fn github() -> Scheme {
    scheme("{ hmac: { header: X-Hub-Signature-256, prefix: 'sha256=' } }")
}

fn stripe() -> Scheme {
    scheme("{ stripe: {} }")
}

fn timed() -> Scheme {
    scheme(
        "{ hmac: { header: X-Signature, encoding: base64, signed: 'v0:{timestamp}:{body}' }, \
           timestamp: { header: X-Timestamp, tolerance: 60s } }",
    )
}

fn request(headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned()));
    Request::new(
        EventId(uuid::Uuid::nil()),
        at(NOW),
        "source",
        "POST",
        "/hooks/source",
        Headers(headers.collect()),
        Bytes::copy_from_slice(body),
    )
}

fn signed(scheme: &Scheme, secret: &str, body: &[u8]) -> Vec<(String, String)> {
    scheme.sign(&Outgoing { body, now: at(NOW) }, &Secret::new(secret))
}

fn judge<'r>(
    scheme: &Scheme,
    request: &'r Request,
    secrets: &[&str],
) -> Result<Verified<'r>, Denied> {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    scheme.verify(request, &secrets, at(NOW))
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What GitHub's documentation gives to test an implementation with.
#[test]
fn the_documented_example_of_github_is_accepted() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let request = request(&[("X-Hub-Signature-256", signature)], b"Hello, World!");
    assert!(judge(&github(), &request, &["It's a Secret to Everybody"]).is_ok());
    assert!(judge(&github(), &request, &["It's a secret to everybody"]).is_err());
}

#[test]
fn what_a_scheme_signs_it_believes() {
    for scheme in [github(), stripe(), timed()] {
        let headers = signed(&scheme, "secret", b"{}");
        let request = request(&borrowed(&headers), b"{}");
        assert!(judge(&scheme, &request, &["secret"]).is_ok(), "{headers:?}");
    }
}

#[test]
fn of_several_secrets_the_one_that_matched_is_told() {
    for scheme in [github(), stripe(), timed()] {
        let headers = signed(&scheme, "old", b"{}");
        let request = request(&borrowed(&headers), b"{}");
        let proof = judge(&scheme, &request, &["", "new", "old"]).expect("believed");
        assert_eq!(proof.secret(), 2);
        let denied = judge(&scheme, &request, &["new", "newer"]).err();
        assert_eq!(denied, Some(Denied::Mismatch { secrets: 2 }));
    }
}

#[test]
fn an_empty_secret_believes_nothing() {
    for scheme in [github(), stripe(), timed()] {
        let headers = signed(&scheme, "", b"{}");
        let request = request(&borrowed(&headers), b"{}");
        for secrets in [&[""][..], &["  "], &[]] {
            assert!(judge(&scheme, &request, secrets).is_err());
        }
    }
}

#[test]
fn a_signature_of_the_wrong_shape_says_how_without_showing_it() {
    let right = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    for (value, why) in [
        (right.to_owned(), "prefix is missing"),
        (format!("sha1={right}"), "prefix is missing"),
        ("sha256=".to_owned(), "empty"),
        (format!("sha256={}", &right[1..]), "too short"),
        (format!("sha256={right}0"), "too long"),
        (format!("sha256={}", right.to_uppercase()), "lower-case"),
        (format!("sha256= {}", &right[1..]), "lower-case"),
    ] {
        let request = request(&[("x-hub-signature-256", &value)], b"Hello, World!");
        let denied = judge(&github(), &request, &["It's a Secret to Everybody"]).err().unwrap();
        assert_eq!(denied.label(), "malformed");
        let text = denied.to_string();
        assert!(text.contains(why) && !text.contains(&right[10..20]), "{value}: {text}");
    }
    let twice = format!("sha256={right}");
    let twice = [("x-hub-signature-256", twice.as_str()), ("x-hub-signature-256", &twice)];
    assert!(judge(&github(), &request(&twice, b"Hello, World!"), &["x"]).is_err());
    let denied = judge(&github(), &request(&[("x-hub-signature", "x")], b""), &["x"]).err();
    assert_eq!(denied.map(|denied| denied.label()), Some("missing"));
}

#[test]
fn a_stale_stripe_timestamp_is_refused() {
    let scheme = stripe();
    let headers = signed(&scheme, "whsec_1", b"{}");
    let request = request(&borrowed(&headers), b"{}");
    let secrets = [Secret::new("whsec_1")];
    assert!(scheme.verify(&request, &secrets, at(NOW + 300)).is_ok());
    let denied = scheme.verify(&request, &secrets, at(NOW + 301)).err();
    assert_eq!(denied, Some(Denied::Stale { age_s: 301, tolerance_s: 300 }));
    assert!(scheme.verify(&request, &secrets, at(NOW - 3000)).is_ok(), "Stripe's own libraries do");
}

#[test]
fn a_timestamp_from_the_future_is_refused_as_one_from_the_past() {
    let scheme = timed();
    let headers = signed(&scheme, "secret", b"{}");
    let request = request(&borrowed(&headers), b"{}");
    let secrets = [Secret::new("secret")];
    for (away, fine) in [(60, true), (61, false), (-60, true), (-61, false)] {
        assert_eq!(scheme.verify(&request, &secrets, at(NOW + away)).is_ok(), fine, "{away}");
    }
}

#[test]
fn headers_that_carry_credentials_are_not_kept() {
    let headers = signed(&github(), "secret", b"{}");
    let mut headers = borrowed(&headers);
    headers.extend([
        ("authorization", "Bearer x"),
        ("proxy-authorization", "Basic x"),
        ("cookie", "session=x"),
        ("x-hub-signature", "sha1=x"),
        ("x-github-event", "push"),
    ]);
    let request = request(&headers, b"{}");
    let proof = judge(&github(), &request, &["secret"]).expect("believed");
    assert_eq!(proof.headers().0, [("x-github-event".to_owned(), "push".to_owned())]);
}

#[test]
fn the_same_signed_bytes_have_the_same_digest_whatever_the_other_headers_say() {
    let digest = |scheme: &Scheme, secret: &str, body: &[u8], more: &[(&str, &str)]| {
        let headers = signed(scheme, secret, body);
        let mut headers = borrowed(&headers);
        headers.extend(more);
        let request = request(&headers, body);
        judge(scheme, &request, &["one", "two"]).expect("believed").digest()
    };
    let first = digest(&github(), "one", b"{}", &[("x-github-delivery", "1")]);
    assert_eq!(digest(&github(), "one", b"{}", &[("x-github-delivery", "2")]), first);
    assert_ne!(digest(&github(), "one", b"{ }", &[]), first);
    assert_ne!(digest(&stripe(), "one", b"{}", &[]), first);
    assert_ne!(digest(&github(), "two", b"{}", &[]), first);
}

#[test]
fn settings_that_cannot_be_meant_are_refused_at_their_path() {
    for (yaml, path) in [
        ("{}", ""),
        ("{ hmac: { header: X-A }, stripe: {} }", ""),
        ("{ hmac: {} }", "hmac.header"),
        ("{ hmac: { header: 'X A' } }", "hmac.header"),
        ("{ hmac: { header: X-A, signed: '{id}.{body}' } }", "hmac.signed"),
        ("{ hmac: { header: X-A, signed: '{timestamp}.{body}' } }", "hmac.signed"),
        (
            "{ hmac: { header: X-A, signed: '{timestamp}.{body}' }, timestamp: {} }",
            "timestamp.header",
        ),
        ("{ stripe: { header: '' } }", "stripe.header"),
    ] {
        let settings: SchemeSettings = serde_yaml::from_str(yaml).expect(yaml);
        let faults = Scheme::build(&settings).err().unwrap_or_else(|| panic!("{yaml}"));
        assert_eq!(faults[0].path, path, "{yaml}");
    }
    for yaml in ["{ hmac: { hash: md5 } }", "{ hmac: { headers: X } }", "{ stripes: {} }"] {
        assert!(serde_yaml::from_str::<SchemeSettings>(yaml).is_err(), "{yaml}");
    }
    let unsigned = "{ hmac: { header: X-A }, timestamp: { header: X-T } }";
    let settings: SchemeSettings = serde_yaml::from_str(unsigned).unwrap();
    assert_eq!(Scheme::build(&settings).unwrap().1[0].code, "unsigned-timestamp");
}

/// Vectors of the providers' documentation and libraries, where they lie beside the project.
#[test]
fn the_vectors_of_github_and_stripe_hold() {
    let here = env!("CARGO_MANIFEST_DIR");
    let file = "shared/reference/vectors.json";
    let places = [format!("{here}/../{file}"), format!("{here}/../../{file}")];
    let Some(text) = places.iter().find_map(|path| std::fs::read_to_string(path).ok()) else {
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    let mut count = 0;
    for vector in vectors {
        let scheme = match vector["scheme"].as_str() {
            Some("github") => github(),
            Some("stripe") => stripe(),
            _ => continue,
        };
        let mut headers = Vec::new();
        for (name, value) in vector["headers"].as_object().expect("headers") {
            match value {
                serde_json::Value::Array(lines) => {
                    headers
                        .extend(lines.iter().map(|line| (name.as_str(), line.as_str().unwrap())));
                }
                line => headers.push((name.as_str(), line.as_str().expect("a header"))),
            }
        }
        let body = base64::engine::general_purpose::STANDARD
            .decode(vector["body_b64"].as_str().expect("a body"))
            .expect("base64");
        let request = request(&headers, &body);
        let secret = Secret::new(vector["secret"].as_str().expect("a secret"));
        let now = at(vector["now_unix"].as_i64().expect("a time"));
        let judged = scheme.verify(&request, &[secret], now);
        let expected = vector["expect"] == "valid";
        assert_eq!(judged.is_ok(), expected, "{} {:?}", vector["id"], judged.err());
        count += 1;
    }
    assert!(count >= 20, "only {count} vectors");
}

/// The same bytes with one bit turned over.
fn turned(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn no_single_bit_of_a_valid_request_can_be_turned(
        body in prop::collection::vec(any::<u8>(), 1..200),
        which in 0_usize..3,
        bit in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
    ) {
        let scheme = [github(), stripe(), timed()][which].clone();
        let headers = signed(&scheme, "a long and secret text", &body);
        let valid = request(&borrowed(&headers), &body);
        prop_assert!(judge(&scheme, &valid, &["a long and secret text"]).is_ok());

        let changed = turned(&body, bit.index(body.len() * 8));
        let forged = request(&borrowed(&headers), &changed);
        prop_assert!(judge(&scheme, &forged, &["a long and secret text"]).is_err());

        let mut headers = headers;
        let header = place.index(headers.len());
        let value = turned(headers[header].1.as_bytes(), bit.index(headers[header].1.len() * 8));
        headers[header].1 = String::from_utf8_lossy(&value).into_owned();
        let forged = request(&borrowed(&headers), &body);
        prop_assert!(judge(&scheme, &forged, &["a long and secret text"]).is_err());
    }

    #[test]
    fn no_header_makes_the_parsers_panic_or_believe(
        value in "\\PC{0,120}",
        listed in "(t=[0-9]{0,14}|v1=[0-9a-f]{0,70}|v0=x|,|=| ){0,12}",
        body in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        for (scheme, name) in [
            (github(), "x-hub-signature-256"),
            (stripe(), "stripe-signature"),
            (timed(), "x-signature"),
        ] {
            for value in [&value, &listed, &format!("sha256={value}")] {
                let request = request(&[(name, value), ("x-timestamp", value)], &body);
                prop_assert!(judge(&scheme, &request, &["a secret"]).is_err());
            }
        }
    }

    #[test]
    fn no_template_of_what_is_signed_makes_its_reader_panic(text in "[{}a-z.:]{0,40}") {
        let yaml = format!("{{ hmac: {{ header: X-A, signed: '{text}' }} }}");
        if let Ok(settings) = serde_yaml::from_str::<SchemeSettings>(&yaml) {
            let _ = Scheme::build(&settings);
        }
    }
}
