//! `kabari diff`: which messages would another rule file make of the events that came?

mod compare;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use jiff::{SignedDuration, Timestamp};

use self::report::{Look, Report};
use super::input::{RuleFile, load, shown_time};
use super::output;
use super::progress::Progress;
use crate::admin::Numbers;
use crate::clock;
use crate::config::Loaded;
use crate::expr::Json;
use crate::model::{Event, EventId, Span};
use crate::pipeline::Pipeline;
use crate::sources::{Sample, Source, samples};
use crate::store::{self, Address, Kept, Unreadable};

pub(super) use compare::masked;

/// Replay stored events through two rule files, and show which messages differ
///
/// Exits with 1 if any does. The store is only read: a running `serve` is not disturbed.
#[derive(Debug, Args)]
#[command(override_usage = "kabari diff [OPTIONS] [OLD] NEW")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Diff {
    /// The new rule file, to be compared with --rules; or an old one and a new one
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Events that came within this time, as 12h or 7d
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = Span::parse)]
    since: Span,
    /// No more than so many of these, the newest
    #[arg(long)]
    limit: Option<u64>,
    /// Only events of this source
    #[arg(long)]
    source: Option<String>,
    /// Replay the built-in events of the sources instead of stored ones
    #[arg(long, conflicts_with_all = ["since", "limit"])]
    samples: bool,
    /// Show every difference, not only a few of each rule
    #[arg(long)]
    all: bool,
    /// Show numbers whole
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rules: RuleFile,
    /// The store, as `sqlite://PATH`, instead of the old rule file's
    #[arg(long, env = "KABARI_STORE", value_name = "URL")]
    store: Option<String>,
}

/// The two rule files, and what was found so far.
struct Replay<'l> {
    old: &'l Pipeline,
    new: &'l Pipeline,
    report: Report,
    unreadable: Unreadable,
    progress: Progress,
}

impl Diff {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (old, new) = match self.files.as_slice() {
            [old, new, ..] => (old, new),
            [new] => (&self.rules.rules, new),
            [] => anyhow::bail!("name the new rule file"),
        };
        let (Some(old), Some(new)) = (loaded(old), loaded(new)) else {
            return Ok(ExitCode::from(output::NO));
        };
        let numbers = Numbers::full_if(self.full);
        let look = Look { numbers, json: self.json, all: self.all };
        let mut replay = Replay {
            old: &old.pipeline,
            new: &new.pipeline,
            report: Report::new(look),
            unreadable: Unreadable::default(),
            progress: Progress::start("events"),
        };
        let what = if self.samples {
            self.replay_samples(&mut replay)?;
            "that are built in".to_owned()
        } else {
            let mut store = old.settings.store.clone();
            store.url = self.store.clone().unwrap_or(store.url);
            self.replay_stored(&mut replay, &store).await?;
            format!("of the last {}", shown_span(self.since))
        };
        replay.progress.finish();
        let differs = replay.report.finish(&what)?;
        let code = output::all_but(&replay.unreadable);
        Ok(if differs { ExitCode::from(output::NO) } else { code })
    }

    /// The events of the store, newest first, a page at a time.
    async fn replay_stored(&self, replay: &mut Replay<'_>, store: &Address) -> anyhow::Result<()> {
        let history = store::history(store).map_err(|why| {
            let is_there = store.file().is_ok_and(|file| file.exists());
            let hint = if is_there { "" } else { "; --samples replays built-in events instead" };
            anyhow::anyhow!("{why}{hint}")
        })?;
        let now = clock::now();
        let span = SignedDuration::try_from(self.since.0).unwrap_or(SignedDuration::MAX);
        let from = now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let oldest = history.oldest(self.source.clone()).await?;
        let span = oldest.map_or(span, |oldest| span.min(now.duration_since(oldest)));
        let in_time = |kept: &Kept| kept.received_at.is_none_or(|at| from <= at);
        let mut next = None;
        loop {
            let page = history.page(self.source.clone(), next).await?;
            // They were recorded in the order in which they came, but for a moment.
            if !page.events.iter().any(in_time) {
                return Ok(());
            }
            for kept in page.events.into_iter().filter(in_time) {
                if self.limit.is_some_and(|limit| limit <= replay.report.events()) {
                    return Ok(());
                }
                let Some(event) = replay.unreadable.or_counted(kept.event) else { continue };
                let label = format!("{} {}", shown_time(event.received_at), event.id);
                replay.one(&event, &label);
                replay
                    .progress
                    .at(self.done(&event, now, span, &replay.report), replay.report.events());
            }
            match page.next {
                Some(place) => next = Some(place),
                None => return Ok(()),
            }
        }
    }

    /// How much of the way is behind: in time, or in number.
    fn done(&self, event: &Event, now: Timestamp, span: SignedDuration, report: &Report) -> f64 {
        let in_time = now.duration_since(event.received_at).as_secs_f64() / span.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for a bar")]
        let in_number = self.limit.map_or(0.0, |limit| report.events() as f64 / limit as f64);
        in_time.max(in_number)
    }

    fn replay_samples(&self, replay: &mut Replay<'_>) -> anyhow::Result<()> {
        let names: BTreeSet<&str> =
            replay.old.sources().chain(replay.new.sources()).map(Source::name).collect();
        let now = clock::now();
        for name in
            names.into_iter().filter(|name| self.source.as_ref().is_none_or(|it| it == name))
        {
            let either = replay.new.source(name).or_else(|| replay.old.source(name));
            let Some((source, preset)) = either.and_then(|it| Some((it, it.preset()?))) else {
                continue;
            };
            for (sample, n) in samples().iter().filter(|it| it.preset == preset).zip(1..) {
                let event = event_of(source, sample, EventId(uuid::Uuid::from_u128(n)), now)
                    .with_context(|| format!("the built-in sample {preset}/{}", sample.kind))?;
                replay.one(&event, "built in");
            }
        }
        Ok(())
    }
}

impl Replay<'_> {
    fn one(&mut self, event: &Event, label: &str) {
        // What could not be read when it came makes no message.
        let Ok(json) = Json::parse(event.body.clone()) else { return };
        let old = self.old.messages(event, json.clone(), event.received_at);
        let new = self.new.messages(event, json, event.received_at);
        let changes = compare::compare(&old, &new);
        let report = &mut self.report;
        if changes.is_empty() {
            report.note(event, label, &changes);
        } else {
            self.progress.aside(|| report.note(event, label, &changes));
        }
    }
}

fn event_of(
    source: &Source,
    sample: &Sample,
    id: EventId,
    now: Timestamp,
) -> anyhow::Result<Event> {
    let body = Bytes::from_static(sample.body.as_bytes());
    let headers = sample.headers.iter().copied().collect();
    let reads = source.read_body(id, now, Some(sample.kind), headers, body);
    let read = reads.into_iter().next().context("there is no event in it")?;
    read.json.map(|_| read.event).map_err(anyhow::Error::msg)
}

/// The rule file, or nothing once its problems are printed. Unset variables do not matter.
fn loaded(path: &Path) -> Option<Loaded> {
    match load(path, true) {
        Ok(loaded) => Some(loaded),
        Err(report) => {
            anstream::eprintln!("{}", report.render(output::colour_of_errors()));
            None
        }
    }
}

/// A span in the largest whole unit of which there are several.
fn shown_span(span: Span) -> String {
    let seconds = span.0.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let whole =
        units.into_iter().find(|(unit, _)| *unit < seconds && seconds.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}
