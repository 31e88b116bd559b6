//! How do commands print? Colour and tables on a terminal, plain lines to a pipe.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::OwoColorize;
use serde::{Serialize, Serializer};

use crate::store::Unreadable;

/// The answer is no.
pub(super) const NO: u8 = 1;

/// It cannot be asked so.
const USAGE: u8 = 2;

/// Prints an error with its causes.
pub(super) fn failure(error: &anyhow::Error) -> ExitCode {
    // Whoever read the answer has seen enough of it, as in `kabari messages list | head`.
    let cause = error.root_cause().downcast_ref::<io::Error>();
    if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    anstream::eprintln!("{} {error:#}", "error:".red().bold());
    ExitCode::from(NO)
}

/// Says what is not as it should be, where the command goes on in spite of it.
pub(super) fn warning(what: &str) {
    anstream::eprintln!("{} {what}", "warning:".yellow().bold());
}

/// Says what of the store cannot be read, if anything cannot, and how the command ends by that.
pub(super) fn all_but(unreadable: &Unreadable) -> ExitCode {
    if unreadable.count == 0 {
        return ExitCode::SUCCESS;
    }
    anstream::eprintln!("{} {unreadable}", "error:".red().bold());
    ExitCode::from(NO)
}

/// Says what is wrong with the words of a command.
pub(super) fn usage(wrong: &str) -> ExitCode {
    anstream::eprintln!("{} {wrong}", "error:".red().bold());
    ExitCode::from(USAGE)
}

/// Whether standard output shows colours.
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Whether standard error shows colours.
pub(super) fn colour_of_errors() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Prints rows under a header on a terminal, and tab-separated lines to a pipe.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    // A kind is a stranger's text: no line, column or escape sequence of its own.
    let calm = |cell: String| cell.replace(char::is_control, "\u{fffd}");
    let mut rows = rows.into_iter().map(|row| row.into_iter().map(calm).collect::<Vec<_>>());
    let mut out = anstream::stdout();
    if !io::stdout().is_terminal() {
        return rows.try_for_each(|row| writeln!(out, "{}", row.join("\t")));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    writeln!(out, "{table}")
}

/// A stranger's text without what would move the terminal's cursor or colour.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Prints a text as it is.
#[expect(clippy::unnecessary_wraps, reason = "the end of a command")]
pub(super) fn text(text: &str) -> anyhow::Result<ExitCode> {
    anstream::print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Prints JSON, indented on a terminal.
pub(super) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    Ok(writeln!(anstream::stdout(), "{text}")?)
}

/// Prints rows as one JSON array, each when it is made: there may be a million.
pub(super) fn json_rows(rows: impl IntoIterator<Item = impl Serialize>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(anstream::stdout());
    let written = if io::stdout().is_terminal() {
        serde_json::Serializer::pretty(&mut out).collect_seq(rows)
    } else {
        serde_json::Serializer::new(&mut out).collect_seq(rows)
    };
    written.map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
