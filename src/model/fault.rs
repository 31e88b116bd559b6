//! What is wrong with a setting, said by the room that the setting belongs to?

use std::ops::Range;

/// Something wrong in one setting. The room that finds it knows the path within its own settings;
/// `config` adds file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, relative to the settings in hand: `verify.hmac.header`, `send[0].message`; empty for
    /// the whole.
    pub path: String,
    /// Which bytes of that text, if only a part of it is wrong.
    pub range: Option<Range<usize>>,
    /// Whether it refuses to load.
    pub severity: Severity,
    /// A short name of this kind of mistake, as `unknown-filter`.
    pub code: &'static str,
    /// What is wrong, with the offending value; never a secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It refuses to load.
    Error,
    /// It loads, and is surely not what was meant.
    Warning,
}

impl Fault {
    /// An error at `path`.
    pub fn error(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            range: None,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// A warning at `path`.
    pub fn warning(
        path: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, code, message) }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, pointing at part of the text.
    #[must_use]
    pub fn at(mut self, range: Range<usize>) -> Self {
        self.range = Some(range);
        self
    }

    /// The same, seen from one level further out: `prefix` and this path joined.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.path = match (prefix.is_empty(), self.path.is_empty()) {
            (true, _) => self.path,
            (_, true) => prefix.to_owned(),
            _ if self.path.starts_with('[') => format!("{prefix}{}", self.path),
            _ => format!("{prefix}.{}", self.path),
        };
        self
    }
}
