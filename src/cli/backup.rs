//! `kabari backup`: a copy of the store, also while `serve` writes it

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::input::{RuleFile, StoreUrl};
use super::output;
use super::progress::Progress;
use crate::store;

/// Copy the store to a new file, also while `serve` runs
///
/// The copy is the store as it was at one moment, checked, readable by you alone, and complete in
/// one file. A file that is there already is not overwritten.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Backup {
    /// The new file
    path: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

const EXAMPLES: &str = "\
Examples:
  kabari backup /backup/kabari-monday.db
  kabari backup --store sqlite:///var/lib/kabari/kabari.db /backup/kabari.db

To go back to a copy: stop `serve`, move the store's file and its -wal and -shm away, put the copy
in its place. What waited when the copy was made may have been sent since: before you start `serve`,
`kabari messages cancel --state waiting --dry-run` shows it.";

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = match self.store.resolve(&self.rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        let to = self.path.clone();
        let copying = tokio::task::spawn_blocking(move || {
            let mut progress = Progress::start("% copied");
            let copied = store::backup(&url.url, &to, &mut |done| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a percentage"
                )]
                progress.at(done, (done * 100.0) as u64);
            });
            progress.finish();
            copied
        });
        let copied = copying.await??;
        let path = self.path.display();
        if self.json {
            output::json(&json!({
                "path": path.to_string(),
                "bytes": copied.bytes,
                "events": copied.events,
                "messages": copied.messages,
            }))?;
        } else {
            anstream::println!(
                "{path}: {} events, {} messages, {} bytes, checked",
                copied.events,
                copied.messages,
                copied.bytes
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
