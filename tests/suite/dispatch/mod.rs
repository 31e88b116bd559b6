//! Are messages sent in order, at pace, again when they may and never twice?

mod trouble;
mod limits;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use kabari::dispatch::{Dispatcher, LaneSettings, LaneStatus, Lanes, Observer, Pace, Timings};
use kabari::model::{
    Attempt, Content, Event, EventId, Headers, Kind, Message, MessageId, OnUncertain, Origin,
    Policy, Reason, Recipient, Span, State, Terms,
};
use kabari::secret::Secret;
use kabari::store::{SharedStore, SqliteStore};
use kabari::wachat::{Client, Settings};
use kabari::{clock, store::Recorded};
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
            clock::now,
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
        let now = clock::now();
        let event = event(now);
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
        let mut arrivals = self.store.arrivals();
        let reached = async {
            loop {
                arrivals.borrow_and_update();
                let message = self.message(id).await;
                if message.state == state {
                    return message;
                }
                arrivals.changed().await.unwrap();
            }
        };
        if let Ok(message) = tokio::time::timeout(PATIENCE, reached).await {
            return message;
        }
        panic!("not {state:?} but {:?}", self.message(id).await)
    }

    async fn until_sent(&self, ids: &[MessageId]) {
        for id in ids {
            self.until(*id, State::Sent).await;
        }
    }

    /// Sends something through another lane and waits for it: whatever could have happened in the
    /// first lane meanwhile has happened.
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

    fn status(&self) -> LaneStatus {
        self.lanes.status().into_iter().find(|lane| lane.instance == INSTANCE).unwrap()
    }
}

fn event(now: Timestamp) -> Event {
    Event {
        id: clock::event_id(now, &mut clock::dice()),
        source: "github".into(),
        kind: "push".into(),
        provider_id: None,
        digest: None,
        received_at: now,
        headers: Headers::default(),
        body: Bytes::from_static(b"{}"),
    }
}

fn message(
    event: &Event,
    instance: &str,
    to: &str,
    n: usize,
    words: &str,
    policy: Policy,
) -> Message {
    let (rule, send, element) = ("greet".to_owned(), 0, u32::try_from(n).unwrap());
    let EventId(_) = event.id;
    Message {
        id: MessageId::derive(event.id, &rule, send, element, to),
        event: event.id,
        source: event.source.clone(),
        origin: Origin { rule, send, element },
        instance: instance.into(),
        recipient: Recipient::person(to),
        content: Some(Content {
            kind: Kind::Text,
            media_url: None,
            message: Some(words.into()),
            file_name: None,
            mimetype: None,
            delay: None,
        }),
        state: State::Waiting,
        reason: None,
        detail: None,
        attempts: 0,
        created_at: event.received_at,
        due_at: event.received_at,
        policy,
        terms: Terms::default(),
    }
}

fn patient(on_uncertain: OnUncertain) -> Policy {
    Policy { attempts_max: 1_000_000, on_uncertain, ..Policy::default() }
}

#[tokio::test]
async fn each_recipient_gets_its_messages_in_order_while_three_are_under_way() {
    let scene = Scene { settings: lane_of(3, Pace::OFF), ..Scene::new().await };
    scene.world.number(BUDI, Behave::send().slowly(Duration::from_millis(3)));
    let running = scene.run();
    let mut all = Vec::new();
    for round in 0..10 {
        let texts = [format!("#{}", 2 * round), format!("#{}", 2 * round + 1)];
        for to in [ANNA, BUDI, CITRA] {
            all.extend(scene.tell(to, &[&texts[0], &texts[1]]).await);
        }
    }
    scene.until_sent(&all).await;
    let seen = scene.world.seen();
    for to in [ANNA, BUDI, CITRA] {
        let expected: Vec<String> = (0..20).map(|n| format!("#{n}")).collect();
        assert_eq!(seen.texts_to(to), expected);
    }
    assert_eq!(seen.asked.len(), 60);
    scene.world.assert_clean();
    running.stop().await;
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

#[tokio::test]
async fn a_recipient_that_waits_for_a_retry_blocks_only_itself() {
    let scene = Scene::new().await;
    scene.world.number(ANNA, Behave::answer(503, "{}"));
    let policy = patient(OnUncertain::Hold);
    let anna = scene.record(INSTANCE, ANNA, &["#1", "#2"], policy).await;
    let budi = scene.record(INSTANCE, BUDI, &["#1", "#2", "#3"], policy).await;
    let running = scene.run();
    scene.until_sent(&budi).await;
    assert_eq!(scene.world.seen().texts_to(ANNA).len(), 0);
    assert_eq!(scene.message(anna[1]).await.attempts, 0, "the second waits for the first");
    scene.world.number(ANNA, Behave::send());
    scene.until_sent(&anna).await;
    scene.world.assert_clean();
    running.stop().await;
}

#[tokio::test]
async fn the_pace_is_kept() {
    let pace = Pace::parse("20/s").unwrap();
    let mut scene = Scene { settings: lane_of(4, pace), ..Scene::new().await };
    scene.settings.burst = Some(2);
    let mut all = Vec::new();
    for n in 0..8 {
        all.extend(scene.tell(&format!("62800000000{n}"), &["hello"]).await);
    }
    let began = Instant::now();
    let running = scene.run();
    scene.until_sent(&all).await;
    // Two at once, then one each 50 ms.
    assert!(Duration::from_millis(6 * 50) <= began.elapsed(), "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn the_pace_survives_a_restart() {
    let pace = Pace::parse("1/h").unwrap();
    let scene = Scene { settings: lane_of(1, pace), ..Scene::new().await };
    let running = scene.run();
    let first = scene.tell(ANNA, &["#1"]).await;
    scene.until_sent(&first).await;
    running.stop().await;
    let second = scene.tell(ANNA, &["#2"]).await;
    let running = scene.run();
    scene.let_time_pass().await;
    assert_eq!(scene.message(second[0]).await.state, State::Waiting);
    running.stop().await;
}

#[tokio::test]
async fn an_uncertain_message_is_held_and_blocks_nobody() {
    let scene = Scene::new().await;
    scene.world.next(1, Behave::close().dispatching());
    scene.world.next(1, Behave::answer(504, "<html>"));
    let ids = scene.tell(ANNA, &["#1", "#2", "#3"]).await;
    let running = scene.run();
    let lost = scene.until(ids[0], State::Uncertain).await;
    assert_eq!((lost.reason, lost.attempts), (Some(Reason::NoAnswer), 1));
    scene.until(ids[1], State::Uncertain).await;
    scene.until_sent(&ids[2..]).await;
    scene.let_time_pass().await;
    let texts: Vec<String> =
        scene.world.seen().asked.iter().map(|asked| asked.message().to_owned()).collect();
    assert_eq!(texts, ["#1", "#2", "#3", "tick"]);
    running.stop().await;
}

#[tokio::test]
async fn an_uncertain_message_is_sent_again_if_its_rule_says_so() {
    let scene = Scene::new().await;
    scene.world.next(2, Behave::close());
    let ids = scene.record(INSTANCE, ANNA, &["#1"], patient(OnUncertain::Resend)).await;
    let running = scene.run();
    let sent = scene.until(ids[0], State::Sent).await;
    assert_eq!(sent.attempts, 3);
    let told: Vec<_> =
        scene.seen.attempts.lock().unwrap().iter().map(|(_, n, state)| (*n, *state)).collect();
    assert_eq!(told, [(1, State::Waiting), (2, State::Waiting), (3, State::Sent)]);
    running.stop().await;
}

#[tokio::test]
async fn stopping_lets_the_attempt_end_and_begins_no_other() {
    let scene = Scene::new().await;
    scene.world.always(Behave::send().slowly(Duration::from_millis(300)));
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.world.until("the first request", |seen| !seen.asked.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.message(ids[0]).await.state, State::Sent);
    assert_eq!(scene.message(ids[1]).await.state, State::Waiting);
    let running = scene.run();
    scene.until_sent(&ids).await;
    assert_eq!(scene.world.seen().asked.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn an_attempt_that_does_not_end_is_left_behind_and_uncertain_after_the_restart() {
    let mut scene = Scene::new().await;
    scene.timings.stop_max = Duration::from_millis(30);
    scene.world.next(1, Behave::hang().dispatching());
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.world.until("the first request", |seen| !seen.dispatched.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.message(ids[0]).await.state, State::Sending);
    // As after a crash: another process opens the file.
    scene.store = Arc::new(SqliteStore::open(&scene.dir.path().join("kabari.db")).unwrap());
    let running = scene.run();
    let left = scene.until(ids[0], State::Uncertain).await;
    assert_eq!(left.reason, Some(Reason::Interrupted));
    scene.until_sent(&ids[1..]).await;
    assert_eq!(scene.world.seen().texts_to(ANNA), ["#1", "#2"]);
    running.stop().await;
}

#[tokio::test]
async fn a_settlement_in_the_future_is_kept_to_while_the_lane_is_idle() {
    let scene = Scene::new().await;
    let now = clock::now();
    let event = event(now);
    let mut later = message(&event, INSTANCE, ANNA, 0, "#1", Policy::default());
    later.due_at = now + jiff::SignedDuration::from_millis(300);
    let id = later.id;
    scene.store.record(event, vec![later]).await.unwrap();
    let began = Instant::now();
    let running = scene.run();
    scene.until_sent(&[id]).await;
    assert!(Duration::from_millis(250) <= began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20), "it does not wait for the poll");
    running.stop().await;
}
