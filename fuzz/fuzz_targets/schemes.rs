//! Is there a `verify:` and a request that make the generic reader panic, or that is believed without
//! the secret?
#![no_main]

#[expect(dead_code, reason = "it needs a request, and no pipeline")]
mod receiver;

use kabari::secret::Secret;
use kabari::verify::{
    OneOrMore, PlaceSettings, Scheme, SchemeSettings, SignatureSettings, TimestampSettings,
    form_fields,
};
use libfuzzer_sys::fuzz_target;
use receiver::{now, request};

fuzz_target!(|input: (&str, [&str; 4], bool, &str, &[u8])| {
    let (signed, [prefix, separator, time_prefix, header], in_list, content_type, body) = input;
    let one = |text: &str| Some(OneOrMore::One(text.to_owned()));
    let timestamp = TimestampSettings {
        header: if in_list { None } else { one("x-time") },
        prefix: in_list.then(|| time_prefix.to_owned()),
        ..TimestampSettings::default()
    };
    let hmac = SignatureSettings {
        header: one("x-signature"),
        prefix: one(prefix),
        separator: Some(separator.to_owned()),
        signed: one(signed),
        ..SignatureSettings::default()
    };
    let settings = SchemeSettings {
        hmac: Some(hmac),
        timestamp: Some(timestamp),
        id: Some(PlaceSettings { header: one("x-id"), ..PlaceSettings::default() }),
        ..SchemeSettings::default()
    };
    let _ = form_fields(Some(content_type), body);
    let Ok((scheme, _)) = Scheme::build(&settings) else { return };
    let headers = [
        ("x-signature", header),
        ("x-time", time_prefix),
        ("x-id", prefix),
        ("content-type", content_type),
    ];
    let request = request("any", &headers, body);
    let secret = [Secret::new("a secret that no fuzzer knows: 8f742231b10e8888abcd99")];
    assert!(scheme.verify(&request, &secret, now()).is_err(), "believed {header:?}");
});
