//! Everything long-lived, built once: start, reload, stop. The only place that spawns tasks which
//! outlive a request.

pub mod by_hand;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin};
use crate::config::{Loaded, Settings};
use crate::dispatch::{Dispatcher, Lanes, Observer};
use crate::gather::Gatherer;
use crate::http;
use crate::model::{Attempt, Controls, Message, Readiness, Reason, State};
use crate::pipeline::Pipeline;
use crate::receive::{self, Receiver};
use crate::sources::Source;
use crate::store::{self, LaneLock, SharedStore};
use crate::telemetry::Metrics;
use crate::wachat::Client;

/// Reads the rule file again; the error is the report of its problems.
pub type Reload = Box<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

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
    /// SIGHUP: read the rule file again.
    hangup: Signal,
    /// Given back when everything has ended.
    lock: LaneLock,
}

/// What a reload changes and the admin pages ask for.
struct Shared {
    pipeline: Arc<ArcSwap<Pipeline>>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    lanes: Lanes,
    reload: Reload,
    /// What needs a restart to change.
    fixed: Fixed,
    /// What is wrong with the file on disk, while the last good one is in force.
    bad_rules: Mutex<Option<String>>,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
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
    pub async fn start(loaded: Loaded, reload: Reload) -> anyhow::Result<Self> {
        let Loaded { pipeline, settings, .. } = loaded;
        let lock = store::lock_lanes(&store::file_of(&settings.store)?)?;
        let store = store::open(&settings.store)?;
        let public = bind(settings.listen, "server.listen").await?;
        let private = bind(settings.admin, "server.admin").await?;
        let (listen, admin_addr) = (public.local_addr()?, private.local_addr()?);
        let metrics = Arc::new(Metrics::default());
        metrics.rules_loaded(pipeline.rule_count());
        let pipeline = Arc::new(ArcSwap::from_pointee(pipeline));
        let client = Client::new(settings.wachat.clone())?;
        let observer = Arc::new(Watch(Arc::clone(&metrics)));
        let dispatcher =
            Dispatcher::new(Arc::clone(&store), client, settings.instances.clone(), observer);
        let shared = Arc::new(Shared {
            pipeline,
            store,
            metrics,
            lanes: dispatcher.lanes(),
            reload,
            fixed: Fixed::of(&settings),
            bad_rules: Mutex::new(None),
            reloading: tokio::sync::Mutex::new(()),
        });
        shared.lanes.set_people(settings.people.clone());
        let gatherer = Gatherer::new(Arc::clone(&shared.pipeline), Arc::clone(&shared.store));
        let app = Self {
            hangup: signal(SignalKind::hangup())?,
            receiving: receive(&shared, &settings, public),
            sending: Stopping::spawn(|stop| async {
                tokio::join!(dispatcher.run(stop.clone()), gatherer.run(stop));
                Ok(())
            }),
            administering: administer(&shared, &settings, private),
            shared,
            listen,
            admin: admin_addr,
            lock,
        };
        app.lock.announce(&format!("http://{admin_addr}"))?;
        app.say_hello(&settings);
        Ok(app)
    }

    /// Runs until `stop`, reloading on SIGHUP; then stops in order. Also stops when a part of it
    /// ends by itself, and that is an error.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let ended_early = loop {
            tokio::select! {
                () = stop.cancelled() => break None,
                _ = self.hangup.recv() => { let _ = self.shared.reload().await; }
                why = ended(&mut self.receiving, &mut self.sending, &mut self.administering) => {
                    break Some(why);
                }
            }
        };
        let stopped = self.stop().await;
        ended_early.map_or(stopped, Err)
    }

    /// Takes no more requests, lets attempts under way end, and returns when all is quiet.
    pub async fn stop(self) -> anyhow::Result<()> {
        tracing::info!("stopping: no more requests are taken, attempts under way end");
        let (received, sent) = tokio::join!(self.receiving.end(), self.sending.end());
        let administered = self.administering.end().await;
        tracing::info!("stopped");
        received.and(sent).and(administered)
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
        self.shared.pipeline.load_full()
    }

    /// The store.
    pub fn store(&self) -> &SharedStore {
        &self.shared.store
    }

    fn say_hello(&self, settings: &Settings) {
        let pipeline = self.shared.pipeline.load();
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
        for (name, lane) in &settings.instances {
            tracing::info!(instance = name, "lane {name}: {lane}");
        }
    }
}

fn receive(shared: &Arc<Shared>, settings: &Settings, listener: TcpListener) -> Stopping {
    let receiver = Arc::new(Receiver::new(
        Arc::clone(&shared.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        receive::Settings::with_body_limit(settings.body_limit),
    ));
    Stopping::spawn(|stop| async move {
        Ok(http::serve(listener, receive::router(receiver), stop.cancelled_owned()).await?)
    })
}

fn administer(shared: &Arc<Shared>, settings: &Settings, listener: TcpListener) -> Stopping {
    let admin = Arc::new(Admin::new(
        Arc::clone(&shared.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        Arc::clone(shared) as Arc<dyn Controls>,
        settings.admin_token.clone(),
    ));
    Stopping::spawn(|stop| async move {
        Ok(http::serve(listener, admin::router(admin), stop.cancelled_owned()).await?)
    })
}

async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{setting}: cannot listen on {address}; is it in use?"))
}

async fn ended(
    receiving: &mut Stopping,
    sending: &mut Stopping,
    administering: &mut Stopping,
) -> anyhow::Error {
    let (name, outcome) = tokio::select! {
        outcome = &mut receiving.task => ("receiving", outcome),
        outcome = &mut sending.task => ("sending", outcome),
        outcome = &mut administering.task => ("the admin listener", outcome),
    };
    let early = || format!("{name} ended without being told to");
    match outcome {
        Ok(Ok(())) => anyhow!(early()),
        Ok(Err(why)) => why.context(early()),
        Err(why) => anyhow!(why).context(early()),
    }
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

/// The settings that a reload cannot change.
#[derive(PartialEq)]
struct Fixed {
    listen: SocketAddr,
    admin: SocketAddr,
    store: String,
}

impl Fixed {
    fn of(settings: &Settings) -> Self {
        Self { listen: settings.listen, admin: settings.admin, store: settings.store.clone() }
    }

    /// The names of those that differ.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let all = [
            ("server.listen", self.listen != other.listen),
            ("server.admin", self.admin != other.admin),
            ("store", self.store != other.store),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

impl Shared {
    /// All that can fail first; then the swaps, which cannot.
    async fn reload_or_report(&self) -> Result<String, String> {
        let _one_at_a_time = self.reloading.lock().await;
        let loaded = (self.reload)()?;
        let client = Client::new(loaded.settings.wachat.clone()).map_err(|why| why.to_string())?;
        let needs_restart = self.fixed.differences(&Fixed::of(&loaded.settings));
        let rules = loaded.pipeline.rule_count();
        self.pipeline.store(Arc::new(loaded.pipeline));
        self.lanes.set_people(loaded.settings.people);
        self.lanes.update(client, loaded.settings.instances);
        self.metrics.rules_loaded(rules);
        if !loaded.warnings.is_empty() {
            tracing::warn!("the rule file has warnings:\n{}", loaded.warnings.render(false));
        }
        let mut said = format!("{rules} rules are in force");
        if !needs_restart.is_empty() {
            let names = needs_restart.join(", ");
            said = format!("{said}; {names} changed too and needs a restart");
        }
        Ok(said)
    }
}

#[async_trait]
impl Controls for Shared {
    async fn reload(&self) -> Result<String, String> {
        let outcome = self.reload_or_report().await;
        let mut bad = self.bad_rules.lock().unwrap_or_else(PoisonError::into_inner);
        match &outcome {
            Ok(said) => {
                *bad = None;
                tracing::info!("rules reloaded: {said}");
            }
            Err(report) => {
                *bad = Some(report.clone());
                self.metrics.reload_failed();
                tracing::error!("the rule file has mistakes, the last good one stays:\n{report}");
            }
        }
        outcome
    }

    async fn pause(&self, instance: &str) -> bool {
        self.lanes.pause(instance).await
    }

    async fn resume(&self, instance: &str) -> bool {
        self.lanes.resume(instance).await
    }

    async fn readiness(&self) -> Readiness {
        let store = match self.store.ping().await {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let bad = self.bad_rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let standing = self.lanes.status().into_iter().filter_map(|lane| {
            let reason = lane.standing_still?;
            let detail = lane.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            Some((lane.instance, format!("{}{detail}", reason.as_str())))
        });
        Readiness {
            ready: store == "ok",
            store,
            rules: bad.unwrap_or_else(|| "ok".to_owned()),
            lanes: standing.collect(),
        }
    }
}

/// Counts what the lanes do.
struct Watch(Arc<Metrics>);

impl Observer for Watch {
    fn attempt(&self, message: &Message, attempt: &Attempt, _state: State) {
        let verdict = &attempt.verdict;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call")]
        let seconds = attempt.took_ms as f64 / 1000.0;
        self.0.attempt(&message.instance, verdict.fate, verdict.reason, seconds);
    }

    fn lane(&self, instance: &str, standing_still: Option<Reason>) {
        self.0.lane_open(instance, standing_still.is_none());
    }
}
