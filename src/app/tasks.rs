//! Which tasks run as long as the program, and how does each end?

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Shared, room, set_back};
use crate::admin::{self, Admin};
use crate::alerts::{Alerts, Bell};
use crate::clock;
use crate::config::Settings;
use crate::http;
use crate::model::{Controls, Watched};
use crate::pipeline::Pipeline;
use crate::receive::{self, Receiver};
use crate::secret::Secret;
use crate::sources::secret_warnings;
/// A task and the way to end it.
pub(super) struct Stopping {
    stop: CancellationToken,
    pub(super) task: JoinHandle<anyhow::Result<()>>,
}

impl Stopping {
    pub(super) fn spawn<F>(start: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(start(stop.clone()));
        Self { stop, task }
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        if self.task.is_finished() {
            return Ok(());
        }
        self.task.await?
    }
}

/// How often one is reminded of secrets that end.
const REMINDED: Duration = Duration::from_secs(24 * 60 * 60);

/// Of the secrets that soon count no more, or do so already, and of sources that have none that
/// does; their place is from 0.
pub(super) fn warn_of_ends(pipeline: &Pipeline, now: Timestamp) {
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

pub(super) fn receive(
    shared: &Arc<Shared>,
    settings: &Settings,
    listener: TcpListener,
) -> Stopping {
    let receiver = Receiver::new(
        Arc::clone(&shared.rules.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        receive::Settings::with_body_limit(settings.body_limit)
            .with_unverified(settings.unverified),
    );
    let proxies = receive::Proxies::new(settings.trusted_proxies.clone());
    let receiver = receiver
        .with_offers(Arc::clone(&shared.offers))
        .with_keys(Arc::clone(&shared.keys))
        .behind(proxies);
    let door = receive::Door::new(receiver);
    Stopping::spawn(|stop| async move {
        http::serve(listener, door, stop.cancelled_owned()).await;
        Ok(())
    })
}

pub(super) fn administer(
    shared: &Arc<Shared>,
    settings: &Settings,
    listener: TcpListener,
    key: Secret,
) -> Stopping {
    let admin = Admin::new(
        Arc::clone(&shared.rules.pipeline),
        Arc::clone(&shared.store),
        Arc::clone(&shared.metrics),
        Arc::clone(shared) as Arc<dyn Controls>,
        settings.admin_token.clone(),
    );
    let admin = Arc::new(admin.with_key(key).with_offers(Arc::clone(&shared.offers)));
    Stopping::spawn(|stop| async move {
        http::serve(listener, admin::router(admin), stop.cancelled_owned()).await;
        Ok(())
    })
}

/// It may be dropped wherever it waits: what it has begun to read is then of no use.
pub(super) fn keep_up(shared: &Arc<Shared>, watching: bool) -> anyhow::Result<Stopping> {
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

/// What was told is kept beside the store. To be called before anything comes or goes: that is news.
pub(super) async fn alert(
    shared: &Arc<Shared>,
    settings: &Settings,
    bell: &Bell,
) -> anyhow::Result<Stopping> {
    let mut memory = settings.store.file()?.into_os_string();
    memory.push("-alerts");
    let alerts = Alerts::new(Arc::clone(shared) as Arc<dyn Watched>, bell, memory.into());
    bell.set(settings.alerts.clone());
    alerts.begin().await;
    Ok(Stopping::spawn(|stop| async move {
        alerts.run(stop).await;
        Ok(())
    }))
}

/// A step under way ends; the rest of its round is for the next start.
pub(super) fn upkeep(shared: &Arc<Shared>) -> Stopping {
    let shared = Arc::clone(shared);
    Stopping::spawn(|stop| async move {
        let retention = shared.rules.retention();
        let metrics = Arc::clone(&shared.metrics);
        tokio::join!(
            super::upkeep::run(&shared.store, &shared.metrics, retention, &stop),
            room::watch(shared.file.clone(), metrics, stop.clone()),
            set_back::watch(&shared.store, stop.clone()),
        );
        Ok(())
    })
}
