//! How fast does a full queue go out? `cargo bench --bench drain`.
//!
//! 64 lanes without pace, and one lane with 64 under way, send to a stub in this process that answers
//! at once; each attempt is claimed and settled durably. The floor is 64 bare reqwest loops to the
//! same stub. CPU time is the whole process's, stub included. `KABARI_BENCH_MESSAGES` changes the size.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measurement prints, measures real time and may fail"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use jiff::Timestamp;
use kabari::dispatch::{Dispatcher, LaneSettings, Observer, Pace};
use kabari::model::{
    Attempt, Content, Event, EventId, Fate, Message, MessageId, Origin, Reason, Recipient, State,
};
use kabari::secret::Secret;
use kabari::store::{SharedStore, SqliteStore, Store};
use kabari::wachat::{Client, Settings};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// As the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AT_ONCE: usize = 64;
const TURNS: usize = 3;

#[tokio::main]
async fn main() {
    let messages = std::env::var("KABARI_BENCH_MESSAGES").ok();
    let messages = messages.map_or(20_000, |text| text.parse().expect("a number"));
    let base = stub().await;
    let folder = tempfile::tempdir().unwrap();
    println!("{messages} messages to a local stub, {AT_ONCE} under way");
    println!("{:<34}{:>12}{:>10}{:>16}{:>8}", "", "messages/s", "ratio", "CPU µs/message", "ratio");
    let mut figures = vec![Vec::new(); 3];
    for turn in 0..TURNS {
        let file = |name: &str| folder.path().join(format!("{name}-{turn}.db"));
        figures[0].push(measured(messages, bare(&base, messages)).await);
        for (at, lanes, name) in [(1, AT_ONCE, "many"), (2, 1, "one")] {
            let store = fill(&file(name), messages, lanes).await;
            figures[at].push(measured(messages, drain(store, &base, lanes, messages)).await);
        }
    }
    let floor = median(&figures[0]);
    let names = ["bare reqwest loops", "kabari, 64 lanes", "kabari, one lane, in_flight 64"];
    for (name, figures) in names.iter().zip(&figures) {
        let (rate, cpu) = median(figures);
        let (faster, dearer) = (rate / floor.0, cpu / floor.1);
        println!("{name:<34}{rate:>12.0}{faster:>10.2}{cpu:>16.1}{dearer:>8.2}");
    }
}

fn median(figures: &[(f64, f64)]) -> (f64, f64) {
    let middle = |pick: fn(&(f64, f64)) -> f64| {
        let mut figures: Vec<f64> = figures.iter().map(pick).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    (middle(|it| it.0), middle(|it| it.1))
}

/// Messages per second, and this process's CPU time per message.
async fn measured(messages: usize, work: impl Future<Output = ()>) -> (f64, f64) {
    let (cpu, started) = (cpu_us(), Instant::now());
    work.await;
    let (took, cpu) = (started.elapsed(), cpu_us() - cpu);
    (messages as f64 / took.as_secs_f64(), cpu / messages as f64)
}

/// User and system time of this process; proc(5), in 1/100 s.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum::<f64>() * 10_000.0
}

async fn stub() -> String {
    let accept = || async { ([(CONTENT_TYPE, "application/json")], r#"{"success":true}"#) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, Router::new().fallback(accept)).into_future());
    format!("http://{address}")
}

async fn bare(base: &str, messages: usize) {
    let client = kabari::http::client(Duration::from_secs(10)).build().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..AT_ONCE).map(|_| {
        let (client, next) = (client.clone(), Arc::clone(&next));
        let url = format!("{base}/api/v1/send/text");
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if messages <= number {
                    break;
                }
                let body = serde_json::json!({
                    "instanceName": "bench", "number": format!("6281{number:08}"),
                    "message": "the first line\nand the second",
                });
                let answer = client.post(&url).json(&body).send().await.unwrap();
                assert!(answer.bytes().await.unwrap().starts_with(b"{"));
            }
        })
    });
    futures_util::future::join_all(senders).await;
}

/// Counts what was answered, so that nobody has to ask the store meanwhile.
struct Done {
    left: AtomicUsize,
    all: Notify,
}

impl Observer for Done {
    fn attempt(&self, _message: &Message, attempt: &Attempt, _state: State) {
        assert_eq!(attempt.verdict.fate, Fate::Sent);
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.notify_one();
        }
    }

    fn lane(&self, _instance: &str, _standing_still: Option<Reason>) {}
}

async fn drain(store: SharedStore, base: &str, lanes: usize, messages: usize) {
    let settings = Settings {
        base_url: base.parse().unwrap(),
        token: Secret::new("unused"),
        timeout: Duration::from_secs(10),
    };
    let client = Client::new(settings).unwrap();
    let lane = LaneSettings {
        pace: Some(Pace::parse("off").unwrap()),
        burst: None,
        in_flight: u32::try_from(AT_ONCE / lanes).ok(),
        ..LaneSettings::default()
    };
    let lanes: BTreeMap<String, LaneSettings> =
        (0..lanes).map(|at| (format!("lane-{at}"), lane.clone())).collect();
    let stop = CancellationToken::new();
    let (done, all) =
        (Arc::new(Done { left: messages.into(), all: Notify::new() }), messages as u64);
    let dispatcher = Dispatcher::new(Arc::clone(&store), client, lanes, done.clone());
    let running = tokio::spawn(dispatcher.run(stop.clone()));
    done.all.notified().await;
    // The last of them are being kept.
    while store.counts().await.unwrap().messages["sent"] < all {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

async fn fill(path: &Path, messages: usize, lanes: usize) -> SharedStore {
    let store = SqliteStore::open(path).unwrap();
    let now = Timestamp::now();
    let event = event(now);
    store.record(event, Vec::new()).await.unwrap();
    let made: Vec<Message> = (0..messages).map(|number| message(number, lanes, now)).collect();
    store.add_messages(made).await.unwrap();
    Arc::new(store)
}

fn event(now: Timestamp) -> Event {
    Event::new(EventId(Uuid::from_u128(1)), "github", "push", now, "{}")
}

fn message(number: usize, lanes: usize, now: Timestamp) -> Message {
    let id = MessageId(Uuid::from_u128(number as u128));
    let origin = Origin { rule: "push-to-team".into(), send: 0, element: 0 };
    let recipient = Recipient::person(&format!("6281{number:08}")).unwrap();
    let content = Content::text("the first line\nand the second");
    let lane = format!("lane-{}", number % lanes);
    Message { id, ..Message::waiting(&event(now), origin, &lane, recipient, content) }
}
