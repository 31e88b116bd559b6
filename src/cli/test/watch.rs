//! When do the tests run again? Whenever a file changes that they depend on.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use owo_colors::OwoColorize;

use super::Test;
use crate::app::{FileWatch, Snapshot};
use crate::cli::input::load;
use crate::cli::output;
use crate::config::{Inputs, Loaded, Report};

/// What stays as it is for so long is written.
const SETTLED: Duration = Duration::from_millis(100);
/// A file that never stays as it is does not keep the tests from running.
const SETTLING_MAX: u32 = 20;

/// Runs the tests again and again, until the process is stopped.
pub(super) async fn forever(test: &Test) -> anyhow::Result<ExitCode> {
    let mut watch = FileWatch::new();
    let mut inputs = Inputs { files: vec![test.rules.rules.clone()], includes: Vec::new() };
    loop {
        let (loaded, before) = read(test, &mut inputs);
        (watch, _) = watch.follow(&inputs);
        clear_screen();
        match loaded {
            Ok(loaded) => drop(test.run_once(&loaded)?),
            Err(report) => anstream::println!("{}", report.render(output::colour())),
        }
        anstream::println!("{}", "waiting for a change; Ctrl-C ends".dimmed());
        let mut now = Snapshot::of(&inputs);
        while now == before {
            watch.changed().await;
            now = Snapshot::of(&inputs);
        }
        settle(&inputs, now).await;
    }
}

/// Waits until nothing changes for a moment: an editor writes a file in several steps.
async fn settle(inputs: &Inputs, mut seen: Snapshot) {
    for _ in 0..SETTLING_MAX {
        tokio::time::sleep(SETTLED).await;
        let now = Snapshot::of(inputs);
        if now == seen {
            return;
        }
        seen = now;
    }
}

/// Reads the rule file, and says how all files were just before.
fn read(test: &Test, inputs: &mut Inputs) -> (Result<Loaded, Box<Report>>, Snapshot) {
    loop {
        let before = Snapshot::of(inputs);
        let loaded = load(&test.rules.rules, true);
        let mut read = match &loaded {
            Ok(loaded) => loaded.inputs(),
            Err(report) => report.inputs().clone(),
        };
        if !read.files.contains(&test.rules.rules) {
            read.files.push(test.rules.rules.clone());
        }
        if read == *inputs {
            return (loaded, before);
        }
        // It names other files than it did: these are to be looked at before they are read.
        *inputs = read;
    }
}

fn clear_screen() {
    if std::io::stdout().is_terminal() {
        anstream::print!("\u{1b}[2J\u{1b}[3J\u{1b}[H");
    }
}
