//! `kabari serve`: receive webhooks and send messages, until told to stop.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::input::{self, RuleFile, StoreUrl};
use super::output;
use crate::app::{App, BadRules, Rereading};
use crate::config::{Loaded, Report};
use crate::telemetry::{self, Format};

/// How long stopping may take in all: less than the 130 s of `deploy/`, more than the attempts and
/// the listeners are given.
const STOP_MAX: Duration = Duration::from_secs(128);

/// Receive webhooks and send messages
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
    /// Where webhooks come in, instead of `server.listen`; port 0 takes a free one
    #[arg(long, env = "KABARI_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where dashboard, API and metrics are, instead of `server.admin`
    #[arg(long, env = "KABARI_ADMIN", value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Message nobody but this number (may be given again): everything else is skipped
    #[arg(long, env = "KABARI_ONLY_TO", value_name = "NUMBER", value_delimiter = ',')]
    only_to: Vec<String>,
    /// Read the rule file again only on SIGHUP and POST /api/reload, not when it changes
    #[arg(long)]
    no_watch: bool,
    /// How to log
    #[arg(long, value_enum, default_value_t = Format::Auto, value_name = "FORMAT")]
    log: Format,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut loaded = match self.rules.load_strict() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let _logging = telemetry::init(self.log, telemetry::wanted().as_deref())?;
        self.warn(&loaded.warnings);
        self.overrule(&mut loaded)?;
        // Before it says that it is ready: whoever reads that may stop it at once.
        let stop = stop_signal()?;
        let watch = !self.no_watch;
        let read = move || {
            let mut loaded = input::load(&self.rules.rules, false).map_err(BadRules::from)?;
            self.overrule(&mut loaded).map_err(|why| BadRules::because(why.to_string()))?;
            Ok(loaded)
        };
        let app = tokio::select! {
            app = App::start(loaded, Rereading { read: Arc::new(read), watch }) => app?,
            // Sealing a large store goes on for long; each of its steps is whole, and ends with us.
            () = stop.cancelled() => {
                tracing::info!("stopped while starting: the next start goes on where this one was");
                return Ok(ExitCode::SUCCESS);
            }
        };
        app.run(stop).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// For people as `check` shows it; a log for programs has nothing between its lines.
    fn warn(&self, warnings: &Report) {
        if warnings.is_empty() {
            return;
        }
        if self.log.is_json() {
            tracing::warn!("the rule file has warnings:\n{}", warnings.render(false));
        } else {
            anstream::eprintln!("{}", warnings.render(output::colour_of_errors()));
        }
    }

    /// Puts what the command line says in the place of what the file says.
    fn overrule(&self, loaded: &mut Loaded) -> anyhow::Result<()> {
        let country = loaded.pipeline.defaults().country;
        let settings = &mut loaded.settings;
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.admin = self.admin.unwrap_or(settings.admin);
        if let Some(store) = &self.store.store {
            settings.store.url.clone_from(store);
        }
        if !self.only_to.is_empty() {
            let only_to = input::recipients(&self.only_to, country);
            let only_to = only_to.with_context(|| "--only-to cannot be read")?;
            let only_to: BTreeSet<_> = only_to.into_iter().collect();
            loaded.pipeline.reaching_in_test(only_to.clone());
            settings.people.only_to = Some(only_to);
        }
        Ok(())
    }
}

/// Cancelled by SIGTERM or Ctrl-C. A second signal does not wait for anything and ends the process,
/// and so does [`STOP_MAX`]: whatever hangs, it stops.
pub(super) fn stop_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        let why = tokio::select! {
            _ = terminate.recv() => "told twice to stop",
            _ = interrupt.recv() => "told twice to stop",
            () = tokio::time::sleep(STOP_MAX) => "stopping took too long",
        };
        tracing::warn!(
            "{why}: ending at once; messages whose attempts had not ended are uncertain after the \
             next start"
        );
        std::process::exit(i32::from(output::NO));
    });
    Ok(token)
}
