//! `kabari demo`: the main job on built-in events, with no account and no network.
//!
//! A sandbox, a real kabari with the shipped rule file, and signed events that go in by HTTP.

mod play;
mod screen;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::play::Tally;
use super::output;
use super::serve::stop_signal;
use crate::app::{App, BadRules, Rereading};
use crate::clock;
use crate::config::{self, LoadOptions, Loaded};
use crate::dispatch::{LaneSettings, Pace};
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::store::Address;

/// The rule file that everyone copies.
const RULES: &str = include_str!("../../../rules.yaml");
/// How long `--once` may take from the first event to the last message, at its own speed.
const ONCE_MAX: Duration = Duration::from_secs(25);
/// The speed of `--once`, if none is given.
const ONCE_SPEED: f64 = 10.0;
/// The speed for people who watch: half the time of the real one.
const WATCHED_SPEED: f64 = 2.0;
/// Where the phone page is, if the port is free.
const PHONE_PORT: u16 = 9091;
/// Where the dashboard is, if the port is free.
const DASHBOARD_PORT: u16 = 9090;

/// The main job on built-in events: no account, no network
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Play each event once and end; exit 0 only if all arrived
    #[arg(long)]
    once: bool,
    /// How many times faster than the real Wachat [default: 2, with --once 10]
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Print the demo's rule file, to begin your own with, and end
    #[arg(long, conflicts_with_all = ["once", "speed"])]
    print_rules: bool,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.print_rules {
            return output::text(RULES);
        }
        let place = tempfile::Builder::new().prefix("kabari-demo-").tempdir()?;
        let usual = if self.once { ONCE_SPEED } else { WATCHED_SPEED };
        let speed = self.speed.unwrap_or(usual);
        let sandbox =
            Sandbox::new(SandboxSettings { speed, stand_ins: true, ..SandboxSettings::default() })?;
        let phone = bind(if self.once { 0 } else { PHONE_PORT }).await?;
        let phone_at = phone.local_addr()?;
        let stop = stop_signal()?;
        let sandbox_stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (sandbox, stop) = (sandbox.clone(), sandbox_stop.clone());
            async move { sandbox.serve(phone, stop.cancelled_owned()).await }
        });
        let mut loaded = load()?;
        let settings = &mut loaded.settings;
        settings.store =
            Address::plain(format!("sqlite://{}", place.path().join("demo.db").display()));
        settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        settings.admin = free(if self.once { 0 } else { DASHBOARD_PORT }).await;
        settings.wachat.base_url = format!("http://{phone_at}").parse()?;
        for lane in settings.instances.values_mut() {
            *lane = LaneSettings { pace: Some(Pace::OFF), ..LaneSettings::default() };
        }
        let again = || Err(BadRules::because("the demo's rules are built in"));
        let again = Rereading { read: Arc::new(again), watch: false };
        let app = App::start(loaded, again).await?;
        let arrived = self.play(&app, &sandbox, phone_at, &stop).await;
        let finished = app.stop().await;
        sandbox_stop.cancel();
        serving.await??;
        finished?;
        Ok(ExitCode::from(if arrived? { 0 } else { output::NO }))
    }

    async fn play(
        &self,
        app: &App,
        sandbox: &Sandbox,
        phone_at: SocketAddr,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        screen::opening(phone_at, app.admin_addr());
        let printer = screen::Printer::start(sandbox.outbox(), names());
        let mut tally = Tally::default();
        let stopped = tokio::select! {
            played = play::all(app, self.at_most(), &mut tally) => played.map(|()| false)?,
            () = stop.cancelled() => true,
        };
        tally.stopped = stopped;
        printer.finish(&tally).await;
        screen::closing(&tally, self.once);
        if !self.once {
            stop.cancelled().await;
        }
        Ok(tally.all_arrived())
    }

    /// How long the messages may take. Whoever watches ends it, and whoever asks for less speed
    /// gets more time.
    fn at_most(&self) -> Duration {
        let slower = self.speed.map_or(1.0, |speed| (ONCE_SPEED / speed).clamp(1.0, 1000.0));
        if self.once { ONCE_MAX.mul_f64(slower) } else { Duration::from_secs(86400) }
    }
}

/// What the rule file calls the numbers and groups of its `vars:`.
fn names() -> HashMap<String, String> {
    #[derive(Deserialize)]
    struct Vars {
        vars: HashMap<String, String>,
    }
    // Without names, the masked numbers are shown.
    let vars = serde_yaml::from_str::<Vars>(RULES).map(|file| file.vars).unwrap_or_default();
    vars.into_iter().map(|(name, number)| (number, name.replace('_', " "))).collect()
}

/// The shipped rule file with secrets of the demo's own.
fn load() -> anyhow::Result<Loaded> {
    let secret = || {
        let mut dice = clock::dice();
        let word = |dice: &mut fastrand::Rng| format!("{:016x}", dice.u64(..));
        format!("{}{}", word(&mut dice), word(&mut dice))
    };
    let options = LoadOptions { lenient: false, variable: &|_| Some(secret()) };
    config::load_text("rules.yaml".into(), RULES.to_owned(), &options)
        .map_err(|report| anyhow::anyhow!("the built-in rule file: {}", report.render(false)))
}

/// Listens on a port of this machine, or on another one if it is taken.
async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        return Ok(listener);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free port on this machine")
}

/// The address with this port, or with port 0 if it is taken.
async fn free(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}
