//! How does what is on the disk come into force? All that can fail first, then the swaps.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::snapshot::Snapshot;
use super::watch::{QUIET, Watch};
use crate::alerts::Bell;
use crate::clock;
use crate::config::{Inputs, Loaded, Report, Settings};
use crate::dispatch::{LaneSettings, Lanes, People};
use crate::model::{Networks, Severity, counted};
use crate::pipeline::Pipeline;
use crate::receive::UnverifiedSettings;
use crate::secret::Secret;
use crate::store::{self, Retention};
use crate::telemetry::Metrics;
use crate::wachat::{self, Client, Fates};

/// How often it is read again when it changes while it is read.
const READINGS_MAX: usize = 5;
/// How many mistakes one line of the log names.
const MISTAKES_TOLD: usize = 3;
/// How many mistakes the detail of `/readyz` names.
const MISTAKES_DETAILED: usize = 20;

/// Reads the rule file again.
pub type Read = dyn Fn() -> Result<Loaded, BadRules> + Send + Sync;

/// Where the rules come from, to have them again.
pub struct Rereading {
    /// Reads them.
    pub read: Arc<Read>,
    /// Whether they are read again by themselves when a file changes.
    pub watch: bool,
}

/// Why rules were not read.
#[derive(Clone, Debug)]
pub struct BadRules {
    /// The first mistakes, in one line.
    pub summary: String,
    /// More of them, as a line.
    pub detail: String,
    /// All mistakes, for people.
    pub report: String,
    /// What was read before it was given up.
    pub inputs: Inputs,
}

/// The rules in force, and what it takes to have others.
pub(super) struct Rules {
    pub(super) pipeline: Arc<ArcSwap<Pipeline>>,
    lanes: Lanes,
    metrics: Arc<Metrics>,
    bell: Bell,
    read: Arc<Read>,
    retention: watch::Sender<Retention>,
    fixed: Fixed,
    /// Held while it is read again: one at a time.
    last: tokio::sync::Mutex<Last>,
    /// Told of every swap.
    swaps: watch::Sender<()>,
    /// What is wrong with the file on disk, while the last good one is in force.
    mistakes: Mutex<Option<String>>,
}

/// What was read last, and what of it is in force outside of the pipeline.
#[derive(Clone)]
struct Last {
    inputs: Inputs,
    snapshot: Snapshot,
    wachat: wachat::Settings,
    fates: Fates,
    lanes: BTreeMap<String, LaneSettings>,
}

/// Why it is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody asked for it, so it is done in any case.
    Told,
    /// Something may have changed on the disk.
    Stirred,
}

/// What a reading made, ready for the swap.
struct Ready {
    loaded: Loaded,
    /// Only where the account or the way to it changed: a new client has no open connections.
    client: Option<Client>,
}

/// A reading, good or bad, with what it depended on.
struct Reading {
    outcome: Result<Ready, BadRules>,
    inputs: Inputs,
    snapshot: Snapshot,
}

impl BadRules {
    /// Of what is no mistake in a file.
    pub fn because(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { summary: why.clone(), detail: why.clone(), report: why, inputs: Inputs::default() }
    }
}

impl From<Box<Report>> for BadRules {
    fn from(report: Box<Report>) -> Self {
        let errors = report.problems().iter().filter(|it| it.severity == Severity::Error);
        let mut told: Vec<String> = errors
            .map(|it| format!("{}:{}:{}: {}", it.file, it.line, it.column, it.message))
            .collect();
        let detail: Vec<&str> = told.iter().map(String::as_str).take(MISTAKES_DETAILED).collect();
        let detail = detail.join("; ");
        let more = told.len().saturating_sub(MISTAKES_TOLD);
        told.truncate(MISTAKES_TOLD);
        if more > 0 {
            told.push(format!("and {more} more (`kabari check` shows them)"));
        }
        let inputs = report.inputs().clone();
        Self { summary: told.join("; "), detail, report: report.render(false), inputs }
    }
}

impl Rules {
    /// The rules that were loaded at the start.
    pub(super) fn new(
        loaded: Loaded,
        lanes: Lanes,
        metrics: Arc<Metrics>,
        bell: Bell,
        read: Arc<Read>,
    ) -> Self {
        let inputs = loaded.inputs();
        let Settings { wachat, fates, instances, .. } = loaded.settings.clone();
        let snapshot = Snapshot::of(&inputs);
        metrics.rules_loaded(loaded.pipeline.rule_count(), clock::now());
        Self {
            pipeline: Arc::new(ArcSwap::from_pointee(loaded.pipeline)),
            lanes,
            metrics,
            bell,
            read,
            retention: watch::Sender::new(loaded.settings.retention),
            fixed: Fixed::of(&loaded.settings),
            last: tokio::sync::Mutex::new(Last {
                inputs,
                snapshot,
                wachat,
                fates,
                lanes: instances,
            }),
            swaps: watch::Sender::new(()),
            mistakes: Mutex::new(None),
        }
    }

    /// Changes whenever other rules are in force.
    pub(super) fn reloads(&self) -> watch::Receiver<()> {
        self.swaps.subscribe()
    }

    /// Reads the rule file on SIGHUP and, if wanted, when something changes on the disk; never
    /// returns, and may be dropped at any time.
    pub(super) async fn keep_up(&self, mut hangup: Signal, watching: bool) {
        let mut watch = if watching { Some(Watch::new()) } else { None };
        loop {
            let mut is_new = false;
            if let Some(it) = watch {
                let inputs = self.last.lock().await.inputs.clone();
                let followed = spawn_blocking(move || it.follow(&inputs)).await;
                let (it, news) = followed.unwrap_or_else(|_| (Watch::new(), false));
                (watch, is_new) = (Some(it), news);
            }
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            let why = tokio::select! {
                _ = hangup.recv() => Why::Told,
                () = changed => Why::Stirred,
                // Before it was watched, something may have happened to it.
                () = sleep(QUIET), if is_new => Why::Stirred,
            };
            let _ = self.reload(why).await;
        }
    }

    /// What is in force now, in words, or the report of why it is what it was.
    pub(super) async fn reload(&self, why: Why) -> Result<String, String> {
        // Whoever else wants it waits here, and then finds the newest.
        let mut last = self.last.lock().await;
        let (read, before) = (Arc::clone(&self.read), last.clone());
        let reading = match spawn_blocking(move || before.read_again(&*read, why)).await {
            Ok(Some(reading)) => reading,
            Ok(None) => {
                tracing::debug!("the rule file is what it was");
                return Ok("nothing has changed".to_owned());
            }
            Err(broken) => return Err(self.refuse(&BadRules::because(broken.to_string()))),
        };
        (last.inputs, last.snapshot) = (reading.inputs, reading.snapshot);
        match reading.outcome {
            Ok(ready) => Ok(self.put_in_force(&mut last, ready, why)),
            Err(bad) => Err(self.refuse(&bad)),
        }
    }

    /// How long what is kept, also after it changes.
    pub(super) fn retention(&self) -> watch::Receiver<Retention> {
        self.retention.subscribe()
    }

    /// `ok`, or what is wrong with the file on disk.
    pub(super) fn standing(&self) -> String {
        self.mistakes().unwrap_or_else(|| "ok".to_owned())
    }

    /// What is wrong with the file on disk, if anything.
    pub(super) fn mistakes(&self) -> Option<String> {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refuse(&self, bad: &BadRules) -> String {
        let told = format!("the last good rules stay in force: {}", bad.detail);
        *self.mistakes.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        self.metrics.reload_failed();
        self.bell.ring();
        tracing::error!("the rule file has mistakes, the last good one stays: {}", bad.summary);
        bad.report.clone()
    }

    /// Says who is messaged where that is another answer than before.
    fn restrict(&self, people: People) {
        let (now, denies) = (people.restriction(), !people.deny.is_empty());
        let before = self.lanes.set_people(people);
        if !before.deny.is_empty() && !denies {
            let many = counted(before.deny.len(), "recipient");
            tracing::warn!("the list `recipients.deny` named {many} and names nobody now");
        }
        match now {
            now if now == before.restriction() => {}
            Some(now) => tracing::warn!("not everybody is messaged: {now}"),
            None => tracing::warn!("everybody is messaged again"),
        }
    }

    /// Nothing here can fail. The lanes come first: a message of the new rules finds its own.
    fn put_in_force(&self, last: &mut Last, ready: Ready, why: Why) -> String {
        let Ready { loaded, client } = ready;
        let Loaded { pipeline, settings, warnings, .. } = loaded;
        let needs_restart = self.fixed.differences(&Fixed::of(&settings));
        let rules = pipeline.rule_count();
        self.restrict(settings.people);
        self.bell.set(settings.alerts);
        self.retention.send_if_modified(|now| {
            std::mem::replace(now, settings.retention) != settings.retention
        });
        if why == Why::Told || client.is_some() || settings.instances != last.lanes {
            self.lanes.update(client, settings.instances.clone());
        }
        (last.wachat, last.fates) = (settings.wachat, settings.fates);
        last.lanes = settings.instances;
        let old = self.pipeline.swap(Arc::new(pipeline));
        self.swaps.send_replace(());
        // A hundred thousand rules take their time to be forgotten.
        drop(spawn_blocking(move || drop(old)));
        self.metrics.rules_loaded(rules, clock::now());
        *self.mistakes.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if !warnings.is_empty() {
            tracing::warn!("the rule file has warnings:\n{}", warnings.render(false));
        }
        let mut said = format!("{rules} rules are in force");
        tracing::info!("rules reloaded: {said}");
        if !needs_restart.is_empty() {
            let restart = format!("{} changed too and needs a restart", needs_restart.join(", "));
            tracing::warn!("{restart}");
            said = format!("{said}; {restart}");
        }
        said
    }
}

impl Last {
    /// Reads until it did not change meanwhile, so that what is in force is what the snapshot
    /// says; `None` if there is nothing new. Blocks.
    fn read_again(&self, read: &Read, why: Why) -> Option<Reading> {
        let mut before = Snapshot::of(&self.inputs);
        if why == Why::Stirred && before == self.snapshot {
            return None;
        }
        let mut readings = 0;
        loop {
            readings += 1;
            let loaded = read();
            let inputs = match &loaded {
                Ok(loaded) => loaded.inputs(),
                Err(bad) => bad.inputs.clone(),
            };
            let snapshot = Snapshot::of(&inputs);
            if snapshot == before || readings == READINGS_MAX {
                let outcome = loaded.and_then(|loaded| self.prepare(loaded));
                return Some(Reading { outcome, inputs, snapshot });
            }
            before = snapshot;
        }
    }

    fn prepare(&self, loaded: Loaded) -> Result<Ready, BadRules> {
        let wachat = &loaded.settings.wachat;
        let is_same = wachat.base_url == self.wachat.base_url
            && wachat.timeout == self.wachat.timeout
            && wachat.token.equals(self.wachat.token.expose().as_bytes())
            && loaded.settings.fates == self.fates;
        let client = match (!is_same).then(|| Client::new(wachat.clone())).transpose() {
            Ok(client) => client.map(|it| it.with_fates(loaded.settings.fates.clone())),
            Err(why) => {
                let inputs = loaded.inputs();
                return Err(BadRules { inputs, ..BadRules::because(format!("{why:#}")) });
            }
        };
        Ok(Ready { loaded, client })
    }
}

/// The settings that a reload cannot change.
struct Fixed {
    listen: SocketAddr,
    admin: SocketAddr,
    admin_token: Option<Secret>,
    trusted_proxies: Networks,
    body_limit: u64,
    unverified: UnverifiedSettings,
    store: store::Address,
}

impl Fixed {
    fn of(settings: &Settings) -> Self {
        Self {
            listen: settings.listen,
            admin: settings.admin,
            admin_token: settings.admin_token.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            body_limit: settings.body_limit,
            unverified: settings.unverified,
            store: settings.store.clone(),
        }
    }

    /// The names of those that differ.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let is_same_token = match (&self.admin_token, &other.admin_token) {
            (Some(one), Some(other)) => one.equals(other.expose().as_bytes()),
            (one, other) => one.is_none() && other.is_none(),
        };
        let (one, two) = (&self.store, &other.store);
        let is_same_store = one.url == two.url && one.secrets.equals(&two.secrets);
        let all = [
            ("server.listen", self.listen != other.listen),
            ("server.admin", self.admin != other.admin),
            ("server.admin_token", !is_same_token),
            ("server.trusted_proxies", self.trusted_proxies != other.trusted_proxies),
            ("server.body_limit", self.body_limit != other.body_limit),
            ("server.unverified", self.unverified != other.unverified),
            ("store", !is_same_store),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}
