//! `kabari sources [list|show NAME]`: who may send webhooks, and what must be pasted where?

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::{Value, json};
use url::Url;

use super::input::{RuleFile, StoreUrl, sample_names, shown_time, unknown_source};
use super::running::Running;
use super::{output, presets};
use crate::clock;
use crate::config::Loaded;
use crate::sources::{DatedSecret, Source};
use crate::store::{self, Reconciliation, SourceRow};

/// List and show sources: the URL to paste at the provider, where its secret is
#[derive(Debug, Args)]
pub(super) struct Sources {
    #[command(subcommand)]
    command: Option<SourcesCommand>,
    /// Where the world reaches `server.listen`, as `https://hooks.shop.example`
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<Url>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    rules: RuleFile,
    #[command(flatten)]
    store: StoreUrl,
}

#[derive(Debug, Subcommand)]
enum SourcesCommand {
    /// List all of the rule file (also without this word)
    List,
    /// List the senders that are known by name
    Presets,
    /// Show one, and what to check when its signatures do not match
    Show {
        /// Its name in the rule file
        name: String,
    },
}

/// A source of the rule file, and what came from it.
struct Row<'l> {
    source: &'l Source,
    url: String,
    seen: Option<SourceRow>,
    reconciled: Vec<Reconciliation>,
}

/// What the store has of all sources.
#[derive(Default)]
struct Seen {
    rows: Vec<SourceRow>,
    reconciled: Vec<Reconciliation>,
}

impl Sources {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if matches!(self.command, Some(SourcesCommand::Presets)) {
            return presets::list(self.json);
        }
        let loaded = match self.rules.load_lenient() {
            Ok(loaded) => loaded,
            Err(code) => return Ok(code),
        };
        let seen = self.seen(&loaded).await?;
        let row = |source| self.row(source, &loaded, &seen);
        let Some(SourcesCommand::Show { name }) = &self.command else {
            let rows: Vec<Row<'_>> = loaded.pipeline.sources().map(row).collect();
            if self.json {
                output::json(&rows.iter().map(Row::json).collect())?;
            } else {
                self.print_list(&rows, &loaded)?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        let source =
            loaded.pipeline.source(name).with_context(|| unknown_source(&loaded.pipeline, name))?;
        let row = row(source);
        let offered = self.offered(name, &loaded).await;
        if self.json {
            let mut json = row.json();
            json["offered"] = offered;
            output::json(&json)?;
        } else {
            row.print();
            print_offered(&offered);
            self.print_private(&loaded);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the store has of each source; nothing if there is none yet.
    async fn seen(&self, loaded: &Loaded) -> anyhow::Result<Seen> {
        let url = &self.store.or(loaded.settings.store.clone());
        if !url.file()?.exists() {
            return Ok(Seen::default());
        }
        let store = store::open_existing(url)?;
        Ok(Seen { rows: store.sources().await?, reconciled: store.reconciliations().await? })
    }

    /// The secrets that the sender offered to the `serve` that runs, if one does.
    async fn offered(&self, name: &str, loaded: &Loaded) -> Value {
        let url = &self.store.or(loaded.settings.store.clone());
        let nothing = || json!([]);
        let token = loaded.settings.admin_token.clone();
        let Ok(Some(running)) = Running::find(url, token) else { return nothing() };
        match running.get(&format!("/api/sources/{name}/offered")).await {
            Ok((200, offered)) => offered,
            Ok(_) => nothing(),
            Err(why) => {
                anstream::eprintln!("what the sender offered cannot be read: {why:#}");
                nothing()
            }
        }
    }

    fn row<'l>(&self, source: &'l Source, loaded: &Loaded, seen: &Seen) -> Row<'l> {
        let base = match (&self.public_url, &loaded.settings.public_url) {
            (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
            (None, Some(url)) => url.clone(),
            (None, None) => format!("http://{}", loaded.settings.listen),
        };
        let url = format!("{base}/hooks/{}", source.name());
        let places = source.reconcile().map_or(&[][..], |plan| &plan.places);
        let known = seen.reconciled.iter().filter(|it| it.source == source.name());
        let reconciled = known.filter(|it| places.contains(&it.place)).cloned().collect();
        let seen = seen.rows.iter().find(|row| row.source == source.name()).cloned();
        Row { source, url, seen, reconciled }
    }

    fn print_list(&self, rows: &[Row<'_>], loaded: &Loaded) -> std::io::Result<()> {
        let header = ["source", "preset", "URL to paste", "events", "last event (UTC)"];
        let lines = rows.iter().map(|row| {
            let (events, last) = match &row.seen {
                Some(seen) => (seen.events, shown_time(seen.last_at)),
                None => (0, "-".to_owned()),
            };
            let preset = row.source.preset().unwrap_or("-").to_owned();
            vec![row.source.name().to_owned(), preset, row.url.clone(), events.to_string(), last]
        });
        output::table(&header, lines.collect())?;
        self.print_private(loaded);
        Ok(())
    }

    /// The address in the rule file is this machine's; a provider needs one of the world.
    fn print_private(&self, loaded: &Loaded) {
        if self.public_url.is_none() && loaded.settings.public_url.is_none() {
            anstream::eprintln!(
                "{}",
                "These URLs are this machine's own: put a TLS proxy or a tunnel in front, and add \
                 its address as server.public_url to the rule file (or give --public-url https://…) to \
                 see what to paste."
                    .dimmed()
            );
        }
    }
}

impl Row<'_> {
    fn json(&self) -> Value {
        let source = self.source;
        let seen = self.seen.as_ref();
        json!({
            "name": source.name(),
            "preset": source.preset(),
            "url": self.url,
            "secret_at": source.secret_at(),
            "secrets": source.secret_count(),
            "signs": source.signs(),
            "unsigned": unsigned(source),
            "tries_again": source.tries_again(),
            "gives_up_on": source.gives_up_on(),
            "secrets_until": source.secrets().iter().map(DatedSecret::until).collect::<Vec<_>>(),
            "docs": source.docs(),
            "reconciles": source.reconcile().map_or(&[][..], |plan| &plan.places),
            "reconciled": self.reconciled,
            "events": seen.map_or(0, |seen| seen.events),
            "last_event_at": seen.map(|seen| seen.last_at),
            "last_event_kind": seen.map(|seen| &seen.last_kind),
            "messages": seen.map_or_else(|| json!({}), |seen| json!(seen.messages)),
        })
    }

    fn print(&self) {
        let source = self.source;
        let line = |name: &str, value: &str| anstream::println!("{name:<10}{value}");
        line("source", &source.name().bold().to_string());
        line("preset", source.preset().unwrap_or("- (all of it is in the rule file)"));
        line("URL", &self.url);
        line("secret", source.secret_at().unwrap_or("where the sender shows it"));
        let now = clock::now();
        for (place, secret) in source.secrets().iter().enumerate() {
            let Some(until) = secret.until() else { continue };
            let soon = if secret.ends_soon(now) { ", which is soon" } else { "" };
            line(
                "",
                &format!("number {} of them counts until {}{soon}", place + 1, shown_time(until)),
            );
        }
        line("signs", &source.signs());
        let unsigned = unsigned(source);
        if !unsigned.is_empty() {
            line("", &format!("not under the signature: {}", unsigned.join(", ")));
        }
        if !source.tries_again() {
            line(
                "",
                "it does not try again: what is refused is lost, unless `reconcile:` asks for it",
            );
        }
        if let Some(final_ones) = given_up(source) {
            line("", &final_ones);
        }
        line("docs", source.docs().unwrap_or("-"));
        match &self.seen {
            None => line("events", "none yet"),
            Some(seen) => {
                let SourceRow { events, last_kind, last_at, .. } = seen;
                line(
                    "events",
                    &format!("{events}, the last: {last_kind} at {} UTC", shown_time(*last_at)),
                );
                let states = seen.messages.iter();
                let states: Vec<_> =
                    states.map(|(state, count)| format!("{count} {state}")).collect();
                let none = states.is_empty().then(|| "none".to_owned());
                line("messages", &none.unwrap_or_else(|| states.join(", ")));
            }
        }
        self.print_reconciled();
        self.print_checks();
    }

    /// How its list of what was sent in vain was looked at.
    fn print_reconciled(&self) {
        let places = self.source.reconcile().map_or(&[][..], |plan| &plan.places);
        for place in places {
            let known = self.reconciled.iter().find(|it| it.place == *place);
            let said = known.map_or_else(|| "not looked at yet".to_owned(), Reconciliation::said);
            let total = known.map_or(0, |it| it.total.taken);
            anstream::println!("{:<10}{place}: {said}; in all {total} taken in", "missed");
        }
    }

    /// For the person whose log says `denied`.
    fn print_checks(&self) {
        let name = self.source.name();
        let tried = match self.source.secret_count() {
            1 => "one secret is".to_owned(),
            count => format!("{count} secrets are"),
        };
        let at = self.source.secret_at().unwrap_or("the sender's settings");
        let sample = self.source.preset().map(sample_names).unwrap_or_default();
        let sample = sample.split(", ").next().filter(|kind| !kind.is_empty());
        anstream::println!("\n{}", "When the log says that a signature is denied".bold());
        anstream::println!(
            "  mismatch   {tried} tried. Compare with {at}: the whole text, no space or line end \
             too many, and that of this very webhook.\n             \
             Does a proxy in front change the body? It must pass it on byte for byte."
        );
        anstream::println!(
            "  missing    No header as in `signs` above: no secret is set at the sender, or a proxy \
             drops the header."
        );
        anstream::println!("  malformed  The header is there in another form: see `docs` above.");
        anstream::println!(
            "  stale      The clocks differ, or the request waited on its way: is this machine's \
             time right?"
        );
        if let Some(kind) = sample {
            anstream::println!(
                "\n{}",
                format!(
                    "kabari trigger {name} {kind}   # signed with the secret configured here: if \
                     this is accepted, the sender has another one"
                )
                .dimmed()
            );
        }
    }
}

fn print_offered(offered: &Value) {
    for offer in offered.as_array().into_iter().flatten() {
        let text = |name: &str| offer[name].as_str().unwrap_or_default();
        anstream::println!(
            "\n{} {}\n  {}",
            "Offered as the secret at".bold(),
            output::printable(text("at")),
            output::printable(text("secret")),
        );
        anstream::println!(
            "  It counts for nothing until it is this source's `secret`: take it only if you set up \
             the webhook at that time."
        );
    }
}

/// After which answers the sender does not send an event again.
fn given_up(source: &Source) -> Option<String> {
    let statuses: Vec<String> = source.gives_up_on().iter().map(ToString::to_string).collect();
    // Who is not believed, and who asks for a source that is not there.
    let is_lost = source.gives_up_on().iter().any(|status| [401, 404].contains(status));
    let lost = if is_lost { ": under a wrong secret or name its events are lost" } else { "" };
    let after = statuses.join(", ");
    (!after.is_empty()).then(|| format!("it does not send again what is answered {after}{lost}"))
}

/// What of a request whoever has seen one can change.
fn unsigned(source: &Source) -> Vec<String> {
    source.unsigned().iter().map(ToString::to_string).collect()
}
