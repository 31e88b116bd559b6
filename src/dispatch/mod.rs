//! HTTP out: wake → claim → send → settle, one lane per WhatsApp session.
//!
//! A lane never has more than `in_flight` attempts under way, never begins them faster than its
//! pace, and stands still as a whole when an answer speaks of the session, the account or the
//! credentials. Order and leases are the store's: what is claimed may be sent.

mod settings;
mod timings;
mod observer;
mod people;
mod pace;
mod caps;
mod turn;
mod limits;
mod asking;
mod foresee;
mod backoff;
mod settle;
mod breaker;
mod desk;
mod attempt;
mod lane;
mod once;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::clock;
use crate::store::SharedStore;
use crate::wachat::{Carrier, Client};

use attempt::longer;
use desk::Desk;
use lane::Lane;

pub use caps::{Cap, Caps};
pub use desk::LaneStatus;
pub use foresee::foresee;
pub use observer::Observer;
pub use once::{Once, Rules, barred, once};
pub use pace::{Pace, PaceError};
pub use people::People;
pub use settings::LaneSettings;
pub use timings::Timings;

/// A lane that broke off rests for so long.
const BROKEN_REST: Duration = Duration::from_secs(1);

/// Works off the queues of all lanes.
pub struct Dispatcher {
    shared: Arc<Shared>,
    dice: fn() -> fastrand::Rng,
}

/// What all lanes share.
struct Shared {
    store: SharedStore,
    settings: ArcSwap<Swapped>,
    people: ArcSwap<People>,
    desks: Mutex<BTreeMap<String, Arc<Desk>>>,
    reloaded: Notify,
    observer: Arc<dyn Observer>,
    timings: Timings,
    /// When it began.
    begun: Timestamp,
    now: fn() -> Timestamp,
}

/// What a reload swaps.
struct Swapped {
    carrier: Arc<dyn Carrier>,
    lanes: BTreeMap<String, LaneSettings>,
}

/// A handle on the lanes, for the admin API and for reloads.
#[derive(Clone)]
pub struct Lanes(Arc<Shared>);

impl Dispatcher {
    /// A dispatcher for these lanes, and for any other that the store has messages for.
    pub fn new(
        store: SharedStore,
        client: Client,
        lanes: BTreeMap<String, LaneSettings>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self::with_time(store, client, lanes, observer, Timings::default(), clock::now)
    }

    /// The same with its own waiting times and clock. `now` must go on as tokio's time does.
    pub fn with_time(
        store: SharedStore,
        carrier: impl Carrier + 'static,
        lanes: BTreeMap<String, LaneSettings>,
        observer: Arc<dyn Observer>,
        timings: Timings,
        now: fn() -> Timestamp,
    ) -> Self {
        let desks = lanes
            .keys()
            .map(|name| (name.clone(), Arc::new(Desk::new(name, Arc::clone(&observer)))))
            .collect();
        let settings = ArcSwap::from_pointee(Swapped { carrier: Arc::new(carrier), lanes });
        let (desks, reloaded) = (Mutex::new(desks), Notify::new());
        Self {
            shared: Arc::new(Shared {
                store,
                settings,
                people: ArcSwap::default(),
                desks,
                reloaded,
                observer,
                timings,
                begun: now(),
                now,
            }),
            dice: clock::dice,
        }
    }

    /// The same with chances of its own: each lane that starts gets one of these.
    #[must_use]
    pub fn with_dice(self, dice: fn() -> fastrand::Rng) -> Self {
        Self { dice, ..self }
    }

    /// The handle on its lanes.
    pub fn lanes(&self) -> Lanes {
        Lanes(Arc::clone(&self.shared))
    }

    /// Recovers what an earlier process left behind, then sends until told to stop. Returns when
    /// the attempts under way have ended, or after [`Timings::stop_max`]. Dropping it breaks them
    /// off.
    pub async fn run(self, stop: CancellationToken) {
        if !self.recovered(&stop).await {
            return;
        }
        let mut arrivals = self.shared.store.arrivals();
        let mut tasks = JoinSet::new();
        let mut started: HashMap<_, String> = HashMap::new();
        while !stop.is_cancelled() {
            let (names, seen) = {
                let all = arrivals.borrow_and_update();
                (all.instances().map(str::to_owned).collect(), all.lanes())
            };
            let desks = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                desks = self.desks_to_be(names) => desks,
            };
            let known: HashSet<String> = started.values().cloned().collect();
            for desk in desks {
                if !known.contains(&desk.instance) {
                    let name = desk.instance.clone();
                    let lane = Lane::new(Arc::clone(&self.shared), desk, (self.dice)());
                    started.insert(tasks.spawn(lane.run(stop.clone())).id(), name);
                }
            }
            let rung = async {
                // None of them is ever taken away.
                if arrivals.wait_for(|all| all.lanes() != seen).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                Some(Err(problem)) = tasks.join_next() => {
                    let name = started.remove(&problem.id()).unwrap_or_default();
                    error!(
                        target: "kabari::dispatch", instance = name, error = %problem,
                        "lane {name} broke off and starts again: {problem}"
                    );
                    sleep(BROKEN_REST).await;
                }
                () = self.shared.reloaded.notified() => {}
                () = rung => {}
                () = sleep(self.shared.timings.poll) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// `false` if it was told to stop before the store could be used.
    async fn recovered(&self, stop: &CancellationToken) -> bool {
        let mut rest = self.shared.timings.store_rest;
        while !stop.is_cancelled() {
            let recovered = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                recovered = self.shared.store.recover((self.shared.now)()) => recovered,
            };
            match recovered {
                Ok(0) => return true,
                Ok(left) => {
                    warn!(
                        target: "kabari::dispatch", left,
                        "{left} messages were on their way when the program last stopped"
                    );
                    return true;
                }
                Err(problem) => error!(
                    target: "kabari::dispatch", error = %problem,
                    "sending cannot begin, the store cannot be used: {problem}"
                ),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(rest) => {}
            }
            rest = longer(rest, self.shared.timings.store_rest_max);
        }
        false
    }

    /// Those of `names`, and all that are configured or have anything waiting.
    async fn desks_to_be(&self, mut names: BTreeSet<String>) -> Vec<Arc<Desk>> {
        names.extend(self.shared.settings.load().lanes.keys().cloned());
        match self.shared.store.lanes().await {
            Ok(lanes) => names.extend(lanes.into_iter().map(|lane| lane.instance)),
            Err(problem) => warn!(
                target: "kabari::dispatch", error = %problem,
                "the store cannot say which lanes have messages: {problem}"
            ),
        }
        names.iter().map(|name| self.shared.desk(name)).collect()
    }
}

impl Lanes {
    /// Stops claiming for a lane until [`Lanes::resume`], also over a restart; attempts under way go
    /// on. `false` if there is no such lane.
    pub async fn pause(&self, instance: &str) -> bool {
        let now = (self.0.now)();
        self.with(instance, |desk| desk.pause(now)).await
    }

    /// Lets a lane go on, whatever stopped it; `false` if there is no such lane.
    pub async fn resume(&self, instance: &str) -> bool {
        self.with(instance, Desk::resume).await
    }

    /// What [`People::restriction`] says of those in force.
    pub fn restriction(&self) -> Option<String> {
        self.0.people.load().restriction()
    }

    /// Swaps who may be messaged, and when nobody is; what was in force before. Messages that wait are
    /// asked again, those out of line too if what made them wait is another now.
    pub fn set_people(&self, people: People) -> Arc<People> {
        let before = self.0.people.swap(Arc::new(people));
        let desks: Vec<_> = self.0.desks().values().cloned().collect();
        for desk in desks {
            desk.look_again();
        }
        before
    }

    /// How each lane stands, by name.
    pub fn status(&self) -> Vec<LaneStatus> {
        let shadow = self.0.people.load().shadow;
        self.0.desks().values().map(|desk| desk.status().or_shadow(shadow)).collect()
    }

    /// Swaps the client, if there is another, and the lanes' settings. Attempts under way end as they began; lanes that
    /// are no longer configured go on with the defaults, since messages may wait in them.
    pub fn update(&self, client: Option<Client>, lanes: BTreeMap<String, LaneSettings>) {
        let carrier = client.map_or_else(
            || Arc::clone(&self.0.settings.load().carrier),
            |client| Arc::new(client) as Arc<dyn Carrier>,
        );
        let names: Vec<String> = lanes.keys().cloned().collect();
        self.0.settings.store(Arc::new(Swapped { carrier, lanes }));
        for name in &names {
            self.0.desk(name);
        }
        let now = (self.0.now)();
        let desks: Vec<_> = self.0.desks().values().cloned().collect();
        for desk in desks {
            desk.reconsider(now);
        }
        self.0.reloaded.notify_one();
    }

    async fn with(&self, instance: &str, act: impl FnOnce(&Desk)) -> bool {
        let Some(desk) = self.0.desks().get(instance).cloned() else { return false };
        act(&desk);
        self.0.remember(&desk).await;
        true
    }
}

impl Shared {
    fn desks(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Desk>>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self, instance: &str) -> Arc<Desk> {
        let mut desks = self.desks();
        let new = || Arc::new(Desk::new(instance, Arc::clone(&self.observer)));
        Arc::clone(desks.entry(instance.to_owned()).or_insert_with(new))
    }

    /// Keeps in the store why a lane stands still, or that it goes; what cannot be kept now is
    /// tried again when the lane looks for work.
    async fn remember(&self, desk: &Desk) {
        let Some(standing) = desk.news() else { return };
        match self.store.shut_lane(&desk.instance, standing.0.clone(), (self.now)()).await {
            Ok(()) => desk.remembered(standing),
            Err(problem) => {
                let instance = desk.instance.as_str();
                warn!(
                    target: "kabari::dispatch", instance, error = %problem,
                    "how lane {instance} stands could not be kept yet: {problem}"
                );
            }
        }
    }
}

fn settings_of(shared: &Shared, instance: &str) -> LaneSettings {
    shared.settings.load().lanes.get(instance).cloned().unwrap_or_default()
}
