//! A Wachat that answers as the seed and the weather say, and tells the judge what it sees.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kabari::model::{Content, Fate, Recipient, Verdict};
use kabari::wachat::{Answer, Carrier, verdict};
use tokio::time::sleep;

use super::judge::SharedJudge;
use super::plan::{Plan, Weather};
use super::time::now;

/// The simulated Wachat. It goes on when the program dies.
#[derive(Clone)]
pub(super) struct Wachat {
    plan: Arc<Plan>,
    judge: SharedJudge,
    sky: Arc<Mutex<Sky>>,
    /// Of the program that asks.
    fate: Arc<super::store::Fate>,
}

struct Sky {
    weather: Vec<Weather>,
    /// How often each message was asked for.
    asked: HashMap<usize, u64>,
}

/// What it does with a request.
struct Turn {
    takes: Duration,
    dispatches: bool,
    answer: Says,
}

enum Says {
    Http(u16, &'static str, Option<u64>),
    NotReached,
    Nothing,
}

impl Wachat {
    pub(super) fn new(plan: &Arc<Plan>, judge: &SharedJudge) -> Self {
        let fate = Arc::default();
        let weather = vec![Weather::Fair; plan.lanes.len()];
        let sky = Sky { weather, asked: HashMap::new() };
        let (plan, judge) = (Arc::clone(plan), judge.clone());
        Self { plan, judge, sky: Arc::new(Mutex::new(sky)), fate }
    }

    /// The same for another process.
    pub(super) fn asked_by(&self, fate: &Arc<super::store::Fate>) -> Self {
        Self { fate: Arc::clone(fate), ..self.clone() }
    }

    pub(super) fn set_weather(&self, lane: usize, weather: Weather) {
        self.sky.lock().unwrap().weather[lane] = weather;
    }

    pub(super) fn weather(&self, lane: usize) -> Weather {
        self.sky.lock().unwrap().weather[lane]
    }

    fn turn(&self, n: usize, lane: usize) -> Turn {
        let mut sky = self.sky.lock().unwrap();
        let asked = sky.asked.entry(n).or_default();
        *asked += 1;
        // The same whatever else happens at that moment.
        let seed = self.plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((n as u64) << 20) ^ *asked;
        let mut dice = fastrand::Rng::with_seed(seed);
        let takes = Duration::from_millis(dice.u64(200..2500));
        let held_never = self.plan.lanes[lane].never_held;
        let (dispatches, answer) = match (sky.weather[lane], dice.u32(0..1000)) {
            (Weather::SessionGone, _) => {
                (false, Says::Http(400, r#"{"error":"Connection Closed"}"#, None))
            }
            (Weather::NetworkDown, _) => (false, Says::NotReached),
            (Weather::Restricted, _) => {
                (false, Says::Http(400, r#"{"error":"server returned error 463"}"#, None))
            }
            (Weather::TooFast, 0..700) => {
                (false, Says::Http(429, "", [None, Some(77), Some(900)][dice.usize(..3)]))
            }
            (Weather::Storm, 0..250) => (dice.bool(), Says::Http(500, "", None)),
            (Weather::Storm, 250..400) | (_, 0..4) => (dice.bool(), Says::Nothing),
            (Weather::Storm, 400..900) => (false, Says::Http(200, "<html>", None)),
            (_, 4..8) => (dice.bool(), Says::Http(502, "<html>", None)),
            (_, 8..20) if !held_never => (false, Says::Http(503, "", None)),
            (_, 20..30) => {
                let body = r#"{"error":"Bad Request","response":{"message":[{"exists":false}]}}"#;
                (false, Says::Http(400, body, None))
            }
            (_, 30..40) => (false, Says::Http(500, "Failed to fetch stream", None)),
            (_, 40..50) => (false, Says::Http(500, "media upload failed on all hosts", None)),
            _ => (true, Says::Http(200, r#"{"success":true}"#, None)),
        };
        let takes = if matches!(answer, Says::Nothing) { Duration::from_secs(120) } else { takes };
        Turn { takes, dispatches, answer }
    }
}

#[async_trait]
impl Carrier for Wachat {
    async fn send(&self, instance: &str, to: &Recipient, content: &Content) -> Verdict {
        let n = number(content);
        let lane = self.plan.lane(instance);
        self.fate.alive().await;
        {
            let mut judge = self.judge.lock();
            assert_eq!(self.plan.people[judge.lives[n].ticket.to].expose(), to.expose());
            assert_eq!(judge.lives[n].ticket.lane, lane);
            judge.begins(n, lane, now());
        }
        let Turn { takes, dispatches, answer } = self.turn(n, lane);
        let judge = self.judge.clone();
        // Engines go on when their client is gone.
        let work = tokio::spawn(async move {
            sleep(takes / 2).await;
            if dispatches {
                judge.lock().dispatched(n, now());
            }
            sleep(takes / 2).await;
        });
        work.await.unwrap();
        self.fate.alive().await;
        let verdict = match answer {
            Says::Http(status, body, after) => {
                let retry_after = after.map(Duration::from_secs);
                verdict(&Answer::Http { status, body, retry_after })
            }
            Says::NotReached => verdict(&Answer::NotSent("connection refused".into())),
            Says::Nothing => verdict(&Answer::Lost("operation timed out".into())),
        };
        let certain = matches!(verdict.fate, Fate::Retry { .. } | Fate::Failed);
        assert!(!dispatches || !certain, "what was sent is not {:?}", verdict.fate);
        self.judge.lock().told(n, lane, &verdict, now());
        verdict
    }
}

/// The number in a message's text: `#n`, and for a group what else is in it.
pub(super) fn number(content: &Content) -> usize {
    let text = content.message.as_deref().unwrap();
    text.split(' ').next().unwrap()[1..].parse().unwrap()
}
