//! When is there something new on the disk? The system says so, or the clock.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::events::Events;
use super::spots::Spots;
use crate::config::Inputs;

/// How long it must be quiet after a change: editors write a file in several steps.
pub(super) const QUIET: Duration = Duration::from_millis(200);
/// After this long it is looked in any case.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How often it is looked where nothing is said: a network file system tells nobody of what others
/// write to it.
const LOOK_WATCHED: Duration = Duration::from_secs(30);
/// The same where the folders cannot be watched.
const LOOK_BLIND: Duration = Duration::from_secs(2);

/// Watches the folders of all that was read.
pub(super) struct Watch {
    /// `None` where the system has no such thing left.
    events: Option<Events>,
    spots: Spots,
    /// What is watched, with what stood there then.
    watched: HashMap<PathBuf, Identity>,
    /// Whether something cannot be watched.
    blind: bool,
    /// It is said once.
    said: bool,
}

/// What is at a path: another folder may come to stand under the same name.
type Identity = (u64, u64);

impl Watch {
    /// Watches nothing yet. Never fails: what cannot be watched is looked at from time to time.
    pub(super) fn new() -> Self {
        let (spots, watched) = (Spots::default(), HashMap::new());
        let mut watch = Self { events: None, spots, watched, blind: true, said: false };
        match Events::new() {
            Ok(events) => watch.events = Some(events),
            Err(why) => watch.say_blind(&why),
        }
        watch
    }

    /// Watches what was read last: blocks. Also says whether it watches something new.
    pub(super) fn follow(mut self, inputs: &Inputs) -> (Self, bool) {
        self.spots = Spots::of(inputs);
        let targets = self.spots.targets();
        let Some(events) = &mut self.events else { return (self, false) };
        self.watched.retain(|path, identity| {
            let stays = targets.contains(path) && identity_of(path) == Some(*identity);
            if !stays {
                events.unwatch(path);
            }
            stays
        });
        let (before, mut trouble) = (self.watched.len(), None);
        for path in targets {
            let Some(identity) = identity_of(&path) else { continue };
            if self.watched.contains_key(&path) {
                continue;
            }
            match events.watch(&path) {
                Ok(()) => drop(self.watched.insert(path, identity)),
                Err(why) => trouble = Some(why),
            }
        }
        self.blind = trouble.is_some();
        if let Some(why) = trouble {
            self.say_blind(&why);
        }
        let is_new = self.watched.len() != before;
        (self, is_new)
    }

    /// Returns when it is time to look again.
    pub(super) async fn changed(&mut self) {
        let look = if self.blind { LOOK_BLIND } else { LOOK_WATCHED };
        tokio::select! {
            () = self.stirred() => {}
            () = sleep(look) => return,
        }
        let enough = sleep(QUIET_MAX);
        tokio::pin!(enough);
        loop {
            tokio::select! {
                () = &mut enough => return,
                () = self.stirred() => {}
                () = sleep(QUIET) => return,
            }
        }
    }

    /// Returns when something happened that may have changed what was read.
    async fn stirred(&mut self) {
        let Some(events) = &mut self.events else { return std::future::pending().await };
        loop {
            let at = events.next().await;
            if at.is_none_or(|path| self.spots.concerns(&path)) {
                return;
            }
        }
    }

    fn say_blind(&mut self, why: &io::Error) {
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                error = %why,
                "the rule file cannot be watched, so it is looked at every {} s: {why}",
                LOOK_BLIND.as_secs(),
            );
        }
    }
}

fn identity_of(path: &Path) -> Option<Identity> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}
