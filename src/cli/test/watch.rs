//! When do the tests run again? Whenever a file changes that they depend on.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use owo_colors::OwoColorize;
use tokio::sync::mpsc;

use super::Test;
use crate::cli::input::load;
use crate::cli::output;

/// An editor writes a file in several steps; what changes within this time is one change.
const SETTLED: Duration = Duration::from_millis(100);
/// What else in a folders folder may be a rule file or an event, new or renamed.
const KINDS: [&str; 4] = ["yaml", "yml", "json", "csv"];

/// Runs the tests again and again, until the process is stopped.
pub(super) async fn forever(test: &Test) -> anyhow::Result<ExitCode> {
    let (tell, mut changes) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Without a listener there is nobody left to tell.
        let _ = event.map(|event| tell.send(event));
    })
    .context("changes of files cannot be folders")?;
    let mut folders = BTreeSet::new();
    let mut files = BTreeSet::from([test.rules.rules.clone()]);
    loop {
        clear_screen();
        match load(&test.rules.rules, true) {
            Ok(loaded) => {
                files = loaded.files.iter().cloned().collect();
                files.insert(test.rules.rules.clone());
                follow(&mut watcher, &mut folders, &files)?;
                test.run_once(&loaded)?;
            }
            Err(report) => {
                follow(&mut watcher, &mut folders, &files)?;
                anstream::println!("{}", report.render(output::colour()));
            }
        }
        anstream::println!("{}", "waiting for a change; Ctrl-C ends".dimmed());
        next_change(&mut changes, &files).await;
    }
}

/// Watches the folders in which the files are: an editor may put a new file in an old one's place.
fn follow(
    watcher: &mut RecommendedWatcher,
    folders: &mut BTreeSet<PathBuf>,
    files: &BTreeSet<PathBuf>,
) -> anyhow::Result<()> {
    for folder in files.iter().filter_map(|file| file.parent()) {
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        if folder.is_dir() && !folders.contains(folder) {
            watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .with_context(|| folder.display().to_string())?;
            folders.insert(folder.to_owned());
        }
    }
    Ok(())
}

/// Waits for a change that matters, and for what belongs to it.
async fn next_change(
    changes: &mut mpsc::UnboundedReceiver<notify::Event>,
    files: &BTreeSet<PathBuf>,
) {
    let names: BTreeSet<_> = files.iter().filter_map(|file| file.file_name()).collect();
    let matters = |path: &PathBuf| {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        path.file_name().is_some_and(|name| names.contains(name)) || KINDS.contains(&kind)
    };
    while let Some(event) = changes.recv().await {
        // Reading them is no change.
        if !event.kind.is_access() && event.paths.iter().any(matters) {
            break;
        }
    }
    while tokio::time::timeout(SETTLED, changes.recv()).await.is_ok_and(|event| event.is_some()) {}
}

fn clear_screen() {
    if std::io::stdout().is_terminal() {
        anstream::print!("\u{1b}[2J\u{1b}[3J\u{1b}[H");
    }
}
