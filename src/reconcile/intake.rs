//! An event that its sender told: was it known, and what comes of it?

use jiff::Timestamp;

use super::Desk;
use super::api::Halt;
use super::list::{Missed, Told};
use crate::clock;
use crate::model::Message;
use crate::store::Recorded;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is new.
    New,
    /// It had come after all.
    Duplicate,
    /// The sender's own id does not stand in it, so nobody could tell whether it came before.
    Nameless,
}

impl Desk {
    /// Takes an event in, through the same door of ids as a request and with the rules in force.
    pub(super) async fn take_in(
        &self,
        source: &str,
        missed: &Missed,
        told: Told,
        now: Timestamp,
    ) -> Result<Taken, Halt> {
        let id = clock::event_id(now, &mut clock::dice());
        let Told { headers, body } = told;
        let made = self.pipeline.load().told(source, id, headers, body, now);
        // The source may have left the rule file since the list was read.
        let Some(accepted) = made.filter(|made| {
            !made.id_missing && made.event.provider_id.as_deref() == Some(missed.id.as_str())
        }) else {
            return Ok(Taken::Nameless);
        };
        let mut batch = vec![(accepted.event, accepted.messages)];
        batch.extend(accepted.more);
        let rules = rules_of(&batch.iter().flat_map(|(_, made)| made).collect::<Vec<_>>());
        let kind = batch.first().map(|(event, _)| event.kind.clone()).unwrap_or_default();
        let recorded = self.store.record_batch(batch).await;
        let recorded = recorded.map_err(|why| Halt::NotStored(why.to_string()))?;
        let mut new = false;
        let mut messages = 0;
        for one in &recorded {
            if let Recorded::New { waiting } = one {
                self.metrics.event(source);
                (new, messages) = (true, messages + waiting);
            }
        }
        if !new {
            return Ok(Taken::Duplicate);
        }
        tracing::info!(
            target: "kabari::reconcile", source, event = %id, provider_id = missed.id, kind,
            sent_at = %missed.sent_at, messages, rules,
            "an event that was sent in vain is taken in"
        );
        Ok(Taken::New)
    }
}

fn rules_of(messages: &[&Message]) -> String {
    let mut names: Vec<&str> = messages.iter().map(|made| made.origin.rule.as_str()).collect();
    names.dedup();
    names.join(", ")
}
