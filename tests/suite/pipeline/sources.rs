//! What can be said of a source in settings alone?

use kabari::model::Event;
use kabari::sources::Source;
use kabari::verify::Outgoing;

use super::{SECRET, accept, faults, now, pipeline, settings, source};

#[test]
fn a_sender_nobody_knew_is_a_row_of_settings_and_no_code() {
    let yaml = r#"
        secret: 0123456789abcdef
        verify: { hmac: { header: X-Acme-Signature, prefix: "v1=", signed: "{timestamp}.{body}" },
                  timestamp: { header: X-Acme-Time, tolerance: 2m } }
        kind: "{{ event.what.happened }}"
        id: "{{ headers['x-acme-id'] }}"
    "#;
    let pipeline = pipeline(vec![source("acme", yaml)], &[]);
    let body = r#"{"what": {"happened": "order.paid"}}"#;
    let event = accept(&pipeline, "acme", &[("x-acme-id", "7")], body).event;
    assert_eq!((event.kind.as_str(), event.provider_id.as_deref()), ("order.paid", Some("7")));

    let plain = "{ secret: 0123456789abcdef, id: none, \
                   verify: { hmac: { header: X-S, encoding: base64 } } }";
    let pipeline = self::pipeline(vec![source("plain", plain)], &[]);
    let event = accept(&pipeline, "plain", &[], "[]").event;
    assert_eq!((event.kind.as_str(), event.provider_id), (Event::UNKNOWN, None));
}

#[test]
fn kind_and_id_may_be_any_template() {
    let yaml = "{ secret: 0123456789abcdef, verify: { hmac: { header: X-S } }, \
                  kind: '{{ event.object }}.{{ event.verb | lower }}', \
                  id: '{{ event.order }}-{{ event.n }}' }";
    let pipeline = pipeline(vec![source("shop", yaml)], &[]);
    let body = r#"{"object": "order", "verb": "PAID", "order": "A1", "n": 2}"#;
    let event = accept(&pipeline, "shop", &[], body).event;
    assert_eq!((event.kind.as_str(), event.provider_id.as_deref()), ("order.paid", Some("A1-2")));
    let event = accept(&pipeline, "shop", &[], r#"{"object": "order"}"#).event;
    assert_eq!(event.kind, Event::UNKNOWN);
    assert!(event.provider_id.is_some_and(|id| id.starts_with("sha256:")));
}

#[test]
fn settings_that_cannot_be_meant_are_told_at_their_path() {
    let github = |yaml: &str| faults("github", yaml);
    assert_eq!(github("{}"), [("no-secret", String::new())]);
    assert_eq!(github("{ secret: '' }"), [("empty-secret", "secret".to_owned())]);
    assert_eq!(github("{ secrets: ['', ' '] }"), [("empty-secret", "secrets".to_owned())]);
    let short = "{ secrets: ['', hunter2, 0123456789abcdef] }";
    assert_eq!(github(short), [("short-secret", "secrets[1]".to_owned())]);
    let source = "verify: { hmac: { header: X-S } }, secret: 0123456789abcdef";
    assert_eq!(faults("own", &format!("{{ {source} }}")), [("no-id", String::new())]);
    let id = faults("own", &format!("{{ {source}, id: x-event-id }}"));
    assert_eq!(id, [("no-template", "id".to_owned())]);
    let unused = faults("own", &format!("{{ {source}, id: none, test_events: send }}"));
    assert_eq!(unused, [("unused", "test_events".to_owned())]);
    let header = "{ secret: 0123456789abcdef, verify: { hmac: { header: '' } } }";
    assert_eq!(github(header), [("bad-header", "verify.hmac.header".to_owned())]);
}

#[test]
fn a_mistyped_source_or_preset_is_offered_the_right_one() {
    for (name, yaml) in [
        ("gihtub", "{ secret: 0123456789abcdef }"),
        ("hooks", "{ secret: 0123456789abcdef, preset: GitHub }"),
    ] {
        let faults = Source::build(name, &settings(yaml)).expect_err(name);
        let help = faults[0].help.as_deref().unwrap_or_default();
        assert!(help.contains("did you mean `github`?"), "{name}: {faults:?}");
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
}

#[test]
fn no_fault_shows_a_secret() {
    let (_, warnings) = Source::build("github", &settings("{ secret: hunter2 }")).unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(!format!("{warnings:?}").contains("hunter2"));
}

#[test]
fn a_preset_under_another_name_keeps_what_is_not_changed() {
    let yaml =
        "{ preset: stripe, secret: 0123456789abcdef, verify: { timestamp: { tolerance: 1m } } }";
    let pipeline = pipeline(vec![source("stripe-eu", yaml)], &[]);
    let stripe = pipeline.source("stripe-eu").unwrap();
    assert_eq!(stripe.preset(), Some("stripe"));
    let outgoing = Outgoing::post("stripe-eu", "{}", now());
    assert_eq!(stripe.sign(outgoing, None).unwrap().headers[0].0, "Stripe-Signature");
}

#[test]
fn kinds_take_globs_and_github_s_take_all_their_actions() {
    let github = source("github", SECRET);
    for (pattern, kind, expected) in [
        ("pull_request", "pull_request.opened", true),
        ("pull_request", "pull_request_review.submitted", false),
        ("pull_request.opened", "pull_request.closed", false),
        ("pull_*", "pull_request.opened", true),
        ("*", "push", true),
        ("issue?", "issues.opened", true),
    ] {
        assert_eq!(github.kind_matches(pattern, kind), expected, "{pattern} {kind}");
    }
    let stripe = source("stripe", SECRET);
    assert!(stripe.kind_matches("invoice.*", "invoice.paid"));
    assert!(!stripe.kind_matches("invoice", "invoice.paid"));
}
