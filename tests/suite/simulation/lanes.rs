//! The lanes of a week: what may each of them do, in this process or that?

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use kabari::dispatch::{Cap, Caps, LaneSettings, Pace};
use kabari::model::Span;

/// A lane, as the judge knows it.
pub(super) struct LanePlan {
    pub(super) name: String,
    settings: LaneSettings,
    pub(super) interval: Option<Duration>,
    pub(super) burst: u32,
    pub(super) in_flight: usize,
    gap: Option<Duration>,
    /// Attempts and first contacts in a day.
    caps: Option<(u32, u32)>,
    pub(super) warm_up: Option<Date>,
    /// Nothing ever holds it, so its messages' clocks never stand still.
    pub(super) never_held: bool,
    /// How much of the traffic is its, in percent.
    pub(super) share: u32,
}

/// The limits of lanes are others in some processes: a person has changed the rule file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Limits {
    #[default]
    Wide,
    /// Fewer strangers in a day, and the same person less often.
    Narrow,
}

impl Limits {
    pub(super) const ALL: [Self; 2] = [Self::Wide, Self::Narrow];

    /// Of the process that begins at this time.
    pub(super) fn of(start: Timestamp) -> Self {
        Self::ALL[usize::from(start.as_second() % 2 != 0)]
    }

    fn strangers(self, wide: u32) -> u32 {
        if self == Self::Narrow { wide / 3 + 1 } else { wide }
    }

    fn gap(self, wide: Duration) -> Duration {
        if self == Self::Narrow { wide * 200 } else { wide }
    }
}

impl LanePlan {
    pub(super) fn settings(&self, limits: Limits) -> LaneSettings {
        let mut settings = self.settings.clone();
        if let Some((day, first)) = self.caps {
            let first = Some(Cap::At(limits.strangers(first)));
            settings.caps = Some(Caps { day: Some(Cap::At(day)), first_contacts: first });
        }
        settings.gap = self.gap(limits).map(Span);
        settings
    }

    /// Whether anybody is held by a limit that is another in other processes.
    pub(super) fn is_limited(&self) -> bool {
        self.caps.is_some()
    }

    pub(super) fn gap(&self, limits: Limits) -> Option<Duration> {
        self.gap.map(|wide| limits.gap(wide))
    }

    /// What a new account may do, as the README tells its users.
    pub(super) fn caps_on(&self, day: Date, limits: Limits) -> Option<(u32, u32)> {
        let (attempts, first) = self.caps?;
        let first = limits.strangers(first);
        let age = self.warm_up.map_or(99, |began| began.until(day).unwrap().get_days());
        Some(match age {
            ..3 => (attempts.min(20), first.min(5)),
            3..7 => (attempts.min(50), first.min(10)),
            7..11 => (attempts.min(200), first.min(15)),
            _ => (attempts, first),
        })
    }
}

/// A lane of this share of the traffic, in percent, whose pace it uses up to about two thirds.
fn lane(name: &str, events: u32, share: u32, (burst, in_flight): (u32, u32)) -> LanePlan {
    let pace = Pace::parse(&format!("{}/d", events * share / 470 + 20)).unwrap();
    let settings = LaneSettings {
        pace: Some(pace),
        burst: Some(burst),
        in_flight: Some(in_flight),
        ..LaneSettings::default()
    };
    LanePlan {
        name: name.to_owned(),
        settings,
        interval: pace.interval(),
        burst,
        in_flight: in_flight as usize,
        gap: None,
        caps: None,
        warm_up: None,
        never_held: false,
        share,
    }
}

impl LanePlan {
    /// With caps of a day that are reached on some days.
    fn with_caps(mut self, caps: (u32, u32), gap_s: u64) -> Self {
        (self.caps, self.gap) = (Some(caps), Some(Duration::from_secs(gap_s)));
        self
    }
}

pub(super) fn lanes(seed: u64, events: u32, monday: Date) -> Vec<LanePlan> {
    let strangers = persons(events) / 3;
    let cap = |share: u32| events * share / 550 + 20;
    let free = lane("free", events, 18, (3, 2));
    let off = LaneSettings { pace: Some(Pace::OFF), ..free.settings.clone() };
    let mut lanes = vec![
        lane("careful", events, 34, (3, 1)).with_caps((cap(34), strangers), 10),
        lane("quick", events, 40, (5, 3)).with_caps((cap(40), strangers), 2),
        LanePlan { never_held: true, settings: off, interval: None, ..free },
        lane("slow", events, 7, (1, 1)).with_caps((cap(7), strangers), 60),
    ];
    // An account that began this week can do no more than a little.
    if seed.is_multiple_of(4) && events <= 10_000 {
        let mut new = lane("new", events, 1, (3, 1)).with_caps((500, 20), 10);
        (new.warm_up, new.settings.warm_up) = (Some(monday), Some(monday));
        lanes.push(new);
    }
    lanes
}

pub(super) fn persons(events: u32) -> u32 {
    events.div_ceil(50).clamp(60, 2000)
}
