//! Which files does a rule file include, and what stands in them?
//!
//! All or none: if one cannot be read, nothing is loaded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::book::{Book, TreeId};
use super::inputs::{FILES_MAX, Include};
use crate::model::Fault;

/// How much may stand in a rule file and all that it includes, in bytes.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// The texts of all files that the main file at `path` includes, in the order of their names.
pub(super) fn files(
    book: &mut Book,
    main: TreeId,
    path: &Path,
    patterns: &[String],
) -> Vec<(PathBuf, String)> {
    let listed = book.node(main, "include[0]").is_some();
    let folder = path.parent().unwrap_or(Path::new(""));
    // By their real places, so that one file under two names is read once.
    let mut found: BTreeMap<PathBuf, (String, PathBuf)> = BTreeMap::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let at = if listed { format!("include[{index}]") } else { "include".to_owned() };
        let include = Include { folder: folder.to_owned(), pattern: pattern.clone() };
        match matching(&include, path) {
            Ok(paths) => {
                for path in paths {
                    let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                    found.entry(real).or_insert((at.clone(), path));
                }
            }
            Err(fault) => book.fault(main, fault.under(&at)),
        }
        if !searches_folders(pattern) {
            book.watch_include(include);
        }
        if found.len() > FILES_MAX {
            let message = format!("more than {FILES_MAX} files are included");
            let help = "put several teams' rules into one file";
            book.fault(main, Fault::error(at, "include", message).help(help));
            return Vec::new();
        }
    }
    let mut found: Vec<(String, PathBuf)> = found.into_values().collect();
    found.sort_by(|one, other| one.1.cmp(&other.1));
    texts(book, main, found)
}

fn texts(book: &mut Book, main: TreeId, found: Vec<(String, PathBuf)>) -> Vec<(PathBuf, String)> {
    let mut left = BYTES_MAX;
    let mut texts = Vec::with_capacity(found.len());
    for (at, path) in found {
        // To open a pipe could take for ever.
        let about = std::fs::metadata(&path);
        let is_file = about.is_ok_and(|about| about.is_file());
        let text = if is_file { read(&path, left) } else { Err("it is no file".to_owned()) };
        match text {
            Ok(text) => {
                left = left.saturating_sub(text.len() as u64);
                texts.push((path, text));
            }
            Err(why) => {
                book.watch(&path);
                let message = format!("`{}` cannot be read: {why}", path.display());
                let help = "mend it, or include it no longer";
                book.fault(main, Fault::error(at, "include", message).help(help));
            }
        }
    }
    texts
}

/// The files that one entry means.
fn matching(include: &Include, main: &Path) -> Result<Vec<PathBuf>, Fault> {
    let pattern = &include.pattern;
    let wrong = |message: String| Fault::error("", "include", message);
    if searches_folders(pattern) {
        return Err(wrong(format!("`{pattern}` would search whole folders"))
            .help("name the folder: one `*` stands for any name in it"));
    }
    let mut found = include
        .files()
        .map_err(|why| wrong(format!("`{pattern}` is no pattern of files: {why}")))
        .map_err(|fault| fault.help("write it as in `rules.d/*.yaml`"))?;
    let is_pattern = pattern.contains(['*', '?', '[']);
    if found.is_empty() {
        let message = format!("no file matches `{pattern}`");
        let fault =
            if is_pattern { Fault::warning("", "include", message) } else { wrong(message) };
        return Err(fault.help("a relative path starts at the folder of the rule file"));
    }
    // The main file may well stand in the folder that it includes; named, it is a circle.
    let own = std::fs::canonicalize(main).ok();
    found.retain(|path| own.is_none() || std::fs::canonicalize(path).ok() != own);
    if found.is_empty() && !is_pattern {
        return Err(wrong(format!("`{pattern}` is this file itself"))
            .help("remove it: a file cannot include itself"));
    }
    Ok(found)
}

fn searches_folders(pattern: &str) -> bool {
    pattern.contains("**")
}

/// Reads a text file of at most so many bytes.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<String, String> {
    if std::fs::metadata(path).is_ok_and(|about| about.is_dir()) {
        return Err("it is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err("with it there would be more than 64 MiB of rules".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("it is not UTF-8 (line {})", valid.split(|byte| *byte == b'\n').count())
    })
}
