//! The commands, one file each; the file is named as the user names the command.
//!
//! Exit codes: 0 fine, 1 the answer is no, 2 wrong usage.

mod input;
mod output;
mod progress;
mod moment;
mod known;
mod running;
mod words;

mod serve;
mod check;
mod test;
mod explain;
mod diff;
mod trigger;
mod send;
mod events;
mod messages;
mod lanes;
mod optout;
mod backup;
mod purge;
mod export;
mod sources;
mod presets;
mod secrets;
mod sandbox;
mod demo;
mod schema;
mod completions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Turns signed webhooks into WhatsApp messages.
#[derive(Debug, Parser)]
#[command(name = "kabari", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 the answer is no, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive webhooks and send messages
    Serve(serve::Serve),
    /// Report every problem in the rule file
    Check(check::Check),
    /// Run the rule file's own tests
    Test(test::Test),
    /// Show what the rules make of an event, and why; sends nothing
    Explain(explain::Explain),
    /// Replay stored events through two rule files, and show which messages differ
    Diff(diff::Diff),
    /// Sign a built-in event and post it
    Trigger(trigger::Trigger),
    /// Send one message now
    Send(send::SendNow),
    /// List, show and replay events
    Events(events::Events),
    /// List, show, retry, resend and cancel messages, one or many
    Messages(messages::Messages),
    /// List lanes, one for each WhatsApp session, and let them pause and go on
    Lanes(lanes::Lanes),
    /// Keep the list of those who want no messages
    Optout(optout::OptOuts),
    /// Print events and messages as JSON lines, the oldest first
    Export(export::Export),
    /// Forget a person: the number, and what was sent and received about it
    Purge(purge::Purge),
    /// Copy the store to a new file, also while `serve` runs
    Backup(backup::Backup),
    /// List and show sources: the URL to paste at the provider, where its secret is
    Sources(sources::Sources),
    /// Make secrets
    Secrets(secrets::Secrets),
    /// Run a Wachat look-alike on this machine, to try things without an account
    Sandbox(sandbox::Sandbox),
    /// Play the main job on built-in events: no account, no network
    Demo(demo::Demo),
    /// Print the JSON Schema of rule files, for editors
    Schema(schema::Schema),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.worker_threads(worker_threads()).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&anyhow::Error::from(error)),
    };
    let outcome = runtime.block_on(run(cli.command));
    // A question to a disk that hangs must not keep the process from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}

/// One core is left to the thread that writes the store: with a thread of ours on every core, they
/// took turns in the middle of each commit, which cost 8 % of the CPU and a third of the p99.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => serve.run().await,
        Command::Check(check) => check.run(),
        Command::Test(test) => test.run().await,
        Command::Explain(explain) => explain.run().await,
        Command::Diff(diff) => diff.run().await,
        Command::Trigger(trigger) => trigger.run().await,
        Command::Send(send) => send.run().await,
        Command::Events(events) => events.run().await,
        Command::Messages(messages) => messages.run().await,
        Command::Lanes(lanes) => lanes.run().await,
        Command::Optout(opt_outs) => opt_outs.run().await,
        Command::Export(export) => export.run().await,
        Command::Purge(purge) => purge.run().await,
        Command::Backup(backup) => backup.run().await,
        Command::Sources(sources) => sources.run().await,
        Command::Secrets(secrets) => secrets.run(),
        Command::Sandbox(sandbox) => sandbox.run().await,
        Command::Demo(demo) => demo.run().await,
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(),
    }
}
