//! What if somebody sets the clock? Nothing is lost or sent twice, no lane stands still for it, and
//! nobody sends in a heap.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use kabari::clock;
use kabari::dispatch::{Cap, Caps, Dispatcher, LaneSettings, Pace, Timings};
use kabari::model::{Content, Event, Fate, Message, Origin, Recipient, Scope, Span, Verdict};
use kabari::store::{SharedStore, SqliteStore, Store};
use kabari::wachat::Carrier;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::time;

const MESSAGES: usize = 120;
const BURST: usize = 3;

/// Notes when each message came.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Instant>>>);

#[async_trait]
impl Carrier for Log {
    async fn send(&self, _: &str, _: &Recipient, _: &Content) -> Verdict {
        self.0.lock().unwrap().push(Instant::now());
        Verdict {
            fate: Fate::Sent,
            reason: None,
            scope: Scope::Message,
            status: Some(200),
            detail: String::new(),
        }
    }
}

async fn fill(store: &dyn Store) {
    // Due by each clock: what is recorded by one that is ahead waits for that time.
    let now = time::now().checked_sub(SignedDuration::from_hours(2)).unwrap();
    let mut dice = time::dice();
    let id = clock::event_id(now, &mut dice);
    let event = Event::new(id, "shop", "paid", now, "{}");
    let messages = (0..MESSAGES).map(|n| {
        let recipient = Recipient::person(&format!("62811{n:07}")).unwrap();
        let origin = Origin { rule: "r".into(), send: 0, element: 0 };
        Message::waiting(&event, origin, "lane", recipient, Content::text(n.to_string()))
    });
    let messages = messages.collect();
    store.record(event, messages).await.unwrap();
}

/// One a second; the clock is set by so many seconds after the first 30. When each came.
async fn sent_while_set_by(seconds: i64) -> Vec<Instant> {
    time::begin("2026-10-25T00:30:00Z".parse().unwrap(), 1);
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store: SharedStore = Arc::new(SqliteStore::open(&dir.path().join("kabari.db")).unwrap());
    time::at_once(fill(&*store));
    let caps = Some(Caps { day: Some(Cap::Off), first_contacts: Some(Cap::Off) });
    let lane = LaneSettings {
        pace: Some(Pace::parse("1/s").unwrap()),
        burst: Some(u32::try_from(BURST).unwrap()),
        jitter: Some(Span(Duration::ZERO)),
        gap: Some(Span(Duration::ZERO)),
        caps,
        ..LaneSettings::default()
    };
    let log = Log::default();
    let lanes = BTreeMap::from([("lane".to_owned(), lane)]);
    let timings = Timings::default();
    let held = super::store::Held::open(&dir.path().join("kabari.db"), None, Arc::default());
    let dispatcher =
        Dispatcher::with_time(held, log.clone(), lanes, Arc::new(()), timings, time::now);
    let stop = CancellationToken::new();
    let task = tokio::spawn(dispatcher.with_dice(time::dice).run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    time::set_by(seconds);
    tokio::time::sleep(Duration::from_secs((MESSAGES + BURST) as u64)).await;
    stop.cancel();
    task.await.unwrap();
    log.0.lock().unwrap().clone()
}

#[test]
fn a_clock_that_is_set_loses_nothing_and_makes_nobody_hurry() {
    for seconds in [-3600, 3600, -1, 86_400] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let sent = runtime.block_on(sent_while_set_by(seconds));
        assert_eq!(sent.len(), MESSAGES, "{seconds} s");
        for pair in sent.windows(2) {
            let longest = 1 + BURST as u64;
            assert!(pair[1] - pair[0] <= Duration::from_secs(longest), "{seconds} s");
        }
        // Set forward, it allows one burst more.
        let most = if seconds < 0 { BURST } else { 2 * BURST };
        for (n, from) in sent.iter().enumerate() {
            for (many, until) in (1..).zip(&sent[n..]) {
                let seconds_between = usize::try_from((*until - *from).as_secs()).unwrap();
                assert!(many <= seconds_between + most, "{many} in {seconds_between} s");
            }
        }
    }
}
