//! `kabari serve`: receive webhooks and send messages, until told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::input::{self, RuleFile, StoreUrl};
use super::output;
use crate::app::App;
use crate::telemetry::{self, Format};

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
    /// How to log: pretty on a terminal, JSON otherwise
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    log: Format,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut loaded = match self.rules.load_strict() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        if !loaded.warnings.is_empty() {
            anstream::eprintln!("{}", loaded.warnings.render(output::colour_of_errors()));
        }
        let _logging = telemetry::init(self.log, telemetry::wanted().as_deref())?;
        let settings = &mut loaded.settings;
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.admin = self.admin.unwrap_or(settings.admin);
        settings.store = self.store.store.unwrap_or_else(|| settings.store.clone());
        let path = self.rules.rules;
        let reload = move || input::load(&path, false).map_err(|report| report.render(false));
        let app = App::start(loaded, Box::new(reload)).await?;
        app.run(stop_signal()?).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Cancelled by SIGTERM or Ctrl-C.
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
    });
    Ok(token)
}
