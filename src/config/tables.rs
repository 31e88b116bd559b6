//! Which files do templates look into? Each is read once, relative to the file that names it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::book::Book;
use crate::expr::{TABLE_MAX, Table};

/// The tables that were asked for so far.
#[derive(Default)]
pub(super) struct Tables {
    read: RefCell<BTreeMap<PathBuf, Result<Arc<Table>, String>>>,
}

impl Tables {
    /// The table of a file, by its name in a rule file of `folder`.
    pub(super) fn find(&self, folder: &Path, name: &str) -> Result<Arc<Table>, String> {
        let path = folder.join(name);
        let read = || read(&path).map(Arc::new).map_err(|why| format!("`{name}`: {why}"));
        self.read.borrow_mut().entry(path.clone()).or_insert_with(read).clone()
    }

    /// When one of them changes, or comes to be there, the rule file is to be read again.
    pub(super) fn watch(&self, book: &mut Book) {
        for path in self.read.borrow().keys() {
            book.watch(path);
        }
    }
}

fn read(path: &Path) -> Result<Table, String> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if !["csv", "tsv", "txt", "json"].iter().any(|known| ending.eq_ignore_ascii_case(known)) {
        return Err("a table is a file that ends in .csv, .tsv, .txt or .json".to_owned());
    }
    let about = std::fs::metadata(path).map_err(|error| format!("it cannot be read: {error}"))?;
    if !about.is_file() {
        return Err("this is no file".to_owned());
    }
    if about.len() > TABLE_MAX {
        return Err(format!("it is larger than {} MiB", TABLE_MAX >> 20));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Table::read(&path.to_string_lossy(), &bytes)
}
