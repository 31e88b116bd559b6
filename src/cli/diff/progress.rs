//! How far is it? Shown on a terminal, once it takes long.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Stopwatch;

/// What takes no longer needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// The steps of a whole bar.
const STEPS: u64 = 1000;

/// A bar on standard error, if that is a terminal.
pub(super) struct Progress {
    started: Stopwatch,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { started: Stopwatch::start(), bar: None }
    }

    /// `done` is from 0 to 1.
    pub(super) fn at(&mut self, done: f64, events: u64) {
        if self.bar.is_none() {
            if self.started.elapsed() < PATIENCE || !std::io::stderr().is_terminal() {
                return;
            }
            let style = ProgressStyle::with_template("{wide_bar} {msg}, {eta} left");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(ProgressBar::new(STEPS).with_style(style));
        }
        if let Some(bar) = &self.bar {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a number from 0 to 1000"
            )]
            bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
            bar.set_message(format!("{events} events"));
        }
    }

    /// Does what prints, with the bar out of the way.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
