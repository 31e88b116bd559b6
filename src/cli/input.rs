//! What do commands share in what they take? The rule file, the store, an event to look at.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::output;
use crate::clock;
use crate::config::{self, LoadOptions, Loaded, Reach, edit};
use crate::expr::Json;
use crate::model::{Event, EventId, Headers, Recipient};
use crate::pipeline::Pipeline;
use crate::render::{self, Country};
use crate::sources;
use crate::store::{self, Address};
use crate::verify::Request;

/// Where the rule file is.
#[derive(Debug, Args)]
pub(super) struct RuleFile {
    /// The rule file
    #[arg(
        long,
        global = true,
        display_order = 100,
        env = "KABARI_RULES",
        default_value = "rules.yaml",
        value_name = "PATH"
    )]
    pub(super) rules: PathBuf,
}

impl RuleFile {
    /// Loads it for looking: unset variables do not matter.
    pub(super) fn load_lenient(&self) -> Result<Loaded, ExitCode> {
        self.load(true)
    }

    /// Loads it for doing: everything must be there.
    pub(super) fn load_strict(&self) -> Result<Loaded, ExitCode> {
        self.load(false)
    }

    /// Loads it for looking, if it can be read; nothing is printed if not.
    pub(super) fn load_quietly(&self) -> Option<Loaded> {
        load(&self.rules, true).ok()
    }

    /// How the store and its `serve` are reached, as far as it says; nothing is printed if not.
    pub(super) fn reach_quietly(&self) -> Reach {
        match load(&self.rules, true) {
            Ok(loaded) => Reach::of(&loaded),
            Err(report) => report.reach().cloned().unwrap_or_default(),
        }
    }

    /// Loads it for doing something for which only these settings must be there.
    pub(super) fn load_needing(&self, needed: impl Fn(&str) -> bool) -> Result<Loaded, ExitCode> {
        let loaded = self.load_lenient()?;
        match loaded.warnings.missing(needed) {
            None => Ok(loaded),
            Some(report) => {
                anstream::eprintln!("{}", report.render(output::colour_of_errors()));
                Err(ExitCode::from(output::NO))
            }
        }
    }

    fn load(&self, lenient: bool) -> Result<Loaded, ExitCode> {
        load(&self.rules, lenient).map_err(|report| {
            anstream::eprintln!("{}", report.render(output::colour_of_errors()));
            ExitCode::from(output::NO)
        })
    }
}

/// Loads a rule file with the process's environment.
pub(super) fn load(path: &Path, lenient: bool) -> Result<Loaded, Box<config::Report>> {
    config::load(path, &LoadOptions { lenient, variable: &|name| std::env::var(name).ok() })
}

/// Where the store is, if not where the rule file says.
#[derive(Debug, Args)]
pub(super) struct StoreUrl {
    /// The store, as `sqlite://PATH`, instead of the rule file's
    #[arg(long, global = true, display_order = 101, env = "KABARI_STORE", value_name = "URL")]
    pub(super) store: Option<String>,
}

impl StoreUrl {
    /// The store: as given, or as the rule file says. The file is read also for the secret of one that
    /// is sealed.
    pub(super) fn resolve(&self, rules: &RuleFile) -> Result<Address, ExitCode> {
        match self.plain() {
            Some(store) => Ok(store),
            None => Ok(self.reach(rules)?.store),
        }
    }

    /// How the store and its `serve` are reached, whatever else is wrong in the rule file: who opts
    /// out, or stops a lane, must not wait until somebody mends it.
    pub(super) fn reach(&self, rules: &RuleFile) -> Result<Reach, ExitCode> {
        let report = match load(&rules.rules, true) {
            Ok(loaded) => return Ok(self.reaching(Reach::of(&loaded))),
            Err(report) => report,
        };
        let known = report.reach().cloned().map(|reach| self.reaching(reach));
        let given = || {
            let store = self.store.as_ref().map(Address::plain)?;
            Some(Reach { store, ..Reach::default() })
        };
        let Some(reach) = known.or_else(given) else {
            anstream::eprintln!("{}", report.render(output::colour_of_errors()));
            anstream::eprintln!(
                "where the store is cannot be told from it: mend it, or add --store sqlite://PATH"
            );
            return Err(ExitCode::from(output::NO));
        };
        output::warning(&format!(
            "{}, left aside, as only the store's address is needed here; `kabari check` tells more",
            report.in_short()
        ));
        Ok(reach)
    }

    /// The store that is given, if nothing more is needed to open it.
    fn plain(&self) -> Option<Address> {
        self.store.as_ref().filter(|url| !store::is_sealed(url)).map(Address::plain)
    }

    fn reaching(&self, reach: Reach) -> Reach {
        Reach { store: self.or(reach.store), ..reach }
    }

    /// The store: as given, or this one; the secrets are those of this one.
    pub(super) fn or(&self, other: Address) -> Address {
        Address { url: self.store.clone().unwrap_or(other.url), ..other }
    }
}

/// An event to look at: from a file, standard input, the store, or built in.
#[derive(Debug, Args)]
pub(super) struct EventInput {
    /// A file with the body, or - for standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["event", "sample"])]
    pub(super) file: Option<PathBuf>,
    /// A stored event, by its id
    #[arg(long, value_name = "ID", conflicts_with = "sample")]
    pub(super) event: Option<EventId>,
    /// A built-in event: a kind of the source's preset, or PRESET/KIND
    #[arg(long, value_name = "NAME")]
    pub(super) sample: Option<String>,
    /// The source that it comes from
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,
    /// Its kind, where only a header would say
    #[arg(long)]
    pub(super) kind: Option<String>,
    /// A header that came with it
    #[arg(long = "header", value_name = "NAME:VALUE")]
    pub(super) headers: Vec<String>,
    /// Change the body: a dotted path and a JSON value or text
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
}

/// An event, read.
pub(super) struct EventRead {
    pub(super) event: Event,
    pub(super) json: Json,
    pub(super) origin: Origin,
    /// The same for people.
    pub(super) told: String,
    /// As it would have arrived, if its body was not changed.
    pub(super) request: Option<Request>,
    /// Whether the id that its source promises is not there.
    pub(super) id_missing: bool,
    /// The other events of a batch.
    pub(super) more: Vec<Self>,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    Sample,
    Stored,
}

/// A body as it would come, before it is read.
struct Raw {
    source: String,
    kind: Option<String>,
    headers: Headers,
    body: Bytes,
    origin: Origin,
    told: String,
}

impl EventInput {
    /// Reads the event.
    pub(super) async fn read(
        &self,
        pipeline: &Pipeline,
        store: &Address,
    ) -> anyhow::Result<EventRead> {
        if let Some(id) = self.event {
            return self.stored(id, store).await;
        }
        let Raw { source: name, kind, mut headers, body, origin, told } = self.raw(pipeline)?;
        let source = pipeline.source(&name).with_context(|| unknown_source(pipeline, &name))?;
        for header in &self.headers {
            let (name, value) = header.split_once(':').context("write --header as NAME:VALUE")?;
            headers.push(&name.trim().to_lowercase(), value.trim());
        }
        let body = self.edited(body)?;
        let now = clock::now();
        let id = clock::event_id(now, &mut clock::dice());
        let request = self.set.is_empty().then(|| {
            let path = format!("/hooks/{name}");
            Request::new(id, now, name, "POST", path, headers.clone(), body.clone())
        });
        let reads = source.read_body(id, now, kind.as_deref(), headers, body);
        let count = reads.len();
        let mut events = Vec::with_capacity(count);
        for (read, place) in reads.into_iter().zip(1..) {
            let told =
                if count == 1 { told.clone() } else { format!("{told}, {place} of {count} in it") };
            let json = read.json.map_err(|why| anyhow::anyhow!("{told}: {why}"))?;
            let (event, id_missing, more) = (read.event, read.id_missing, Vec::new());
            events.push(EventRead { event, json, origin, told, request: None, id_missing, more });
        }
        let mut events = events.into_iter();
        let first = events.next().context("there is no event in it")?;
        Ok(EventRead { request, more: events.collect(), ..first })
    }

    async fn stored(&self, id: EventId, store: &Address) -> anyhow::Result<EventRead> {
        let event = store::history(store)?
            .event(id)
            .await?
            .with_context(|| format!("there is no event {id}; `kabari events list` shows them"))?;
        if event.body.is_empty() {
            bail!("the body of event {id} is kept no longer (`retention`, or `kabari purge`)");
        }
        let body = self.edited(event.body.clone())?;
        let json = Json::parse(body.clone()).context("its body cannot be read")?;
        let told = format!("stored {} UTC", shown_time(event.received_at));
        let (origin, event) = (Origin::Stored, Event { body, ..event });
        let (request, id_missing, more) = (None, false, Vec::new());
        Ok(EventRead { event, json, origin, told, request, id_missing, more })
    }

    /// A file or a sample.
    fn raw(&self, pipeline: &Pipeline) -> anyhow::Result<Raw> {
        let source = self.source.clone();
        if let Some(name) = &self.sample {
            let sample = sample_named(pipeline, source.as_deref(), name)?;
            let preset = sample.preset;
            let headers = sample.headers.iter().copied().collect();
            let source = source.unwrap_or_else(|| preset.to_owned());
            let body = Bytes::from_static(sample.body.as_bytes());
            let told = format!("the built-in sample {preset}/{}", sample.kind);
            let kind = self.kind.clone().or_else(|| Some(sample.kind.to_owned()));
            return Ok(Raw { source, kind, headers, body, origin: Origin::Sample, told });
        }
        let source = source.context("which source is it from? add --source NAME")?;
        let Some(path) = &self.file else {
            bail!("give a FILE with the body, - for standard input, --sample NAME or --event ID");
        };
        let body = read_body(path)?;
        let told = if path == Path::new("-") { "from standard input" } else { "from a file" };
        let (kind, headers, told) = (self.kind.clone(), Headers::default(), told.to_owned());
        Ok(Raw { source, kind, headers, body, origin: Origin::File, told })
    }

    fn edited(&self, body: Bytes) -> anyhow::Result<Bytes> {
        if self.set.is_empty() {
            return Ok(body);
        }
        let mut value: Value = serde_json::from_slice(&body).context("the body is not JSON")?;
        change(&mut value, &changes(&self.set)?)?;
        Ok(Bytes::from(serde_json::to_vec(&value)?))
    }
}

/// `--set PATH=VALUE` arguments, read: a value is JSON where it can be, else a text.
pub(super) fn changes(set: &[String]) -> anyhow::Result<Vec<(String, Value)>> {
    let read = |text: &String| {
        let (path, value) = text.split_once('=').context("write --set as PATH=VALUE")?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok((path.to_owned(), value))
    };
    set.iter().map(read).collect()
}

/// Applies them to a body.
pub(super) fn change(body: &mut Value, changes: &[(String, Value)]) -> anyhow::Result<()> {
    for (path, value) in changes {
        edit::set(body, path, value.clone())
            .map_err(|why| anyhow::anyhow!("--set {path}: {why}"))?;
    }
    Ok(())
}

/// Numbers as people write them, all or none; of several it is said which one is wrong.
pub(super) fn recipients(
    numbers: &[String],
    country: Option<Country>,
) -> anyhow::Result<Vec<Recipient>> {
    let read = |(place, number): (usize, &String)| {
        render::recipient(number, country).map_err(|why| {
            // Where there is no digit, nothing of a number can be told.
            let is_text = !number.contains(|c: char| c.is_numeric());
            let text = output::printable(number.trim());
            let shown = if is_text { format!(", `{text}`") } else { String::new() };
            match numbers.len() {
                1 if is_text => anyhow::anyhow!("`{text}` is no number: {why}"),
                1 => anyhow::Error::from(why),
                _ => anyhow::anyhow!("the {} number{shown}: {why}", ordinal(place)),
            }
        })
    };
    (1..).zip(numbers).map(read).collect()
}

/// `1st`, `2nd`, `11th`.
fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// A time as people read it, in UTC, to the second.
pub(super) fn shown_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What to say about a source that is not configured.
pub(super) fn unknown_source(pipeline: &Pipeline, name: &str) -> String {
    let names: Vec<&str> = pipeline.sources().map(sources::Source::name).collect();
    format!("the rule file has no source `{name}`; it has: {}", names.join(", "))
}

/// The kinds of a preset's samples.
pub(super) fn sample_names(preset: &str) -> String {
    let kinds = sources::samples().iter().filter(|sample| sample.preset == preset);
    kinds.map(|sample| sample.kind).collect::<Vec<_>>().join(", ")
}

/// The sample `PRESET/KIND`, or a kind of the source's preset. A kind may have a slash in it too.
fn sample_named(
    pipeline: &Pipeline,
    source: Option<&str>,
    name: &str,
) -> anyhow::Result<&'static sources::Sample> {
    let whole = name.split_once('/');
    if let Some(sample) = whole.and_then(|(preset, kind)| sources::sample(preset, kind)) {
        return Ok(sample);
    }
    let known = |preset: &str| sources::samples().iter().any(|sample| sample.preset == preset);
    let (preset, kind) = match whole.filter(|(preset, _)| source.is_none() || known(preset)) {
        Some((preset, kind)) => (preset.to_owned(), kind),
        None => (preset_of(pipeline, source)?, name),
    };
    sources::sample(&preset, kind).with_context(|| {
        format!("there is no sample {preset}/{kind}; there are: {}", sample_names(&preset))
    })
}

fn preset_of(pipeline: &Pipeline, source: Option<&str>) -> anyhow::Result<String> {
    let name = source.context("which provider's sample? write PRESET/KIND or add --source NAME")?;
    let source = pipeline.source(name).with_context(|| unknown_source(pipeline, name))?;
    let preset = source.preset();
    Ok(preset.with_context(|| format!("source `{name}` has no preset, so no samples"))?.to_owned())
}

fn read_body(path: &Path) -> anyhow::Result<Bytes> {
    if path == Path::new("-") {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).context("standard input")?;
        return Ok(body.into());
    }
    Ok(std::fs::read(path).with_context(|| path.display().to_string())?.into())
}
