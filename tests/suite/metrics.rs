//! Can Prometheus read the page, and does it stay as small as the rule file?

use std::collections::{BTreeMap, BTreeSet};

use kabari::model::{Fate, Reason, State};
use kabari::telemetry::Metrics;

/// The page after something of everything was counted.
fn page() -> String {
    let metrics = Metrics::default();
    for source in ["github", "a \"quoted\" \\ name\nof two lines"] {
        metrics.request(source, "accepted", 0.003);
        metrics.request(source, "denied", 20.0);
        metrics.event(source);
        metrics.id_missing(source);
        metrics.denied(source, "mismatch");
        metrics.secret_matched(source, 1);
        metrics.attempt(source, Fate::Failed, Some(Reason::Media), 3.1);
        metrics.lane_open(source, true);
    }
    metrics.store_unavailable();
    metrics.rules_loaded(7, jiff::Timestamp::UNIX_EPOCH);
    for state in State::ALL {
        metrics.messages_in(state, 3);
    }
    metrics.text()
}

/// Name, labels as written, and value of a sample line.
fn sample(line: &str) -> (&str, &str, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').expect("closed labels")),
        None => (series, ""),
    };
    (name, labels, value.parse().unwrap_or_else(|why| panic!("{line}: {why}")))
}

/// The endings that samples of a type have (`OpenMetrics` 1.0, "Metric Types").
fn endings(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total"],
        "gauge" => &[""],
        "histogram" => &["_bucket", "_sum", "_count"],
        "info" => &["_info"],
        other => panic!("no metric of ours is of type {other}"),
    }
}

#[test]
fn every_line_of_the_page_is_in_the_text_format_and_every_metric_says_what_it_is() {
    let page = page();
    let text = page.strip_suffix("# EOF\n").expect("an end");
    let (mut family, mut kind) = (String::new(), String::new());
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, said) = help.split_once(' ').expect("a help text");
            assert!(said.len() > 10 && said.ends_with('.'), "{line}");
            assert!(name.starts_with("kabari_"), "{line}");
            name.clone_into(&mut helped);
        } else if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, told) = told.split_once(' ').expect("a type");
            assert_eq!(name, helped, "help comes first");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            (family, kind) = (name.to_owned(), told.to_owned());
        } else {
            let (name, labels, value) = sample(line);
            let fits = endings(&kind).iter().any(|end| name == format!("{family}{end}"));
            assert!(fits, "{line} is not of {family}");
            assert!(series.insert(format!("{name}{{{labels}}}")), "{line} is there twice");
            assert!(value.is_finite() && value >= 0.0, "{line}");
        }
    }
    assert!(families.len() >= 14, "{families:?}");
    assert!(text.contains(r#"source="a \"quoted\" \\ name\nof two lines""#), "{text}");
}

#[test]
fn the_buckets_of_a_histogram_grow_to_its_count() {
    let page = page();
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    for line in page.lines().filter(|line| line.contains("_bucket{")) {
        let (name, _, value) = sample(line);
        let before = last.insert(name, value).unwrap_or(0.0);
        assert!(value >= before, "{line}");
    }
    for (name, all) in last {
        let count = name.replace("_bucket", "_count");
        let line = page.lines().find(|line| line.starts_with(&count)).expect("a count");
        assert!((sample(line).2 - all).abs() < f64::EPSILON, "{line}");
    }
}
