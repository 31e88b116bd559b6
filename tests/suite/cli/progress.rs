//! Does whoever waits for many at once see how far it is, and does nobody else?

use std::process::Command;

use jiff::Timestamp;
use kabari::model::{Content, Event, EventId, Message, Origin, Recipient};
use kabari::store::{SqliteStore, Store};
use uuid::Uuid;

use super::home_alone;
use crate::support::kabari::Home;
use crate::support::skip;

/// The first commits take so long on this disk that one sees a bar before all are made.
const SLOW_DISK: [&str; 11] = [
    "strace",
    "-D",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-o",
    "/dev/null",
    "-e",
    "trace=fdatasync,fsync",
    "-e",
    "inject=fdatasync,fsync:delay_exit=300000:when=1..8",
];

/// Four times as many as are moved at once.
const MESSAGES: u128 = 400;

/// A home with events of an hour, each with a message that waits; `None`, said loudly, where
/// nothing can be slowed down.
async fn slow_home() -> Option<Home> {
    let trial = Command::new(SLOW_DISK[0]).args(&SLOW_DISK[1..]).arg("true").output();
    if !trial.is_ok_and(|output| output.status.success()) {
        skip("a command that takes long: strace is missing or may not trace");
        return None;
    }
    let home = home_alone();
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    let all = (1..=MESSAGES).map(|n| {
        let body = r#"{"sender":{"login":"octocat"}}"#.to_owned();
        let event =
            Event::new(EventId(Uuid::from_u128(n)), "github", "push", Timestamp::now(), body);
        let origin = Origin { rule: "pushed".to_owned(), send: 0, element: 0 };
        let to = Recipient::person("6281234567890").unwrap();
        let content = Content::text("octocat pushed");
        let message = Message::waiting(&event, origin, "jakarta_store", to, content);
        (event, vec![message])
    });
    store.record_batch(all.collect()).await.unwrap();
    Some(home.under(&SLOW_DISK))
}

/// A bar was on the terminal and is gone, and the last that stands there says this.
#[track_caller]
fn had_a_bar(shown: &str, counted: &str, said: &str) {
    let (bar, rest) = shown.rsplit_once("\u{1b}[2K").unwrap_or_else(|| panic!("{shown:?}"));
    assert!(bar.contains('█') && bar.contains(counted) && bar.contains(" left"), "{shown:?}");
    assert!(rest.contains(said) && !rest.contains('█'), "{shown:?}");
}

#[tokio::test]
async fn what_takes_long_has_a_bar_on_a_terminal_that_goes_when_it_is_done() {
    let Some(home) = slow_home().await else { return };
    let replay = "events replay --source github --since 1h --again --yes";
    let Some(shown) = home.on_terminal(replay) else { return };
    had_a_bar(&shown, "400 events", "made");
    let shown = home.on_terminal("messages cancel --all").unwrap();
    had_a_bar(&shown, " messages", "cancel: done with 800 messages");
    let shown = home.on_terminal("purge --recipient 6281234567890").unwrap();
    had_a_bar(&shown, " rows looked at", "forgotten in 800 messages");
}

#[tokio::test]
async fn what_goes_to_a_pipe_or_a_file_has_none() {
    let Some(home) = slow_home().await else { return };
    let Some(piped) = home.on_terminal("messages cancel --all 2>&1 | cat") else { return };
    assert_eq!(piped.trim_end(), "cancel: done with 400 messages");
    let home = slow_home().await.unwrap();
    let shown = home.on_terminal("messages cancel --all 2> told").unwrap();
    assert!(shown.contains("done with 400 messages") && !shown.contains('█'), "{shown:?}");
    assert_eq!(std::fs::read_to_string(home.path("told")).unwrap(), "");
}
