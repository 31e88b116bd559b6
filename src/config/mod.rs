//! rules.yaml → Pipeline and Settings, with every problem at its place.

mod text;
mod offsets;
mod filled;
mod node;
mod later;
mod blot;
mod codes;
mod problem;
mod open;
mod parse;
mod syntax;
mod scalar;
mod interpolate;
mod read;
mod read_error;
mod deserializer;
mod access;
mod variant;
mod placed;
mod account;
mod server;
mod file;
mod inputs;
mod innermost;
mod book;
mod include;
mod places;
mod examine;
mod store;
mod compose;
mod rehearse;
mod vars;
mod tables;
mod doubts;
mod repeats;
mod assemble;
mod reach;
mod lists;
mod delivery;
pub(crate) mod edit;
mod cases;
mod schema;
mod reference;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use self::assemble::Ground;
use self::book::{Book, TreeId};
use self::compose::Common;
use self::doubts::Doubts;
use self::examine::Known;
use self::file::{IncludedFile, RuleFile, TestSettings};
use self::lists::List;
use self::placed::Placed;
use self::rehearse::Stages;
use self::tables::Tables;
use crate::alerts::Hook;
use crate::clock;
use crate::dispatch::{LaneSettings, People};
use crate::model::Networks;
use crate::pipeline::Pipeline;
use crate::receive::UnverifiedSettings;
use crate::secret::Secret;
use crate::store::{Address, Retention};
use crate::wachat::{self, Fates};

pub use cases::TestCase;
pub use codes::{CODES, Code};
pub use inputs::{Include, Inputs};
pub use places::{RulePlace, RulePlaces};
pub use problem::{Problem, Report};
pub use reach::Reach;
pub(crate) use read::nearest;
pub use reference::reference;
pub use schema::schema;

/// GitHub's own cap on a delivery.
const BODY_LIMIT: u64 = 25 << 20;

/// What is read from a rule file and all it includes.
#[derive(Debug)]
pub struct Loaded {
    /// What decides about requests.
    pub pipeline: Pipeline,
    /// What the rest of the program needs.
    pub settings: Settings,
    /// `tests:`, for `kabari test`.
    pub tests: Vec<TestCase>,
    /// Where each rule stands, by its name.
    pub places: RulePlaces,
    /// All files that were read: when one changes, the rule file is to be read again.
    pub files: Vec<PathBuf>,
    /// What `include:` asks for: when another file matches it, the same.
    pub includes: Vec<Include>,
    /// What is legal but surely not meant, and, for a lenient load, unset variables.
    pub warnings: Report,
}

impl Loaded {
    /// What it was all read from.
    pub fn inputs(&self) -> Inputs {
        Inputs { files: self.files.clone(), includes: self.includes.clone() }
    }
}

/// All but the pipeline.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `server.listen`: webhooks. Default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// `server.admin`: dashboard, API, health. Default 127.0.0.1:9090.
    pub admin: SocketAddr,
    /// `server.admin_token`.
    pub admin_token: Option<Secret>,
    /// `server.public_url`, without a slash at its end: where the world reaches `listen`.
    pub public_url: Option<String>,
    /// `server.trusted_proxies`.
    pub trusted_proxies: Networks,
    /// `server.body_limit` in bytes. Default 25 MiB, GitHub's cap.
    pub body_limit: u64,
    /// `server.unverified`.
    pub unverified: UnverifiedSettings,
    /// `store`, a relative path resolved against the rule file. Default `sqlite://kabari.db`.
    pub store: Address,
    /// `wachat`, its token, address and time-out.
    pub wachat: wachat::Settings,
    /// `wachat.fates`.
    pub fates: Fates,
    /// `wachat.instances`, and the default instance in any case.
    pub instances: BTreeMap<String, LaneSettings>,
    /// `alerts`.
    pub alerts: Option<Hook>,
    /// `recipients`, and the days on which nobody is messaged.
    pub people: People,
    /// `retention`. Default 90 days, without a limit of size.
    pub retention: Retention,
}

/// How to load.
pub struct LoadOptions<'a> {
    /// Unset variables and missing secret files are warnings, with a placeholder in their stead:
    /// for everything but `serve` and `send`.
    pub lenient: bool,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads the rule file at `path`.
///
/// # Errors
/// All problems at once.
pub fn load(path: &Path, options: &LoadOptions<'_>) -> Result<Loaded, Box<Report>> {
    match include::read(path, include::BYTES_MAX) {
        Ok(text) => load_text(path.to_owned(), text, options),
        Err(why) => Err(Box::new(Report::unreadable(path, &why))),
    }
}

/// Reads a rule file's text as if it stood at `path`.
///
/// # Errors
/// All problems at once.
pub fn load_text(
    path: PathBuf,
    text: String,
    options: &LoadOptions<'_>,
) -> Result<Loaded, Box<Report>> {
    load_text_at(path, text, options, clock::now())
}

/// The same as if it were `now`: secrets may end soon, or not count yet.
///
/// # Errors
/// All problems at once.
#[expect(clippy::needless_pass_by_value, reason = "the caller has no use for them afterwards")]
pub fn load_text_at(
    path: PathBuf,
    text: String,
    options: &LoadOptions<'_>,
    now: Timestamp,
) -> Result<Loaded, Box<Report>> {
    let mut book = Book::at(now);
    let parts = read_all(&mut book, &path, text, options);
    let rules = parts.as_ref().map(|parts| parts.rules.clone()).unwrap_or_default();
    let loaded = parts.map(|parts| compile(&mut book, &path, parts));
    if !book.report.has_errors() && !matches!(loaded, Some(Some(_))) {
        book.refuse_unset();
    }
    let Inputs { files, includes } = book.take_inputs();
    book.name_rules();
    let places = book.take_places(&rules);
    let mut report = book.report;
    report.sort();
    report.leave_out_good_files();
    match loaded {
        Some(Some((pipeline, settings, tests))) if !report.has_errors() => {
            Ok(Loaded { pipeline, settings, tests, places, files, includes, warnings: report })
        }
        _ => {
            report.inputs = Inputs { files, includes };
            Err(Box::new(report))
        }
    }
}

/// The main file and what it includes, read but not compiled.
struct Parts {
    main: TreeId,
    file: RuleFile,
    /// Each by its file and its place in it; they are read one by one.
    rules: Vec<(TreeId, usize)>,
    tests: Vec<(TreeId, PathBuf, Placed<TestSettings>)>,
}

fn read_all(
    book: &mut Book,
    path: &Path,
    text: String,
    options: &LoadOptions<'_>,
) -> Option<Parts> {
    let main = book.open(path, text, options)?;
    let mut file: RuleFile = book.read(main)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut rules: Vec<_> = (0..book.rule_count(main)).map(|index| (main, index)).collect();
    let mut tests: Vec<_> = std::mem::take(&mut file.tests)
        .into_iter()
        .map(|test| (main, folder.to_owned(), test))
        .collect();
    for (included, text) in include::files(book, main, path, &file.include.0) {
        let Some(id) = book.open(&included, text, options) else { continue };
        let Some(more) = book.read::<IncludedFile>(id) else { continue };
        let folder = included.parent().unwrap_or(Path::new("")).to_owned();
        rules.extend((0..book.rule_count(id)).map(|index| (id, index)));
        tests.extend(more.tests.into_iter().map(|test| (id, folder.clone(), test)));
    }
    book.report.sources = file.sources.len();
    Some(Parts { main, file, rules, tests })
}

type Compiled = (Pipeline, Settings, Vec<TestCase>);

fn compile(book: &mut Book, path: &Path, parts: Parts) -> Option<Compiled> {
    let Parts { main, mut file, rules, tests } = parts;
    let folder = path.parent().unwrap_or(Path::new(""));
    let names: Vec<String> = file.sources.keys().cloned().collect();
    let wachat = examine::wachat(book, main, &file);
    let (listen, admin) = examine::server(book, main, &file.server);
    let alerts = examine::alerts(book, main, file.alerts.as_ref());
    let timezone = examine::timezone(book, main, file.defaults.timezone.as_deref());
    for fault in file.retention.faults() {
        book.fault(main, fault.under("retention"));
    }
    let store = store::address(book, main, folder, std::mem::take(&mut file.store));
    book.report.reach = Reach::despite(book, main, &file, &store);
    let vars = assemble::vars(book, main);
    let mut sources = std::mem::take(&mut file.sources);
    if let Some(hours) = &mut file.defaults.hours {
        delivery::holidays(book, main, "defaults.hours.holidays", hours);
    }
    let tests_go_out = assemble::tests_go_out(&sources);
    let country = file.defaults.country;
    let public_url = examine::public_url(book, main, file.server.public_url.as_deref());
    assemble::addresses(&mut sources, public_url.as_deref());
    let body_limit = file.server.body_limit.map_or(BODY_LIMIT, |size| size.0);
    let around = assemble::Around { vars: &vars, timezone: &timezone, country, body_limit };
    let sources = assemble::sources(book, main, sources, &around);
    let tables = Tables::default();
    let own_tables = |name: &str| tables.find(folder, name);
    let ground = Ground {
        common: Common { main, send: &file.defaults.send, tables: &own_tables },
        defaults: &file.defaults,
        sources: &sources,
        doubts: Doubts::new(main, &vars, country, tests_go_out),
        tables: &tables,
        stages: Stages::default(),
        plain: OnceCell::new(),
    };
    let mut known = Known::new(&names);
    let rules = assemble::rules(book, &rules, &ground, &mut known);
    let people = people(book, main, &file, timezone);
    let mut cases = Vec::new();
    for (id, folder, test) in tests {
        let around = cases::Around { sources: &names, rules: &known, folder: &folder };
        cases.extend(cases::case(book, id, test, &around));
    }
    // What is built next takes its memory too.
    drop(known);
    if book.report.has_errors() {
        return None;
    }
    let (base_url, token, instance) = wachat?;
    let settings = file.wachat.take()?;
    let timeout = settings.timeout.map_or(Duration::from_secs(120), |span| span.0);
    let mut instances = settings.instances;
    let pipeline = assemble::pipeline(sources, rules, instance, &file);
    instances.entry(pipeline.defaults().instance.clone()).or_default();
    let settings = Settings {
        listen,
        admin,
        admin_token: file.server.admin_token,
        public_url,
        trusted_proxies: Networks::new(file.server.trusted_proxies),
        body_limit,
        unverified: file.server.unverified,
        store,
        wachat: wachat::Settings { base_url, token, timeout },
        fates: Fates::new(settings.fates),
        instances,
        alerts,
        people: People { watching: pipeline.watching().map(str::to_owned).collect(), ..people },
        retention: file.retention.into(),
    };
    Some((pipeline, settings, cases))
}

/// Who may be messaged, and when nobody is.
fn people(book: &mut Book, main: TreeId, file: &RuleFile, zone: jiff::tz::TimeZone) -> People {
    let (country, files) = (file.defaults.country, &file.recipients);
    let list = |path, written| List { id: main, path, written };
    let allow = files.allow.as_deref().map(|written| list("recipients.allow", written));
    let allow = allow.and_then(|list| lists::allowed(book, list, country));
    let deny = files.deny.as_deref().map(|written| list("recipients.deny", written));
    let deny = deny.and_then(|list| lists::recipients(book, list, country)).unwrap_or_default();
    let holidays = std::mem::take(&mut book.holidays);
    People { zone, shadow: file.defaults.is_shadow(), allow, deny, holidays, ..People::default() }
}
