//! Is every sender that the vectors name there under just that name, and does its row say all that
//! one must know of it?

use std::collections::{BTreeMap, BTreeSet};

use kabari::sources::{Handshake, Source, SourceSettings, Unsigned, presets, samples};
use kabari::verify::{SchemeSettings, SignatureSettings};

use super::presets::{P256, RSA};
use super::settings;
use super::vectors::reference;

/// The schemes of the vectors, each with how old a signed time may be, in seconds; 0 where no time
/// is signed.
const SCHEMES: [(&str, i64); 72] = [
    ("adyen", 0),
    ("adyen-platform", 0),
    ("alertmanager-bearer", 0),
    ("bitbucket", 0),
    ("bitbucket-server", 0),
    ("buildkite", 300),
    ("buildkite-token", 0),
    ("calendly", 300),
    ("chargebee-basic", 0),
    ("circleci", 0),
    ("coinbase-commerce", 0),
    ("contentful", 30),
    ("discord", 300),
    ("doku", 300),
    ("dropbox", 0),
    ("duitku", 0),
    ("evolution-jwt", 0),
    ("flutterwave-v3", 0),
    ("flutterwave-v4", 0),
    ("forgejo", 0),
    ("gitea", 0),
    ("github", 0),
    ("gitlab-signing", 300),
    ("gitlab-token", 0),
    ("gogs", 0),
    ("grafana", 0),
    ("hubspot-v1", 0),
    ("hubspot-v2", 0),
    ("hubspot-v3", 300),
    ("intercom", 0),
    ("jira", 0),
    ("lemonsqueezy", 0),
    ("linear", 60),
    ("mailgun", 12 * 3600),
    ("mercadopago", 3 * 86_400),
    ("meta-whatsapp", 0),
    ("midtrans", 0),
    ("mollie", 0),
    ("netlify", 0),
    ("paddle", 5),
    ("pagerduty", 0),
    ("paypal", 3 * 86_400),
    ("paystack", 0),
    ("polar", 300),
    ("postmark-basic", 0),
    ("quickbooks", 0),
    ("razorpay", 0),
    ("recurly", 300),
    ("sanity", 300),
    ("sendgrid", 25 * 3600),
    ("sentry", 0),
    ("shopify", 0),
    ("slack", 300),
    ("square", 0),
    ("standard-webhooks", 300),
    ("standard-webhooks-v1a", 300),
    ("stripe", 300),
    ("svix", 300),
    ("telegram", 0),
    ("travis", 0),
    ("tripay", 0),
    ("twilio", 0),
    ("twitch", 600),
    ("typeform", 0),
    ("vercel", 0),
    ("waha", 0),
    ("woocommerce", 0),
    ("workos", 180),
    ("xendit", 0),
    ("xero", 0),
    ("zendesk", 300),
    ("zoom", 300),
];

/// Of these senders, what they ask before their events.
const HANDSHAKES: [(&str, Handshake); 8] = [
    ("discord", Handshake::Discord),
    ("dropbox", Handshake::Dropbox),
    ("intercom", Handshake::Intercom),
    ("meta-whatsapp", Handshake::Meta),
    ("slack", Handshake::Slack),
    ("twitch", Handshake::Twitch),
    ("woocommerce", Handshake::Woocommerce),
    ("zoom", Handshake::Zoom),
];

/// Of these, what they must be answered: status, media type, body.
const REPLIES: [(&str, u16, Option<&str>, &str); 6] = [
    ("adyen", 200, None, "[accepted]"),
    ("discord", 204, None, ""),
    ("slack", 200, None, ""),
    ("tripay", 200, Some("application/json"), r#"{"success":true}"#),
    ("twilio", 200, Some("text/xml"), "<Response/>"),
    ("xero", 200, None, ""),
];

/// These do not send again what was not taken (429, 503).
const GIVE_UP: [&str; 6] = ["forgejo", "gitea", "github", "gogs", "travis", "twilio"];

/// The answers after which they do not send an event again.
const GIVES_UP_ON: [(&str, &[u16]); 9] = [
    ("evolution-jwt", &[400, 401, 403, 404, 422]),
    ("mailgun", &[406]),
    ("pagerduty", &[400, 403]),
    ("polar", &[410]),
    ("postmark-basic", &[403]),
    ("standard-webhooks", &[410]),
    ("standard-webhooks-v1a", &[410]),
    ("svix", &[410]),
    ("typeform", &[404, 410]),
];

fn built(name: &str) -> Source {
    let secret = match name {
        "sendgrid" => P256.1,
        "travis" => RSA.1,
        "discord" | "standard-webhooks-v1a" => {
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        }
        "standard-webhooks" | "svix" | "gitlab-signing" => {
            "whsec_a2FiYXJpIGthYmFyaSBrYWJhcmkgMTIzNDU2Nzg="
        }
        "adyen" | "adyen-platform" => "11223344D785FBAE710E7F943F307971",
        name if name.ends_with("-basic") => "user:a password of some length",
        _ => "the secret of a provider",
    };
    let key = SignatureSettings { key: Some(RSA.1.to_owned()), ..SignatureSettings::default() };
    let verify = (name == "paypal")
        .then(|| SchemeSettings { public_key: Some(key), ..SchemeSettings::default() });
    let url = "https://hooks.example.test/hooks/it";
    let settings = SourceSettings { verify, ..settings(name, secret, url) };
    match Source::build(name, &settings) {
        Ok((source, _)) => source,
        Err(faults) => panic!("{name}: {faults:#?}"),
    }
}

#[test]
fn every_scheme_of_the_vectors_is_a_preset_of_that_name() {
    let names: BTreeSet<&str> = SCHEMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 72);
    let known: BTreeSet<&str> = presets().unwrap().keys().copied().collect();
    let missing: Vec<_> = names.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let Some(text) = reference() else { return };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    let of_vectors: BTreeSet<&str> =
        vectors.iter().filter_map(|vector| vector["scheme"].as_str()).collect();
    assert_eq!(of_vectors, names);
}

#[test]
fn every_preset_says_how_it_signs_and_how_old_a_signed_time_may_be() {
    for (name, tolerance) in SCHEMES {
        let signs = built(name).signs();
        assert!(signs.len() > 20, "{name}: {signs}");
        let said = signs.contains(&format!("at most {tolerance} s old"));
        let says_none = !signs.contains("at most");
        assert!(if tolerance > 0 { said } else { says_none }, "{name}: {signs}");
    }
}

#[test]
fn every_preset_says_where_kind_and_id_are_and_whether_its_id_is_signed() {
    let rows = presets().unwrap();
    for (name, _) in SCHEMES {
        let row = &rows[name];
        assert!(row.kind.is_some() && row.id.is_some(), "{name}");
        let unsigned = row.unsigned.clone().unwrap_or_default();
        let id = row.id.clone().unwrap_or_default();
        let source = built(name);
        // What stands in the body is signed with it; what stands in a header only if that is named.
        let signs = source.signs();
        let header = id.split("headers['").nth(1).and_then(|rest| rest.split('\'').next());
        if !source.scheme().covers_body() && id.contains("event.") {
            let exempt = ["mailgun", "adyen", "dropbox-sign"].contains(&name);
            assert!(exempt || unsigned.contains(&Unsigned::Id), "{name}: {signs}");
        }
        if let Some(header) = header {
            let is_signed = signs.contains("{id}");
            assert_eq!(unsigned.contains(&Unsigned::Id), !is_signed, "{name}: {header}: {signs}");
        }
    }
}

#[test]
fn every_preset_has_its_handshake_its_reply_its_media_types_and_a_sample() {
    let rows = presets().unwrap();
    let handshakes: BTreeMap<&str, Handshake> = HANDSHAKES.into_iter().collect();
    for (name, _) in SCHEMES {
        let row = &rows[name];
        assert_eq!(row.handshake, handshakes.get(name).copied(), "{name}");
        let reply = row
            .reply
            .as_ref()
            .map(|reply| (reply.status.unwrap_or(200), reply.media_type.as_deref(), &*reply.body));
        let expected = REPLIES.iter().find(|(of, ..)| *of == name);
        let expected = expected.map(|(_, status, kind, body)| (*status, *kind, *body));
        assert_eq!(reply, expected, "{name}");
        // JSON however it is called, and a form if that is what it says; only Recurly sends what
        // it does not sign.
        let source = built(name);
        assert!(source.takes_media_type(Some("application/json; charset=utf-8")), "{name}");
        assert!(source.takes_media_type(None), "{name}");
        assert_eq!(source.takes_media_type(Some("application/xml")), name != "recurly", "{name}");
        assert!(samples().iter().any(|sample| sample.preset == name), "{name}");
        assert_eq!(source.tries_again(), !GIVE_UP.contains(&name), "{name}");
        let gives_up_on = GIVES_UP_ON.iter().find(|(of, _)| *of == name).map(|(_, on)| *on);
        assert_eq!(source.gives_up_on(), gives_up_on.unwrap_or_default(), "{name}");
        // What is put off for a limit, for room or for a key comes again.
        assert!(!source.gives_up_on().iter().any(|on| [429, 503].contains(on)), "{name}");
    }
}
