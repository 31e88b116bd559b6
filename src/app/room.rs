//! Is the disk about to be full? Said loudly, long before events are refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Level, Room};
use crate::telemetry::Metrics;

/// How often to look: at a thousand events of 10 KB a second, 50 MiB come between two looks.
const LOOK: Duration = Duration::from_secs(10);
/// After so many looks it is said again.
const AGAIN: u32 = 360;

/// Looks until told to stop, counts what is left, and says when it becomes too little.
pub(super) async fn watch(store: PathBuf, metrics: Arc<Metrics>, stop: CancellationToken) {
    let (mut said, mut looks) = (Level::Enough, 0_u32);
    while !stop.is_cancelled() {
        if let Some(room) = Room::of(&store) {
            metrics.store_free(room.free);
            let level = room.level();
            looks = looks.saturating_add(1);
            if level != said || (level != Level::Enough && AGAIN <= looks) {
                say(room, level);
                looks = 0;
            }
            said = level;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn say(room: Room, level: Level) {
    let free = room.free;
    match level {
        Level::Enough => tracing::info!(free, "there is room again for the store"),
        Level::Low => tracing::warn!(free, "the disk is {room}"),
        Level::Short => tracing::error!(free, "the disk is {room}"),
    }
}
