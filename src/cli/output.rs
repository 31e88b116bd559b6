//! How do commands print? Colour and tables on a terminal, plain lines to a pipe.

use std::io::IsTerminal;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

/// The answer is no.
pub(super) const NO: u8 = 1;

/// Prints an error with its causes.
pub(super) fn failure(error: &anyhow::Error) -> ExitCode {
    anstream::eprintln!("{} {error:#}", "error:".red().bold());
    ExitCode::from(NO)
}

/// Whether standard output shows colours.
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Whether standard error shows colours.
pub(super) fn colour_of_errors() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints rows under a header on a terminal, and tab-separated lines to a pipe.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) {
    if !std::io::stdout().is_terminal() {
        for row in rows {
            anstream::println!("{}", row.join("\t"));
        }
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    anstream::println!("{table}");
}

/// Prints a text as it is.
#[expect(clippy::unnecessary_wraps, reason = "the end of a command")]
pub(super) fn text(text: &str) -> anyhow::Result<ExitCode> {
    anstream::print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Prints JSON, indented on a terminal.
pub(super) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    anstream::println!("{text}");
    Ok(())
}
