//! What does it cost to find an event's rules among 10 and among 100,000? `cargo bench --bench matching`.
//!
//! Real GitHub bodies where they lie beside the project, otherwise the built-in samples, each with a
//! repository of its own; three sets of rules. In one run: a whole parse by sonic-rs, the crate
//! `quamina`, and kabari: reading the body and finding its rules, and reading it alone. Building and the memory it takes
//! are measured in a process of their own. `quamina` is measured up to 10,000 rules: at 100,000 it
//! takes minutes and gigabytes; 0.7.0 panics where many rules share a state, and then that is told.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement prints, measures real time and may fail"
)]

use std::hint::black_box;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kabari::expr::Json;
use kabari::rules::{Matcher, Pattern, RuleSet};
use kabari::sources::samples;
use quamina::{Quamina, QuaminaBuilder};
use serde_json::{Value, json};

const SIZES: [usize; 4] = [10, 1000, 10_000, 100_000];
const QUAMINA_MAX: usize = 10_000;
/// Its memory limit for one field; the default of 10 MB is too little for 10,000 rules.
const QUAMINA_BYTES: usize = 4 << 30;
const EVENTS: usize = 480;
const TURN: Duration = Duration::from_millis(300);
const TURNS: usize = 5;

/// The sets of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Exact,
    NumericSuffix,
    Wildcard,
}

const SETS: [(&str, Set); 3] =
    [("exact", Set::Exact), ("numeric/suffix", Set::NumericSuffix), ("wildcard", Set::Wildcard)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, engine, set, size] = arguments.as_slice()
        && word == "build"
    {
        let set = SETS.iter().find(|(name, _)| name == set).unwrap().1;
        build_alone(engine, set, size.parse().unwrap());
        return;
    }
    let bodies = bodies();
    let bytes: usize = bodies.iter().map(String::len).sum();
    println!("{} GitHub bodies of {} bytes on average", bodies.len(), bytes / bodies.len());
    println!(
        "{:<16}{:>8}{:>14}{:>10}{:>10}{:>10}{:>10}{:>10}{:>9}",
        "rules", "count", "engine", "events/s", "µs/event", "of parse", "of 10", "build ms", "MB"
    );
    for (name, set) in SETS {
        let mut at_ten = 0.0;
        for size in SIZES {
            let events = events(&bodies, size);
            let rules = kabari(set, size);
            let quamina = (size <= QUAMINA_MAX).then(|| catch_unwind(|| quamina(set, size)).ok());
            let quamina = quamina.flatten();
            let mut works: Vec<Work<'_>> = vec![
                ("sonic parse", Box::new(parse)),
                ("kabari", Box::new(|event| find(&rules, event))),
                ("only read", Box::new(read)),
            ];
            let runs = |it: &&Quamina<usize>| {
                let all = || events.iter().all(|event| it.matches_for_event(event).is_ok());
                catch_unwind(std::panic::AssertUnwindSafe(all)).unwrap_or(false)
            };
            if let Some(quamina) = quamina.as_ref().filter(runs) {
                works.push((
                    "quamina",
                    Box::new(|event| quamina.matches_for_event(event).unwrap().len()),
                ));
            } else if size <= QUAMINA_MAX {
                println!("{name:<16}{size:>8}{:>14}  panics", "quamina");
            }
            let rates = rates(&works, &events);
            if size == SIZES[0] {
                at_ten = rates[1].0;
            }
            for ((engine, _), (rate, matched)) in works.iter().zip(&rates) {
                let built = match *engine {
                    "sonic parse" | "only read" => String::new(),
                    engine => built(engine, name, size),
                };
                println!(
                    "{name:<16}{size:>8}{engine:>14}{rate:>10.0}{:>10.2}{:>10.2}{:>10}{built}   {matched} matches",
                    1e6 / rate,
                    rate / rates[0].0,
                    if *engine == "kabari" {
                        format!("{:.2}", rate / at_ten)
                    } else {
                        String::new()
                    },
                );
            }
        }
    }
}

/// What is done with an event, by the name of who does it; how many rules it finds.
type Work<'a> = (&'a str, Box<dyn Fn(&Bytes) -> usize + 'a>);

/// The median events/s of each, taken in turns, and how many rules were found in all.
fn rates(works: &[Work<'_>], events: &[Bytes]) -> Vec<(f64, usize)> {
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); works.len()];
    for _ in 0..TURNS {
        for ((_, work), rates) in works.iter().zip(&mut rates) {
            let (started, mut count) = (Instant::now(), 0_u32);
            while started.elapsed() < TURN {
                for event in events {
                    black_box(work(event));
                    count += 1;
                }
            }
            rates.push(f64::from(count) / started.elapsed().as_secs_f64());
        }
    }
    let medians = rates.into_iter().map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    medians.zip(works).map(|(rate, (_, work))| (rate, events.iter().map(work).sum())).collect()
}

fn parse(event: &Bytes) -> usize {
    let value: sonic_rs::Value = sonic_rs::from_slice(event).unwrap();
    black_box(value);
    0
}

/// What kabari needs before it can look for rules: the body checked whole.
fn read(event: &Bytes) -> usize {
    black_box(Json::parse(event.clone()).unwrap());
    0
}

fn find(rules: &RuleSet, event: &Bytes) -> usize {
    let event = Json::parse(event.clone()).unwrap();
    rules.matching("github", "push", &event, &|pattern, kind| pattern == kind).len()
}

/// Real bodies where they are, one line each.
fn bodies() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = [
        "issue_comment.created",
        "issues.opened",
        "pull_request.opened",
        "push",
        "release.published",
        "star.created",
        "workflow_run.completed",
    ];
    let real = names.iter().filter_map(|name| {
        let file = format!("../shared/reference/corpus/github-octokit-{name}.json");
        std::fs::read_to_string(here.join(file)).ok()
    });
    let mut bodies: Vec<String> = real.collect();
    if bodies.is_empty() {
        let of_github = samples().iter().filter(|sample| sample.preset == "github");
        bodies = of_github.map(|sample| sample.body.to_owned()).collect();
    }
    let has_repository = |body: &Value| body.get("repository").is_some();
    let values = bodies.iter().map(|body| serde_json::from_str(body).unwrap());
    values.filter(has_repository).map(|body: Value| body.to_string()).collect()
}

/// Bodies of repositories, of which rules want every other one.
fn events(bodies: &[String], size: usize) -> Vec<Bytes> {
    let event = |at: usize| {
        let mut body: Value = serde_json::from_str(&bodies[at % bodies.len()]).unwrap();
        let number = at.wrapping_mul(2_654_435_761) % (2 * size);
        body["repository"]["full_name"] = repository(number).into();
        body["repository"]["id"] = (number * 1000 + 500).into();
        Bytes::from(body.to_string())
    };
    (0..EVENTS).map(event).collect()
}

fn repository(number: usize) -> String {
    format!("org-{:02}/service-{number}", number % 40)
}

/// One rule of a set.
fn rule(set: Set, number: usize) -> Value {
    let name = repository(number);
    match (set, number % 10) {
        (Set::NumericSuffix, 0..=2) => {
            json!({ "repository": { "id": [{ "numeric": [">=", number * 1000, "<", number * 1000 + 1000] }] } })
        }
        (Set::NumericSuffix, 3..=5) => {
            let end = name.split_once('/').unwrap().1;
            json!({ "repository": { "full_name": [{ "suffix": format!("/{end}") }] } })
        }
        (Set::Wildcard, 0..=4) => {
            json!({ "repository": { "full_name": [{ "wildcard": format!("org-*/service-{number}*") }] } })
        }
        (_, 6) => json!({ "sender": { "login": [{ "anything-but": "dependabot[bot]" }] },
            "repository": { "full_name": [name] } }),
        (_, 7) => json!({ "ref": [{ "prefix": "refs/" }],
            "repository": { "full_name": [name] } }),
        _ => json!({ "action": ["opened", "created", "published", "completed"],
            "repository": { "full_name": [name] } }),
    }
}

fn kabari(set: Set, size: usize) -> RuleSet {
    indexed((0..size).map(|number| rule(set, number)))
}

fn indexed(patterns: impl Iterator<Item = Value>) -> RuleSet {
    let matchers = patterns.map(|pattern| Matcher {
        source: "github".to_owned(),
        kinds: Vec::new(),
        pattern: serde_json::from_value::<Pattern>(pattern).unwrap(),
        when: None,
    });
    RuleSet::build(matchers.collect())
}

fn quamina(set: Set, size: usize) -> Quamina<usize> {
    added((0..size).map(|number| rule(set, number).to_string()))
}

fn added(patterns: impl Iterator<Item = String>) -> Quamina<usize> {
    let mut quamina = QuaminaBuilder::new().with_arena_byte_budget(QUAMINA_BYTES).build().unwrap();
    for (number, pattern) in patterns.enumerate() {
        quamina.add_pattern(number, &pattern).unwrap();
    }
    quamina
}

/// Builds one set and prints the time and the growth of the process; the rules are read before.
fn build_alone(engine: &str, set: Set, size: usize) {
    let rules: Vec<Value> = (0..size).map(|number| rule(set, number)).collect();
    let (took, grown) = if engine == "kabari" {
        // Each goes as it is read, as those of a rule file do.
        let (before, started) = (resident(), Instant::now());
        let built = indexed(rules.iter().cloned());
        (started.elapsed(), (resident() - before, black_box(built)).0)
    } else {
        let rules: Vec<String> = rules.iter().map(Value::to_string).collect();
        let (before, started) = (resident(), Instant::now());
        let built = added(rules.into_iter());
        (started.elapsed(), (resident() - before, black_box(built)).0)
    };
    println!("{:>10.0}{grown:>9.1}", took.as_secs_f64() * 1e3);
}

/// The same in a process of its own, which nothing else has made larger.
fn built(engine: &str, set: &str, size: usize) -> String {
    let arguments = ["build", engine, set, &size.to_string()];
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// The resident memory of this process, in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
