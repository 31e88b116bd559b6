//! What becomes of a request, from its bytes to finished messages?

#![expect(clippy::expect_used, clippy::panic, reason = "what builds a test's world may fail it")]

use bytes::Bytes;
use jiff::Timestamp;
use kabari::expr::{Condition, Names, Surroundings};
use kabari::model::{Event, EventId, Headers, Message, OnUncertain, Reason, State};
use kabari::pipeline::{Accepted, Defaults, Pipeline, Rejection, Rule};
use kabari::render::{Send, SendSettings};
use kabari::rules::Matcher;
use kabari::sources::{Source, SourceSettings, sample, samples};
use kabari::verify::{Outgoing, Request};
use proptest::prelude::*;

const SECRET: &str = "secret: 0123456789abcdef";

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

fn settings(yaml: &str) -> SourceSettings {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

fn source(name: &str, yaml: &str) -> Source {
    let built = Source::build(name, &settings(yaml));
    built.unwrap_or_else(|faults| panic!("{yaml}: {faults:?}")).0
}

/// The codes and paths of what is wrong with a source.
fn faults(name: &str, yaml: &str) -> Vec<(&'static str, String)> {
    let faults = match Source::build(name, &settings(yaml)) {
        Ok((_, warnings)) => warnings,
        Err(errors) => errors,
    };
    faults.into_iter().map(|fault| (fault.code, fault.path)).collect()
}

struct TestRule<'t> {
    name: &'t str,
    source: &'t str,
    kinds: &'t [&'t str],
    pattern: &'t str,
    when: Option<&'t str>,
    sends: &'t [&'t str],
}

const RULE: TestRule<'_> = TestRule {
    name: "rule",
    source: "github",
    kinds: &[],
    pattern: "{}",
    when: None,
    sends: &["{ number: '6281234567890', message: hello }"],
};

fn pipeline(sources: Vec<Source>, rules: &[TestRule<'_>]) -> Pipeline {
    let sources = sources.into_iter().map(|source| {
        let around = Surroundings {
            vars: serde_json::json!({ "team": ["6281234567890", "120363000000000000@g.us"] }),
            amounts: source.amounts(),
            timezone: jiff::tz::TimeZone::UTC,
            country: None,
        };
        (source, around)
    });
    let rules = rules.iter().map(|it| {
        let matcher = Matcher {
            source: it.source.to_owned(),
            kinds: it.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            pattern: serde_yaml::from_str(it.pattern).expect("a pattern"),
            when: it.when.map(|when| Condition::compile(when).expect("a condition")),
        };
        let sends = it.sends.iter().map(|yaml| {
            let settings: SendSettings = serde_yaml::from_str(yaml).expect("a send");
            Send::compile(&settings).expect("a send that compiles")
        });
        let rule = Rule {
            names: Names::default(),
            each: None,
            name: it.name.to_owned(),
            sends: sends.collect(),
            attempts_max: 7,
            age_max_s: 3600,
            on_uncertain: None,
            delivery: std::sync::Arc::default(),
        };
        (matcher, rule)
    });
    let defaults = Defaults { instance: "jakarta".to_owned(), country: None };
    Pipeline::new(sources.collect(), rules.collect(), defaults)
}

fn request(pipeline: &Pipeline, name: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let source = pipeline.source(name).expect("a source");
    let outgoing = Outgoing::post(name, body, now());
    let signed = source.sign(outgoing, None).expect("signed").headers.into_iter();
    let signed = signed.map(|(name, value)| (name.to_lowercase(), value));
    let others = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Request::new(
        EventId(uuid::Uuid::from_u128(7)),
        now(),
        name,
        "POST",
        format!("/hooks/{name}"),
        Headers(others.chain(signed).collect()),
        Bytes::from(body.to_owned()),
    )
}

fn accept(pipeline: &Pipeline, name: &str, headers: &[(&str, &str)], body: &str) -> Accepted {
    let request = request(pipeline, name, headers, body);
    pipeline.accept(&request, now()).unwrap_or_else(|rejection| panic!("{rejection}"))
}

fn play(pipeline: &Pipeline, preset: &str, kind: &str) -> Accepted {
    let sample = sample(preset, kind).expect("a sample");
    accept(pipeline, preset, sample.headers, sample.body)
}

fn lines(messages: &[Message]) -> Vec<String> {
    let line = |message: &Message| {
        let recipient = message.recipient.as_ref().map_or("nobody", |it| it.expose());
        let text = message.content.as_ref().and_then(|it| it.message.as_deref()).unwrap_or("-");
        let reason = message.reason.map_or("", Reason::as_str);
        let rule = &message.origin.rule;
        format!("{rule} {} {} {recipient}: {text}", message.state.as_str(), reason)
    };
    messages.iter().map(line).collect()
}

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

#[test]
fn matching_rules_make_messages_in_file_order() {
    let rules = [
        TestRule {
            name: "failed-build",
            kinds: &["workflow_run.completed"],
            pattern: "{ workflow_run.conclusion: [failure, timed_out] }",
            when: Some("event.workflow_run.head_branch == event.repository.default_branch"),
            sends: &["{ number: '{{ vars.team }}', message: '{{ event.workflow_run.name }}' }"],
            ..RULE
        },
        TestRule { name: "other-kind", kinds: &["push"], ..RULE },
        TestRule { name: "other-source", source: "stripe", ..RULE },
        TestRule { name: "not-this", pattern: "{ action: requested }", ..RULE },
        TestRule { name: "not-when", when: Some("event.action == 'requested'"), ..RULE },
        TestRule { name: "all", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let messages = play(&pipeline, "github", "workflow_run.completed").messages;
    assert_eq!(
        lines(&messages),
        [
            "failed-build waiting  6281234567890: CI",
            "failed-build waiting  120363000000000000@g.us: CI",
            "all waiting  6281234567890: hello",
        ]
    );
    let promised: Vec<_> = messages.iter().map(|it| it.policy.on_uncertain).collect();
    assert_eq!(promised, [OnUncertain::Hold, OnUncertain::Resend, OnUncertain::Hold]);
    let first = &messages[0];
    assert_eq!((first.policy.attempts_max, first.policy.age_max_s), (7, 3600));
    assert_eq!((first.instance.as_str(), first.due_at), ("jakarta", now()));
}

#[test]
fn a_message_that_cannot_be_made_is_a_row_and_its_neighbours_go_on() {
    let rules = [
        TestRule {
            name: "nobody",
            sends: &["{ number: '{{ event.phone }}', message: hello }"],
            ..RULE
        },
        TestRule {
            name: "hole",
            sends: &["{ number: '6281234567890', message: 'hello {{ event.nobody }}' }"],
            ..RULE
        },
        TestRule { name: "types", when: Some("event.n > 'x'"), ..RULE },
        TestRule {
            name: "wrong",
            sends: &["{ number: ['6281234567890', '12', 'nonsense'], message: hello }"],
            ..RULE
        },
        TestRule { name: "fine", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let messages = accept(&pipeline, "github", &[], r#"{"phone": null, "n": 1}"#).messages;
    let short: Vec<_> =
        messages.iter().map(|it| (it.origin.rule.as_str(), it.state, it.reason)).collect();
    assert_eq!(
        short,
        [
            ("nobody", State::Skipped, Some(Reason::NoRecipient)),
            ("hole", State::Failed, Some(Reason::Render)),
            ("types", State::Failed, Some(Reason::Condition)),
            ("wrong", State::Waiting, None),
            ("wrong", State::Failed, Some(Reason::InvalidNumber)),
            ("wrong", State::Failed, Some(Reason::InvalidNumber)),
            ("fine", State::Waiting, None),
        ]
    );
    let mut ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), messages.len());
    assert!(messages[0].detail.is_some() && messages[0].content.is_none());
}

#[test]
fn events_of_test_mode_reach_nobody_unless_the_source_says_so() {
    let rules = [TestRule { source: "stripe", ..RULE }];
    let body = r#"{"id": "evt_1", "type": "invoice.paid", "livemode": false}"#;
    let first = |yaml: &str, body: &str| {
        let pipeline = pipeline(vec![source("stripe", yaml)], &rules);
        let message = accept(&pipeline, "stripe", &[], body).messages.remove(0);
        (message.state, message.reason)
    };
    assert_eq!(first(SECRET, body), (State::Skipped, Some(Reason::TestMode)));
    let send = "{ secret: 0123456789abcdef, test_events: send }";
    assert_eq!(first(send, body), (State::Waiting, None));
    let live = body.replace("false", "true");
    assert_eq!(first(SECRET, &live), (State::Waiting, None));
}

#[test]
fn explain_tells_of_each_rule_what_held_and_what_was_seen() {
    let rules = [
        TestRule { name: "kind", kinds: &["push"], ..RULE },
        TestRule { name: "pattern", pattern: "{ action: requested }", ..RULE },
        TestRule { name: "when", when: Some("event.action == 'requested'"), ..RULE },
        TestRule { name: "types", when: Some("event.action > 5"), ..RULE },
        TestRule { name: "all", ..RULE },
        TestRule { name: "elsewhere", source: "stripe", ..RULE },
    ];
    let pipeline = pipeline(vec![source("github", SECRET)], &rules);
    let accepted = play(&pipeline, "github", "issues.opened");
    let json = kabari::expr::Json::parse(accepted.event.body.clone()).unwrap();
    let traces = pipeline.explain(&accepted.event, &json);
    let short: Vec<_> = traces.iter().map(|it| (it.name.as_str(), it.matched, it.kind.0)).collect();
    assert_eq!(
        short,
        [
            ("kind", false, false),
            ("pattern", false, true),
            ("when", false, true),
            ("types", false, true),
            ("all", true, true)
        ]
    );
    assert_eq!(traces[1].pattern[0].saw, "\"opened\"");
    assert!(!traces[2].when[0].holds);
    assert!(traces[3].when_error.is_some());
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
        let headers = Headers(vec![("content-type".to_owned(), content_type.to_owned())]);
        let id = EventId(uuid::Uuid::from_u128(1));
        let read = github.read_body(id, now(), Some("push"), headers, Bytes::from(body)).remove(0);
        prop_assert_eq!(read.json.is_err(), read.event.kind == Event::UNREADABLE);
        prop_assert!(read.event.provider_id.is_some());
    }
}
