//! Does every good rule file load, and does every bad one say what is wrong with it?
//!
//! A file in `tests/config/bad` is named for its mistake; beside it stands the report that people
//! get. `KABARI_BLESS=1 cargo test --test suite config` writes the reports anew: read what changed.

mod files;
mod variables;
mod secrets;
mod reports;
mod includes;
mod random;
mod hostile;
mod many;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kabari::config::{LoadOptions, Loaded, Report, load_text};

/// What every test finds in its environment.
fn variable(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "INJECTED" => Some("x\nrules:\n  - name: evil: \"'".to_owned()),
        "LISTEN" => Some("hidden-value".to_owned()),
        name if name.starts_with("NO") => None,
        _ => Some("a-secret-of-many-characters".to_owned()),
    }
}

fn strict(text: &str) -> Result<Loaded, Box<Report>> {
    let options = LoadOptions { lenient: false, variable: &variable };
    load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options)
}

/// The release build, if it is to be asked what a file costs instead of the build of the tests:
/// `KABARI_RELEASE=target/release/kabari cargo test --test suite -- config::hostile config::many`.
fn release() -> Option<PathBuf> {
    std::env::var_os("KABARI_RELEASE").map(|path| std::path::absolute(path).unwrap())
}

/// Whether the program that is asked was built to be debugged, not to be fast.
fn is_slow() -> bool {
    cfg!(debug_assertions) && release().is_none()
}

/// `kabari check` of a rule file with this text, by the real program; what it prints can be read.
fn checking(folder: &Path, text: &str) -> Child {
    asking(folder, text, &["check", "--format", "json"])
}

/// The same for another command; it runs in this folder.
fn asking(folder: &Path, text: &str, words: &[&str]) -> Child {
    let path = folder.join("rules.yaml");
    fs::write(&path, text).unwrap();
    let program = release().unwrap_or_else(|| env!("CARGO_BIN_EXE_kabari").into());
    Command::new(program)
        .args(words)
        .arg("--rules")
        .arg(&path)
        .current_dir(folder)
        .env_clear()
        .env("WACHAT_TOKEN", "a-secret-of-many-characters")
        .env("GITHUB_SECRET", "a-secret-of-many-characters")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lenient(text: &str) -> Result<Loaded, Box<Report>> {
    let options = LoadOptions { lenient: true, variable: &variable };
    load_text(PathBuf::from("rules.yaml"), text.to_owned(), &options)
}

#[expect(clippy::unwrap_used, reason = "a test's own helper")]
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[expect(clippy::unwrap_used, reason = "a test's own helper")]
fn lines(report: &Report) -> Vec<String> {
    let line = |p: &kabari::config::Problem| {
        let severity = serde_json::to_value(p.severity).unwrap();
        let severity = severity.as_str().unwrap();
        format!("{}:{} {severity}[{}] {}: {}", p.line, p.column, p.code, p.path, p.message)
    };
    report.problems().iter().map(line).collect()
}
