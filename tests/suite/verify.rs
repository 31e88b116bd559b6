//! Is it really from them? Vectors, tables, and mutations of valid requests.

#![expect(clippy::expect_used, reason = "what builds a test's world may fail it")]

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
    scheme(
        "{ hmac: { header: Stripe-Signature, separator: ',', prefix: v1=, signed: '{timestamp}.{body}' }, \
           timestamp: { prefix: t=, future: any } }",
    )
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
        headers.collect(),
        Bytes::copy_from_slice(body),
    )
}

fn signed(scheme: &Scheme, secret: &str, body: &[u8]) -> Vec<(String, String)> {
    let outgoing = Outgoing::post("source", body, at(NOW));
    scheme.sign(outgoing, &Secret::new(secret), None).expect("signed").headers
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
        (right.to_owned(), "`sha256=` expected in front, got 64 hex digits"),
        (format!("sha1={right}"), "got `sha1=` and 64 hex digits"),
        ("sha256=".to_owned(), "64 hex digits expected, got nothing"),
        (format!("sha256={}", &right[1..]), "got 63 hex digits"),
        (format!("sha256={right}0"), "got 65 hex digits"),
        (format!("sha256={}", right.to_uppercase()), "got 64 upper-case hex digits"),
        (format!("sha256= {}", &right[1..]), "got 63 hex digits, with spaces"),
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
    assert_eq!(proof.headers(), Headers::from([("x-github-event", "push")]));
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
        ("{ hmac: { header: X-A }, twilio: {} }", ""),
        ("{ hmac: {} }", "hmac.header"),
        ("{ hmac: { header: 'X A' } }", "hmac.header"),
        ("{ hmac: { header: X-A, signed: '{id}.{body}' } }", "hmac.signed"),
        ("{ hmac: { header: X-A, signed: '{timestamp}.{body}' } }", "hmac.signed"),
        (
            "{ hmac: { header: X-A, signed: '{timestamp}.{body}' }, timestamp: {} }",
            "timestamp.header",
        ),
        ("{ token: { header: '' } }", "token.header"),
        ("{ hmac: { header: X-A, query: a } }", "hmac"),
        ("{ hmac: { header: X-A, hash: md5 } }", "hmac.hash"),
        ("{ hmac: { header: X-A, key: pem } }", "hmac.key"),
        ("{ digest: { header: X-A } }", "digest.signed"),
        ("{ public_key: { header: X-A } }", "public_key"),
        ("{ public_key: { header: X-A, algorithm: ed25519, key: x } }", "public_key.key"),
        ("{ hmac: { header: X-A }, timestamp: { prefix: t= } }", "timestamp"),
    ] {
        let settings: SchemeSettings = serde_yaml::from_str(yaml).expect(yaml);
        let faults = Scheme::build(&settings).err().unwrap_or_else(|| panic!("{yaml}"));
        assert_eq!(faults[0].path, path, "{yaml}");
    }
    for yaml in ["{ hmac: { hash: md6 } }", "{ hmac: { headers: X } }", "{ stripes: {} }"] {
        assert!(serde_yaml::from_str::<SchemeSettings>(yaml).is_err(), "{yaml}");
    }
    let unsigned = "{ hmac: { header: X-A }, timestamp: { header: X-T } }";
    let settings: SchemeSettings = serde_yaml::from_str(unsigned).unwrap();
    assert_eq!(Scheme::build(&settings).unwrap().1[0].code, "unsigned-timestamp");
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
