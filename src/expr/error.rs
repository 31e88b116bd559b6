//! What does a failed expression say?

/// Why an expression or template gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A value that is printed, or needed by a filter, is not there: undefined, null or "".
    #[error("{path} is missing{}", .known.as_deref().map(|k| format!(" ({k})")).unwrap_or_default())]
    Missing {
        /// The path as it is written.
        path: String,
        /// How far it exists and what is there instead, as `event.data.object has id, number`.
        known: Option<String>,
    },
    /// Different types were compared, in `when:`.
    #[error("{0}")]
    Types(String),
    /// Anything else: a filter that refused its input, out of fuel, too long an output.
    #[error("{0}")]
    Other(String),
}
