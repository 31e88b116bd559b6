//! In what form are log lines written, and which of them?

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::telemetry::panics;

/// What is logged where nobody said otherwise.
const DEFAULT_FILTER: &str = "info";

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people on a terminal, for programs elsewhere.
    #[default]
    Auto,
    /// One readable line.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error(
        "`{filter}` is no log filter ({why}): write a level (error, warn, info, debug, trace) \
         or `target=level`, separated by commas"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something else logs already.
    #[error("logging has begun already")]
    Twice,
}

/// The filter that the environment asks for: `KABARI_LOG`, else `RUST_LOG`.
pub fn wanted() -> Option<String> {
    ["KABARI_LOG", "RUST_LOG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
}

/// Lines that may wait to be written; whoever logs more waits too. None is left out.
const LINES_WAITING_MAX: usize = 8192;

/// Lines that come within this time of a write are written together by the next.
const GATHERING: Duration = Duration::from_millis(5);
/// How many bytes are written at once, about.
const GATHERED_MAX: usize = 64 * 1024;

/// Takes its time after each write, so that the next one has many lines. The first line after a
/// silence is written at once.
struct Gathering<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Where nobody reads the log any more, nobody can be told.
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        std::thread::sleep(GATHERING);
        Ok(())
    }
}

/// Keep this as long as something may be logged: dropping it writes what is still waiting.
#[must_use]
pub struct Logging {
    _rest: WorkerGuard,
}

/// Begins to log to standard error, panics included; `filter` as in `RUST_LOG`, `info` by default.
///
/// A thread of its own writes, many lines at once where there are many, so that no request waits
/// for standard error.
pub fn init(format: Format, filter: Option<&str>) -> Result<Logging, LogError> {
    let terminal = io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (writer, rest) = gathering(io::stderr());
    let lines = tracing_subscriber::registry().with(read_filter(filter)?);
    let begun = if format.is_json() {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
        // A log that nobody reads any more is no reason to write about it there.
        let layer = layer.log_internal_errors(false);
        let layer = layer.with_current_span(false).with_span_list(false);
        lines.with(layer.with_writer(writer)).try_init()
    } else {
        let layer = tracing_subscriber::fmt::layer().compact().with_target(false);
        let layer = layer.log_internal_errors(false);
        lines.with(layer.with_ansi(colour).with_writer(writer)).try_init()
    };
    begun.map_err(|_| LogError::Twice)?;
    panics::log_panics();
    Ok(Logging { _rest: rest })
}

fn gathering(out: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log-writer")
        .finish(Gathering(BufWriter::with_capacity(GATHERED_MAX, out)))
}

impl Format {
    /// Whether standard error gets JSON and nothing else.
    pub fn is_json(self) -> bool {
        self.is_json_on(io::stderr().is_terminal())
    }

    fn is_json_on(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Pretty => false,
            Self::Json => true,
        }
    }
}

fn read_filter(filter: Option<&str>) -> Result<EnvFilter, LogError> {
    let filter = filter.unwrap_or(DEFAULT_FILTER);
    EnvFilter::try_new(filter)
        .map_err(|why| LogError::Filter { filter: filter.to_owned(), why: why.to_string() })
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::{Format, gathering, read_filter};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_line_is_left_out_and_all_are_written_at_the_end() {
        let page = Page::default();
        let (mut log, rest) = gathering(page.clone());
        let lines: Vec<String> = (0..20_000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            log.write_all(line.as_bytes()).unwrap();
        }
        drop(rest);
        assert!(*page.0.lock().unwrap() == lines.concat().as_bytes());
    }

    #[test]
    fn a_terminal_gets_lines_for_people_and_a_pipe_gets_json() {
        assert!(!Format::Auto.is_json_on(true));
        assert!(Format::Auto.is_json_on(false));
        assert!(Format::Json.is_json_on(true));
        assert!(!Format::Pretty.is_json_on(false));
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_to_write() {
        assert!(read_filter(None).is_ok());
        assert!(read_filter(Some("warn,kabari=debug")).is_ok());
        let error = read_filter(Some("kabari=loud")).unwrap_err().to_string();
        assert!(error.contains("`kabari=loud`") && error.contains("info"), "{error}");
    }
}
