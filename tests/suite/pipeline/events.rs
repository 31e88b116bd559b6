//! Which event is a request, if it is one?

use bytes::Bytes;
use kabari::model::{Event, EventId, Headers};
use kabari::pipeline::Rejection;
use kabari::sources::samples;
use kabari::verify::Request;
use proptest::prelude::*;

use super::{RULE, SECRET, accept, now, pipeline, play, request, source};

#[test]
fn every_built_in_event_of_github_and_stripe_is_accepted_with_its_kind_and_id() {
    let sources = vec![source("github", SECRET), source("stripe", SECRET)];
    let pipeline = pipeline(sources, &[]);
    for sample in samples().iter().filter(|it| ["github", "stripe"].contains(&it.preset)) {
        let accepted = play(&pipeline, sample.preset, sample.kind);
        assert_eq!(accepted.event.kind, sample.kind);
        assert!(accepted.event.provider_id.is_some_and(|id| !id.starts_with("sha256:")));
        assert!(accepted.unreadable.is_none() && accepted.messages.is_empty());
        assert_eq!(accepted.event.body, sample.body);
        assert!(accepted.event.headers.get("x-hub-signature-256").is_none());
    }
}

#[test]
fn an_unknown_source_and_a_wrong_signature_are_rejected() {
    let pipeline = pipeline(vec![source("github", SECRET)], &[]);
    let right = request(&pipeline, "github", &[], "{}");
    assert!(pipeline.accept(&right, now()).is_ok());
    let unsigned = |source: &str| {
        let (headers, body) = (Headers::default(), Bytes::from_static(b"{}"));
        Request::new(EventId(uuid::Uuid::nil()), now(), source, "POST", "/", headers, body)
    };
    let rejection = pipeline.accept(&unsigned("gitlab"), now()).err();
    assert_eq!(rejection, Some(Rejection::UnknownSource));
    let rejection = pipeline.accept(&unsigned("github"), now()).err();
    assert!(matches!(rejection, Some(Rejection::Denied(denied)) if denied.label() == "missing"));
}

#[test]
fn a_form_delivery_of_github_says_the_same_as_json() {
    let pipeline = pipeline(vec![source("github", SECRET)], &[]);
    let body = "payload=%7B%22action%22%3A%22opened%22%2C%22a%22%3A%22x+y%22%7D";
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-github-event", "issues"),
        ("x-github-delivery", "d1"),
    ];
    let event = accept(&pipeline, "github", &headers, body).event;
    assert_eq!((event.kind.as_str(), event.provider_id.as_deref()), ("issues.opened", Some("d1")));
    assert_eq!(event.body, r#"{"action":"opened","a":"x y"}"#);
}

#[test]
fn a_verified_body_that_cannot_be_read_is_kept_as_it_came() {
    let pipeline = pipeline(vec![source("github", SECRET)], &[RULE]);
    for body in ["", "{", "not json"] {
        let headers = [("x-github-event", "push"), ("x-github-delivery", "d1")];
        let accepted = accept(&pipeline, "github", &headers, body);
        assert_eq!(accepted.event.kind, Event::UNREADABLE);
        assert_eq!(accepted.event.provider_id.as_deref(), Some("d1"));
        assert_eq!(accepted.event.body, body);
        assert!(accepted.unreadable.is_some() && accepted.messages.is_empty());
    }
    let marked = accept(&pipeline, "github", &[("x-github-event", "push")], "\u{feff}{}").event;
    assert_eq!((marked.kind.as_str(), &*marked.body), ("push", &b"{}"[..]));
}

#[test]
fn without_a_kind_it_is_unknown_and_without_an_id_the_body_stands_for_it() {
    let pipeline = pipeline(vec![source("github", SECRET)], &[]);
    let one = accept(&pipeline, "github", &[], r#"{"action": "opened"}"#).event;
    let same = accept(&pipeline, "github", &[], r#"{"action": "opened"}"#).event;
    let other = accept(&pipeline, "github", &[], r#"{"action": "closed"}"#).event;
    assert_eq!(one.kind, Event::UNKNOWN);
    assert!(accept(&pipeline, "github", &[], "{}").id_missing);
    assert!(!accept(&pipeline, "github", &[("x-github-delivery", "1")], "{}").id_missing);
    assert!(one.provider_id.is_some());
    assert_eq!(one.provider_id, same.provider_id);
    assert_ne!(one.provider_id, other.provider_id);
}

#[test]
fn a_bare_kind_beside_a_file_gets_its_action_from_the_body() {
    let github = source("github", SECRET);
    let read = |kind: Option<&str>| {
        let body = Bytes::from_static(br#"{"action": "opened"}"#);
        let id = EventId(uuid::Uuid::from_u128(1));
        github.read_body(id, now(), kind, Headers::default(), body).remove(0).event
    };
    assert_eq!(read(Some("issues")).kind, "issues.opened");
    assert_eq!(read(Some("issues.closed")).kind, "issues.closed");
    assert_eq!(read(None).kind, Event::UNKNOWN);
    assert_eq!(read(None).provider_id, Some(uuid::Uuid::from_u128(1).to_string()));
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic_and_every_one_is_an_event(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..120),
            "(payload=)?[%7BD2&=+a{}\\[\\]\":,1]{0,80}".prop_map(String::into_bytes),
        ],
        form in any::<bool>(),
    ) {
        let github = source("github", SECRET);
        let content_type = if form { "application/x-www-form-urlencoded" } else { "x" };
        let headers = Headers::from([("content-type", content_type)]);
        let id = EventId(uuid::Uuid::from_u128(1));
        let read = github.read_body(id, now(), Some("push"), headers, Bytes::from(body)).remove(0);
        prop_assert_eq!(read.json.is_err(), read.event.kind == Event::UNREADABLE);
        prop_assert!(read.event.provider_id.is_some());
    }
}
