//! Does a scheme fall for what is easily taken for right?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use kabari::model::EventId;
use kabari::secret::Secret;
use kabari::sources::{Source, SourceSettings, presets};
use kabari::verify::{Denied, Outgoing, Request};
use sha2::Sha256;

use super::presets::RSA;
use super::{NOON, settings};

const WHSEC: &str = "whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg=";
const URL: &str = "https://hooks.shop.example/in/it";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOON + seconds).unwrap()
}

fn source(preset: &str, secret: &str) -> Source {
    at_url(preset, secret, URL)
}

fn at_url(preset: &str, secret: &str, url: &str) -> Source {
    match Source::build(preset, &settings(preset, secret, url)) {
        Ok((source, _)) => source,
        Err(faults) => panic!("{preset}: {faults:?}"),
    }
}

fn post(body: &str) -> Outgoing {
    Outgoing::post("it", body, at(0))
}

fn form(body: &str) -> Outgoing {
    let form = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    post(body).with_headers([form])
}

fn signed(source: &Source, request: Outgoing) -> Outgoing {
    source.sign(request, None).expect("signed")
}

fn arrived(request: &Outgoing, seconds: i64) -> Request {
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let (method, target) = (request.method.clone(), request.target.clone());
    let body = Bytes::copy_from_slice(&request.body);
    let id = EventId(uuid::Uuid::nil());
    Request::new(id, at(seconds), "it", method, target, headers, body)
}

fn believes_at(source: &Source, request: &Outgoing, seconds: i64) -> bool {
    source.verify(&arrived(request, seconds), at(seconds)).is_ok()
}

fn believes(source: &Source, request: &Outgoing) -> bool {
    believes_at(source, request, 0)
}

fn signature_of(request: &Outgoing, name: &str) -> String {
    request.header(name).expect("a signature").to_owned()
}

#[test]
fn trap_01_the_same_prefix_has_three_meanings() {
    let standard = signed(
        &source("standard-webhooks", WHSEC),
        post("{}").with_headers([("webhook-id".to_owned(), "1".to_owned())]),
    );
    assert!(believes(&source("standard-webhooks", WHSEC), &standard));
    assert!(!believes(&source("polar", WHSEC), &standard), "Polar's key is the text");
    let stripe = signed(&source("stripe", WHSEC), post("{}"));
    assert!(!believes(&source("stripe", WHSEC.strip_prefix("whsec_").unwrap()), &stripe));
}

#[test]
fn trap_02_a_form_is_signed_whole_by_github_and_its_json_by_gitea() {
    let body = "payload=%7B%22a%22%3A1%7D";
    let json =
        signature_of(&signed(&source("gitea", "secret"), post(r#"{"a":1}"#)), "X-Gitea-Signature");
    let mut gitea = form(body);
    gitea.put_header("X-Gitea-Signature", &json);
    assert!(believes(&source("gitea", "secret"), &gitea));
    let mut github = form(body);
    github.put_header("X-Hub-Signature-256", &format!("sha256={json}"));
    assert!(!believes(&source("github", "secret"), &github));
    assert!(believes(
        &source("github", "secret"),
        &signed(&source("github", "secret"), form(body))
    ));
}

#[test]
fn trap_03_one_header_name_holds_sha_1_or_sha_256_by_provider() {
    let bitbucket = signed(&source("bitbucket", "secret"), post("{}"));
    let intercom = signed(&source("intercom", "secret"), post("{}"));
    assert!(!believes(&source("intercom", "secret"), &bitbucket));
    assert!(!believes(&source("bitbucket", "secret"), &intercom));
    assert!(!believes(&source("github", "secret"), &intercom));
}

#[test]
fn trap_04_of_several_signatures_side_by_side_the_provider_s_own_counts() {
    let mut request = signed(&source("gitea", "secret"), post("{}"));
    let right = signature_of(&request, "X-Gitea-Signature");
    request.headers.clear();
    request.put_header("X-Gogs-Signature", &right);
    request.put_header("X-Hub-Signature-256", &format!("sha256={right}"));
    assert!(!believes(&source("gitea", "secret"), &request));
    assert!(believes(&source("gogs", "secret"), &request));
}

#[test]
fn trap_05_line_ends_after_the_body_are_signed() {
    let shop = source("shopify", "secret");
    let mut request = signed(&shop, post("[{}]\r\n"));
    assert!(believes(&shop, &request));
    request.body.truncate(4);
    assert!(!believes(&shop, &request));
}

#[test]
fn trap_06_a_signed_address_is_the_configured_one_to_the_last_slash() {
    let request = signed(&source("square", "secret"), post("{}"));
    assert!(believes(&source("square", "secret"), &request));
    for other in ["http://hooks.shop.example/in/it", "https://hooks.shop.example/in/it/"] {
        assert!(!believes(&at_url("square", "secret", other), &request), "{other}");
    }
    let twilio = signed(&source("twilio", "secret"), form("a=1"));
    let with_port = "https://hooks.shop.example:443/in/it";
    assert!(believes(&at_url("twilio", "secret", with_port), &twilio));
    let doku = [("Client-Id", "1"), ("Request-Id", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let doku = signed(&source("doku", "secret"), post("{}").with_headers(doku));
    assert!(believes(&at_url("doku", "secret", "http://elsewhere.example/in/it"), &doku));
}

#[test]
fn trap_07_each_has_its_own_unit_of_time_and_its_own_tolerance() {
    for (preset, tolerance) in [
        ("paddle", 5),
        ("contentful", 30),
        ("linear", 60),
        ("workos", 180),
        ("recurly", 300),
        ("slack", 300),
        ("zendesk", 300),
        ("hubspot-v3", 300),
        ("stripe", 300),
        ("sanity", 300),
        ("twitch", 600),
    ] {
        let source = source(preset, "secret");
        let id = ("Twitch-Eventsub-Message-Id".to_owned(), "1".to_owned());
        let request = post(r#"{"webhookTimestamp":1}"#).with_headers([id]);
        let request = signed(&source, request);
        assert!(believes_at(&source, &request, tolerance), "{preset}");
        assert!(!believes_at(&source, &request, tolerance + 1), "{preset}");
    }
}

#[test]
fn trap_08_a_time_ahead_is_refused_except_where_the_sender_s_own_library_does_not_look() {
    for (preset, ahead) in [
        ("paddle", None),
        ("stripe", None),
        ("hubspot-v3", None),
        ("workos", Some(180)),
        ("recurly", Some(300)),
        ("slack", Some(300)),
        ("zendesk", Some(300)),
        ("contentful", Some(30)),
        ("linear", Some(60)),
    ] {
        let source = source(preset, "secret");
        let request = signed(&source, post(r#"{"webhookTimestamp":1}"#));
        assert!(believes_at(&source, &request, -ahead.unwrap_or(1000)), "{preset}");
        assert_eq!(believes_at(&source, &request, -1000), ahead.is_none(), "{preset}");
    }
}

#[test]
fn trap_09_prefix_and_encoding_go_by_provider() {
    let hex = signature_of(&signed(&source("github", "secret"), post("{}")), "X-Hub-Signature-256");
    let mut typeform = post("{}");
    typeform.put_header("Typeform-Signature", &hex);
    assert!(
        !believes(&source("typeform", "secret"), &typeform),
        "it is base64 in spite of its prefix"
    );
    let sanity = signed(&source("sanity", "secret"), post("{}"));
    assert!(!signature_of(&sanity, "sanity-webhook-signature").ends_with('='));
    for (preset, header, length) in [
        ("waha", "X-Webhook-Hmac", 128),
        ("paystack", "x-paystack-signature", 128),
        ("vercel", "x-vercel-signature", 40),
    ] {
        let request = signed(&source(preset, "secret"), post("{}"));
        assert_eq!(signature_of(&request, header).len(), length, "{preset}");
    }
}

#[test]
fn trap_10_some_keys_are_decoded_and_some_only_look_like_it() {
    let upper = source("adyen-platform", "11223344D785FBAE710E7F943F307971");
    let lower = source("adyen-platform", "11223344d785fbae710e7f943f307971");
    assert!(believes(&lower, &signed(&upper, post("{}"))), "hexadecimal digits of the same bytes");
    for preset in ["xero", "zendesk", "pagerduty", "recurly"] {
        let request = signed(&source(preset, "11223344D785FBAE710E7F943F307971"), post("{}"));
        assert!(
            !believes(&source(preset, "11223344d785fbae710e7f943f307971"), &request),
            "{preset}"
        );
    }
}

#[test]
fn trap_11_what_is_not_under_the_signature_is_said_by_the_preset() {
    for preset in [
        "mailgun",
        "midtrans",
        "mercadopago",
        "gitlab-token",
        "xendit",
        "postmark-basic",
        "evolution-jwt",
    ] {
        let unsigned = presets().unwrap()[preset].unsigned.clone().unwrap_or_default();
        assert!(unsigned.contains(&kabari::sources::Unsigned::Body), "{preset}");
    }
}

#[test]
fn trap_12_every_item_of_a_batch_must_hold() {
    let adyen = source("adyen", "11223344D785FBAE710E7F943F307971");
    let item = |reference: &str| {
        format!(
            r#"{{"NotificationRequestItem":{{"pspReference":"{reference}","merchantAccountCode":"a","merchantReference":"b","amount":{{"value":1,"currency":"IDR"}},"eventCode":"REFUND","success":"true"}}}}"#
        )
    };
    let two = format!(r#"{{"notificationItems":[{},{}]}}"#, item("one"), item("two"));
    let request = signed(&adyen, post(&two));
    assert!(believes(&adyen, &request));
    let mut forged = request.clone();
    forged.body = String::from_utf8(request.body).unwrap().replace("\"two\"", "\"six\"").into();
    assert!(!believes(&adyen, &forged));
    assert!(!believes(&adyen, &post(r#"{"notificationItems":[]}"#)));
}

#[test]
fn trap_13_an_amount_is_signed_as_it_is_written() {
    let midtrans = source("midtrans", "secret");
    let request = signed(
        &midtrans,
        post(r#"{"order_id":"1","status_code":"200","gross_amount":"10000.00"}"#),
    );
    assert!(believes(&midtrans, &request));
    let mut rounded = request;
    rounded.body = String::from_utf8(rounded.body).unwrap().replace("10000.00", "10000").into();
    assert!(!believes(&midtrans, &rounded));
}

#[test]
fn trap_14_mercado_pago_s_id_is_the_one_of_the_query_in_either_case() {
    let mercado = source("mercadopago", "secret");
    let mut request = post(r#"{"data":{"id":"other"}}"#);
    request.target = "/hooks/it?data.id=abc".to_owned();
    let mut request = signed(&mercado, request);
    assert!(believes(&mercado, &request));
    request.target = "/hooks/it?data.id=ABC".to_owned();
    assert!(believes(&mercado, &request));
    request.target = "/hooks/it?data.id=abd".to_owned();
    assert!(!believes(&mercado, &request));
    request.put_header("x-signature", "ts=1,v1=ключ");
    assert!(!believes(&mercado, &request));
}

#[test]
fn trap_15_a_missing_signature_is_a_refusal_never_another_way() {
    for (name, row) in presets().unwrap() {
        if row.verify.as_ref().is_some_and(|verify| verify.public_key.is_some()) {
            continue;
        }
        let secret = if name.ends_with("-basic") { "user:secret" } else { WHSEC };
        let Ok((source, _)) = Source::build(name, &settings(name, secret, URL)) else { continue };
        for request in [post("{}"), post(""), form("payload=%7B%7D")] {
            assert!(!believes(&source, &request), "{name}");
        }
    }
}

#[test]
fn trap_16_while_a_secret_is_replaced_any_of_several_signatures_holds() {
    for (preset, header, separator) in [
        ("stripe", "Stripe-Signature", ","),
        ("paddle", "Paddle-Signature", ";"),
        ("pagerduty", "X-PagerDuty-Signature", ","),
        ("mollie", "X-Mollie-Signature", ", "),
        ("recurly", "recurly-signature", ","),
    ] {
        let mut request = signed(&source(preset, "the new secret"), post("{}"));
        let old = signed(&source(preset, "the old secret"), post("{}"));
        let (new, old) = (signature_of(&request, header), signature_of(&old, header));
        request.put_header(header, &format!("{old}{separator}{new}"));
        // The first of Recurly's list is the time, and it stands there once.
        if preset == "recurly" {
            let (_, new) = new.split_once(',').unwrap();
            request.put_header(header, &format!("{old},{new}"));
        }
        assert!(believes(&source(preset, "the new secret"), &request), "{preset}");
    }
}

#[test]
fn trap_17_who_needs_an_answer_of_its_own_has_one() {
    for (preset, body) in [("tripay", r#"{"success":true}"#), ("adyen", "[accepted]"), ("xero", "")]
    {
        let reply = presets().unwrap()[preset].reply.clone().expect(preset);
        assert_eq!((reply.status.unwrap_or(200), &*reply.body), (200, body), "{preset}");
    }
    for (preset, statuses) in [
        ("pagerduty", &[400, 403][..]),
        ("evolution-jwt", &[400, 401, 403, 404, 422]),
        ("mailgun", &[406]),
        ("svix", &[410]),
    ] {
        let gives_up_on = presets().unwrap()[preset].gives_up_on.clone().unwrap_or_default();
        assert_eq!(gives_up_on, statuses, "{preset}");
    }
}

#[test]
fn trap_18_shopify_s_newer_headers_count_too() {
    let shop = source("shopify", "secret");
    let mut request = signed(&shop, post("{}"));
    let right = signature_of(&request, "X-Shopify-Hmac-Sha256");
    request.headers.clear();
    request.put_header("shopify-hmac-sha256", &right);
    assert!(believes(&shop, &request));
}

#[test]
fn trap_19_no_preset_takes_an_empty_secret() {
    for name in presets().unwrap().keys() {
        for empty in ["", "  "] {
            assert!(Source::build(name, &settings(name, empty, URL)).is_err(), "{name}");
        }
    }
}

#[test]
fn trap_20_paypals_certificate_is_wanted_from_its_own_hosts_alone() {
    let settings: SourceSettings = settings("paypal", "the id of a webhook", URL);
    let (paypal, _) = Source::build("paypal", &settings).unwrap();
    for (host, is_theirs) in [("api.paypal.com", true), ("api.paypal.com.evil.example", false)] {
        let mut request = post(r#"{"id":"WH-1"}"#);
        request.put_header("paypal-transmission-id", "t-1");
        request.put_header("paypal-cert-url", &format!("https://{host}/v1/notifications/certs/C"));
        let signed = paypal.sign(request, Some(&Secret::new(RSA.0))).unwrap();
        let told = paypal.verify(&arrived(&signed, 0), at(0)).map(drop).unwrap_err();
        assert_eq!(matches!(told, Denied::UnknownKey { .. }), is_theirs, "{told}");
    }
}

#[test]
fn trap_21_a_token_that_says_it_needs_no_signature_is_refused() {
    let netlify = source("netlify", "secret");
    let request = signed(&netlify, post("{}"));
    assert!(believes(&netlify, &request));
    let mut other_body = request.clone();
    other_body.body = b"{ }".to_vec();
    assert!(!believes(&netlify, &other_body));
    let token = signature_of(&request, "X-Webhook-Signature");
    let (_, claims) = token.split_once('.').unwrap();
    for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzUxMiJ9"] {
        for claims in [claims, claims.rsplit_once('.').unwrap().0] {
            let mut forged = request.clone();
            forged.put_header("X-Webhook-Signature", &format!("{header}.{claims}"));
            assert!(!believes(&netlify, &forged));
        }
    }
    // Not even if it is signed with the secret, as HS256 does, under another name.
    let claims = claims.split('.').next().unwrap();
    for (header, is_believed) in
        [(r#"{"alg":"HS256"}"#, true), (r#"{"alg":"none"}"#, false), (r#"{"alg":"RS256"}"#, false)]
    {
        let input = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(input.as_bytes());
        let made = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let mut named = request.clone();
        named.put_header("X-Webhook-Signature", &format!("{input}.{made}"));
        assert_eq!(believes(&netlify, &named), is_believed, "{header}");
    }
    assert!(!Secret::new("x").is_empty());
}
