//! `kabari sandbox`: a Wachat look-alike on this machine, with a page to watch.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::serve::stop_signal;
use crate::sandbox::{self, FAULT_HELP, FaultSpec, SandboxSettings};
use crate::secret::Secret;

/// Runs a local Wachat look-alike that shows what people would see; nothing reaches WhatsApp.
#[derive(Debug, Args)]
#[command(after_long_help = FAULT_HELP)]
pub(super) struct Sandbox {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    listen: SocketAddr,
    /// How many times faster than the real one it waits (which shows "typing" for 3 to 5 s).
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    speed: f64,
    /// The token that it asks for; without it, any that is not empty.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Fails on purpose, as in `504*1` or `429:30*2@jakarta_store`; repeatable, see below.
    #[arg(long, value_name = "SPEC")]
    fail: Vec<FaultSpec>,
    /// Fetches nothing from the network: a sample stands in for images and documents.
    #[arg(long)]
    offline: bool,
}

impl Sandbox {
    /// Runs until Ctrl-C.
    ///
    /// # Errors
    /// A speed that is not above 0, or an address that cannot be listened at.
    #[expect(clippy::print_stdout, reason = "a command speaks to its user")]
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let token = self.token.filter(|token| !token.is_empty()).map(Secret::new);
        let hint =
            if token.is_some() { "it asks for the token you gave" } else { "any token will do" };
        let settings = SandboxSettings {
            speed: self.speed,
            token,
            faults: self.fail,
            stand_ins: self.offline,
        };
        let sandbox = sandbox::Sandbox::new(settings)?;
        let listener = TcpListener::bind(self.listen).await.with_context(|| {
            format!("cannot listen at {}: choose another with --listen", self.listen)
        })?;
        let address = listener.local_addr()?;
        let stop = stop_signal()?;
        println!("Open http://{address} to see what arrives. Nothing reaches WhatsApp.");
        println!("To send here, add one line to rules.yaml; {hint}:\n");
        println!("wachat:\n  base_url: http://{address}\n");
        println!("Ctrl-C ends it.");
        sandbox.serve(listener, stop.cancelled_owned()).await?;
        Ok(ExitCode::SUCCESS)
    }
}
