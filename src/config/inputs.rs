//! Which files was all this read from, so that it can be seen when one of them changes?

use std::path::{Path, PathBuf};

/// How many files one rule file may include.
pub(super) const FILES_MAX: usize = 1000;

/// What a reading of the rule file depended on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// All files that were read, or would have been were they there.
    pub files: Vec<PathBuf>,
    /// What `include:` asked for: other files may match it later.
    pub includes: Vec<Include>,
}

/// One entry of `include:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The folder of the rule file, from which a relative pattern starts.
    pub folder: PathBuf,
    /// As written, perhaps with `*`, `?` or `[…]`.
    pub pattern: String,
}

impl Include {
    /// The files that match now, in the order of their names; a thousand and one if they are more.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn files(&self) -> Result<Vec<PathBuf>, &'static str> {
        let base = glob::Pattern::escape(&self.folder.display().to_string());
        let whole = Path::new(&base).join(&self.pattern);
        let found = glob::glob(&whole.display().to_string()).map_err(|error| error.msg)?;
        Ok(found.filter_map(Result::ok).take(FILES_MAX + 1).collect())
    }
}
