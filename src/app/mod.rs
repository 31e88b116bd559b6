//! Everything long-lived, built once: start, reload, stop. The only place that spawns tasks which
//! outlive a request.

mod tasks;
mod controls;
mod snapshot;
mod spots;
mod events;
mod watch;
mod needs;
mod upkeep;
mod keys;
mod room;
mod set_back;
mod reload;
pub mod by_hand;
pub mod replay;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::alerts::Bell;
use crate::clock;
use crate::config::{Loaded, Settings};
use crate::dispatch::{Dispatcher, Lanes};
use crate::gather::Gatherer;
use crate::pipeline::Pipeline;
use crate::reconcile::Reconciler;
use crate::sources::{KeyRing, Offers, Source};
use crate::store::{self, LaneLock, SharedStore};
use crate::telemetry::Metrics;
use crate::wachat::Client;

use controls::Watch;
use reload::Rules;
use tasks::{Stopping, administer, alert, keep_up, receive, upkeep, warn_of_ends};

pub use reload::{BadRules, Read, Rereading};
pub(crate) use snapshot::Snapshot;
pub(crate) use watch::Watch as FileWatch;

/// A running kabari.
pub struct App {
    shared: Arc<Shared>,
    listen: SocketAddr,
    admin: SocketAddr,
    /// Stopped first: nothing new comes in.
    receiving: Stopping,
    /// Stopped at the same time: attempts under way end, and no other begins.
    sending: Stopping,
    /// Stopped last, so that health and metrics answer until the end.
    administering: Stopping,
    /// Fetches the keys of senders.
    fetching: Stopping,
    /// Reads the rule file again, by itself and on SIGHUP.
    keeping_up: Stopping,
    /// Tells people what needs them.
    alerting: Stopping,
    /// Removes what has had its time.
    upkeep: Stopping,
    /// Given back when everything has ended.
    lock: LaneLock,
}

/// What the tasks share.
struct Shared {
    rules: Rules,
    store: SharedStore,
    /// Where the store is.
    file: PathBuf,
    metrics: Arc<Metrics>,
    lanes: Lanes,
    /// What senders offered; from the one listener to the other.
    offers: Arc<Offers>,
    /// Keys of senders; from the public listener to the task that fetches them.
    keys: Arc<KeyRing>,
    /// Up to where messages without a recipient are counted, and how many there are.
    no_recipient: Mutex<(i64, u64)>,
}

impl App {
    /// Opens the store, takes the lanes, binds both addresses and starts.
    ///
    /// # Errors
    /// When the store cannot be opened or is in use, or an address cannot be bound.
    pub async fn start(loaded: Loaded, again: Rereading) -> anyhow::Result<Self> {
        let settings = loaded.settings.clone();
        let file = settings.store.file()?;
        let lock = store::lock_lanes(&file)?;
        survive_size_limit()?;
        let address = settings.store.clone();
        // It takes its time where a large store is to be sealed; who tells it to stop is heard.
        let store = tokio::task::spawn_blocking(move || store::open_owned(&address)).await??;
        let public = bind(settings.listen, "server.listen").await?;
        let private = bind(settings.admin, "server.admin").await?;
        let (listen, admin_addr) = (public.local_addr()?, private.local_addr()?);
        let metrics = Arc::new(Metrics::default());
        let client = Client::new(settings.wachat.clone())?.with_fates(settings.fates.clone());
        let bell = Bell::default();
        let observer = Arc::new(Watch { metrics: Arc::clone(&metrics), bell: bell.clone() });
        let dispatcher =
            Dispatcher::new(Arc::clone(&store), client, settings.instances.clone(), observer);
        let lanes = dispatcher.lanes();
        let rules =
            Rules::new(loaded, lanes.clone(), Arc::clone(&metrics), bell.clone(), again.read);
        lanes.set_people(settings.people.clone());
        let (offers, no_recipient) = (Arc::default(), Mutex::default());
        let wanted = Arc::new(Notify::new());
        let ring = Arc::clone(&wanted);
        let keys = Arc::new(KeyRing::new(move || ring.notify_one()));
        let shared =
            Arc::new(Shared { rules, store, file, metrics, lanes, offers, keys, no_recipient });
        let gatherer = Gatherer::new(Arc::clone(&shared.rules.pipeline), Arc::clone(&shared.store));
        let reconciler = Reconciler::new(
            Arc::clone(&shared.rules.pipeline),
            Arc::clone(&shared.store),
            Arc::clone(&shared.metrics),
            shared.rules.reloads(),
        )?;
        let alerting = alert(&shared, &settings, &bell).await?;
        let app = Self {
            receiving: receive(&shared, &settings, public),
            fetching: Stopping::spawn(|stop| keys::run(Arc::clone(&shared.keys), wanted, stop)),
            sending: Stopping::spawn(|stop| async {
                tokio::join!(
                    dispatcher.run(stop.clone()),
                    gatherer.run(stop.clone()),
                    reconciler.run(stop),
                );
                Ok(())
            }),
            administering: administer(&shared, &settings, private, lock.key().clone()),
            keeping_up: keep_up(&shared, again.watch)?,
            alerting,
            upkeep: upkeep(&shared),
            shared,
            listen,
            admin: admin_addr,
            lock,
        };
        app.lock.announce(&format!("http://{admin_addr}"))?;
        app.say_hello(&settings);
        Ok(app)
    }

    /// Runs until `stop`; then stops in order. Also stops when a part of it ends by itself, and
    /// that is an error.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let ended_early = tokio::select! {
            () = stop.cancelled() => None,
            why = self.ended() => Some(why),
        };
        let stopped = self.stop().await;
        ended_early.map_or(stopped, Err)
    }

    /// Takes no more requests, lets attempts under way end, and returns when all is quiet.
    pub async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping: no more requests are taken, attempts under way end");
        let kept_up = self.keeping_up.end().await;
        let kept_up = kept_up.and(self.alerting.end().await).and(self.upkeep.end().await);
        let kept_up = kept_up.and(self.fetching.end().await);
        let (received, sent) = tokio::join!(self.receiving.end(), self.sending.end());
        let administered = self.administering.end().await;
        tracing::info!("stopped");
        kept_up.and(received).and(sent).and(administered)
    }

    /// Where webhooks come in.
    pub fn listen_addr(&self) -> SocketAddr {
        self.listen
    }

    /// Where dashboard, API and metrics are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// The pipeline in force.
    pub fn pipeline(&self) -> Arc<Pipeline> {
        self.shared.rules.pipeline.load_full()
    }

    /// The store.
    pub fn store(&self) -> &SharedStore {
        &self.shared.store
    }

    /// Returns when a part of it ends that nobody told to. Without new rules it can go on.
    async fn ended(&mut self) -> anyhow::Error {
        let (name, outcome) = tokio::select! {
            outcome = &mut self.receiving.task => ("receiving", outcome),
            outcome = &mut self.sending.task => ("sending", outcome),
            outcome = &mut self.administering.task => ("the admin listener", outcome),
        };
        let early = || format!("{name} ended without being told to");
        match outcome {
            Ok(Ok(())) => anyhow!(early()),
            Ok(Err(why)) => why.context(early()),
            Err(why) => anyhow!(why).context(early()),
        }
    }

    fn say_hello(&self, settings: &Settings) {
        let pipeline = self.shared.rules.pipeline.load();
        let sources: Vec<&str> = pipeline.sources().map(Source::name).collect();
        tracing::info!(
            listen = %self.listen,
            admin = %self.admin,
            rules = pipeline.rule_count(),
            sources = sources.join(", "),
            wachat = %settings.wachat.base_url,
            store = settings.store.url,
            "kabari is ready: webhooks at http://{}/hooks/SOURCE, dashboard at http://{}",
            self.listen,
            self.admin,
        );
        warn_of_ends(&pipeline, clock::now());
        tracing::info!("kept: {}", settings.retention);
        if let Some(restriction) = settings.people.restriction() {
            tracing::warn!("not everybody is messaged: {restriction}");
        }
        for (name, lane) in &settings.instances {
            tracing::info!(instance = name, "lane {name}: {lane}");
        }
        if let Some(hook) = &settings.alerts {
            let host = hook.host();
            tracing::info!(host, "what needs a person is told to {host}");
        }
    }
}

/// Where a file may not grow any more (`ulimit -f`, `LimitFSIZE=`) the system ends a program that
/// tries, unless it listens: then it is an error like that of a full disk.
fn survive_size_limit() -> anyhow::Result<()> {
    let number = rustix::process::Signal::XFSZ.as_raw();
    signal(SignalKind::from_raw(number)).map(drop).context("the signal XFSZ cannot be heard")
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{setting}: cannot listen on {address}; is it in use?"))
}
