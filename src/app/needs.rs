//! What needs a person now? Asked of the store, the lanes and the rule file.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use async_trait::async_trait;

use super::Shared;
use crate::clock;
use crate::model::{DiskTrouble, LaneTrouble, Needs, Reason, Watched};
use crate::store::{Level, Room, StoreError};

#[async_trait]
impl Watched for Shared {
    async fn needs(&self) -> Needs {
        let needs = Needs { lanes: self.lanes_in_trouble(), ..Needs::default() };
        let disk = Room::of(&self.file).filter(|room| room.level() != Level::Enough);
        let disk = disk.map(|room| DiskTrouble {
            urgent: room.level() == Level::Short,
            detail: room.to_string(),
        });
        let needs = Needs { rules: self.rules.mistakes(), disk, ..needs };
        match self.with_messages(needs.clone()).await {
            Ok(needs) => needs,
            Err(problem) => Needs { store: Some(problem.to_string()), ..needs },
        }
    }
}

impl Shared {
    async fn with_messages(&self, needs: Needs) -> Result<Needs, StoreError> {
        self.store.ping().await?;
        let seen = self.counted().0;
        let stuck = self.store.stuck(seen).await?;
        let mut counted = self.counted();
        if counted.0 == seen {
            *counted = (stuck.seen, counted.1 + stuck.no_recipient);
        }
        let no_recipient = counted.1;
        Ok(Needs { uncertain: stuck.uncertain, failed: stuck.failed, no_recipient, ..needs })
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, (i64, u64)> {
        self.no_recipient.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who paused a lane, or wrote `mode: shadow`, knows it.
    fn lanes_in_trouble(&self) -> BTreeMap<String, LaneTrouble> {
        let trouble = self.lanes.status().into_iter().filter_map(|lane| {
            let reason = lane.standing_still?;
            if matches!(reason, Reason::ByHand | Reason::Shadow) {
                return None;
            }
            let (detail, since) = (lane.detail.unwrap_or_default(), lane.since);
            let since = since.unwrap_or_else(clock::now);
            Some((lane.instance, LaneTrouble { reason, detail, since }))
        });
        trouble.collect()
    }
}
