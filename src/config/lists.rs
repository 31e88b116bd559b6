//! What is in the lists that a rule file names: recipients, holidays?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::book::{Book, TreeId};
use crate::model::{Fault, Recipient};
use crate::render::{self, Country};

/// A list, and where the rule file names it.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) id: TreeId,
    pub(super) path: &'a str,
    /// The file, as it is written there.
    pub(super) written: &'a str,
}

/// The recipients in a file: one number or group a line; what follows a comma, semicolon or tab is
/// left out, as is what follows a `#`. `None` if they cannot be read, which is told.
pub(super) fn recipients(
    book: &mut Book,
    list: List<'_>,
    country: Option<Country>,
) -> Option<BTreeSet<Recipient>> {
    let (_, lines) = lines(book, list)?;
    let (mut found, mut is_whole) = (BTreeSet::new(), true);
    for (number, line) in lines {
        let first = line.split([',', ';', '\t']).next().unwrap_or_default().trim();
        // A table may have a line of names above it.
        if number == 1 && !first.contains(|c: char| c.is_ascii_digit()) {
            continue;
        }
        match render::recipient(first, country) {
            Ok(recipient) => drop(found.insert(recipient)),
            Err(why) => {
                is_whole = false;
                wrong(book, list, number, &why.to_string());
            }
        }
    }
    is_whole.then_some(found)
}

/// The same of those who alone may be messaged, one at least: a file that was emptied, or is just
/// being written, would cost every message that comes.
pub(super) fn allowed(
    book: &mut Book,
    list: List<'_>,
    country: Option<Country>,
) -> Option<BTreeSet<Recipient>> {
    let found = recipients(book, list, country)?;
    if found.is_empty() {
        let message = format!("`{}` names nobody, so nobody would get any message", list.written);
        let help = "write one number or group a line; to message everybody leave this key out, to \
                    message nobody write `defaults: { mode: shadow }`";
        book.fault(list.id, Fault::error(list.path, "list-file", message).help(help));
    }
    Some(found)
}

/// The days in a file, each at the beginning of its line as `2026-12-25`; and the file's path, by
/// which they are found again.
pub(super) fn holidays(book: &mut Book, list: List<'_>) -> Option<(String, BTreeSet<Date>)> {
    let (file, lines) = lines(book, list)?;
    let mut found = BTreeSet::new();
    for (number, line) in lines {
        let first = line.split([',', ';', '\t', ' ']).next().unwrap_or_default();
        if let Ok(day) = first.parse() {
            found.insert(day);
        } else {
            let why = format!("`{first}` is no date: write it as in `2026-12-25`");
            wrong(book, list, number, &why);
        }
    }
    Some((file.display().to_string(), found))
}

/// The lines that say something, with their numbers.
fn lines(
    book: &mut Book,
    List { id, path, written }: List<'_>,
) -> Option<(PathBuf, Vec<(usize, String)>)> {
    let file = book.folder(id).join(Path::new(written));
    book.watch(&file);
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let says = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
            let lines = (1..).zip(text.lines().map(says));
            Some((file, lines.filter(|(_, line)| !line.is_empty()).collect()))
        }
        Err(error) => {
            let message = format!("`{written}` cannot be read: {error}");
            let fault = Fault::error(path, "list-file", message);
            book.fault(id, fault.help("a relative path starts at the folder of this file"));
            None
        }
    }
}

fn wrong(book: &mut Book, List { id, path, written }: List<'_>, line: usize, why: &str) {
    let fault = Fault::error(path, "list-file", format!("{written}, line {line}: {why}"));
    book.fault(id, fault.help("mend the line, or begin it with `#`"));
}
