//! How does the program bear a long queue? With a million messages in `./test --long`.
//!
//! That the work for each does not grow with their number is counted in the store's own tests; here
//! is what it does to the whole program.

use std::time::Instant;

use jiff::Timestamp;
use kabari::model::{Content, Event, EventId, Message, Origin, Recipient};
use kabari::store::{SqliteStore, Store};
use uuid::Uuid;

use crate::support::kabari::{Home, Kabari};
use crate::support::world::{TOKEN, World};
use crate::support::{figure, long};

const SECRET: &str = "secret-of-the-backlog-test";

const RULES: &str = r#"
wachat:
  token: ${WACHAT_TOKEN}
  instance: lane-0
  base_url: ${WACHAT_URL}
  instances:
    lane-0: { pace: off, in_flight: 4 }
    lane-1: { pace: off, in_flight: 4 }
    lane-2: { pace: 10/min }
    lane-3: { pace: 10/min }
sources:
  github: { secret: secret-of-the-backlog-test }
rules:
  - name: push-to-team
    source: github
    kind: push
    send: { number: "{{ event.to }}", message: "{{ event.text }}" }
"#;

const LANES: usize = 4;
/// One in so many is to the same recipient, all of them in the first lane.
const TO_ONE: usize = 12;
/// What the process may have in memory at its most, DESIGN part 4.
const MEMORY_MAX_MIB: u64 = 150;
/// So many go out while it is watched.
const DRAINED: usize = 3000;
const AT_ONCE: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_neither_fills_the_memory_nor_holds_up_the_start() {
    let backlog = if long() { 1_000_000 } else { 20_000 };
    let world = World::start().await;
    let home =
        Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    fill(&home, backlog).await;

    let started = Instant::now();
    let kabari = home.start().await;
    world.until("the first", |seen| !seen.asked.is_empty()).await;
    let first = started.elapsed();
    let mut pages = Vec::new();
    for page in [
        "/metrics",
        "/readyz",
        "/api/overview",
        "/api/messages?state=waiting",
        "/api/messages?number=6281000000000",
        "/api/events",
    ] {
        let asked = Instant::now();
        let answer = kabari.page(page).await;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        pages.push(format!("{page} {:.0?}", asked.elapsed()));
    }
    let asked = Instant::now();
    let body = r#"{"to":"6281999999999","text":"one more"}"#;
    let answer = kabari.post_github(SECRET, "push", "one-more", body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    pages.push(format!("a webhook {:.0?}", asked.elapsed()));
    let drained = Instant::now();
    let before = world.seen().dispatched.len();
    // Some at a time: a machine may be slow, but not stand still.
    for some in (AT_ONCE..=DRAINED).step_by(AT_ONCE) {
        world.until("some more", |seen| before + some <= seen.dispatched.len()).await;
    }
    let drained = drained.elapsed();

    let memory = memory_max_mib(&kabari);
    assert!(memory < MEMORY_MAX_MIB, "{memory} MiB with {backlog} waiting");
    assert_eq!(kabari.stop().await, Some(0));
    world.assert_clean();
    figure(&format!(
        "{backlog} waiting: the first is sent {first:.2?} after the start, {DRAINED} more in \
         {drained:.1?}; {memory} MiB of memory at most; {}",
        pages.join(", ")
    ));
}

/// All but the last wait for hours that do not come, as a program with other limits held them.
fn hold(home: &Home, backlog: usize) {
    let store = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    let until = Timestamp::now().as_microsecond() + 7 * 86_400_000_000;
    let hours = r#"{"hours":{"days":0,"from":0,"to":1,"zone":"UTC","otherwise":"wait"}}"#;
    let held = store.execute(
        "UPDATE messages SET held = 1, head = 0, reason = 'quiet', due_at = ?1, clock = 0, terms = ?2,
             instance = 'lane-0', detail = 'by what was in force then'
         WHERE seq < ?3",
        rusqlite::params![until, hours, i64::try_from(backlog).unwrap()],
    );
    assert_eq!(held, Ok(backlog - 1));
    let last = "UPDATE messages SET head = 1, instance = 'lane-0' WHERE seq = ?1";
    assert_eq!(store.execute(last, [i64::try_from(backlog).unwrap()]), Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_that_is_held_and_asked_again_keeps_nobody_waiting_who_may_go() {
    let backlog = if long() { 1_000_000 } else { 20_000 };
    let world = World::start().await;
    let home =
        Home::new(RULES).variable("WACHAT_URL", &world.url()).variable("WACHAT_TOKEN", TOKEN);
    fill(&home, backlog).await;
    hold(&home, backlog);
    let mut told = Vec::new();
    let second = if long() { "that goes on with it" } else { "with the same limits" };
    for (start, count) in [("that asks them all", 1), (second, 2)] {
        let started = Instant::now();
        let kabari = home.start().await;
        if 1 < count {
            let body = r#"{"to":"6281999999999","text":"one more"}"#;
            kabari.post_github(SECRET, "push", "one-more", body).await.unwrap();
        }
        world.until("the first", |seen| count <= seen.dispatched.len()).await;
        let first = started.elapsed();
        told.push(format!("{start} {first:.2?}"));
        // A million are asked for minutes, beside what the lane sends.
        if !long() {
            kabari.says(0, &["some messages of lane lane-0 wait"]).await;
            let known = started.elapsed();
            told.push(format!("all are known after {known:.2?}"));
        }
        assert_eq!(kabari.stop().await, Some(0));
    }
    world.assert_clean();
    figure(&format!("{backlog} held: the first is sent after a start {}", told.join(", ")));
}

/// The most that it has had in memory so far; proc(5).
fn memory_max_mib(kabari: &Kabari) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", kabari.pid())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A store in which so many wait, each made from an event of its own.
async fn fill(home: &Home, backlog: usize) {
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    let now = Timestamp::now();
    // Together they fill all the memory that there may be: none of it is left for them.
    let room = usize::try_from(MEMORY_MAX_MIB << 20).unwrap();
    let words = "and so on ".repeat(room / backlog / 10 + 1);
    for begin in (0..backlog).step_by(1000) {
        let made = (begin..backlog.min(begin + 1000)).map(|n| {
            let event = event(n, now);
            let messages = vec![message(n, &event, &words)];
            (event, messages)
        });
        store.record_batch(made.collect()).await.unwrap();
    }
}

fn event(n: usize, now: Timestamp) -> Event {
    let body = format!(r#"{{"to":"{n}","text":"{}"}}"#, "word ".repeat(40));
    Event {
        provider_id: Some(format!("delivery-{n}")),
        ..Event::new(EventId(Uuid::from_u128(n as u128 + 1)), "github", "push", now, body)
    }
}

fn message(n: usize, event: &Event, words: &str) -> Message {
    let number = if n.is_multiple_of(TO_ONE) { 0 } else { n };
    let recipient = Recipient::person(&format!("6281{number:09}")).unwrap();
    let caption = "*acme/shop* Octo Cat: Keep order per recipient, and say so where it is read";
    let origin = Origin { rule: "push-to-team".to_owned(), send: 0, element: 0 };
    let content = Content::text(format!("{caption} {words}#{n}"));
    Message::waiting(event, origin, &format!("lane-{}", n % LANES), recipient, content)
}
