//! Does a change on the disk come into force, however it is made, and at nobody's cost?

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::kabari::{Home, Kabari};
use crate::support::skip;

pub(crate) const SECRET: &str = "the secret of the repository";

/// Less than it takes until a file is looked at though nothing was heard of it.
const SOON: Duration = Duration::from_secs(20);

/// Rules that stamp their version on what they make. Nobody is at the other end: messages wait.
pub(crate) fn rules(version: &str) -> String {
    format!(
        r#"
wachat: {{ token: a-token-of-the-test, instance: one, base_url: "http://127.0.0.1:1" }}
sources: {{ github: {{ secret: "{SECRET}" }} }}
rules:
  - name: first
    source: github
    send: {{ number: "6281234567890", message: "{version}" }}
  - name: second
    source: github
    send: {{ number: "6281234567891", message: "{version}" }}
"#
    )
}

fn home(rules: &str) -> Home {
    Home::new(rules).variable("KABARI_LOG", "info,kabari::app=debug")
}

/// The version of the rules that make a message now.
async fn version(kabari: &Kabari) -> String {
    let body = format!(r#"{{"n":"{}"}}"#, uuid::Uuid::new_v4());
    let delivery = uuid::Uuid::new_v4().to_string();
    let answer = kabari.post_github(SECRET, "push", &delivery, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let event = answer.json()["event"].as_str().unwrap().to_owned();
    let list = kabari.page(&format!("/api/messages?event={event}")).await.json();
    let texts: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["request"]["message"].as_str())
        .collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "one version: {texts:?}");
    texts[0].to_owned()
}

/// Waits until the log says this after its first `from` bytes, sooner than by the clock alone.
async fn soon(kabari: &Kabari, from: usize, words: &str) {
    let asked = Instant::now();
    kabari.says(from, &[words]).await;
    assert!(asked.elapsed() < SOON, "only after {:?}", asked.elapsed());
}

/// How many lines of the log hold these words.
fn times(kabari: &Kabari, words: &str) -> usize {
    kabari.log().lines().filter(|line| line.contains(words)).count()
}

/// What was logged about rules at this level after its first `from` bytes.
fn said(kabari: &Kabari, from: usize, level: &str) -> Vec<String> {
    let log = kabari.log();
    let lines = log[from..].lines().filter(|line| !line.is_empty());
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let own =
        lines.filter(|line| line.to_string().contains("kabari::app") && line["level"] == level);
    own.map(|line| line.to_string()).collect()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// As editors do: the new file comes into the place of the old one.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("swp");
    write(&new, text);
    std::fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn a_saved_file_is_in_force_whether_it_is_written_in_place_or_put_in_place() {
    let home = home(&rules("v1"));
    let kabari = home.start().await;
    assert_eq!(version(&kabari).await, "v1");
    let from = kabari.log().len();
    write(&home.path("rules.yaml"), &rules("v2"));
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v2");
    for round in ["v3", "v4"] {
        let from = kabari.log().len();
        replace(&home.path("rules.yaml"), &rules(round));
        soon(&kabari, from, "rules reloaded").await;
        assert_eq!(version(&kabari).await, round);
    }
    let from = kabari.log().len();
    std::fs::rename(home.path("rules.yaml"), home.path("rules.yaml~")).unwrap();
    soon(&kabari, from, "cannot be read").await;
    write(&home.path("rules.yaml"), &rules("v5"));
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v5");
}

#[tokio::test]
async fn a_swapped_symlink_on_the_way_to_the_file_is_a_change() {
    // As Kubernetes mounts a config map: rules.yaml -> ..data/rules.yaml, ..data -> ..1.
    let home = home("");
    for (folder, text) in [("..1", "v1"), ("..2", "v2")] {
        std::fs::create_dir(home.path(folder)).unwrap();
        write(&home.path(folder).join("rules.yaml"), &rules(text));
    }
    std::fs::remove_file(home.path("rules.yaml")).unwrap();
    symlink("..1", home.path("..data")).unwrap();
    symlink("..data/rules.yaml", home.path("rules.yaml")).unwrap();
    let kabari = home.start().await;
    assert_eq!(version(&kabari).await, "v1");
    let from = kabari.log().len();
    symlink("..2", home.path("..new")).unwrap();
    std::fs::rename(home.path("..new"), home.path("..data")).unwrap();
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v2");
    let from = kabari.log().len();
    write(&home.path("..2").join("rules.yaml"), &rules("v3"));
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v3");
}

#[tokio::test]
async fn included_files_and_secrets_are_watched_and_so_is_what_may_be_included_later() {
    let file = r"
wachat: { token: a-token-of-the-test, instance: one, base_url: 'http://127.0.0.1:1' }
include: 'rules.d/*.yaml'
sources: { github: { secret: '${file:secret}' } }
";
    let team = |text: &str| rules(text).split_once("rules:").map(|it| format!("rules:{}", it.1));
    let home = home(file);
    write(&home.path("secret"), "not the right secret, for now");
    let kabari = home.start().await;
    let expect = async |from: usize, count: usize| {
        soon(&kabari, from, &format!("rules reloaded: {count} rules")).await;
    };

    let from = kabari.log().len();
    std::fs::create_dir(home.path("rules.d")).unwrap();
    write(&home.path("rules.d/team.yaml"), &team("v1").unwrap());
    expect(from, 2).await;
    let answer = kabari.post_github(SECRET, "push", "d-1", "{}").await.unwrap();
    assert_eq!(answer.status, 401);

    let from = kabari.log().len();
    replace(&home.path("secret"), SECRET);
    expect(from, 2).await;
    assert_eq!(version(&kabari).await, "v1");

    let from = kabari.log().len();
    write(&home.path("rules.d/team.yaml"), &team("v2").unwrap());
    expect(from, 2).await;
    assert_eq!(version(&kabari).await, "v2");

    let from = kabari.log().len();
    let third = team("v2").unwrap().replace("first", "third").replace("second", "fourth");
    write(&home.path("rules.d/other.yaml"), &third);
    expect(from, 4).await;
    let from = kabari.log().len();
    std::fs::remove_file(home.path("rules.d/team.yaml")).unwrap();
    expect(from, 2).await;
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_everything_says_so_until_it_is_good_again() {
    let home = home(&rules("v1"));
    let kabari = home.start().await;
    let metric = async |name: &str| -> f64 {
        let page = kabari.page("/metrics").await.body;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
    };
    let first = metric("kabari_rules_reload_success_timestamp_seconds").await;
    assert!(first > 1.7e9, "{first}");
    let from = kabari.log().len();
    let mut bad = rules("v2").replace("number:", "nubmer:").replace("message:", "massage:");
    bad.push_str("colour: red\n");
    write(&home.path("rules.yaml"), &bad);
    soon(&kabari, from, "the last good one stays").await;
    let seen = kabari.log().len();
    let told = said(&kabari, from, "ERROR");
    assert_eq!(told.len(), 1, "{told:#?}");
    let said = &told[0];
    for words in ["rules.yaml:", "nubmer", "more", "kabari check"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(version(&kabari).await, "v1");
    let ready = kabari.page("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.json()["rules"].as_str().unwrap().contains("nubmer"), "{ready:?}");
    assert!(metric("kabari_rules_reload_success").await < 0.5);
    assert_eq!(
        metric("kabari_rules_reload_success_timestamp_seconds").await.to_bits(),
        first.to_bits()
    );

    // Saved again as it is: nothing new is said about it.
    write(&home.path("rules.yaml"), &bad);
    soon(&kabari, seen, "is what it was").await;
    assert_eq!(times(&kabari, "the last good one stays"), 1);

    let from = kabari.log().len();
    write(&home.path("rules.yaml"), &rules("v3"));
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v3");
    assert_eq!(kabari.page("/readyz").await.json()["rules"], "ok");
    assert!(metric("kabari_rules_reload_success").await > 0.5);
    assert!(metric("kabari_rules_reload_success_timestamp_seconds").await > first);
}

#[tokio::test]
async fn one_bad_included_file_keeps_all_old_rules_and_is_reported_alone() {
    let file = rules("v1").replace("sources:", "include: [more.yaml]\nsources:");
    let home = home(&file);
    write(&home.path("more.yaml"), "rules: []");
    let kabari = home.start().await;
    let from = kabari.log().len();
    write(&home.path("more.yaml"), "rules: [{ naem: x }]");
    write(&home.path("rules.yaml"), &file.replace("v1", "v2"));
    soon(&kabari, from, "the last good one stays").await;
    let said = kabari.page("/readyz").await.json()["rules"].as_str().unwrap().to_owned();
    assert!(said.contains("more.yaml:1:") && !said.contains("rules.yaml:"), "{said}");
    assert_eq!(version(&kabari).await, "v1");
    let from = kabari.log().len();
    write(&home.path("more.yaml"), "rules: []");
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v2");
}

/// A kabari before whose eyes a file was written again and again, never resting for as long as it
/// waits for that; on a machine that stalls just then, another one.
async fn written_without_a_rest() -> (Home, Kabari, usize) {
    for _ in 0..20 {
        let home = home(&rules("v1"));
        let kabari = home.start().await;
        // It looks once when it begins to watch.
        soon(&kabari, 0, "is what it was").await;
        let (from, mut last, mut rest) = (kabari.log().len(), Instant::now(), Duration::ZERO);
        let mut save = |text: &str| {
            write(&home.path("rules.yaml"), text);
            rest = rest.max(last.elapsed());
            last = Instant::now();
        };
        // Long enough that whoever looks at once sees each.
        for text in ["rules: [half a fi", &rules("v2")] {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(50) {
                save(text);
            }
        }
        save(&rules("v3"));
        if rest < Duration::from_millis(190) {
            return (home, kabari, from);
        }
    }
    panic!("a file takes too long to write here");
}

#[tokio::test]
async fn saving_twice_at_once_is_one_reload_and_touching_is_none() {
    let (home, kabari, from) = written_without_a_rest().await;
    soon(&kabari, from, "rules reloaded").await;
    assert_eq!(version(&kabari).await, "v3");
    let from = kabari.log().len();
    replace(&home.path("rules.yaml"), &rules("v3"));
    soon(&kabari, from, "is what it was").await;
    assert_eq!(times(&kabari, "rules reloaded"), 1, "{}", kabari.log());
    assert_eq!(times(&kabari, "has mistakes"), 0, "{}", kabari.log());
    for level in ["INFO", "WARN", "ERROR"] {
        assert_eq!(said(&kabari, from, level), [""; 0], "no noise");
    }
}

#[tokio::test]
async fn who_does_not_want_it_watched_asks_for_the_reload() {
    let home = home(&rules("v1"));
    let kabari = home.start_with(&["--no-watch"]).await;
    write(&home.path("rules.yaml"), &rules("v2"));
    let answer = kabari.order("/api/reload").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("2 rules are in force"), "{answer:?}");
    assert_eq!(version(&kabari).await, "v2");
    write(&home.path("rules.yaml"), "rules: [{ naem: x }]");
    let answer = kabari.order("/api/reload").await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("naem"), "{answer:?}");
    assert_eq!(times(&kabari, "rules reloaded"), 1);
}

#[tokio::test]
async fn where_nothing_can_be_watched_it_is_looked_at_and_that_is_said_once() {
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"];
    let broken = ["-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE"];
    let wrapper = [&strace[..], &broken[..]].concat();
    let can_trace = std::process::Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    if !can_trace.is_ok_and(|it| it.status.success()) {
        return skip("a file that cannot be watched: strace is missing or may not trace");
    }
    let home = home(&rules("v1")).under(&wrapper);
    let kabari = home.start().await;
    for round in ["v2", "v3"] {
        let from = kabari.log().len();
        write(&home.path("rules.yaml"), &rules(round));
        soon(&kabari, from, "rules reloaded").await;
        assert_eq!(version(&kabari).await, round);
    }
    assert_eq!(times(&kabari, "cannot be watched"), 1, "{}", kabari.log());
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_the_rest_is_in_force() {
    let home = home(&rules("v1"));
    let kabari = home.start().await;
    let mut changed = rules("v2");
    changed.push_str("server: { admin_token: a-new-token-of-the-test, body_limit: 1MiB }\n");
    write(&home.path("rules.yaml"), &changed);
    let said = kabari.order("/api/reload").await.body;
    assert!(said.contains("server.admin_token, server.body_limit changed too"), "{said}");
    assert_eq!(version(&kabari).await, "v2");
    assert!(!kabari.log().contains("a-new-token-of-the-test"));
}
