//! Are messages sent in order, at pace, again when they may and never twice?

mod trouble;
mod doubt;
mod limits;
mod asked;
mod set_back;
mod order;
mod pace;
mod stop;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kabari::clock;
use kabari::dispatch::{Dispatcher, LaneSettings, LaneStatus, Lanes, Observer, Pace, Timings};
use kabari::model::{
    Attempt, Content, Event, Message, MessageId, OnUncertain, Origin, Policy, Reason, Recipient,
    Span, State,
};
use kabari::secret::Secret;
use kabari::store::{Recorded, SharedStore, SqliteStore};
use kabari::wachat::{Client, Settings};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::world::{Behave, INSTANCE, TOKEN, World};

const ANNA: &str = "6281111111111";

const BUDI: &str = "6282222222222";

const CITRA: &str = "6283333333333";

const OTHER: &str = "bandung_store";

const PATIENCE: Duration = Duration::from_secs(30);

/// A store, a world, and a dispatcher between them that can be stopped and started.
struct Scene {
    world: World,
    dir: TempDir,
    store: SharedStore,
    settings: LaneSettings,
    timings: Timings,
    token: &'static str,
    now: fn() -> Timestamp,
    seen: Arc<Notes>,
}

struct Running {
    lanes: Lanes,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What the observer was told.
#[derive(Default)]
struct Notes {
    attempts: Mutex<Vec<(MessageId, u32, State)>>,
    lanes: Mutex<Vec<Option<Reason>>>,
}

impl Observer for Notes {
    fn attempt(&self, message: &Message, attempt: &Attempt, state: State) {
        self.attempts.lock().unwrap().push((message.id, attempt.number, state));
    }

    fn lane(&self, _instance: &str, standing_still: Option<Reason>) {
        self.lanes.lock().unwrap().push(standing_still);
    }
}

impl Scene {
    /// Without a pace, one at a time, retries a thousand times sooner.
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let settings = lane_of(1, Pace::OFF);
        Self {
            world: World::start().await,
            store: Arc::new(SqliteStore::open(&dir.path().join("kabari.db")).unwrap()),
            dir,
            settings,
            timings: Timings::default().faster(1000),
            token: TOKEN,
            now,
            seen: Arc::default(),
        }
    }

    fn client(&self, token: &str) -> Client {
        let base_url = self.world.url().parse().unwrap();
        let (token, timeout) = (Secret::new(token), Duration::from_secs(20));
        Client::new(Settings { base_url, token, timeout }).unwrap()
    }

    fn lanes(&self) -> BTreeMap<String, LaneSettings> {
        let other = lane_of(1, Pace::OFF);
        BTreeMap::from([(INSTANCE.to_owned(), self.settings.clone()), (OTHER.to_owned(), other)])
    }

    fn run(&self) -> Running {
        let dispatcher = Dispatcher::with_time(
            Arc::clone(&self.store),
            self.client(self.token),
            self.lanes(),
            Arc::clone(&self.seen) as Arc<dyn Observer>,
            self.timings,
            self.now,
        );
        let (lanes, stop) = (dispatcher.lanes(), CancellationToken::new());
        let task = tokio::spawn(dispatcher.run(stop.clone()));
        Running { lanes, stop, task }
    }

    /// Records messages with these texts for this number, in one event; returns their ids.
    async fn record(
        &self,
        instance: &str,
        to: &str,
        texts: &[&str],
        policy: Policy,
    ) -> Vec<MessageId> {
        let event = event(now());
        let messages: Vec<Message> = texts
            .iter()
            .enumerate()
            .map(|(n, words)| message(&event, instance, to, n, words, policy))
            .collect();
        let ids = messages.iter().map(|message| message.id).collect();
        let recorded = self.store.record(event, messages).await.unwrap();
        assert_eq!(recorded, Recorded::New { waiting: texts.len() });
        ids
    }

    async fn tell(&self, to: &str, texts: &[&str]) -> Vec<MessageId> {
        self.record(INSTANCE, to, texts, Policy::default()).await
    }

    async fn message(&self, id: MessageId) -> Message {
        self.store.message(id).await.unwrap().unwrap().0
    }

    /// Waits until the message is in this state.
    async fn until(&self, id: MessageId, state: State) -> Message {
        self.until_one_of(id, &[state]).await
    }

    async fn until_one_of(&self, id: MessageId, states: &[State]) -> Message {
        let mut arrivals = self.store.arrivals();
        let reached = async {
            loop {
                arrivals.borrow_and_update();
                let message = self.message(id).await;
                if states.contains(&message.state) {
                    return message;
                }
                arrivals.changed().await.unwrap();
            }
        };
        if let Ok(message) = tokio::time::timeout(PATIENCE, reached).await {
            return message;
        }
        panic!("not {states:?} but {:?}", self.message(id).await)
    }

    async fn until_sent(&self, ids: &[MessageId]) {
        for id in ids {
            self.until(*id, State::Sent).await;
        }
    }

    /// Waits until they are held for this reason. Nobody is told of that: the store is asked again as
    /// soon as it has answered and the lanes had their turn.
    async fn until_held(&self, ids: &[MessageId], reason: Reason) {
        let held = async {
            for id in ids {
                while self.message(*id).await.reason != Some(reason) {
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, held).await.unwrap();
    }

    /// Sends something through another lane and waits for it: what the first lane does at once is
    /// done by then, unless this machine stood still for it alone. So no test that is right fails.
    async fn let_time_pass(&self) {
        self.world.number(CITRA, Behave::send().slowly(Duration::from_millis(200)));
        let ids = self.record(OTHER, CITRA, &["tick"], Policy::default()).await;
        self.until_sent(&ids).await;
    }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// Waits until the lane stands still for this reason; nobody is told of that either.
    async fn until_standing_still(&self, reason: Reason) {
        let stands_still = async {
            while self.status().standing_still != Some(reason) {
                tokio::task::yield_now().await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, stands_still).await;
        assert!(reached.is_ok(), "not {reason:?} but {:?}", self.status());
    }

    fn status(&self) -> LaneStatus {
        self.lanes.status().into_iter().find(|lane| lane.instance == INSTANCE).unwrap()
    }
}

/// A clock that began at noon: no test sees midnight, after which all caps are fresh.
fn now() -> Timestamp {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let noon: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    noon + BEGAN.elapsed()
}

fn event(now: Timestamp) -> Event {
    Event::new(clock::event_id(now, &mut clock::dice()), "github", "push", now, "{}")
}

fn message(
    event: &Event,
    instance: &str,
    to: &str,
    n: usize,
    words: &str,
    policy: Policy,
) -> Message {
    let origin = Origin { rule: "greet".to_owned(), send: 0, element: u32::try_from(n).unwrap() };
    let recipient = Recipient::person(to).unwrap();
    let message = Message::waiting(event, origin, instance, recipient, Content::text(words));
    Message { policy, ..message }
}

fn patient(on_uncertain: OnUncertain) -> Policy {
    Policy { attempts_max: 1_000_000, on_uncertain, ..Policy::default() }
}

fn lane_of(in_flight: u32, pace: Pace) -> LaneSettings {
    LaneSettings {
        pace: Some(pace),
        burst: Some(1),
        jitter: Some(Span(Duration::ZERO)),
        gap: Some(Span(Duration::ZERO)),
        in_flight: Some(in_flight),
        ..LaneSettings::default()
    }
}
