//! What of a believed request can be changed so that it is still believed? Nothing but what its preset
//! says: `unsigned`, which `kabari sources` shows.
//!
//! Every preset, through `verify`: each byte of the body, each bit of every header and of the query.
//! What is cut, put in and said twice at random is in `edits`.

use std::collections::BTreeSet;

use bytes::Bytes;
use kabari::model::EventId;
use kabari::sources::{Sample, Source, Unsigned, presets, samples};
use kabari::verify::{Outgoing, Request};

use super::presets::{build, signed};

/// A request of a preset, as its provider would send it.
pub(super) struct Case {
    source: Source,
    pub(super) request: Outgoing,
    /// The headers that came with the signature.
    pub(super) by_signing: BTreeSet<String>,
}

fn case(sample: &Sample) -> Option<Case> {
    let (source, private) = build(sample.preset);
    let request = signed(&source, private.as_ref(), sample)?;
    let before: BTreeSet<String> =
        sample.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    let names = request.headers.iter().map(|(name, _)| name.to_lowercase());
    let by_signing = names.filter(|it| !before.contains(it) && it != "content-type").collect();
    Some(Case { source, request, by_signing })
}

/// All of them but Travis, whose SHA-1 nobody else signs with.
pub(super) fn cases() -> Vec<Case> {
    let cases: Vec<Case> = samples().iter().filter_map(case).collect();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.source.name()).collect();
    assert_eq!(names.len(), presets().unwrap().len() - 1);
    cases
}

impl Case {
    pub(super) fn name(&self) -> &str {
        self.source.name()
    }

    pub(super) fn believes(&self, request: &Outgoing) -> bool {
        let headers = request.headers.iter().map(|(name, it)| (name.to_lowercase(), it.clone()));
        let arrived = Request::new(
            EventId(uuid::Uuid::nil()),
            self.request.now,
            self.source.name(),
            request.method.clone(),
            request.target.clone(),
            headers.collect(),
            Bytes::copy_from_slice(&request.body),
        );
        self.source.verify(&arrived, self.request.now).is_ok()
    }

    /// Which part of a request it is that a header says.
    fn part(&self, header: &str) -> Option<Unsigned> {
        let header = header.to_lowercase();
        if self.by_signing.contains(&header) {
            return None;
        }
        let row = &presets().unwrap()[self.name()];
        let says = |text: &Option<String>| text.as_deref().is_some_and(|it| it.contains(&header));
        if says(&row.id) {
            Some(Unsigned::Id)
        } else if says(&row.kind) || says(&row.action) {
            Some(Unsigned::Kind)
        } else if header.contains("timestamp") {
            Some(Unsigned::Timestamp)
        } else {
            None
        }
    }

    /// Whether a header is of any use to kabari.
    fn is_used(&self, header: &str) -> bool {
        self.by_signing.contains(&header.to_lowercase()) || self.part(header).is_some()
    }

    /// Whether all of this header's value is in the other one as well. A list of signatures may have
    /// others beside the one that holds, and what stands in front of Mollie's may be missing.
    pub(super) fn has_all_of(&self, value: &str, other: &str) -> bool {
        let front = if self.name() == "mollie" { "sha256=" } else { "" };
        value.split([',', ';', ' ']).all(|part| {
            let part = part.trim();
            other.contains(part.strip_prefix(front).unwrap_or(part))
        })
    }

    fn leaves_unsigned(&self, part: Unsigned) -> bool {
        self.source.unsigned().contains(&part)
    }

    /// Whether no byte of the body may be another. Twilio's may, as far as they say the same.
    pub(super) fn covers_body(&self) -> bool {
        self.name() == "twilio" || !self.leaves_unsigned(Unsigned::Body)
    }
}

/// Whether two forms are the same to Twilio, which signs what they say: `%2b` is `%2B`, what is said
/// twice counts once, and nothing stands between a name and its value.
pub(super) fn say_the_same(case: &Case, changed: &[u8]) -> bool {
    let said = |body: &[u8]| {
        let fields = form_urlencoded::parse(body).into_owned().collect::<BTreeSet<_>>();
        fields.into_iter().flat_map(|(name, value)| [name, value]).collect::<String>()
    };
    case.name() == "twilio" && said(changed) == said(&case.request.body)
}

#[test]
fn no_byte_of_a_signed_body_can_be_changed() {
    for case in cases().iter().filter(|case| case.covers_body()) {
        assert!(case.believes(&case.request), "{}", case.name());
        for at in 0..case.request.body.len() {
            let mut changed = case.request.clone();
            changed.body[at] ^= 1 << (at % 8);
            let is_believed = case.believes(&changed) && !say_the_same(case, &changed.body);
            assert!(!is_believed, "{}: byte {at} of the body", case.name());
        }
    }
}

#[test]
fn no_bit_of_a_header_can_be_changed_but_of_those_that_the_preset_leaves_unsigned() {
    for case in &cases() {
        for (place, (name, value)) in case.request.headers.iter().enumerate() {
            for bit in 0..value.len() * 8 {
                let mut bytes = value.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                // What no header may hold does not get through the listener.
                let Some(text) = String::from_utf8(bytes).ok().filter(|it| is_header(it)) else {
                    continue;
                };
                let mut changed = case.request.clone();
                changed.headers[place].1.clone_from(&text);
                if !case.is_used(name) || !case.believes(&changed) {
                    continue;
                }
                let part = case.part(name);
                let is_said = part.is_some_and(|part| case.leaves_unsigned(part));
                assert!(is_said, "{}: {name}: {value} as {text}", case.name());
            }
        }
    }
}

#[test]
fn no_signature_is_believed_without_its_first_or_last_letters() {
    for case in &cases() {
        for (place, (name, value)) in case.request.headers.iter().enumerate() {
            if !case.by_signing.contains(&name.to_lowercase()) {
                continue;
            }
            for at in 1..value.len() {
                for rest in [&value[at..], &value[..at]] {
                    let mut changed = case.request.clone();
                    rest.clone_into(&mut changed.headers[place].1);
                    let is_other = case.believes(&changed) && !case.has_all_of(value, rest);
                    assert!(!is_other, "{}: {name}: {value} as {rest}", case.name());
                }
            }
        }
    }
}

#[test]
fn no_bit_of_a_query_that_says_something_can_be_changed() {
    let mut tried = 0;
    for case in &cases() {
        let Some((path, query)) = case.request.target.split_once('?') else { continue };
        for bit in 0..query.len() * 8 {
            let mut bytes = query.to_owned().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Some(text) = String::from_utf8(bytes).ok().filter(|it| is_query(it)) else {
                continue;
            };
            tried += 1;
            let mut changed = case.request.clone();
            changed.target = format!("{path}?{text}");
            // Of Mercado Pago's query the id is signed, and the type says nothing that is used.
            let says_nothing = case.name() == "mercadopago"
                && text.contains("data.id=999999999")
                && !text.contains("&data.id");
            assert!(says_nothing || !case.believes(&changed), "{}: {text}", case.name());
        }
    }
    assert!(tried > 100, "{tried}");
}

pub(super) fn is_header(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| (b' '..0x7f).contains(&byte))
}

fn is_query(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

#[test]
fn what_a_preset_says_that_it_leaves_unsigned_can_really_be_changed() {
    let mut found: BTreeSet<(String, Unsigned)> = BTreeSet::new();
    for case in &cases() {
        for at in 0..case.request.body.len() {
            let mut changed = case.request.clone();
            changed.body[at] ^= 1;
            if case.believes(&changed) {
                // What stands in a body that is not signed can be changed with it.
                let parts = [Unsigned::Body, Unsigned::Id, Unsigned::Kind, Unsigned::Timestamp];
                found.extend(parts.map(|part| (case.name().to_owned(), part)));
                break;
            }
        }
        for (place, (name, value)) in case.request.headers.iter().enumerate() {
            let Some(part) = case.part(name) else { continue };
            let mut changed = case.request.clone();
            changed.headers[place].1 = format!("{value}x");
            if case.believes(&changed) {
                found.insert((case.name().to_owned(), part));
            }
        }
    }
    let twilio = cases().into_iter().find(|case| case.name() == "twilio").unwrap();
    let mut parted = twilio.request.clone();
    let text = String::from_utf8(parted.body).unwrap();
    assert!(text.contains("MessageSid=SM") && text.contains("MessageStatus="), "{text}");
    let text =
        text.replace("MessageSid=SM", "MessageSidSM=").replace("MessageStatus=", "MessageStatus");
    parted.body = text.into_bytes();
    assert!(twilio.believes(&parted), "without the names that its kind and id are made of");
    let parts = [Unsigned::Body, Unsigned::Id, Unsigned::Kind];
    found.extend(parts.map(|part| ("twilio".to_owned(), part)));
    for (name, row) in presets().unwrap().iter().filter(|(name, _)| **name != "travis") {
        for part in row.unsigned.iter().flatten() {
            if *name == "paypal" && *part != Unsigned::Timestamp {
                // A CRC-32 of its body is signed, which four bytes more make fit any other body.
                continue;
            }
            assert!(
                found.contains(&((*name).to_owned(), *part)),
                "{name} signs its {part} after all"
            );
        }
    }
}
