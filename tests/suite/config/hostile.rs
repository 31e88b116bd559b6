//! Does a rule file that is out to harm end in an error, soon and within little memory?
//!
//! The real program reads each file, and its peak of memory is what the system says of it.

#![expect(clippy::format_collect, reason = "hostile files are made once, not fast")]

use std::fmt::Write as _;
use std::fs;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::support::cost::ticks;
use crate::support::figure;

/// What a hostile file may take of memory, in KiB.
const PEAK_MAX: u64 = 256 << 10;
/// And of time of the processor, in hundredths of a second: in a release build.
const TICKS_MAX: u64 = 200;
/// A debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at the memory of a file's check.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
const HEAD: &str = "wachat: { token: \"${WACHAT_TOKEN}\", instance: phone }\n\
                    sources: { github: { secret: \"${GITHUB_SECRET}\" } }\n";

/// How one check ended.
#[derive(Debug)]
struct Checked {
    code: Option<i32>,
    out: String,
    /// The most memory that was in use, in KiB; 0 where the system does not say.
    peak: u64,
    /// The time of the processor, in hundredths of a second.
    ticks: u64,
}

/// `kabari check` on this file, by the real program.
async fn check(text: &str) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    ended(super::checking(folder.path(), text)).await
}

/// What a command says and takes until its end.
async fn ended(mut child: Child) -> Checked {
    let status = format!("/proc/{}/status", child.id());
    // Its end is the end of what it prints.
    let out = OwnedFd::from(child.stdout.take().unwrap());
    let mut out = pipe::Receiver::from_owned_fd(out).unwrap();
    let mut printed = String::new();
    let reading = tokio::time::timeout(PATIENCE, out.read_to_string(&mut printed));
    tokio::pin!(reading);
    let mut looks = tokio::time::interval(BETWEEN_LOOKS);
    let mut peak = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut reading => break ended,
            // The system remembers the peak, so the last look is the one that counts.
            _ = looks.tick() => peak = peak_of(&status).max(peak),
        }
    };
    if ended.is_err() {
        child.kill().unwrap();
    }
    let ticks = ticks(&child.id().to_string());
    let code = child.wait().unwrap().code();
    Checked { code, out: printed, peak, ticks }
}

/// The most memory that a process has had, in KiB; 0 where the system does not say.
fn peak_of(status: &str) -> u64 {
    let now = fs::read_to_string(status).unwrap_or_default();
    let line = now.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

async fn refused(what: &str, text: &str, code: &str) {
    let checked = check(text).await;
    let out: String = checked.out.chars().take(2000).collect();
    assert_eq!(checked.code, Some(1), "{what}: {out}");
    assert!(checked.out.contains(&format!("\"code\": \"{code}\"")), "{what}: no {code} in {out}");
    within_limits(what, &checked);
}

fn within_limits(what: &str, checked: &Checked) {
    assert!(checked.peak <= PEAK_MAX, "{what}: {} KiB", checked.peak);
    let is_soon = super::is_slow() || checked.ticks <= TICKS_MAX;
    assert!(is_soon, "{what}: {} hundredths of a second", checked.ticks);
    if !super::is_slow() {
        figure(&format!("{what}: {} MiB, {} ms", checked.peak >> 10, checked.ticks * 10));
    }
}

/// As many repetitions as fill so many bytes.
fn filled(part: &str, bytes: usize) -> String {
    part.repeat(bytes / part.len())
}

/// As many entries of a mapping, each with a key of its own.
fn keys(bytes: usize) -> String {
    (0..bytes / 8).map(|at| format!("{at:05x}:,")).collect()
}

#[tokio::test]
async fn aliases_cannot_make_a_file_grow() {
    let mut bomb = "vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let row = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "  a{level}: &a{level} [{row}]").unwrap();
    }
    refused("a bomb of aliases", &(bomb + HEAD), "alias").await;
    let long = "x".repeat(10_000_000);
    let copies = format!("{HEAD}vars:\n  a: &a {long}\n  b: [{}]\n", "*a, ".repeat(1000));
    refused("a long text a thousand times", &copies, "alias").await;
    let names = format!("{HEAD}vars: {}x{}\n", "&a [".repeat(60), "]".repeat(60));
    let deep = names.replace('x', &filled("x, ", 300_000));
    refused("names within names", &deep, "alias").await;
}

#[tokio::test]
async fn tiny_values_are_counted_and_a_large_file_is_not_read() {
    let most = (64 << 20) - 1000;
    for (what, text) in [
        ("a list", format!("{HEAD}vars: {{ a: [{}] }}\n", filled("1,", most))),
        ("a list of lists", format!("{HEAD}vars: {{ a: [{}] }}\n", filled("[],", most))),
        ("short keys", format!("{HEAD}vars: {{ {} }}\n", keys(8_000_000))),
        ("a rule of short keys", format!("{HEAD}rules:\n- {{ {} }}\n", keys(8_000_000))),
        ("rules of one key", format!("{HEAD}rules:\n{}", filled("- a:\n", 10 << 20))),
    ] {
        refused(what, &text, "too-many").await;
    }
    let nothing = format!("{HEAD}rules:\n{}", filled("-\n", most));
    refused("rules of nothing", &nothing, "too-large").await;
    refused("65 MiB", &filled("# nothing\n", 65 << 20), "unreadable-file").await;
}

#[tokio::test]
async fn long_texts_are_refused_where_they_stand() {
    let long = "x".repeat(10_000_000);
    let rule = |key: &str| {
        format!(
            "{HEAD}rules:\n- name: a\n  source: github\n  {key}\n  send: {{ number: \"628111111111\", message: x }}\n"
        )
    };
    refused("a condition", &rule(&format!("when: event.{long} == 1")), "too-long").await;
    refused("a kind", &rule(&format!("kind: \"{}\"", "*".repeat(10_000_000))), "value").await;
    refused("an operand", &rule(&format!("match: {{ a: [{{ wildcard: \"{long}\" }}] }}")), "value")
        .await;
    refused(
        "a source",
        &rule("").replace("source: github", &format!("source: {long}")),
        "unknown-source",
    )
    .await;
    refused("a key", &rule(&format!("{}: 1", &long[..1000])), "unknown-key").await;
    let holes = format!("{HEAD}vars: {{ a: \"{}\" }}\n", "${".repeat(1_000_000));
    refused("holes that are none", &holes, "variable").await;
    let many: String = (0..100_000).map(|at| format!("{{{{ ${{A{at}:-x}} }}}} ")).collect();
    let message = rule("").replace("message: x", &format!("message: \"{many}\""));
    refused("a template", &message, "too-long").await;
}

#[tokio::test]
async fn deep_nesting_ends_at_its_limit() {
    for open in ["[", "{ a: ", "- ", "? "] {
        refused(open, &format!("{HEAD}vars:\n  {}", open.repeat(100_000)), "too-deep").await;
    }
}

#[tokio::test]
async fn a_regular_expression_that_would_fill_memory_is_refused() {
    let regex = "((a{1,500}){1,500}){1,500}";
    let rules: String = (0..200)
        .map(|at| format!("- name: r{at}\n  source: github\n  match: {{ a: [{{ regex: \"{regex}\" }}] }}\n  send: {{ number: \"628111111111\", message: x }}\n"))
        .collect();
    refused("regular expressions", &format!("{HEAD}rules:\n{rules}"), "value").await;
}

#[tokio::test]
async fn templates_and_patterns_that_go_on_and_on_end() {
    let loops = "{% for a in range(1000) %}".repeat(4) + "x" + &"{% endfor %}".repeat(4);
    let double = "{% set x = x ~ x %}".repeat(60);
    let text = format!(
        "{HEAD}rules:\n\
         - name: loops\n  source: github\n  send: {{ number: \"6281234567890\", message: \"{loops}\" }}\n\
         - name: doubles\n  source: github\n  send: {{ number: \"6281234567890\", message: \"{{% set x = 'xxxxxxxx' %}}{double}{{{{ x }}}}\" }}\n\
         - name: patterns\n  source: github\n  match: {{ a: [{{ regex: \"(a*)*(a*)*(a*)*b\" }}], b: [{{ wildcard: \"*a*a*a*a*a*a*a*a*b\" }}] }}\n  \
         when: (range(1000000) | length) > 3\n  send: {{ number: \"6281234567890\", message: x }}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let long = "a".repeat(2_000_000);
    let body = serde_json::json!({ "a": long, "b": long }).to_string();
    fs::write(folder.path().join("event.json"), body).unwrap();
    let words = ["explain", "--source", "github", "--kind", "push", "event.json"];
    let said = ended(super::asking(folder.path(), &text, &words)).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    for name in ["loops", "doubles"] {
        assert!(said.out.contains(&format!("{name}  failed: render")), "{}", said.out);
    }
    assert!(said.out.contains("✗ patterns"), "{}", said.out);
    within_limits("loops and patterns", &said);
}

#[tokio::test]
async fn very_many_mistakes_are_found_in_no_more_than_their_time() {
    let each = |rule: &str| -> String {
        let rules = (0..20_000).map(|at| format!("- {{ name: r{at}, {rule} }}\n"));
        format!("{HEAD}rules:\n{}", rules.collect::<String>())
    };
    let send = "send: { number: \"628111111111\", message: x }";
    for (what, rule, code) in [
        ("no number", "source: github, send: { message: x }".to_owned(), "missing-key"),
        ("no source", format!("source: gitlab, {send}"), "unknown-source"),
        ("no key", format!("source: github, sent: x, {send}"), "unknown-key"),
        ("no kind", format!("source: github, kind: pusch, wehn: x, {send}"), "unknown-key"),
    ] {
        refused(what, &each(&rule), code).await;
    }
    let unset: String = (0..200_000).map(|at| format!("\"${{NOT_{at}}}\", ")).collect();
    refused(
        "no variable",
        &format!("{HEAD}vars: {{ a: [{unset}] }}\nruels: 1\n"),
        "unset-variable",
    )
    .await;
    let keys: String = (0..200).map(|at| format!("key{at}: 1\n")).collect();
    refused("keys at the end", &(each(&format!("source: github, {send}")) + &keys), "unknown-key")
        .await;
}

#[tokio::test]
async fn copies_for_each_source_are_counted() {
    let sources = |count: usize| -> String {
        let one = |at| format!("  s{at}: {{ preset: github, secret: \"${{GITHUB_SECRET}}\" }}\n");
        (0..count).map(one).collect()
    };
    let wachat = "wachat: { token: \"${WACHAT_TOKEN}\", instance: phone }\n";
    refused("sources", &format!("{wachat}sources:\n{}", sources(30_000)), "too-many").await;
    let vars = "1, ".repeat(100_000);
    let text = format!("{wachat}vars: {{ a: [{vars}] }}\nsources:\n{}", sources(900));
    refused("vars", &text, "too-many").await;
}

#[tokio::test]
async fn very_many_rules_load_as_fast_as_they_are_many() {
    let rules = |count: usize| -> String {
        let rule = |at: usize| {
            let wanted = match at % 4 {
                0 => format!("full_name: org/service-{at}"),
                1 => format!("full_name: [{{ suffix: /service-{at} }}]"),
                2 => format!("full_name: [{{ wildcard: \"org/*-{at}\" }}]"),
                _ => format!("id: [{{ numeric: [\">=\", {at}000, \"<\", {at}999] }}]"),
            };
            format!(
                "- name: r{at}\n  source: github\n  kind: push\n  match: {{ repository: {{ {wanted} }} }}\n  send:\n    \
                 number: \"62812{at:08}\"\n    message: \"{{{{ event.repository.name }}}} {at}\"\n"
            )
        };
        format!("{HEAD}rules:\n{}", (0..count).map(rule).collect::<String>())
    };
    let took = async |count: usize| {
        let text = rules(count);
        let checked = check(&text).await;
        assert_eq!((checked.code, checked.out.trim()), (Some(0), "[]"), "{count}");
        checked.ticks
    };
    let (few, many) = if super::is_slow() { (1000, 8000) } else { (10_000, 100_000) };
    let (few_took, many_took) = (took(few).await, took(many).await);
    let times = u64::try_from(many / few).unwrap();
    // Were it quadratic, it would be as many times more again.
    let as_many = few_took.max(1) * times;
    assert!(
        many_took < as_many * 4,
        "{few}: {few_took}, {many}: {many_took} hundredths of a second"
    );
}
