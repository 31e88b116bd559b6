//! In what form are log lines written, and which of them?

use std::io::IsTerminal;

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

/// Begins to log to standard error, panics included; `filter` as in `RUST_LOG`, `info` by default.
pub fn init(format: Format, filter: Option<&str>) -> Result<(), LogError> {
    let terminal = std::io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::registry().with(read_filter(filter)?);
    let begun = if as_json(format, terminal) {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
        // A log that nobody reads any more is no reason to write about it there.
        let layer = layer.log_internal_errors(false);
        let layer = layer.with_current_span(false).with_span_list(false);
        lines.with(layer.with_writer(std::io::stderr)).try_init()
    } else {
        let layer = tracing_subscriber::fmt::layer().compact().with_target(false);
        let layer = layer.log_internal_errors(false);
        lines.with(layer.with_ansi(colour).with_writer(std::io::stderr)).try_init()
    };
    begun.map_err(|_| LogError::Twice)?;
    panics::log_panics();
    Ok(())
}

fn as_json(format: Format, terminal: bool) -> bool {
    match format {
        Format::Auto => !terminal,
        Format::Pretty => false,
        Format::Json => true,
    }
}

fn read_filter(filter: Option<&str>) -> Result<EnvFilter, LogError> {
    let filter = filter.unwrap_or(DEFAULT_FILTER);
    EnvFilter::try_new(filter)
        .map_err(|why| LogError::Filter { filter: filter.to_owned(), why: why.to_string() })
}

#[cfg(test)]
mod tests {
    use super::{Format, as_json, read_filter};

    #[test]
    fn a_terminal_gets_lines_for_people_and_a_pipe_gets_json() {
        assert!(!as_json(Format::Auto, true));
        assert!(as_json(Format::Auto, false));
        assert!(as_json(Format::Json, true));
        assert!(!as_json(Format::Pretty, false));
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_to_write() {
        assert!(read_filter(None).is_ok());
        assert!(read_filter(Some("warn,kabari=debug")).is_ok());
        let error = read_filter(Some("kabari=loud")).unwrap_err().to_string();
        assert!(error.contains("`kabari=loud`") && error.contains("info"), "{error}");
    }
}
