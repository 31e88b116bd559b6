//! The store in one SQLite file: one writer, many readers.

/// The store in one SQLite file.
pub struct SqliteStore;
