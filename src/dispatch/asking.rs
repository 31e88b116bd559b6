//! When the settings of a lane are others: how far are those asked again whom it made wait?

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::LaneWait;
use crate::store::{AskedTo, LaneMemory};

use super::people::People;
use super::settings::LaneSettings;
use super::{Shared, Swapped, limits};

/// The settings of one lane, as one look found them.
pub(super) struct Rules {
    pub(super) people: Arc<People>,
    pub(super) settings: LaneSettings,
}

/// What a lane knows of those whom it made wait.
#[derive(Default)]
pub(super) struct Asking {
    /// The settings that it goes by; `None` before its first look.
    seen: Option<(Arc<People>, Arc<Swapped>)>,
    /// By which limits they were asked last, as the store has it, and what the next of them wait for.
    kept: Option<String>,
    waits: Vec<LaneWait>,
    round: Option<Round>,
}

/// They are asked again.
struct Round {
    limits: Option<String>,
    to: AskedTo,
    /// What any of them wait for.
    waits: BTreeMap<String, LaneWait>,
}

impl Asking {
    /// What the store remembers.
    pub(super) fn recalled(&mut self, memory: &mut LaneMemory) {
        if self.seen.is_none() {
            self.kept = memory.limits.take();
            self.waits = std::mem::take(&mut memory.waits);
        }
    }

    /// The lane's settings now. If those that make anybody wait are others than the store knows, a
    /// round begins.
    pub(super) fn rules(&mut self, shared: &Shared, instance: &str) -> Rules {
        let (people, swapped) = (shared.people.load_full(), shared.settings.load_full());
        let settings = swapped.lanes.get(instance).cloned().unwrap_or_default();
        let seen = self.seen.as_ref();
        if !seen.is_some_and(|it| Arc::ptr_eq(&it.0, &people) && Arc::ptr_eq(&it.1, &swapped)) {
            let limits = limits::digest(&settings, &people);
            let asked = self.round.as_ref().map_or(&self.kept, |round| &round.limits);
            if limits.is_none() || limits != *asked {
                // Claims go by the new ones from now on.
                self.waits.clear();
                let (to, waits) = (AskedTo::default(), BTreeMap::new());
                self.round = Some(Round { limits, to, waits });
            }
            self.seen = Some((Arc::clone(&people), swapped));
        }
        Rules { people, settings }
    }

    /// How far the round has come, if one is under way.
    pub(super) fn asked_to(&self) -> Option<AskedTo> {
        self.round.as_ref().map(|round| round.to)
    }

    /// By which limits they are asked in this round.
    pub(super) fn limits(&self) -> Option<String> {
        self.round.as_ref()?.limits.clone()
    }

    /// Some wait for this.
    pub(super) fn wait_for(&mut self, waits: &BTreeMap<String, LaneWait>) {
        if let Some(round) = &mut self.round {
            round.waits.extend(waits.clone());
        }
    }

    /// The round has come so far; when it is over, what anybody waits for.
    pub(super) fn came_to(&mut self, to: Option<AskedTo>) -> Option<BTreeMap<String, LaneWait>> {
        if let (Some(round), Some(to)) = (&mut self.round, to) {
            round.to = to;
            return None;
        }
        let Round { limits, waits, .. } = self.round.take()?;
        self.kept = limits;
        Some(waits)
    }

    /// What the next of them wait for, known once from the store, where nobody has to be asked.
    pub(super) fn known_waits(&mut self) -> BTreeMap<String, LaneWait> {
        let waits = std::mem::take(&mut self.waits).into_iter();
        waits.map(|wait| (wait.detail.clone(), wait)).collect()
    }
}
