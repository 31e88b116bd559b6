//! What can be asked of a running program from its admin listener, and what is counted of its lanes?

use std::sync::Arc;

use async_trait::async_trait;

use super::reload::Why;
use super::{Shared, replay};
use crate::alerts::Bell;
use crate::clock;
use crate::dispatch::Observer;
use crate::model::{
    Attempt, Controls, Groups, Message, Readiness, Reason, Replay, Replayed, State,
};
use crate::sources::Source;
use crate::store::{Reconciliation, Room};
use crate::telemetry::Metrics;
#[async_trait]
impl Controls for Shared {
    async fn reload(&self) -> Result<String, String> {
        self.rules.reload(Why::Told).await
    }

    async fn pause(&self, instance: &str) -> bool {
        self.lanes.pause(instance).await
    }

    async fn resume(&self, instance: &str) -> bool {
        self.lanes.resume(instance).await
    }

    async fn replay(&self, asked: Replay) -> Result<(Vec<Replayed>, Groups), String> {
        let pipeline = self.rules.pipeline.load_full();
        let replayed = replay::replay(&self.store, &pipeline, &asked, clock::now()).await;
        replayed.map_err(|error| error.to_string())
    }

    async fn readiness(&self) -> Readiness {
        let store = match self.store.ping().await {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let (mut standing, mut probes, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        let status = self.lanes.status();
        let instances = status.iter().map(|lane| lane.instance.clone()).collect();
        for lane in status {
            let name = lane.instance;
            waits.extend(lane.waits.into_iter().map(|wait| (name.clone(), wait)));
            let Some(reason) = lane.standing_still else { continue };
            let detail = lane.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            probes.extend(lane.probe_at.map(|at| (name.clone(), at)));
            standing.push((name, format!("{}{detail}", reason.as_str())));
        }
        Readiness {
            ready: store == "ok",
            store,
            disk: Room::of(&self.file).map_or("ok".to_owned(), |room| room.to_string()),
            rules: self.rules.standing(),
            sending: self.lanes.restriction().unwrap_or_else(|| "ok".to_owned()),
            instances,
            lanes: standing,
            probes,
            waits,
            reconciled: self.reconciled().await,
        }
    }
}

impl Shared {
    /// How the last look at each list went of those that are looked at still.
    async fn reconciled(&self) -> Vec<(String, String)> {
        let pipeline = self.rules.pipeline.load();
        let known = self.store.reconciliations().await.unwrap_or_default();
        let is_looked_at = |it: &&Reconciliation| {
            let plan = pipeline.source(&it.source).and_then(Source::reconcile);
            plan.is_some_and(|plan| plan.places.contains(&it.place))
        };
        let said = |it: &Reconciliation| (format!("{} {}", it.source, it.place), it.said());
        known.iter().filter(is_looked_at).map(said).collect()
    }
}

/// Counts what the lanes do, and rings where that may need a person.
pub(super) struct Watch {
    pub(super) metrics: Arc<Metrics>,
    pub(super) bell: Bell,
}

impl Observer for Watch {
    fn attempt(&self, message: &Message, attempt: &Attempt, state: State) {
        let verdict = &attempt.verdict;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call")]
        let seconds = attempt.took_ms as f64 / 1000.0;
        self.metrics.attempt(&message.instance, verdict.fate, verdict.reason, seconds);
        if matches!(state, State::Uncertain | State::Failed) {
            self.bell.ring();
        }
    }

    fn lane(&self, instance: &str, standing_still: Option<Reason>) {
        self.metrics.lane_open(instance, standing_still.is_none());
        self.bell.ring();
    }
}
