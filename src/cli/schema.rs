//! `kabari schema`: what may a rule file say, for editors?

use std::process::ExitCode;

use clap::Args;

use crate::config;

/// Print the JSON Schema of rule files, for editors
#[derive(Debug, Args)]
#[command(after_help = HOW_TO)]
pub(super) struct Schema {
    /// The same for people: every key, filter, sender and warning, in Markdown.
    #[arg(long)]
    reference: bool,
}

const HOW_TO: &str = "Save it beside the rule file and begin that with:\n  \
    # yaml-language-server: $schema=./rules.schema.json";

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.reference {
            anstream::print!("{}", config::reference());
        } else {
            anstream::println!("{}", serde_json::to_string_pretty(&config::schema())?);
        }
        Ok(ExitCode::SUCCESS)
    }
}
