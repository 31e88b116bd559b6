//! rules.yaml → Pipeline and Settings, with every problem at its place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::dispatch::LaneSettings;
use crate::pipeline::Pipeline;
use crate::secret::Secret;
use crate::wachat;

/// What is read from a rule file and all it includes.
#[derive(Debug)]
pub struct Loaded {
    /// What decides about requests.
    pub pipeline: Pipeline,
    /// What the rest of the program needs.
    pub settings: Settings,
    /// `tests:`, for `kabari test`.
    pub tests: Vec<TestCase>,
    /// What is legal but surely not meant, and, for a lenient load, unset variables.
    pub warnings: Report,
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
    /// `server.body_limit` in bytes. Default 25 MiB, GitHub's cap.
    pub body_limit: u64,
    /// `store`, a relative path resolved against the rule file. Default `sqlite://kabari.db`.
    pub store: String,
    /// `wachat`, its token, address and time-out.
    pub wachat: wachat::Settings,
    /// `wachat.instances`, and the default instance in any case.
    pub instances: BTreeMap<String, LaneSettings>,
}

/// One entry of `tests:`.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// A sentence.
    pub name: String,
    /// Where it stands, for the report.
    pub place: String,
    /// The source that the event comes from.
    pub source: String,
    /// Its kind.
    pub kind: Option<String>,
    /// Its body, `set` and `unset` applied.
    pub body: String,
    /// What must come of it: each expected message as a partial view of `{rule, state, number,
    /// type, …}`; empty means no message.
    pub expect: Vec<BTreeMap<String, serde_json::Value>>,
}

/// How to load.
pub struct LoadOptions<'a> {
    /// Unset variables and missing secret files are warnings, with a placeholder in their stead:
    /// for everything but `serve` and `send`.
    pub lenient: bool,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Every problem found, with the texts to show them in.
#[derive(Clone, Debug, Default)]
pub struct Report {}

impl Report {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// For people: each with its place, the offending line and what to do.
    pub fn render(&self, _colour: bool) -> String {
        todo!()
    }

    /// For programs: `[{file, line, column, severity, code, path, message, help}]`.
    pub fn json(&self) -> serde_json::Value {
        todo!()
    }
}

/// Reads the rule file at `path`.
///
/// # Errors
/// All problems at once.
pub fn load(_path: &Path, _options: &LoadOptions<'_>) -> Result<Loaded, Report> {
    todo!()
}

/// Reads a rule file's text as if it stood at `path`.
///
/// # Errors
/// All problems at once.
pub fn load_text(
    _path: PathBuf,
    _text: String,
    _options: &LoadOptions<'_>,
) -> Result<Loaded, Report> {
    todo!()
}
