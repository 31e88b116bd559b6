//! When the settings of a lane are others: how far are those asked again whom it made wait?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Stopwatch, set_back};
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
    /// What the clock showed when they were made to wait, and how long ago the lane itself saw that.
    clock: Option<(Timestamp, Option<Stopwatch>)>,
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
            self.clock = memory.asked_at.map(|shown| (shown, None));
        }
    }

    /// The lane's settings now. If those that make anybody wait are others than the store knows, a
    /// round begins; also if the clock was set back, since who waits does so by the other one.
    pub(super) fn rules(&mut self, shared: &Shared, instance: &str, now: Timestamp) -> Rules {
        let is_set_back = self.is_set_back(now);
        let (people, swapped) = (shared.people.load_full(), shared.settings.load_full());
        let settings = swapped.lanes.get(instance).cloned().unwrap_or_default();
        let seen = self.seen.as_ref();
        let is_same =
            seen.is_some_and(|it| Arc::ptr_eq(&it.0, &people) && Arc::ptr_eq(&it.1, &swapped));
        if is_set_back || !is_same {
            let limits = limits::digest(&settings, &people);
            let asked = self.round.as_ref().map_or(&self.kept, |round| &round.limits);
            if is_set_back || limits.is_none() || limits != *asked {
                // Claims go by the new ones from now on.
                self.waits.clear();
                let (to, waits) = (AskedTo::default(), BTreeMap::new());
                self.round = Some(Round { limits, to, waits });
            }
            self.seen = Some((Arc::clone(&people), swapped));
        }
        Rules { people, settings }
    }

    fn is_set_back(&mut self, now: Timestamp) -> bool {
        let Some((shown, since)) = self.clock.replace((now, Some(Stopwatch::start()))) else {
            return false;
        };
        let passed = since.map_or(Duration::ZERO, |since| since.elapsed());
        set_back(shown, passed, now).is_some()
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
