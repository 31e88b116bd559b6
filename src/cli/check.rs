//! `kabari check`: is the rule file right?

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::config::{CODES, LoadOptions, Report, load};

/// Reports every mistake in the rule file, with its place and what to do.
#[derive(Args, Clone, Debug)]
pub(super) struct Check {
    /// The rule file.
    #[arg(long, env = "KABARI_RULES", default_value = "rules.yaml", value_name = "PATH")]
    pub(super) rules: PathBuf,
    /// For people, or one JSON array for programs.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Be silent about warnings of this kind; can be said several times.
    #[arg(long, value_name = "CODE", value_parser = warnings(), hide_possible_values = true)]
    pub(super) allow: Vec<String>,
}

/// The codes of all warnings.
fn warnings() -> PossibleValuesParser {
    let codes = CODES.iter().filter(|code| code.warns);
    PossibleValuesParser::new(codes.map(|code| code.name))
}

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Each problem with the offending line.
    Human,
    /// `[{file, line, column, severity, code, path, message, help}]`.
    Json,
    /// Annotations of a pull request: workflow commands for GitHub Actions.
    Github,
}

impl Check {
    /// Prints the report: 0 if the file would load, 1 if not. Variables that are not set here are
    /// warnings.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let variable = |name: &str| std::env::var(name).ok();
        let options = LoadOptions { lenient: true, variable: &variable };
        let (mut report, code) = match load(&self.rules, &options) {
            Ok(loaded) => (loaded.warnings, ExitCode::SUCCESS),
            Err(report) => (*report, ExitCode::FAILURE),
        };
        report.allow(&self.allow);
        self.print(&report)?;
        Ok(code)
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        match self.format {
            Format::Json => {
                anstream::println!("{}", serde_json::to_string_pretty(&report.json())?);
            }
            Format::Github => anstream::println!("{}{}", report.github(), report.summary()),
            Format::Human => {
                let colour = AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
                anstream::println!("{}", report.render(colour));
                if report.has_errors() {
                    anstream::println!("A running server keeps its last good file.");
                }
            }
        }
        Ok(())
    }
}
