//! Who is told when something needs a person? A webhook, since a dead WhatsApp session cannot tell
//! of itself.
//!
//! From time to time, and at once when a bell rings, it looks how things are and compares that with
//! what it told last: news are posted together, what lasts is repeated, and its end is told too. So
//! a thousand failures make one post, and a post that could not be delivered is made up for by the
//! next. What was told is kept in a file, so that a restart tells nothing twice.

mod settings;
mod told;
mod words;
mod post;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::model::{Needs, Watched};

use told::{Decision, Told};

pub use settings::{AlertSettings, Hook, Shape};

/// How long alerts wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How often it is looked although no bell rang.
    pub look: Duration,
    /// After the bell, so long for more to come together.
    pub gather: Duration,
    /// Between two posts, at least.
    pub gap: Duration,
    /// How long a lane may be in trouble that often passes by itself.
    pub patience: Duration,
    /// How long one post may take.
    pub post: Duration,
    /// After a post that was not taken; it doubles up to `rest_max`.
    pub rest: Duration,
    /// The longest such wait.
    pub rest_max: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(15),
            gather: Duration::from_secs(2),
            gap: Duration::from_secs(60),
            patience: Duration::from_secs(2 * 60),
            post: Duration::from_secs(10),
            rest: Duration::from_secs(5),
            rest_max: Duration::from_secs(10 * 60),
        }
    }
}

/// Tells people what needs them.
pub struct Alerts {
    watched: Arc<dyn Watched>,
    hook: Arc<ArcSwapOption<Hook>>,
    bell: Arc<Notify>,
    memory: PathBuf,
    timings: Timings,
    now: fn() -> Timestamp,
}

/// The handle on alerts: to ring, and to change where they go. Neither ever waits.
#[derive(Clone, Default)]
pub struct Bell {
    hook: Arc<ArcSwapOption<Hook>>,
    rung: Arc<Notify>,
}

impl Bell {
    /// Something may need a person.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// Alerts go there from now on, or nowhere.
    pub fn set(&self, hook: Option<Hook>) {
        self.hook.store(hook.map(Arc::new));
        self.ring();
    }
}

impl Alerts {
    /// Alerts about `watched`; what was told is kept in the file `memory`.
    pub fn new(watched: Arc<dyn Watched>, bell: &Bell, memory: PathBuf) -> Self {
        Self::with_time(watched, bell, memory, Timings::default(), clock::now)
    }

    /// The same with its own waiting times and clock. `now` must go on as tokio's time does.
    pub fn with_time(
        watched: Arc<dyn Watched>,
        bell: &Bell,
        memory: PathBuf,
        timings: Timings,
        now: fn() -> Timestamp,
    ) -> Self {
        let (hook, bell) = (Arc::clone(&bell.hook), Arc::clone(&bell.rung));
        Self { watched, hook, bell, memory, timings, now }
    }

    /// Looks for the first time, if nobody did before: what there is now is no news to anybody, and what
    /// comes from now on is.
    pub async fn begin(&self) {
        let mut told = Told::read(&self.memory);
        if self.hook.load().is_some() && !told.has_begun() {
            told.begin(&self.needs().await);
            self.keep(&told);
        }
    }

    /// Watches until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let mut told = Told::read(&self.memory);
        let mut rest = self.timings.rest;
        loop {
            let Some(hook) = self.hook.load_full() else {
                self.bell.notified().await;
                continue;
            };
            let wait = match self.turn(&hook, &mut told).await {
                Ok(wait) => {
                    rest = self.timings.rest;
                    wait
                }
                Err(problem) => {
                    let (host, seconds) = (hook.host(), rest.as_secs());
                    warn!(
                        target: "kabari::alerts", host, error = problem,
                        "an alert could not be delivered to {host}, the next try is in {seconds} s: \
                         {problem}"
                    );
                    let wait = rest;
                    rest = rest.saturating_mul(2).min(self.timings.rest_max);
                    // The bell does not shorten it: whoever does not answer is left in peace.
                    sleep(wait).await;
                    Duration::ZERO
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.bell.notified() => sleep(self.timings.gather).await,
            }
        }
    }

    /// Looks once, and tells what is to be told; how long to wait then.
    async fn turn(&self, hook: &Hook, told: &mut Told) -> Result<Duration, String> {
        let needs = self.needs().await;
        let now = (self.now)();
        told.goes_to(hook);
        let is_first = !told.has_begun();
        let decision = told.decide(needs, now, hook.repeat, &self.timings);
        if is_first {
            self.keep(told);
        }
        match decision {
            Decision::Nothing => Ok(self.timings.look),
            Decision::Later(wait) => Ok(wait.min(self.timings.look)),
            Decision::Tell(alert) => {
                let posted = timeout(self.timings.post, post::post(hook, &alert, now)).await;
                posted.map_err(|_| "no answer in time".to_owned())??;
                info!(target: "kabari::alerts", host = hook.host(), "alert: {}", alert.title());
                told.was_told(*alert, now);
                self.keep(told);
                Ok(self.timings.look)
            }
        }
    }

    fn keep(&self, told: &Told) {
        if let Err(problem) = told.keep(&self.memory) {
            let file = self.memory.display();
            warn!(
                target: "kabari::alerts", error = %problem,
                "what was told cannot be kept in {file}, so a restart tells it again: {problem}"
            );
        }
    }

    /// A store that hangs is one that cannot write.
    async fn needs(&self) -> Needs {
        let hangs = || Needs { store: Some("it does not answer".to_owned()), ..Needs::default() };
        timeout(self.timings.post, self.watched.needs()).await.unwrap_or_else(|_| hangs())
    }
}
