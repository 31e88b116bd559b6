//! By which settings is a message made to wait, and are they the same as before?

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::Pace;
use super::people::People;
use super::settings::LaneSettings;

/// A digest of all settings by which a lane holds messages; `None` where nobody is to rely on one. A
/// message keeps its rule's hours, so of those only the closed days are settings.
pub(super) fn digest(lane: &LaneSettings, people: &People) -> Option<String> {
    // A digest of a few numbers would tell them to whoever tries all. Whoever tries things out has
    // everybody asked instead.
    if people.only_to.is_some() {
        return None;
    }
    // Another version may decide otherwise.
    let mut told = env!("CARGO_PKG_VERSION").to_owned();
    if lane.pace() != Pace::OFF {
        let (caps, gap) = (lane.caps.unwrap_or_default().or_default(), lane.gap());
        let zone = people.zone.iana_name().map_or_else(|| format!("{:?}", people.zone), Into::into);
        let _ = write!(told, "|{caps:?}|{:?}|{gap:?}|{zone}", lane.warm_up);
    }
    let _ = write!(told, "|{:?}|{:?}", people.holidays, people.watching);
    Some(hex::encode(Sha256::digest(told)))
}
