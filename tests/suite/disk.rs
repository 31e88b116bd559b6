//! What if the disk is full, or the database locked or away? Verified events are refused, nothing that
//! was acknowledged is lost, and it goes on by itself.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::kabari::{Answer, Home, Kabari, PATIENCE};
use crate::support::skip;
use crate::support::world::{Behave, TOKEN, World};

const SECRET: &str = "secret-of-the-disk-test";
const RULES: &str = r#"
wachat: { token: "${WACHAT_TOKEN}", instance: one, base_url: "${WACHAT_URL}", instances: { one: { pace: off } } }
sources: { github: { secret: secret-of-the-disk-test } }
rules:
  - { name: note, source: github, kind: push, send: { number: "6281111111111", message: "{{ event.n }}" } }
"#;

async fn scene() -> (World, Home, Kabari) {
    let world = World::start().await;
    let home =
        Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let kabari = home.start().await;
    (world, home, kabari)
}

/// Posts the n-th event, with a body that does not compress.
async fn post(kabari: &Kabari, n: usize) -> Answer {
    let mut dice = fastrand::Rng::with_seed(n as u64);
    let padding: String = std::iter::repeat_with(|| dice.alphanumeric()).take(6000).collect();
    let body = format!(r#"{{"n":"n{n}","padding":"{padding}"}}"#);
    kabari.post_github(SECRET, "push", &format!("delivery-{n}"), &body).await.unwrap()
}

/// Posts events from this number on until one is refused; how many were acknowledged.
async fn post_until_refused(kabari: &Kabari, from: usize) -> usize {
    for n in from.. {
        let answer = post(kabari, n).await;
        match answer.status {
            200 => assert!(n < from + 2000, "nothing is ever refused"),
            503 => {
                assert_refused(&answer);
                return n - from;
            }
            _ => panic!("{answer:?}"),
        }
    }
    unreachable!()
}

/// Not now, and when to come again.
#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.retry_after.is_some_and(|seconds| 0 < seconds), "{answer:?}");
}

/// Waits until it is ready again; events that were refused come again.
async fn until_ready(kabari: &Kabari) {
    let started = Instant::now();
    while kabari.page("/readyz").await.status != 200 {
        assert!(started.elapsed() < PATIENCE, "not ready again:\n{}", kabari.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// After a kill: so many events are there, each with its message.
async fn all_are_there(home: &Home, kabari: Kabari, events: usize) {
    kabari.kill();
    let kabari = home.start().await;
    assert_eq!(home.list(&["events", "list"]).len(), events);
    assert_eq!(home.list(&["messages", "list"]).len(), events);
    assert_eq!(kabari.stop().await, Some(0));
}

pub(crate) fn limit_files(kabari: &Kabari, bytes: Option<u64>) {
    let pid = Pid::from_raw(kabari.pid().try_into().unwrap());
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_events_says_so_long_before_and_goes_on_when_there_is_room() {
    let (_world, home, kabari) = scene().await;
    assert_eq!(kabari.page("/readyz").await.json()["store"], "ok");
    assert_eq!(post(&kabari, 0).await.status, 200);
    // As `ulimit -f` does: the program is not ended by it either.
    limit_files(&kabari, Some(2 << 20));
    let ready = kabari.page("/readyz").await;
    assert_eq!((ready.status, ready.json()["store"].as_str()), (200, Some("ok")), "{ready:?}");
    assert!(ready.json()["disk"].as_str().unwrap().starts_with("almost full: 1 MiB"), "{ready:?}");
    kabari.says(0, &["the disk is almost full"]).await;
    assert!(kabari.page("/metrics").await.body.contains("\nkabari_store_free_bytes "));

    let kept = 1 + post_until_refused(&kabari, 1).await;
    // What is smaller than an event may still find room, until there is none at all.
    limit_files(&kabari, Some(0));
    let ready = kabari.page("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.json()["store"].as_str().unwrap().contains("cannot write now"), "{ready:?}");
    assert!(ready.json()["store"].as_str().unwrap().contains("full"), "{ready:?}");
    assert!(ready.json()["disk"].as_str().unwrap().starts_with("almost full: 0 MiB"), "{ready:?}");
    limit_files(&kabari, None);
    until_ready(&kabari).await;
    // The sender tries again.
    for n in kept - 1..kept + 3 {
        assert_eq!(post(&kabari, n).await.status, 200);
    }
    all_are_there(&home, kabari, kept + 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_vanishes_refuses_events_and_goes_on_when_it_is_back() {
    let (_world, home, kabari) = scene().await;
    for n in 0..5 {
        assert_eq!(post(&kabari, n).await.status, 200);
    }
    let (file, away) = (home.path("kabari.db"), home.path("away.db"));
    // Also by its log alone a database is gone.
    for (from, to) in [(&file, &away), (&home.path("kabari.db-wal"), &home.path("away.db-wal"))] {
        std::fs::rename(from, to).unwrap();
        // Else it were written into a file that nobody finds again.
        assert_refused(&post(&kabari, 5).await);
        let ready = kabari.page("/readyz").await;
        assert_eq!(ready.status, 503);
        assert!(
            ready.json()["store"].as_str().unwrap().contains("kabari had it open"),
            "{ready:?}"
        );
        std::fs::rename(to, from).unwrap();
        until_ready(&kabari).await;
    }
    assert_eq!(post(&kabari, 5).await.status, 200);
    all_are_there(&home, kabari, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_put_back_from_a_copy_is_used_at_once() {
    let (world, home, kabari) = scene().await;
    assert_eq!(post(&kabari, 0).await.status, 200);
    world.until("it is sent", |seen| seen.dispatched.len() == 1).await;
    let names = ["kabari.db", "kabari.db-wal"];
    for name in names {
        std::fs::copy(home.path(name), home.path(&format!("copy-{name}"))).unwrap();
    }
    for name in ["kabari.db", "kabari.db-wal", "kabari.db-shm"] {
        std::fs::remove_file(home.path(name)).unwrap();
    }
    assert_refused(&post(&kabari, 1).await);
    for name in ["kabari.db-wal", "kabari.db"] {
        std::fs::rename(home.path(&format!("copy-{name}")), home.path(name)).unwrap();
    }
    until_ready(&kabari).await;
    assert_eq!(post(&kabari, 1).await.status, 200);
    kabari.says(0, &["another store lies"]).await;
    all_are_there(&home, kabari, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_program_has_locked_refuses_all_who_wait_at_once() {
    let (_world, home, kabari) = scene().await;
    assert_eq!(post(&kabari, 0).await.status, 200);
    let other = Connection::open(home.path("kabari.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let answers = futures_util::future::join_all((1..25).map(|n| post(&kabari, n))).await;
    answers.iter().for_each(assert_refused);
    // Each waits for the lock a little, but none for the others' turns.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let ready = kabari.page("/readyz").await;
    assert!(ready.body.contains("another program holds"), "{ready:?}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    until_ready(&kabari).await;
    assert_eq!(post(&kabari, 1).await.status, 200);
    all_are_there(&home, kabari, 2).await;
}

/// As a message is under way: what came of it is kept until it can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_program_has_locked_for_half_a_minute_loses_and_doubles_nothing() {
    let (world, home, kabari) = scene().await;
    world.next(1, Behave::send().held());
    assert_eq!(post(&kabari, 0).await.status, 200);
    world.until("it is under way", |seen| !seen.asked.is_empty()).await;
    let other = Connection::open(home.path("kabari.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.let_go();
    let (started, mut refused) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(30) {
        assert_refused(&post(&kabari, 1).await);
        assert_eq!(kabari.page("/readyz").await.status, 503);
        refused += 1;
    }
    assert!(2 < refused, "{refused} were refused");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    until_ready(&kabari).await;
    assert_eq!(post(&kabari, 1).await.status, 200);
    world.until("both are sent", |seen| seen.dispatched.len() == 2).await;
    for message in home.list(&["messages", "list"]) {
        kabari.says(0, &[&format!("sent {}", message["id"].as_str().unwrap())]).await;
    }
    assert_eq!(world.seen().asked.len(), 2, "nothing twice");
    all_are_there(&home, kabari, 2).await;
}

/// As when the system has made a file system read-only after an error of its disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_no_writes_for_a_while_is_told_and_loses_nothing() {
    let fault = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=EROFS:when=200..260"];
    let wrapper = [&["strace", "-D", "-f", "-qq", "-o", "/dev/null"][..], &fault].concat();
    let trial = std::process::Command::new("strace").args(&wrapper[1..]).arg("true").output();
    if !trial.is_ok_and(|output| output.status.success()) {
        return skip("a read-only disk: strace is missing or may not trace");
    }
    let world = World::start().await;
    let home =
        Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let home = home.under(&wrapper);
    let kabari = home.start().await;
    let kept = post_until_refused(&kabari, 0).await;
    let ready = kabari.page("/readyz").await;
    let said = ready.json()["store"].as_str().unwrap().to_owned();
    assert!(ready.status == 503 && said.contains("read-only"), "{ready:?}");
    until_ready(&kabari).await;
    assert_eq!(post(&kabari, kept).await.status, 200);
    world.until("all is sent", |seen| seen.dispatched.len() == kept + 1).await;
    all_are_there(&home, kabari, kept + 1).await;
}

/// Without the right to write whatever root may.
const NO_MIGHT: [&str; 3] =
    ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_may_no_longer_be_written_serves_on_and_is_refused_by_name_at_the_next_start()
{
    let wrapper = if rustix::process::geteuid().is_root() { &NO_MIGHT[..] } else { &["env"] };
    let trial = std::process::Command::new(wrapper[0]).args(&wrapper[1..]).arg("true").output();
    if !trial.is_ok_and(|output| output.status.success()) {
        return skip("a store that may not be written: setpriv is missing or may not");
    }
    let world = World::start().await;
    let home =
        Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    let home = home.under(wrapper);
    let kabari = home.start().await;
    assert_eq!(post(&kabari, 0).await.status, 200);
    let (folder, file) = (home.path("."), home.path("kabari.db"));
    allow(&folder, 0o500);
    allow(&file, 0o400);
    // It has the files open.
    assert_eq!(post(&kabari, 1).await.status, 200);
    assert_eq!(kabari.page("/readyz").await.status, 200);
    kabari.kill();
    for mode in [0o500, 0o700] {
        allow(&folder, mode);
        let refused = home.serve_fails().await;
        assert!(refused.contains("kabari.db") && refused.contains("writable"), "{refused}");
    }
    allow(&file, 0o600);
    let kabari = home.start().await;
    assert_eq!(post(&kabari, 2).await.status, 200);
    assert_eq!(kabari.stop().await, Some(0));
    // As put back from a copy: its log has to be made.
    for name in ["kabari.db-wal", "kabari.db-shm"] {
        drop(std::fs::remove_file(home.path(name)));
    }
    allow(&folder, 0o500);
    let refused = home.serve_fails().await;
    assert!(refused.contains("kabari.db") && refused.contains("writable"), "{refused}");
    allow(&folder, 0o700);
    all_are_there(&home, home.start().await, 3).await;
}

fn allow(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_end_was_garbled_by_a_crash_costs_the_last_commit_and_nothing_before() {
    let (_world, home, kabari) = scene().await;
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    for n in 0..10 {
        assert_eq!(post(&kabari, n).await.status, 200);
    }
    kabari.kill();
    let log = home.path("kabari.db-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let kabari = home.start().await;
    assert_eq!(home.list(&["events", "list"]).len(), 9);
    // Whoever sent it may not know; a provider that sends again fills the gap, and no other.
    for n in 8..10 {
        assert_eq!(post(&kabari, n).await.status, 200);
    }
    all_are_there(&home, kabari, 10).await;
}
