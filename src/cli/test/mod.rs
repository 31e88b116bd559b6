//! `kabari test`: do the rule file's own tests hold?

mod coverage;
mod expect;
mod play;
mod report;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use owo_colors::OwoColorize;

use self::coverage::Coverage;
use self::expect::Miss;
use self::play::Played;
use self::report::Look;
use super::input::RuleFile;
use super::output;
use crate::admin::Numbers;
use crate::config::{Loaded, TestCase};

/// Run the rule file's own tests
#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    rules: RuleFile,
    /// Only the tests in whose name this stands; capitals do not matter
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Fail unless so many of a hundred rules are reached
    #[arg(long, value_name = "PERCENT", conflicts_with = "filter", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Write the results to this file too, as CI servers read them
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run again whenever the rule file or a file that it names changes
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Show numbers whole
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came of all tests.
struct Run {
    outcomes: Vec<Outcome>,
    /// Of all tests; unknown if only some were run.
    coverage: Option<Coverage>,
}

/// What came of one.
struct Outcome {
    case: TestCase,
    /// What was made and what of it is not as expected, or why nothing could be made.
    result: Result<(Played, Vec<Miss>), String>,
}

impl Outcome {
    fn passed(&self) -> bool {
        matches!(&self.result, Ok((_, misses)) if misses.is_empty())
    }
}

impl Run {
    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| !outcome.passed()).count()
    }

    fn passed(&self) -> usize {
        self.outcomes.len() - self.failed()
    }
}

impl Test {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if self.watch {
            return watch::forever(&self).await;
        }
        match self.rules.load_lenient() {
            Ok(loaded) => self.run_once(&loaded),
            Err(code) => Ok(code),
        }
    }

    /// Runs them and says what came of it.
    fn run_once(&self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let look = Look { numbers: Numbers::full_if(self.full), colour: output::colour() };
        let mut run = Run { outcomes: Vec::new(), coverage: None };
        let mut coverage = Coverage::of(&loaded.pipeline);
        for case in loaded.tests.iter().filter(|case| self.wants(case)) {
            let outcome = outcome(loaded, case);
            if let Ok((played, _)) = &outcome.result {
                coverage.note(&loaded.pipeline, played);
            }
            if !self.json {
                report::print_outcome(&outcome, loaded, look);
            }
            run.outcomes.push(outcome);
        }
        run.coverage = self.filter.is_none().then_some(coverage);
        if let Some(path) = &self.junit {
            std::fs::write(path, report::junit(&run, loaded, look)?)
                .with_context(|| path.display().to_string())?;
        }
        let too_little = self.is_too_little(&run);
        if self.json {
            output::json(&report::json(&run, loaded, look))?;
        } else {
            self.print_end(&run, loaded, too_little);
        }
        Ok(ExitCode::from(if run.failed() > 0 || too_little { output::NO } else { 0 }))
    }

    fn print_end(&self, run: &Run, loaded: &Loaded, too_little: bool) {
        anstream::println!("\n{} passed, {} failed", run.passed(), run.failed());
        if run.outcomes.is_empty() && self.filter.is_some() {
            anstream::println!("no test has this in its name; there are {}", loaded.tests.len());
        }
        if let Some(coverage) = &run.coverage {
            report::print_coverage(coverage, &loaded.places);
        }
        if let Some(least) = self.coverage_min.filter(|_| too_little) {
            let said = format!("fewer rules are reached than --coverage-min {least} asks for");
            anstream::println!("{}", said.red());
        }
    }

    fn wants(&self, case: &TestCase) -> bool {
        let filter = self.filter.as_ref().map(|text| text.to_lowercase());
        filter.is_none_or(|text| case.name.to_lowercase().contains(&text))
    }

    fn is_too_little(&self, run: &Run) -> bool {
        let reached = run.coverage.as_ref().map_or(0, Coverage::percent);
        self.coverage_min.is_some_and(|least| reached < usize::from(least))
    }
}

fn outcome(loaded: &Loaded, case: &TestCase) -> Outcome {
    let result = play::play(&loaded.pipeline, case).map(|played| {
        let misses = expect::misses(&played.messages, &case.expect);
        (played, misses)
    });
    Outcome { case: case.clone(), result }
}
