//! What if the disk is full, or the database locked or away? Verified events are refused, nothing that
//! was acknowledged is lost, and it goes on by itself.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::kabari::{Answer, Home, Kabari, PATIENCE};
use crate::support::world::{TOKEN, World};

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

fn limit_files(kabari: &Kabari, bytes: Option<u64>) {
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
    let ready = kabari.page("/readyz").await;
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
