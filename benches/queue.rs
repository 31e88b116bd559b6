//! Does a queue of a million cost more than one of a thousand? `cargo bench --bench queue`.
//!
//! Claims 32 messages, and settles them in the commit that claims the next 32, as a lane does; on
//! disk, with a small backlog and with a large one. The floor is a bare SQLite table with one index:
//! in one commit 32 rows are deleted and the next 32 marked. `KABARI_BENCH_BACKLOG` and
//! `KABARI_BENCH_SECONDS` change the size.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measurement prints, measures real time and may fail"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kabari::model::{
    Attempt, Content, Event, EventId, Fate, Message, MessageId, Origin, Recipient, Scope, State,
    Verdict,
};
use kabari::store::{Claim, Claimed, Ended, Settlement, SqliteStore, Store, TurnedOver};
use rusqlite::Connection;
use uuid::Uuid;

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 32;
const SMALL: usize = 1000;
const TURNS: usize = 3;

fn main() {
    let large = number("KABARI_BENCH_BACKLOG", 1_000_000);
    let time = Duration::from_secs(number("KABARI_BENCH_SECONDS", 2) as u64);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("claim and settle {BATCH} at a time, messages/s");
    println!("{:<12}{:>14}{:>14}{:>10}", "backlog", "bare SQLite", "kabari", "ratio");
    let mut kabari = Vec::new();
    for backlog in [SMALL, large] {
        let file = |name: &str| folder.path().join(format!("{name}-{backlog}.db"));
        let floor = Floor::fill(&file("floor"), backlog);
        let store = runtime.block_on(fill(&file("kabari"), backlog));
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            bare.push(floor.run(time));
            ours.push(runtime.block_on(run(&store, time)));
        }
        let (bare, ours) = (median(bare), median(ours));
        println!("{backlog:<12}{bare:>14.0}{ours:>14.0}{:>10.2}", ours / bare);
        kabari.push(ours);
        if backlog == large {
            let memory = rss_mib();
            drop(store);
            let (first, waited) = runtime.block_on(restart(&file("kabari")));
            println!(
                "with {backlog} waiting: {memory:.0} MiB of memory; a restart has its first message \
                 ({first}) to send after {waited:.0?}"
            );
        }
    }
    println!("{large} against {SMALL}: {:.2}", kabari[1] / kabari[0]);
}

/// What this process has in memory now, proc(5), in MiB.
fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// From opening the file to the first message that may go, as `serve` does it.
async fn restart(path: &Path) -> (MessageId, Duration) {
    let started = Instant::now();
    let store = SqliteStore::open(path).unwrap();
    store.recover(Timestamp::now()).await.unwrap();
    let lanes = store.lanes().await.unwrap();
    let claim = Claim::new(lanes[0].instance.clone(), 1, Timestamp::now());
    let taken = store.claim(claim).await.unwrap().taken;
    (taken[0].message.id, started.elapsed())
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Takes and settles for so long, as a lane does: the next claim is in the commit that settles the
/// last one. What leaves is put back as a new message, so the backlog stays.
async fn run(store: &SqliteStore, time: Duration) -> f64 {
    let (started, mut done) = (Instant::now(), 0);
    let (mut busy, mut ended) = (Duration::ZERO, Vec::new());
    while started.elapsed() < time {
        let now = Timestamp::now();
        let turn = Instant::now();
        let claim = Claim::new("bench", BATCH, now);
        let TurnedOver { held, claims } = store.turn_over(&ended, Some(claim)).await.unwrap();
        busy += turn.elapsed();
        assert!(held.iter().all(|held| *held) && claims.taken.len() == BATCH);
        done += held.len();
        let messages: Vec<Message> = claims.taken.iter().map(|it| again(&it.message)).collect();
        ended = claims.taken.into_iter().map(|claimed| sent(claimed, now)).collect();
        assert_eq!(store.add_messages(messages).await.unwrap(), BATCH);
    }
    store.turn_over(&ended, None).await.unwrap();
    done as f64 / busy.as_secs_f64()
}

fn sent(claimed: Claimed, now: Timestamp) -> Ended {
    let verdict = Verdict {
        fate: Fate::Sent,
        reason: None,
        scope: Scope::Message,
        status: Some(200),
        detail: String::new(),
    };
    let (message, number) = (claimed.message.id, claimed.message.attempts);
    let attempt = Attempt { message, number, started_at: now, took_ms: 3000, verdict };
    let settlement = Settlement {
        state: State::Sent,
        reason: None,
        detail: None,
        due_at: None,
        counts: true,
        spends: true,
        attempt,
    };
    Ended { lease: claimed.lease, settlement }
}

async fn fill(path: &Path, backlog: usize) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let now = Timestamp::now();
    store.record(event(now), Vec::new()).await.unwrap();
    for begin in (0..backlog).step_by(1000) {
        let made = (begin..backlog.min(begin + 1000)).map(|at| message(at, now));
        store.add_messages(made.collect()).await.unwrap();
    }
    store
}

fn event(now: Timestamp) -> Event {
    Event::new(EventId(Uuid::from_u128(1)), "github", "push", now, "{}")
}

fn message(number: usize, now: Timestamp) -> Message {
    let caption = "*acme/shop* Octo Cat: Keep order per recipient, and say so where it is read";
    let id = MessageId(Uuid::from_u128(number as u128));
    let origin = Origin { rule: "push-to-team".into(), send: 0, element: 0 };
    let recipient = Recipient::person(&format!("6281{number:08}")).unwrap();
    let content = Content::text(caption);
    Message { id, ..Message::waiting(&event(now), origin, "bench", recipient, content) }
}

fn again(sent: &Message) -> Message {
    let id = MessageId(Uuid::new_v4());
    Message { id, state: State::Waiting, attempts: 0, due_at: Timestamp::now(), ..sent.clone() }
}

/// A queue that can do nothing but be one, with pages and log as kabari's store has them.
struct Floor(Connection);

impl Floor {
    fn fill(path: &Path, backlog: usize) -> Self {
        let connection = Connection::open(path).unwrap();
        let sql = "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                   PRAGMA wal_autocheckpoint = 512; PRAGMA cache_size = -16384; \
                   CREATE TABLE queue (id INTEGER PRIMARY KEY, taken INTEGER, due INTEGER); \
                   CREATE INDEX due ON queue (due, id) WHERE taken = 0; BEGIN;";
        connection.execute_batch(sql).unwrap();
        let floor = Self(connection);
        (0..i64::try_from(backlog).unwrap()).for_each(|at| floor.add(at));
        floor.0.execute_batch("COMMIT").unwrap();
        floor
    }

    fn add(&self, at: i64) {
        let sql = "INSERT INTO queue (taken, due) VALUES (0, ?1)";
        self.0.prepare_cached(sql).unwrap().execute([at]).unwrap();
    }

    /// As [`run`]: one commit takes the last ones out and marks the next.
    fn run(&self, time: Duration) -> f64 {
        let take = "UPDATE queue SET taken = 1 WHERE id IN \
                    (SELECT id FROM queue WHERE taken = 0 ORDER BY due, id LIMIT 32) RETURNING id";
        let mut take = self.0.prepare(take).unwrap();
        let mut delete = self.0.prepare("DELETE FROM queue WHERE id = ?1").unwrap();
        let (started, mut busy, mut done) = (Instant::now(), Duration::ZERO, 0);
        let mut taken: Vec<i64> = Vec::new();
        while started.elapsed() < time {
            let turn = Instant::now();
            self.0.execute_batch("BEGIN IMMEDIATE").unwrap();
            for id in &taken {
                delete.execute([id]).unwrap();
            }
            done += taken.len();
            taken = take.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            self.0.execute_batch("COMMIT").unwrap();
            busy += turn.elapsed();
            assert_eq!(taken.len(), BATCH);
            self.0.execute_batch("BEGIN IMMEDIATE").unwrap();
            (0..BATCH).for_each(|_| self.add(i64::MAX));
            self.0.execute_batch("COMMIT").unwrap();
        }
        done as f64 / busy.as_secs_f64()
    }
}
