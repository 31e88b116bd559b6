//! Everything long-lived, built once: start, reload, stop. The only place that spawns tasks which
//! outlive a request.

mod snapshot;
mod spots;
mod events;
mod watch;
mod needs;
mod upkeep;
mod reload;
pub mod by_hand;
pub mod replay;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin};
use crate::alerts::{Alerts, Bell};
use crate::clock;
use crate::config::{Loaded, Settings};
use crate::dispatch::{Dispatcher, Lanes, Observer};
use crate::gather::Gatherer;
use crate::http;
use crate::model::{
    Attempt, Controls, Message, Readiness, Reason, Replay, Replayed, State, Watched,
};
use crate::pipeline::Pipeline;
use crate::receive::{self, Receiver};
use crate::reconcile::Reconciler;
use crate::sources::{Offers, Source, secret_warnings};
use crate::store::{self, LaneLock, Reconciliation, SharedStore};
use crate::telemetry::Metrics;
use crate::wachat::Client;

use reload::{Rules, Why};

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
    metrics: Arc<Metrics>,
    lanes: Lanes,
    /// What senders offered; from the one listener to the other.
    offers: Arc<Offers>,
    /// Up to where messages without a recipient are counted, and how many there are.
    no_recipient: Mutex<(i64, u64)>,
}

/// A task and the way to end it.
struct Stopping {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl App {
    /// Opens the store, takes the lanes, binds both addresses and starts.
    ///
    /// # Errors
    /// When the store cannot be opened or is in use, or an address cannot be bound.
    pub async fn start(loaded: Loaded, again: Rereading) -> anyhow::Result<Self> {
        let settings = loaded.settings.clone();
        let lock = store::lock_lanes(&store::file_of(&settings.store)?)?;
        let store = store::open(&settings.store)?;
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
        let shared = Arc::new(Shared { rules, store, metrics, lanes, offers, no_recipient });
        let gatherer = Gatherer::new(Arc::clone(&shared.rules.pipeline), Arc::clone(&shared.store));
        let reconciler = Reconciler::new(
            Arc::clone(&shared.rules.pipeline),
            Arc::clone(&shared.store),
            Arc::clone(&shared.metrics),
            shared.rules.reloads(),
        )?;
        let app = Self {
            receiving: receive(&shared, &settings, public),
            sending: Stopping::spawn(|stop| async {
                tokio::join!(
                    dispatcher.run(stop.clone()),
                    gatherer.run(stop.clone()),
                    reconciler.run(stop),
                );
                Ok(())
            }),
            administering: administer(&shared, &settings, private),
            keeping_up: keep_up(&shared, again.watch)?,
            alerting: alert(&shared, &settings, &bell)?,
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
            store = settings.store,
            "kabari is ready: webhooks at http://{}/hooks/SOURCE, dashboard at http://{}",
            self.listen,
            self.admin,
        );
        warn_of_ends(&pipeline, clock::now());
        tracing::info!("kept: {}", settings.retention);
        for (name, lane) in &settings.instances {
            tracing::info!(instance = name, "lane {name}: {lane}");
        }
        if let Some(hook) = &settings.alerts {
            let host = hook.host();
            tracing::info!(host, "what needs a person is told to {host}");
        }
    }
}

/// How often one is reminded of secrets that end.
const REMINDED: Duration = Duration::from_secs(24 * 60 * 60);

/// Of the secrets that soon count no more, or do so already, and of sources that have none that
/// does; their place is from 0.
fn warn_of_ends(pipeline: &Pipeline, now: Timestamp) {
    for source in pipeline.sources() {
        for warning in secret_warnings(source.secrets(), now) {
            let help = warning.help.unwrap_or_default();
            let (name, secret) = (source.name(), warning.path);
            tracing::warn!(source = name, secret, "secrets{secret}: {}; {help}", warning.message);
        }
    }
}

/// Says it again each day; never returns.
async fn remind(shared: &Shared) {
    loop {
        tokio::time::sleep(REMINDED).await;
        warn_of_ends(&shared.rules.pipeline.load(), clock::now());
    }
}

fn receive(shared: &Arc<Shared>, settings: &Settings, listener: TcpListener) -> Stopping {
    let receiver = Receiver::new(
        Arc::clone(&shared.rules.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        receive::Settings::with_body_limit(settings.body_limit),
    );
    let proxies = receive::Proxies::new(settings.trusted_proxies.clone());
    let receiver = receiver.with_offers(Arc::clone(&shared.offers)).behind(proxies);
    let receiver = Arc::new(receiver);
    Stopping::spawn(|stop| async move {
        http::serve(listener, receive::router(receiver), stop.cancelled_owned()).await;
        Ok(())
    })
}

fn administer(shared: &Arc<Shared>, settings: &Settings, listener: TcpListener) -> Stopping {
    let admin = Admin::new(
        Arc::clone(&shared.rules.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        Arc::clone(shared) as Arc<dyn Controls>,
        settings.admin_token.clone(),
    );
    let admin = Arc::new(admin.with_offers(Arc::clone(&shared.offers)));
    Stopping::spawn(|stop| async move {
        http::serve(listener, admin::router(admin), stop.cancelled_owned()).await;
        Ok(())
    })
}

/// It may be dropped wherever it waits: what it has begun to read is then of no use.
fn keep_up(shared: &Arc<Shared>, watching: bool) -> anyhow::Result<Stopping> {
    // From here on a hangup ends nothing.
    let hangup = signal(SignalKind::hangup())?;
    let shared = Arc::clone(shared);
    Ok(Stopping::spawn(|stop| async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = shared.rules.keep_up(hangup, watching) => {}
            () = remind(&shared) => {}
        }
        Ok(())
    }))
}

/// What was told is kept beside the store.
fn alert(shared: &Arc<Shared>, settings: &Settings, bell: &Bell) -> anyhow::Result<Stopping> {
    let mut memory = store::file_of(&settings.store)?.into_os_string();
    memory.push("-alerts");
    let alerts = Alerts::new(Arc::clone(shared) as Arc<dyn Watched>, bell, memory.into());
    bell.set(settings.alerts.clone());
    Ok(Stopping::spawn(|stop| async move {
        alerts.run(stop).await;
        Ok(())
    }))
}

/// A step under way ends; the rest of its round is for the next start.
fn upkeep(shared: &Arc<Shared>) -> Stopping {
    let shared = Arc::clone(shared);
    Stopping::spawn(|stop| async move {
        let retention = shared.rules.retention();
        upkeep::run(&shared.store, &shared.metrics, retention, &stop).await;
        Ok(())
    })
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{setting}: cannot listen on {address}; is it in use?"))
}

impl Stopping {
    fn spawn<F>(start: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(start(stop.clone()));
        Self { stop, task }
    }

    async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        if self.task.is_finished() {
            return Ok(());
        }
        self.task.await?
    }
}

#[async_trait]
impl Controls for Shared {
    async fn reload(&self) -> Result<String, String> {
        self.rules.reload(Why::Told).await
    }

    async fn pause(&self, instance: &str) -> bool {
        self.lanes.pause(instance).await
    }

    async fn resume(&self, instance: &str) -> bool {
        self.lanes.resume(instance).await
    }

    async fn replay(&self, asked: Replay) -> Result<Vec<Replayed>, String> {
        let pipeline = self.rules.pipeline.load_full();
        let replayed = replay::replay(&self.store, &pipeline, &asked, clock::now()).await;
        replayed.map_err(|error| error.to_string())
    }

    async fn readiness(&self) -> Readiness {
        let store = match self.store.ping().await {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let standing = self.lanes.status().into_iter().filter_map(|lane| {
            let reason = lane.standing_still?;
            let detail = lane.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            Some((lane.instance, format!("{}{detail}", reason.as_str())))
        });
        Readiness {
            ready: store == "ok",
            store,
            rules: self.rules.standing(),
            lanes: standing.collect(),
            reconciled: self.reconciled().await,
        }
    }
}

impl Shared {
    /// How the last look at each list went of those that are looked at still.
    async fn reconciled(&self) -> Vec<(String, String)> {
        let pipeline = self.rules.pipeline.load();
        let known = self.store.reconciliations().await.unwrap_or_default();
        let is_looked_at = |it: &&Reconciliation| {
            let plan = pipeline.source(&it.source).and_then(Source::reconcile);
            plan.is_some_and(|plan| plan.places.contains(&it.place))
        };
        let said = |it: &Reconciliation| (format!("{} {}", it.source, it.place), it.said());
        known.iter().filter(is_looked_at).map(said).collect()
    }
}

/// Counts what the lanes do, and rings where that may need a person.
struct Watch {
    metrics: Arc<Metrics>,
    bell: Bell,
}

impl Observer for Watch {
    fn attempt(&self, message: &Message, attempt: &Attempt, state: State) {
        let verdict = &attempt.verdict;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call")]
        let seconds = attempt.took_ms as f64 / 1000.0;
        self.metrics.attempt(&message.instance, verdict.fate, verdict.reason, seconds);
        if matches!(state, State::Uncertain | State::Failed) {
            self.bell.ring();
        }
    }

    fn lane(&self, instance: &str, standing_still: Option<Reason>) {
        self.metrics.lane_open(instance, standing_still.is_none());
        self.bell.ring();
    }
}
