//! One configured sender: how a request becomes an event.

use jiff::Timestamp;

use super::SourceSettings;
use crate::expr::{AmountUnit, Json};
use crate::model::{Event, Fault};
use crate::verify::{Denied, Outgoing, Request, Verified};

/// A configured sender of webhooks.
#[derive(Debug)]
pub struct Source;

/// A verified request, read.
#[derive(Debug)]
pub struct Read {
    /// The event; of kind `unreadable` if the body could not be read.
    pub event: Event,
    /// Its body, or why it could not be read.
    pub json: Result<Json, String>,
}

impl Source {
    /// Builds the source `name`; warnings are returned beside it.
    pub fn build(
        _name: &str,
        _settings: &SourceSettings,
    ) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        todo!()
    }

    /// The name in the URL and in rules.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// The preset that it is based on.
    pub fn preset(&self) -> Option<&str> {
        todo!()
    }

    /// How it writes amounts of money, if its preset or the user said.
    pub fn amounts(&self) -> Option<AmountUnit> {
        todo!()
    }

    /// Whether the request is really from them.
    pub fn verify<'r>(
        &self,
        _request: &'r Request,
        _now: Timestamp,
    ) -> Result<Verified<'r>, Denied> {
        todo!()
    }

    /// What the verified request says.
    pub fn read(&self, _proof: &Verified<'_>) -> Read {
        todo!()
    }

    /// Reads a body that came without a request (`kabari explain FILE`); `kind` may be given with
    /// or without its action.
    pub fn read_body(
        &self,
        _id: crate::model::EventId,
        _received_at: Timestamp,
        _kind: Option<&str>,
        _headers: crate::model::Headers,
        _body: bytes::Bytes,
    ) -> Read {
        todo!()
    }

    /// Whether rules for `pattern` (a kind, `*` and `?` allowed) take events of `kind`; some
    /// presets let `pull_request` stand for `pull_request.*`.
    pub fn kind_matches(&self, _pattern: &str, _kind: &str) -> bool {
        todo!()
    }

    /// The headers by which this source would believe `request`.
    pub fn sign(&self, _request: &Outgoing<'_>) -> Vec<(String, String)> {
        todo!()
    }
}
