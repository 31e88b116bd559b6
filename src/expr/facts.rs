//! What can an expression see?

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Json;
use crate::model::Event;

/// What all events of one source have in common for expressions.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// `vars:` of the rule file. Its texts are the user's own: they are not neutralised.
    pub vars: serde_json::Value,
    /// How the source writes amounts; `None` if nobody said.
    pub amounts: Option<AmountUnit>,
    /// Where `date` shows times.
    pub timezone: jiff::tz::TimeZone,
}

/// How a source writes amounts of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AmountUnit {
    /// In the smallest unit: 1050 is $10.50.
    Minor,
    /// In whole units: 10.50 is $10.50.
    Major,
}

/// One event as expressions see it: `event`, `source`, `kind`, `id`, `headers`, `received_at`,
/// `vars`. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Facts(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Facts {
    /// The facts of `event`, whose body is `json`.
    pub fn new(_event: &Event, _json: Json, _surroundings: Arc<Surroundings>) -> Self {
        todo!()
    }

    /// The event's body.
    pub fn json(&self) -> &Json {
        todo!()
    }
}
