//! Is the copy whole while `serve` writes, and is a store of a newer version refused clearly?

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{ANNA, ends, json, push, run, said};
use crate::process::home;
use crate::support::kabari::Home;
use crate::support::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_made_under_load_is_whole_private_and_opens_as_a_store() {
    let world = World::start().await;
    let home = Arc::new(home(&world));
    let kabari = Arc::new(home.start().await);
    push(&kabari, ANNA, "before").await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (kabari, stop) = (Arc::clone(&kabari), Arc::clone(&stop));
        async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                push(&kabari, ANNA, &format!("load {n}")).await;
                n += 1;
            }
            n
        }
    });
    let copies: Vec<_> = (0..5).map(|n| format!("copy-{n}.db")).collect();
    for copy in &copies {
        let answer = json(&home, &["backup", home.path(copy).to_str().unwrap()], 0);
        assert!(answer["events"].as_u64() >= Some(1), "{answer}");
        let mode = home.path(copy).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(answer["bytes"].as_u64(), Some(home.path(copy).metadata().unwrap().len()));
    }
    stop.store(true, Ordering::Relaxed);
    let sent = load.await.unwrap();
    assert!(0 < sent, "nothing came meanwhile");
    for copy in &copies {
        let raw = rusqlite::Connection::open(home.path(copy)).unwrap();
        let check: String =
            raw.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        // Each event is in it with its message, or neither is.
        let torn: i64 = raw
            .query_row(
                "SELECT count(*) FROM events WHERE id NOT IN (SELECT event FROM messages)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(torn, 0);
    }
    let store = format!("sqlite://{}", home.path(&copies[0]).display());
    let words = ["messages", "list", "--store", &store, "--rules", "rules.yaml", "--json"];
    let listed = tokio::task::block_in_place(|| home.say(&words, ""));
    assert!(said(&listed).contains("before"), "{}", said(&listed));
    let left: Vec<_> =
        home.path(".").read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().contains(".kabari-backup")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_overwrites_nothing_and_says_what_is_wrong_with_its_place() {
    let world = World::start().await;
    let home = home(&world);
    let nothing = ends(&home, &["backup", home.path("a.db").to_str().unwrap()], 1);
    assert!(nothing.contains("there is no store"), "{nothing}");
    assert_eq!(home.start().await.stop().await, Some(0));
    let path = home.path("taken.db");
    std::fs::write(&path, "precious").unwrap();
    for path in [&path, &home.path("kabari.db")] {
        let refused = ends(&home, &["backup", path.to_str().unwrap()], 1);
        assert!(
            refused.contains("overwrites nothing") && refused.contains("another file"),
            "{refused}"
        );
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let refused = ends(&home, &["backup", home.path("no/such/folder.db").to_str().unwrap()], 1);
    assert!(refused.contains("no/such/folder.db"), "{refused}");
    assert_eq!(run(&home, &["backup"]).status.code(), Some(2));
}

/// What waited when the copy was made may have been sent since: the steps that the README names.
#[tokio::test(flavor = "multi_thread")]
async fn after_going_back_to_a_copy_what_was_sent_since_can_be_kept_from_being_sent_again() {
    let world = World::start().await;
    let home = home(&world);
    let kabari = home.start().await;
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    push(&kabari, ANNA, "waits in the copy").await;
    let copy = home.path("copy.db");
    ends(&home, &["backup", copy.to_str().unwrap()], 0);
    assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
    world.until("it is sent", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(kabari.stop().await, Some(0));
    for name in ["kabari.db", "kabari.db-wal", "kabari.db-shm"] {
        drop(std::fs::remove_file(home.path(name)));
    }
    std::fs::rename(&copy, home.path("kabari.db")).unwrap();
    let waiting = json(&home, &["messages", "list", "--state", "waiting"], 0);
    assert_eq!(waiting[0]["request"]["message"], "waits in the copy", "{waiting}");
    ends(&home, &["messages", "cancel", "--state", "waiting"], 0);
    let kabari = home.start().await;
    // The lane stood still when the copy was made.
    assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
    push(&kabari, ANNA, "after that").await;
    world.until("the next one is sent", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(world.seen().texts_to(ANNA), ["waits in the copy", "after that"]);
    assert_eq!(kabari.stop().await, Some(0));
    world.assert_clean();
}

/// What every command that opens the store says of one that a newer program wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_refused_by_every_command_and_left_alone() {
    let world = World::start().await;
    let home = home(&world);
    assert_eq!(home.start().await.stop().await, Some(0));
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    raw.pragma_update(None, "user_version", 4711).unwrap();
    drop(raw);
    let copy = home.path("copy.db");
    for words in [
        &["serve"][..],
        &["messages", "list"],
        &["messages", "retry", "--all"],
        &["events", "list"],
        &["backup", copy.to_str().unwrap()],
    ] {
        let refused = ends(&home, words, 1);
        for part in ["kabari.db", "newer kabari", "4711", "run that version again", "--store"] {
            assert!(refused.contains(part), "{words:?} says nothing of {part}: {refused}");
        }
        assert_eq!(version(&home), 4711, "{words:?}");
    }
    assert!(!copy.exists());
}

fn version(home: &Home) -> i64 {
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}
