//! `kabari purge`: a person is to be forgotten
//!
//! The store is written directly, also while `serve` runs, in steps as small as a webhook's.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::input::{RuleFile, StoreUrl};
use super::output;
use super::progress::Progress;
use crate::render;
use crate::store;

/// Forget a person: remove the number, and what was sent and received about it
///
/// Messages lose number, text and request; those still to go are cancelled. Events that hold the
/// number, however it is written, lose headers and body. A person who opted out goes on getting
/// nothing: a digest of the number is kept for that. Files that the rule file names, logs and
/// backups are yours to look through.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Purge {
    /// The number, as people write it
    #[arg(long, value_name = "NUMBER")]
    recipient: String,
    /// Only count what would be removed
    #[arg(long)]
    dry_run: bool,
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
  kabari purge --recipient '+62 812-3456-7890' --dry-run
  kabari purge --recipient 6281234567890

A message on its way, an open group, and messages to others that name the number and are still to go
are left and counted: purge again when they are done (exit code 1 until then).";

impl Purge {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let url = match self.store.resolve(&self.rules) {
            Ok(url) => url,
            Err(code) => return Ok(code),
        };
        let country = self.rules.reach_quietly().country;
        let recipient = render::recipient(&self.recipient, country)
            .map_err(|why| anyhow::anyhow!("--recipient {why}"))?;
        let mut progress = Progress::start("rows looked at");
        let purged = store::purge(&url, recipient.expose(), self.dry_run, &mut |done, seen| {
            progress.at(done, seen);
        })
        .await?;
        progress.finish();
        if self.json {
            output::json(&json!({
                "dry_run": self.dry_run,
                "messages": purged.messages,
                "events": purged.events,
                "contacts": purged.contacts,
                "opted_out": purged.opted_out,
                "left": purged.left,
                "unreadable": purged.unreadable,
                "rewritten": purged.rewritten,
            }))?;
        } else {
            let would = if self.dry_run { "would be forgotten in" } else { "forgotten in" };
            anstream::println!(
                "{recipient}: {would} {} messages, {} events, {} sessions' contacts",
                purged.messages,
                purged.events,
                purged.contacts
            );
            if purged.opted_out {
                anstream::println!("opted out before: stays so, by a digest of the number");
            }
            if 0 < purged.left {
                anstream::println!(
                    "{} are still to go and were left: purge again later",
                    purged.left
                );
            }
            if 0 < purged.unreadable {
                anstream::println!(
                    "{} rows cannot be read, and whether the number is in them nobody knows: they \
                     were damaged or changed from outside (the log names them)",
                    purged.unreadable
                );
            }
            if !purged.rewritten && !self.dry_run {
                anstream::println!(
                    "the file is large and in use: traces may be left in its free room until \
                     `kabari purge` is run once with `serve` stopped"
                );
            }
        }
        let is_whole = purged.left + purged.unreadable == 0 && (purged.rewritten || self.dry_run);
        Ok(ExitCode::from(if is_whole { 0 } else { output::NO }))
    }
}
