//! `kabari schema`: what may a rule file say, for editors?

use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::config;

/// Print the JSON Schema of rule files, for editors
#[derive(Debug, Args)]
#[command(after_help = HOW_TO)]
pub(super) struct Schema {}

const HOW_TO: &str = "Save it beside the rule file and begin that with:\n  \
    # yaml-language-server: $schema=./rules.schema.json";

impl Schema {
    #[expect(clippy::unused_self, reason = "a command like the others")]
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        output::json(&config::schema())?;
        Ok(ExitCode::SUCCESS)
    }
}
