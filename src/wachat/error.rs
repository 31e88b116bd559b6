//! What does an answer mean? The one table from status and text to fate.

use std::time::Duration;

use crate::model::Verdict;

/// What came back from a call, or did not.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: u16,
        /// Its body, at most a few KiB of it.
        body: &'a str,
        /// Its `Retry-After`, resolved.
        retry_after: Option<Duration>,
    },
    /// It did not reach Wachat: nothing of the body was written.
    NotSent(String),
    /// The body was written, and then nothing, or too late, or a broken connection.
    Lost(String),
}

/// What it means.
pub fn verdict(_answer: &Answer<'_>) -> Verdict {
    todo!()
}
