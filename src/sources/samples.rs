//! What do providers really send? Built-in events to try rules on.

/// One built-in event.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Whose.
    pub preset: &'static str,
    /// Its kind, action included: `workflow_run.completed`.
    pub kind: &'static str,
    /// The headers that carry kind and id, beside the signature; lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: &'static str,
}

/// All built-in events.
pub fn samples() -> &'static [Sample] {
    &[]
}

/// The built-in event `preset/kind`; a kind without its action finds the first that has one.
pub fn sample(_preset: &str, _kind: &str) -> Option<&'static Sample> {
    None
}
