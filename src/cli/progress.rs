//! How far is it? Shown on a terminal, once it takes long.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Stopwatch;

/// What takes no longer needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// The steps of a whole bar.
const STEPS: u64 = 1000;

/// A bar on standard error, if that is a terminal.
pub(super) struct Progress {
    started: Stopwatch,
    patience: Duration,
    /// What is counted, as `events`.
    what: &'static str,
    /// Where it will be drawn, until it is.
    target: Option<ProgressDrawTarget>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start(what: &'static str) -> Self {
        let target = std::io::stderr().is_terminal().then(ProgressDrawTarget::stderr);
        Self::on(target, PATIENCE, what)
    }

    fn on(target: Option<ProgressDrawTarget>, patience: Duration, what: &'static str) -> Self {
        Self { started: Stopwatch::start(), patience, what, target, bar: None }
    }

    /// `done` is from 0 to 1.
    pub(super) fn at(&mut self, done: f64, count: u64) {
        if self.bar.is_none() {
            if self.started.elapsed() < self.patience {
                return;
            }
            let Some(target) = self.target.take() else { return };
            let style = ProgressStyle::with_template("{wide_bar} {msg}, {eta} left");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(ProgressBar::with_draw_target(Some(STEPS), target).with_style(style));
        }
        if let Some(bar) = &self.bar {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a number from 0 to 1000"
            )]
            bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
            bar.set_message(format!("{count} {}", self.what));
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use indicatif::TermLike;

    use super::*;

    /// A terminal of 60 columns that keeps all that was written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn shown(&self) -> String {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn write(&self, text: &str) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            60
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(&format!("{text}\n"));
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write("\r");
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn progress(screen: &Screen, patience: Duration) -> Progress {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
        Progress::on(Some(target), patience, "events")
    }

    #[test]
    fn a_long_run_has_a_bar_that_fills_and_goes_when_it_is_done() {
        let screen = Screen::default();
        let mut progress = progress(&screen, Duration::ZERO);
        progress.at(0.5, 1200);
        let shown = screen.shown();
        assert!(shown.contains("1200 events") && shown.contains(" left"), "{shown:?}");
        assert!(shown.contains('█') && shown.contains('░'), "{shown:?}");
        assert_eq!(progress.aside(|| 7), 7);
        progress.finish();
        assert!(screen.shown().ends_with('\r'), "{:?}", screen.shown());
    }

    #[test]
    fn a_short_run_has_none() {
        let screen = Screen::default();
        let mut progress = progress(&screen, Duration::from_secs(3600));
        progress.at(0.5, 1200);
        progress.finish();
        assert_eq!(screen.shown(), "");
    }
}
