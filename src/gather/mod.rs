//! Many events, one message: what does a group say once it is due?
//!
//! The store has the group, its events and the send as it was written when they came. Here it is
//! filled with all of them, and its message goes into line in the transaction that closes the group.
//! An event that joins meanwhile makes it be filled anew.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::clock;
use crate::model::{Instead, Reason};
use crate::pipeline::{Pipeline, Together};
use crate::store::{GatheredTo, Gathering, Outcome, SharedStore, StoreError};

/// Groups read in one go.
const AT_ONCE: usize = 32;
/// The longest time between two looks: the clock may be set.
const POLL: Duration = Duration::from_secs(30);
/// How long to wait after the store could not be used.
const STORE_REST: Duration = Duration::from_secs(1);

/// Closes groups when they are due.
pub struct Gatherer {
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    now: fn() -> Timestamp,
}

impl Gatherer {
    /// With the rules in force, for what surrounds events: `vars`, time zone, units of money.
    pub fn new(pipeline: Arc<ArcSwap<Pipeline>>, store: SharedStore) -> Self {
        Self::with_time(pipeline, store, clock::now)
    }

    /// The same with its own clock, which must go on as tokio's time does.
    pub fn with_time(
        pipeline: Arc<ArcSwap<Pipeline>>,
        store: SharedStore,
        now: fn() -> Timestamp,
    ) -> Self {
        Self { pipeline, store, now }
    }

    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut arrivals = self.store.arrivals();
        let mut said = None;
        while !stop.is_cancelled() {
            arrivals.borrow_and_update();
            let closed = tokio::select! {
                biased;
                // There may be very many, and a group is closed whole or not at all.
                () = stop.cancelled() => break,
                closed = self.close_due((self.now)()) => closed,
            };
            let wait = match closed {
                Ok(wait) => {
                    said = None;
                    wait
                }
                Err(problem) => {
                    complain(&problem, &mut said);
                    STORE_REST
                }
            };
            let rung = async {
                if arrivals.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                // Many events arrive together.
                sleep(wait.min(Duration::from_millis(200))).await;
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = sleep(wait) => {}
                () = rung => {}
            }
        }
    }

    /// Closes the groups that are due at `now`, each when it is its turn, and says how long there is
    /// nothing to do.
    pub async fn close_due(&self, now: Timestamp) -> Result<Duration, StoreError> {
        let (mut from, mut broken) = (GatheredTo::default(), None);
        loop {
            let due = self.store.gatherings(now, from, AT_ONCE).await?;
            let Some(last) = due.last() else { break };
            from = last.at;
            for gathering in &due {
                match self.close(gathering).await {
                    Ok(()) => {}
                    // The others do not wait for it.
                    Err(problem @ StoreError::Broken(_)) => broken = Some(problem),
                    Err(problem) => return Err(problem),
                }
            }
        }
        if let Some(problem) = broken {
            return Err(problem);
        }
        let next = self.store.next_gathering().await?;
        let now = (self.now)();
        let until = next.map(|next| next.duration_since(now).try_into().unwrap_or(Duration::ZERO));
        Ok(until.map_or(POLL, |until: Duration| until.min(POLL)))
    }

    async fn close(&self, gathering: &Gathering) -> Result<(), StoreError> {
        let (outcome, or) = self.written(gathering);
        let is_made = matches!(outcome, Outcome::Made(_));
        // Thousands may have been closed before it: until now kabari itself held it.
        let now = (self.now)();
        // One that has grown meanwhile is still due, and is looked at again.
        if !self.store.close_gathering(gathering, outcome, or, now).await? {
            return Ok(());
        }
        let (message, size, rule) = (gathering.message, gathering.size, &gathering.origin.rule);
        if is_made {
            info!(
                target: "kabari::gather",
                message_id = %message, rule, events = size,
                "{size} events became message {message}"
            );
        } else {
            // Why is for those who may see what is in it.
            error!(
                target: "kabari::gather",
                message_id = %message, rule, events = size,
                "no message could be made of {size} events: `kabari messages show {message}` says why"
            );
        }
        Ok(())
    }

    /// What it says, and what would be sent instead of that.
    fn written(&self, gathering: &Gathering) -> (Outcome, Option<Vec<Instead>>) {
        if let Some(why) = &gathering.unreadable {
            let detail = format!("its events cannot be read: {why}");
            return (Outcome::Unmade { reason: Reason::Render, detail }, None);
        }
        let Gathering { origin, template, events, .. } = gathering;
        let Together { content, or } = self.pipeline.load_full().together(origin, template, events);
        let outcome = match content {
            Ok(content) => Outcome::Made(content),
            Err(unmade) => Outcome::Unmade { reason: unmade.reason, detail: unmade.detail },
        };
        (outcome, or)
    }
}

/// Once, and again when it is another problem: it is tried again and again.
fn complain(problem: &StoreError, said: &mut Option<String>) {
    let told = problem.to_string();
    if said.as_ref() != Some(&told) {
        error!(
            target: "kabari::gather", error = %problem,
            "groups cannot be closed now: {problem}"
        );
        *said = Some(told);
    }
}
