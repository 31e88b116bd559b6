//! What may the floors below ask of the app?

use async_trait::async_trait;

use super::Shared;
use super::reload::Why;
use crate::model::{Controls, Readiness};

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

    async fn readiness(&self) -> Readiness {
        let store = match self.store.ping().await {
            Ok(()) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let standing = self.lanes.status().into_iter().filter_map(|lane| {
            let reason = lane.standing_still?;
            let detail = lane.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            Some((lane.instance, format!("{}{detail}", reason.as_str())))
        });
        Readiness {
            ready: store == "ok",
            store,
            rules: self.rules.standing(),
            lanes: standing.collect(),
            reconciled: self.reconciled().await,
        }
    }
}
