//! What was sent in vain, while this machine or the way to it was down? Who can be asked is asked.
//!
//! Some senders never try again (GitHub), some give up after days (Stripe), and both keep a list of
//! what did not arrive. At the start and then from time to time that list is compared with what came:
//! what is missing is taken in through the same door of ids, by the same rules, and recorded as
//! durably as a request. How far that came is in the store, so a restart begins where it ended.

mod api;
mod list;
mod intake;
mod look;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::pipeline::Pipeline;
use crate::sources::Reconcile;
use crate::store::{Reconciliation, SharedStore};
use crate::telemetry::Metrics;

use api::Halt;
use look::{List, Memory};

/// The longest time between two looks at the clock: it may be set.
const POLL: Duration = Duration::from_secs(30);
/// How long to wait after a look that broke; it doubles up to the usual time between two.
const REST: Duration = Duration::from_secs(30);

/// Compares what came with what providers say that they sent.
pub struct Reconciler {
    desk: Desk,
    reloads: watch::Receiver<()>,
}

/// What every look needs.
struct Desk {
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    http: reqwest::Client,
    clock: fn() -> Timestamp,
}

/// When one source is asked again.
struct Appointment {
    plan: Arc<Reconcile>,
    due: Timestamp,
    /// What is remembered of each of its lists; away while it is asked.
    memories: Option<BTreeMap<String, Memory>>,
    /// Looks in a row that broke.
    broken: u32,
}

/// What came of asking one source.
struct Asked {
    source: String,
    plan: Arc<Reconcile>,
    memories: BTreeMap<String, Memory>,
    halt: Option<Halt>,
}

impl Reconciler {
    /// With the rules in force; `reloads` changes when others are.
    ///
    /// # Errors
    /// When the system's root certificates cannot be read.
    pub fn new(
        pipeline: Arc<ArcSwap<Pipeline>>,
        store: SharedStore,
        metrics: Arc<Metrics>,
        reloads: watch::Receiver<()>,
    ) -> anyhow::Result<Self> {
        let http = api::client()?;
        Ok(Self { desk: Desk { pipeline, store, metrics, http, clock: clock::now }, reloads })
    }

    /// Works until told to stop. What is under way then is asked for again after the next start.
    pub async fn run(self, stop: CancellationToken) {
        let Self { desk, mut reloads } = self;
        let mut dice = clock::dice();
        let mut book: BTreeMap<String, Appointment> = BTreeMap::new();
        let mut under_way = FuturesUnordered::new();
        loop {
            reloads.borrow_and_update();
            let now = (desk.clock)();
            keep_up(&mut book, &desk.pipeline.load(), now);
            for (source, it) in book.iter_mut().filter(|(_, it)| it.due <= now) {
                if let Some(memories) = it.memories.take() {
                    under_way.push(desk.ask(source.clone(), Arc::clone(&it.plan), memories));
                }
            }
            let wait = wait(&book, now);
            let reloaded = async {
                if reloads.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(asked) = under_way.next() => settle(&mut book, asked, (desk.clock)(), &mut dice),
                () = reloaded => {}
                () = sleep(wait) => {}
            }
        }
    }
}

/// Takes over what the rules in force say: who is new, or is asked otherwise, is asked at once.
fn keep_up(book: &mut BTreeMap<String, Appointment>, pipeline: &Pipeline, now: Timestamp) {
    let plans: BTreeMap<&str, &Arc<Reconcile>> = pipeline
        .sources()
        .filter_map(|source| Some((source.name(), source.reconcile()?)))
        .collect();
    book.retain(|source, _| plans.contains_key(source.as_str()));
    for (source, plan) in plans {
        match book.get_mut(source) {
            Some(known) if known.plan.same(plan) => {}
            Some(known) => {
                (known.plan, known.due, known.broken) = (Arc::clone(plan), now, 0);
            }
            None => {
                let memories = Some(BTreeMap::new());
                let plan = Arc::clone(plan);
                let new = Appointment { plan, due: now, memories, broken: 0 };
                book.insert(source.to_owned(), new);
            }
        }
    }
}

fn wait(book: &BTreeMap<String, Appointment>, now: Timestamp) -> Duration {
    let due = book.values().filter(|it| it.memories.is_some()).map(|it| it.due).min();
    let until = due.map(|due| due.duration_since(now).try_into().unwrap_or(Duration::ZERO));
    until.unwrap_or(POLL).min(POLL)
}

/// Notes when a source that was asked is asked again.
fn settle(
    book: &mut BTreeMap<String, Appointment>,
    asked: Asked,
    now: Timestamp,
    dice: &mut fastrand::Rng,
) {
    let Some(known) = book.get_mut(&asked.source) else { return };
    if !known.plan.same(&asked.plan) {
        // Meanwhile it is to be asked otherwise, and is due: what was remembered is of another list.
        known.memories = Some(BTreeMap::new());
        return;
    }
    known.memories = Some(asked.memories);
    let every = known.plan.every;
    known.broken = match asked.halt {
        Some(Halt::Broken(_) | Halt::NotStored(_)) => known.broken.saturating_add(1),
        _ => 0,
    };
    let span = match asked.halt {
        Some(Halt::Wait(span)) => span.max(every.min(Duration::from_secs(1))),
        Some(Halt::Broken(_) | Halt::NotStored(_)) => {
            let rest = REST.saturating_mul(1 << known.broken.saturating_sub(1).min(10));
            jittered(rest.min(every), dice)
        }
        Some(Halt::Refused(_) | Halt::Gone) | None => jittered(every, dice),
    };
    known.due = now.checked_add(span).unwrap_or(now);
}

/// Up to a tenth more or less, so that many do not ask at one moment.
fn jittered(span: Duration, dice: &mut fastrand::Rng) -> Duration {
    span.mul_f64(0.9 + 0.2 * dice.f64())
}

impl Desk {
    /// Looks at all lists of a source, one after the other.
    async fn ask(
        &self,
        source: String,
        plan: Arc<Reconcile>,
        mut memories: BTreeMap<String, Memory>,
    ) -> Asked {
        let mut halt = None;
        let known: Vec<Reconciliation> = match self.store.reconciliations().await {
            Ok(known) => known,
            Err(why) => {
                let halt = Some(Halt::NotStored(why.to_string()));
                return Asked { source, plan, memories, halt };
            }
        };
        for place in &plan.places {
            let known = known.iter().find(|it| it.source == source && it.place == *place).cloned();
            let list = List { source: &source, plan: &plan, place };
            let memory = memories.entry(place.clone()).or_default();
            if let Err(why) = self.look(&list, known, memory).await {
                let is_of_all = matches!(why, Halt::Wait(_) | Halt::NotStored(_));
                halt = Some(why);
                // One webhook that is gone is no reason to leave out the others.
                if is_of_all {
                    break;
                }
            }
        }
        Asked { source, plan, memories, halt }
    }
}
