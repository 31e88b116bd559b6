//! Does a file of very many rules load, in how much time of the processor and how much memory?
//!
//! The real program reads the file; what it took is what the system says of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is red")]

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;

use crate::support::cost::ticks;
use crate::support::figure;

/// The most memory, in KiB: 100,000 rules are a file of 40 MiB.
const PEAK_MAX: u64 = 256 << 10;
/// The most time of the processor, in hundredths of a second.
const TICKS_MAX: u64 = 400;
const HEAD: &str = "wachat: { token: \"${WACHAT_TOKEN}\", instance: phone }\n\
                    sources: { github: { secret: \"${GITHUB_SECRET}\" } }\nrules:\n";

/// Rules of a size and kind as people write them, each with a pattern of its own.
fn rules(count: usize) -> String {
    let mut text = HEAD.to_owned();
    for at in 0..count {
        let wanted = match at % 4 {
            0 => format!("repository.full_name: org/service-{at}"),
            1 => format!("repository.full_name: [{{ suffix: /service-{at} }}]"),
            2 => format!("repository.full_name: [{{ wildcard: \"org/*-{at}\" }}]"),
            _ => format!("repository.id: [{{ numeric: [\">=\", {at}000, \"<\", {at}999] }}]"),
        };
        write!(
            text,
            "- name: push-service-{at}\n  source: github\n  kind: push\n  match:\n    {wanted}\n    \
             deleted: false\n  when: event.ref == \"refs/heads/\" ~ event.repository.default_branch\n  \
             send:\n    number: \"62812{at:08}\"\n    message: |\n      \
             *{{{{ event.repository.full_name }}}}*: {{{{ event.commits | length }}}} commits to {at}\n      \
             {{{{ event.head_commit.message | first_line | truncate(80) }}}}\n"
        )
        .unwrap();
    }
    text
}

/// What a check took: memory in KiB, time of the processor in hundredths of a second.
#[derive(Debug)]
struct Took {
    peak: u64,
    ticks: u64,
}

fn check(text: &str) -> Took {
    let folder = tempfile::tempdir().unwrap();
    let mut child = super::checking(folder.path(), text);
    let about = format!("/proc/{}", child.id());
    // It prints when all is done, so the peak of its memory is known by then.
    let mut out = child.stdout.take().unwrap();
    let mut first = [0];
    out.read_exact(&mut first).unwrap();
    let status = fs::read_to_string(format!("{about}/status")).unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ticks = ticks(&child.id().to_string());
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert_eq!(rest.trim(), "]", "not a word about any rule");
    Took { peak: peak.and_then(|peak| peak.parse().ok()).unwrap_or(0), ticks }
}

#[test]
fn very_many_rules_load_within_seconds_and_little_memory() {
    // Of a build to be debugged: fewer, slower.
    let (count, peak_max, ticks_max) =
        if super::is_slow() { (20_000, 96 << 10, 3000) } else { (100_000, PEAK_MAX, TICKS_MAX) };
    let took = check(&rules(count));
    if !super::is_slow() {
        let Took { peak, ticks } = took;
        figure(&format!("check of {count} rules: {} MiB, {} ms", peak >> 10, ticks * 10));
    }
    assert!(took.peak <= peak_max, "{count} rules: {took:?}");
    assert!(took.ticks <= ticks_max, "{count} rules: {took:?}");
}

#[test]
fn more_rules_than_memory_is_meant_for_are_refused_as_they_are_counted() {
    let many = format!("{HEAD}{}", "- {a: b}\n".repeat(250_000));
    let report = super::strict(&many).expect_err("too many");
    assert_eq!(
        super::lines(&report),
        ["200004:3 error[too-many] : more than 200000 rules are too many"]
    );
}

#[test]
fn a_rule_is_read_alone_as_it_is_read_with_its_file() {
    // Every way to write an entry, with a mistake in each that has to stand at its place.
    let entries = [
        "- name: a\n  source: github\n  kidn: push\n  send: { number: \"6281234567890\", message: x }\n",
        "-   name: b\n    source: github\n    kidn: push\n    send: { number: \"6281234567890\", message: x }\n",
        "- { name: c, source: github, kidn: push, send: { number: \"6281234567890\", message: x } }\n",
        "# about d\n- # about d\n  name: d\n  source: github\n  kidn: push\n\n  send:\n    number: \"6281234567890\"\n    message: |+\n      x\n\n\n",
        "- name: é\n  source: github\n  send: { number: \"6281234567890\", message: 'ü {{ event.x | upr }}' }\n",
        "- ? name\n  : f\n  source: github\n  kidn: push\n  send: { number: \"6281234567890\", message: x }\n",
        "- &g\n  name: g\n  source: github\n  kidn: push\n  send: { number: \"6281234567890\", message: x }\n",
        "- name: h\n  source: github\n  kidn: \"${HOME_OF_H:-push}\"\n  send: { number: \"6281234567890\", message: x }\n",
        "- name: i\n  source: github\n  kidn: push\n  send:\n    number: \"6281234567890\"\n    message: >\n      x\n      y\n\n      z",
    ];
    for (indent, below) in [("", ""), ("  ", "")] {
        let mut text = HEAD.to_owned();
        for entry in entries {
            for line in entry.split_inclusive('\n') {
                text.push_str(if line.trim().is_empty() { below } else { indent });
                text.push_str(line);
            }
        }
        let report = super::strict(&text).expect_err("every rule has a mistake");
        let wrong = text.match_indices("kidn").chain(text.match_indices("upr"));
        let mut places: Vec<(usize, usize)> = wrong
            .map(|(at, _)| {
                let before = &text[..at];
                let line = before.matches('\n').count() + 1;
                (line, before.rsplit('\n').next().unwrap_or("").chars().count() + 1)
            })
            .collect();
        places.sort_unstable();
        let told: Vec<_> = report
            .problems()
            .iter()
            .filter(|it| ["unknown-key", "unknown-filter"].contains(&it.code))
            .map(|it| (it.line, it.column))
            .collect();
        assert_eq!(told, places, "{}", report.render(false));
    }
}
