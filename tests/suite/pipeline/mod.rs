//! What becomes of a request, from its bytes to finished messages?

#![expect(clippy::expect_used, clippy::panic, reason = "what builds a test's world may fail it")]

mod events;
mod sources;
mod messages;

use bytes::Bytes;
use jiff::Timestamp;
use kabari::expr::{Condition, Names, Surroundings};
use kabari::model::EventId;
use kabari::pipeline::{Accepted, Defaults, Pipeline, Rule};
use kabari::render::{Send, SendSettings};
use kabari::rules::Matcher;
use kabari::sources::{Source, SourceSettings, sample};
use kabari::verify::{Outgoing, Request};

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
    let defaults = Defaults { instance: "jakarta".to_owned(), ..Defaults::default() };
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
        others.chain(signed).collect(),
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
