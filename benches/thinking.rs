//! What do matching and rendering cost? `cargo bench --bench thinking`.
//!
//! Matching: read a 10 KB push and find its rules among 10, 1,000 and 100,000; the floor is checking
//! the same body's JSON and keeping nothing of it. Rendering: a caption of ten variables from an
//! event that is read already; the floor is the same text put together by hand from a ready tree.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, measures real time and may fail"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use kabari::expr::{Escape, Facts, Json, Surroundings, Template};
use kabari::model::{Event, EventId};
use kabari::rules::{Matcher, RuleSet};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

const TURN: Duration = Duration::from_millis(300);
const TURNS: usize = 5;
const FIELDS: [&str; 10] =
    ["ref", "before", "after", "name", "email", "login", "title", "branch", "url", "number"];

fn main() {
    let body = push();
    println!("a push of {} bytes", body.len());
    let sizes = [10, 1000, 100_000];
    let built: Vec<(Duration, RuleSet)> = sizes.iter().map(|count| build(*count)).collect();
    let check = || {
        let raw: &RawValue = serde_json::from_slice(&body).unwrap();
        black_box(raw);
    };
    let find = |rules: &RuleSet| {
        let event = Json::parse(body.clone()).unwrap();
        let found = rules.matching("github", "push", &event, &|pattern, kind| pattern == kind);
        assert_eq!(black_box(found).len(), 1);
    };
    let by_size: [_; 3] = std::array::from_fn(|at| (sizes[at], &built[at]));
    let mut works: Vec<(String, Box<dyn Fn() + '_>)> =
        vec![("the body checked, nothing kept".into(), Box::new(check))];
    for (size, (took, rules)) in by_size {
        let name = format!("matched with {size} rules (built in {} ms)", took.as_millis());
        works.push((name, Box::new(move || find(rules))));
    }
    compare(&works);

    let facts = facts(&body);
    let lines = FIELDS.iter().map(|name| format!("{name} {{{{ event.{name} }}}}\n"));
    let caption = lines.collect::<Vec<_>>().concat();
    let template = Template::compile(&caption, Escape::Message).unwrap();
    let tree: Value = serde_json::from_slice(&body).unwrap();
    let by_hand = || {
        let mut text = String::new();
        for name in FIELDS {
            let _ = writeln!(text, "{name} {}", tree[name].as_str().unwrap());
        }
        black_box(text);
    };
    let render = || drop(black_box(template.render(&facts).unwrap()));
    compare(&[
        ("ten variables by hand".into(), Box::new(by_hand)),
        ("ten variables by a template".into(), Box::new(render)),
    ]);
}

/// What is measured, by its name.
type Work<'a> = (String, Box<dyn Fn() + 'a>);

/// Each in turn, several times; the median of each beside the first one's.
fn compare(works: &[Work<'_>]) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); works.len()];
    for _ in 0..TURNS {
        for ((_, work), times) in works.iter().zip(&mut times) {
            times.push(micros(work));
        }
    }
    let medians: Vec<f64> = times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[TURNS / 2]
        })
        .collect();
    for ((name, _), median) in works.iter().zip(&medians) {
        println!("{name:<48}{median:>10.2} µs{:>8.2}x", median / medians[0]);
    }
}

fn micros(work: &dyn Fn()) -> f64 {
    let (started, mut count) = (Instant::now(), 0);
    while started.elapsed() < TURN {
        (0..64).for_each(|_| work());
        count += 64;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// Rules for `count` repositories; among the operators beside them, every sort.
fn build(count: usize) -> (Duration, RuleSet) {
    let matchers = (0..count).map(|number| {
        let tests = match number % 3 {
            0 => json!(["refs/heads/main"]),
            1 => json!([{ "suffix": "main" }]),
            _ => json!([{ "anything-but": "refs/heads/draft" }]),
        };
        let pattern =
            json!({ "repository.full_name": format!("acme/watched-{number}"), "ref": tests });
        Matcher {
            source: "github".into(),
            kinds: vec!["push".into()],
            pattern: serde_json::from_value(pattern).unwrap(),
            when: None,
        }
    });
    let matchers: Vec<Matcher> = matchers.collect();
    let started = Instant::now();
    let rules = RuleSet::build(matchers);
    (started.elapsed(), rules)
}

fn push() -> Bytes {
    let mut push = json!({ "repository": { "full_name": "acme/watched-7" } });
    for name in FIELDS {
        push[name] = format!("the {name} of this push").into();
    }
    push["ref"] = "refs/heads/main".into();
    let commit = json!({
        "id": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "distinct": true,
        "message": "Keep order per recipient\n\nSee 12.", "timestamp": "2026-11-22T10:00:00+07:00",
        "author": { "name": "Octo Cat", "email": "octocat@example.com" }, "modified": ["src/lib.rs"],
    });
    push["commits"] = vec![commit; 36].into();
    Bytes::from(push.to_string())
}

fn facts(body: &Bytes) -> Facts {
    let event = Event::new(
        EventId(Uuid::from_u128(1)),
        "github",
        "push",
        Timestamp::UNIX_EPOCH,
        body.clone(),
    );
    let around =
        Surroundings { vars: Value::Null, amounts: None, timezone: TimeZone::UTC, country: None };
    Facts::new(&event, Json::parse(body.clone()).unwrap(), Arc::new(around))
}
