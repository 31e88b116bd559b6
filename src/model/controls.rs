//! What may a story ask of the running program?

use async_trait::async_trait;

/// What the dashboard and its API need from the floor above: implemented by `app`.
#[async_trait]
pub trait Controls: Send + Sync {
    /// Reads the rule file again and swaps the pipeline; a bad file changes nothing.
    ///
    /// # Errors
    /// The report of every problem in the file, ready to print.
    async fn reload(&self) -> Result<String, String>;

    /// Stops claiming for a lane until [`Controls::resume`]; `false` if there is no such lane.
    async fn pause(&self, instance: &str) -> bool;

    /// Lets a lane go on, whatever stopped it; `false` if there is no such lane.
    async fn resume(&self, instance: &str) -> bool;

    /// Whether kabari can take events, and what else is worth knowing.
    async fn readiness(&self) -> Readiness;
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Readiness {
    /// Whether verified events can be recorded with valid rules.
    pub ready: bool,
    /// `ok`, or what is wrong with the store.
    pub store: String,
    /// `ok`, or how little room is left where the store is; no reason for not being ready.
    pub disk: String,
    /// `ok`, or what is wrong with the rule file on disk (the last good one is in force).
    pub rules: String,
    /// Each lane that stands still with its reason; never a reason for not being ready.
    pub lanes: Vec<(String, String)>,
    /// Each list of what a provider sent in vain, with how the last look at it went; never a reason
    /// for not being ready.
    pub reconciled: Vec<(String, String)>,
}
