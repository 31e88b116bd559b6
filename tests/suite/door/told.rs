//! What does the log say of a request that is not believed? Which check failed, and how secret and
//! signature differ in shape; neither of them, and to the sender nothing.

use kabari::receive::Settings;
use kabari::verify::Outgoing;

use super::{House, Page, now, source};

const BASE64: &str = "whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg=";
const HEX: &str = "0123456789abcdef0123456789abcdef";
const TEXT: &str = "correct horse battery staple";

fn row(secret: &str, verify: &str) -> String {
    let secret = serde_json::to_string(secret).expect("a text");
    format!("secret: {secret}, id: none, verify: {{ {verify} }}")
}

/// The log of a request that is signed by a source with `theirs` and comes to one with `ours`;
/// `change` is what is done to the signature on the way.
async fn told(ours: &str, theirs: &str, change: impl Fn(&str) -> String) -> String {
    let page = Page::open();
    let house = House::of(source(ours), &[], Settings::default()).await;
    let sender = source(theirs);
    let body = br#"{"customer":"a customer's name"}"#;
    let mut request = sender.sign(Outgoing::post("warung", body, now()), None).expect("signed");
    let sum = change(request.header("X-Sum").expect("a signature"));
    request.put_header("X-Sum", &sum);
    let answer = house.send(&request).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error":"signature"}"#));
    let log = page.text();
    let sum = sum.rsplit(['=', ',', ' ']).find(|it| it.len() > 8).unwrap_or(&sum).to_owned();
    for hidden in [BASE64, &BASE64[6..], HEX, TEXT, &sum, "a customer's name"] {
        for start in (0..hidden.len().saturating_sub(8)).filter(|at| hidden.is_char_boundary(*at)) {
            let piece = &hidden[start..start + 8];
            assert!(!log.contains(piece), "{piece}: {log}");
        }
    }
    log
}

fn as_it_is(sum: &str) -> String {
    sum.to_owned()
}

#[tokio::test]
async fn a_signature_of_the_wrong_shape_is_told_by_its_shape() {
    let hex = row(TEXT, "hmac: { header: X-Sum }");
    let base64 = row(TEXT, "hmac: { header: X-Sum, encoding: base64 }");
    let prefixed = row(TEXT, "hmac: { header: X-Sum, prefix: 'sha256=' }");
    let sha1 = row(TEXT, "hmac: { header: X-Sum, hash: sha1, prefix: 'sha1=' }");
    for (ours, theirs, expected) in [
        (&hex, &base64, "64 hex digits expected, got 44 characters of base64"),
        (&base64, &hex, "44 characters of base64 expected, got 64 hex digits"),
        (&hex, &prefixed, "64 hex digits expected, got `sha256=` and 64 hex digits"),
        (&prefixed, &hex, "`sha256=` expected in front, got 64 hex digits"),
        (&prefixed, &sha1, "`sha256=` expected in front, got `sha1=` and 40 hex digits"),
    ] {
        let log = told(ours, theirs, as_it_is).await;
        assert!(log.contains(expected) && log.contains("malformed"), "{expected}: {log}");
    }
    let upper = told(&hex, &hex, str::to_uppercase).await;
    assert!(upper.contains("64 hex digits expected, got 64 upper-case hex digits"), "{upper}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_by_how_it_looks() {
    let with = |secret: &str| row(secret, "hmac: { header: X-Sum }");
    let other = with("quite another secret");
    for (secret, expected) in [
        (BASE64, "secret 0: `whsec_` and 40 characters of base64, taken as text"),
        (HEX, "secret 0: 32 hex digits, taken as text"),
        (TEXT, "secret 0: 28 characters, taken as text"),
    ] {
        let log = told(&with(secret), &other, as_it_is).await;
        assert!(log.contains("sent: 64 hex digits") && log.contains(expected), "{log}");
        assert!(log.contains("mismatch") && !log.contains("it would match"), "{log}");
    }
}

#[tokio::test]
async fn a_slip_that_explains_a_wrong_secret_is_told() {
    let hmac = |key: &str| format!("hmac: {{ header: X-Sum, key: {key} }}");
    let of = |secret: &str, key: &str| row(secret, &hmac(key));
    for (ours, theirs, expected) in [
        (of(&format!(" {TEXT}\n"), "text"), of(TEXT, "text"), "without the spaces around it"),
        (of(&format!("'{TEXT}'"), "text"), of(TEXT, "text"), "without the quotes around it"),
        (of(BASE64, "text"), of(&BASE64[6..], "text"), "without its `whsec_`"),
        (of(&BASE64[6..], "text"), of(BASE64, "text"), "with `whsec_` in front"),
        (of(HEX, "text"), of(HEX, "hex"), "as hexadecimal digits"),
        (of(HEX, "hex"), of(HEX, "text"), "as text"),
        (of(BASE64, "text"), of(BASE64, "whsec"), "as base64 after an optional `whsec_`"),
    ] {
        let log = told(&ours, &theirs, as_it_is).await;
        assert!(log.contains(&format!("it would match {expected}")), "{expected}: {log}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_beside_the_right_one_by_their_looks() {
    let token = |secret: &str| row(secret, "token: { header: X-Sum }");
    let log = told(&token(HEX), &token(BASE64), as_it_is).await;
    assert!(
        log.contains("sent: `whsec_` and 40 characters of base64; secret 0: 32 hex digits"),
        "{log}"
    );
    let bearer = row(HEX, "token: { header: X-Sum, prefix: 'Bearer ' }");
    let log = told(&bearer, &token(HEX), as_it_is).await;
    assert!(log.contains("`Bearer ` expected in front, got 32 hex digits"), "{log}");
}

#[tokio::test]
async fn of_several_secrets_each_is_told_by_its_place_and_one_that_does_not_count_is_said_so() {
    let ours = format!(
        "secrets: [{HEX}, {{ secret: {BASE64}, until: 2001-01-01 }}, 'the third of the secrets'], \
         id: none, verify: {{ hmac: {{ header: X-Sum }} }}"
    );
    let log = told(&ours, &row("quite another secret", "hmac: { header: X-Sum }"), as_it_is).await;
    for expected in
        ["secret 0: 32 hex digits", "secret 1 does not count now", "secret 2: 24 characters"]
    {
        assert!(log.contains(expected), "{expected}: {log}");
    }
}
