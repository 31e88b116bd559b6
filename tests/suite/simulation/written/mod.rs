//! From the words of a rule file to what came to Wachat, and when on the wall clock: is it what the
//! words say?
//!
//! The file is read from a disk, events go through the pipeline, the store and the dispatch loop are
//! the real ones, and requests go to the tests' Wachat by HTTP. Only the time is simulated.

mod when;
mod less;
mod instead;
mod trouble;
mod warm_up;
mod wall;
mod summer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use kabari::clock;
use kabari::config::{LoadOptions, load};
use kabari::dispatch::{Dispatcher, Lanes, Timings};
use kabari::expr::Json;
use kabari::gather::Gatherer;
use kabari::model::{Content, Event, Headers, LaneWait, Message, Recipient, Verdict};
use kabari::secret::Secret;
use kabari::store::{MessageFilter, SharedStore, Store};
use kabari::wachat::{Carrier, Client, Settings};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use super::store::Held;
use super::time;
use crate::support::world::{TOKEN, World};

pub(super) const ANNA: &str = "6281111111111";
pub(super) const BUDI: &str = "6282222222222";
pub(super) const STAFF: &str = "6289999999999";

/// The lane's name.
const LANE: &str = "free";

/// A rule file, what comes, and how long it is looked at.
pub(super) struct Story<'a> {
    /// The rule, without its name and source, each line indented by four.
    pub(super) rule: &'a str,
    /// What the file says of the lane.
    pub(super) lane: &'a str,
    /// Other files, by name.
    pub(super) files: &'a [(&'a str, &'a str)],
    /// When it begins, in Jakarta.
    pub(super) begins: &'a str,
    /// How many hours it lasts.
    pub(super) hours: u64,
    /// What Wachat does before it begins.
    pub(super) wachat: fn(&World),
    /// After so many seconds the clock on the wall is set by so many.
    pub(super) sets: &'a [(u64, i64)],
    /// After so many hours it is asked what the lane holds back.
    pub(super) asks: &'a [u64],
    /// After so many seconds a person resumes the lane.
    pub(super) resumes: &'a [u64],
    /// After so many seconds this is done to the store's file, by its SQL.
    pub(super) harms: &'a [(u64, &'static str)],
}

impl Default for Story<'_> {
    fn default() -> Self {
        Self {
            rule: "",
            lane: "{ pace: off }",
            files: &[],
            begins: "2026-11-19T18:00:00",
            hours: 30,
            wachat: |_| {},
            sets: &[],
            asks: &[],
            resumes: &[],
            harms: &[],
        }
    }
}

/// What came of it.
pub(super) struct Told {
    /// What Wachat was asked: `Fri 08:00:00 1111 hello`, with the last four digits of the number.
    pub(super) asked: Vec<String>,
    /// All messages in the order in which they were recorded.
    pub(super) messages: Vec<Message>,
    /// What the lanes said in the log beside each attempt: `Fri 00:00:00 lane free is open again`.
    pub(super) said: Vec<String>,
    /// What each lane holds back at the hours that were asked about.
    pub(super) waits: Vec<Vec<LaneWait>>,
}

impl Story<'_> {
    /// Lives through it; each event comes so many seconds after the beginning.
    pub(super) fn with(&self, events: &[(u64, String)]) -> Told {
        let outside = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let world = outside.block_on(World::start());
        (self.wachat)(&world);
        let inside =
            Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let told = inside.block_on(self.live(&world, &outside, events));
        let came: Vec<String> =
            world.seen().asked.iter().map(|asked| asked.message().to_owned()).collect();
        let noted: Vec<&str> =
            told.asked.iter().map(|line| line.splitn(4, ' ').last().unwrap()).collect();
        assert_eq!(came, noted, "what was noted is what came by HTTP");
        told
    }

    async fn live(&self, world: &World, outside: &Runtime, events: &[(u64, String)]) -> Told {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for (name, text) in self.files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let file = dir.path().join("rules.yaml");
        std::fs::write(&file, self.text()).unwrap();
        let options = LoadOptions { lenient: false, variable: &|_| None };
        let loaded =
            load(&file, &options).unwrap_or_else(|found| panic!("{}", found.render(false)));
        time::begin(jakarta(self.begins), 1);
        crate::support::listen();
        let log = Lines::default();
        let _listening = tracing::subscriber::set_default(log.clone().listening());
        let held = Held::open(&dir.path().join("kabari.db"), None, Arc::default());
        let store = Arc::clone(&held) as SharedStore;
        let post = Post::new(world, outside.handle().clone());
        let asked = Arc::clone(&post.log);
        let dispatcher = Dispatcher::with_time(
            Arc::clone(&store),
            post,
            BTreeMap::from_iter(loaded.settings.instances.clone()),
            Arc::new(()),
            Timings::default(),
            time::now,
        );
        let lanes = dispatcher.lanes();
        lanes.set_people(loaded.settings.people.clone());
        let pipeline = Arc::new(ArcSwap::from_pointee(loaded.pipeline));
        let gatherer = Gatherer::with_time(Arc::clone(&pipeline), store, time::now);
        let stop = CancellationToken::new();
        let tasks = [
            tokio::spawn(dispatcher.with_dice(time::dice).run(stop.clone())),
            tokio::spawn(gatherer.run(stop.clone())),
        ];
        let began = tokio::time::Instant::now();
        self.meddle(began, lanes.clone());
        self.harm(began, dir.path().join("kabari.db"));
        for (second, body) in events {
            tokio::time::sleep_until(began + Duration::from_secs(*second)).await;
            let event = event(body);
            let json = Json::parse(event.body.clone()).unwrap();
            let messages = pipeline.load().messages(&event, json, time::now());
            held.record(event, messages).await.unwrap();
        }
        let mut waits = Vec::new();
        for hour in self.asks {
            tokio::time::sleep_until(began + Duration::from_secs(hour * 3600)).await;
            waits.push(lanes.status().into_iter().flat_map(|lane| lane.waits).collect());
        }
        tokio::time::sleep_until(began + Duration::from_secs(self.hours * 3600)).await;
        stop.cancel();
        for task in tasks {
            task.await.unwrap();
        }
        let mut messages =
            time::at_once(held.inner.messages(MessageFilter::default())).unwrap().rows;
        messages.reverse();
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        Told { asked, messages, said: log.said(), waits }
    }

    /// Sets the clock and resumes the lane when it is time to.
    fn meddle(&self, began: tokio::time::Instant, lanes: Lanes) {
        let at = move |second| tokio::time::sleep_until(began + Duration::from_secs(second));
        let (sets, resumes) = (self.sets.to_vec(), self.resumes.to_vec());
        tokio::spawn(async move {
            for (second, by) in sets {
                at(second).await;
                time::set_by(by);
            }
        });
        tokio::spawn(async move {
            for second in resumes {
                at(second).await;
                assert!(lanes.resume(LANE).await, "there is a lane");
            }
        });
    }

    /// Damages the store.
    fn harm(&self, began: tokio::time::Instant, file: std::path::PathBuf) {
        let harms = self.harms.to_vec();
        tokio::spawn(async move {
            for (second, sql) in harms {
                tokio::time::sleep_until(began + Duration::from_secs(second)).await;
                let changed = rusqlite::Connection::open(&file).unwrap().execute(sql, []);
                assert_ne!(changed.unwrap(), 0, "{sql}");
            }
        });
    }

    fn text(&self) -> String {
        format!(
            "wachat:\n  token: a-token-of-many-characters\n  instance: {LANE}\n  instances: {{ {LANE}: {} }}\n\
             defaults: {{ country: ID, timezone: Asia/Jakarta }}\n\
             sources: {{ shop: {{ secret: a-secret-of-many-characters, verify: {{ hmac: {{ hash: \
             sha256, header: X-Sig, encoding: hex }} }}, kind: \"{{{{ event.kind }}}}\", id: none }} }}\n\
             rules:\n  - name: tell\n    source: shop\n{}",
            self.lane, self.rule
        )
    }
}

/// A moment in Jakarta, where there is no summer time.
fn jakarta(civil: &str) -> Timestamp {
    let zone = jiff::tz::TimeZone::get("Asia/Jakarta").unwrap();
    civil.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone).unwrap().timestamp()
}

fn event(body: &str) -> Event {
    let now = time::now();
    Event {
        id: clock::event_id(now, &mut time::dice()),
        source: "shop".into(),
        kind: "order".into(),
        provider_id: None,
        digest: None,
        received_at: now,
        headers: Headers::default(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// An event's body: to whom, and what.
pub(super) fn to(number: &str, text: &str) -> String {
    serde_json::json!({"to": number, "text": text}).to_string()
}

/// What a clock on a wall in Jakarta shows.
fn local_time() -> String {
    let local = time::now().saturating_add(SignedDuration::from_hours(7)).unwrap();
    local.strftime("%a %H:%M:%S").to_string()
}

/// The lines of the log, each with the simulated time.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn listening(self) -> impl tracing::Subscriber {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(move || self.clone())
            .finish()
    }

    fn said(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(" lane ")).cloned().collect()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let words = String::from_utf8_lossy(line);
        let words = words.trim().split_once("dispatch: ").map_or("", |it| it.1);
        let words = words.split(" instance=").next().unwrap_or_default();
        self.0.lock().unwrap().push(format!("{} {words}", local_time()));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Takes messages to the tests' Wachat by HTTP, and notes the simulated time. The time that the call
/// really takes is none in the simulation.
struct Post {
    client: Arc<Client>,
    outside: Handle,
    log: Arc<Mutex<Vec<String>>>,
}

impl Post {
    fn new(world: &World, outside: Handle) -> Self {
        let base_url = world.url().parse().unwrap();
        let (token, timeout) = (Secret::new(TOKEN), Duration::from_secs(20));
        let client = Client::new(Settings { base_url, token, timeout }).unwrap();
        Self { client: Arc::new(client), outside, log: Arc::default() }
    }
}

#[async_trait]
impl Carrier for Post {
    async fn send(&self, instance: &str, to: &Recipient, content: &Content) -> Verdict {
        let (when, text) = (local_time(), content.message.as_deref().unwrap());
        let last_four = &to.expose()[to.expose().len() - 4..];
        self.log.lock().unwrap().push(format!("{when} {last_four} {text}"));
        let client = Arc::clone(&self.client);
        let (instance, to, content) = (instance.to_owned(), to.clone(), content.clone());
        let call = self.outside.spawn(async move { client.send(&instance, &to, &content).await });
        time::at_once(call).unwrap()
    }
}
