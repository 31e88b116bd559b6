//! What happens in the week of a seed: lanes, people, messages, weather, incidents.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kabari::model::{Hours, Otherwise, Priority, Recipient};

use super::calendar::Calendar;
use super::lanes::{LanePlan, lanes, persons};

/// A week.
pub(super) const WEEK_S: i64 = 7 * 24 * 60 * 60;

/// What a rule asks for its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Plain,
    /// Only in the hours; else it waits.
    Hours,
    /// Only in the hours; else it is skipped.
    HoursOrNever,
    /// Not before its time.
    Later,
    /// At most [`THROTTLE`] go; the rest is skipped, or waits.
    Throttled,
    Waiting,
    /// Those of one key become one message.
    Grouped,
    /// One of a key is enough.
    Deduped,
    /// Sent in the stead of another one that failed.
    Instead,
}

/// How many of a throttled key go in how long.
pub(super) const THROTTLE: (u32, Duration) = (3, Duration::from_secs(6 * 60 * 60));

/// Events of one key are gathered for so long, and no more than so many.
pub(super) const GATHER: (Duration, u32) = (Duration::from_secs(600), 8);

/// The least time between two groups of this key.
pub(super) fn gather_interval(key: u32) -> Duration {
    Duration::from_secs(if key.is_multiple_of(2) { 0 } else { 1800 })
}

/// What is promised of one message.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) lane: usize,
    pub(super) to: usize,
    pub(super) class: Class,
    pub(super) priority: Priority,
    pub(super) resend: bool,
    pub(super) attempts_max: u32,
    pub(super) expires_s: Option<u64>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) made_at: Timestamp,
    /// By which it is throttled, grouped or deduplicated.
    pub(super) key: u32,
    /// Whether something else is sent if it fails.
    pub(super) has_instead: bool,
    /// In whose stead it is.
    pub(super) parent: Option<usize>,
}

impl Ticket {
    /// Whether what becomes of it is its affair alone.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.class, Class::Plain | Class::Hours | Class::HoursOrNever | Class::Later)
    }
}

/// What the weather does to a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    SessionGone,
    NetworkDown,
    TooFast,
    /// Answers that say nothing, are lost, or never come.
    Storm,
    Restricted,
}

/// Something that happens at a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incident {
    /// So many events arrive.
    Events(u32),
    Weather(usize, Weather),
    Pause(usize),
    Resume(usize),
    DiskFull(bool),
    /// The program dies, so many half steps of the store later; 0: now.
    Kill(i64),
    Stop,
    /// A person looks at what is uncertain and failed.
    Person,
    OptOut,
}

pub(super) struct Plan {
    pub(super) seed: u64,
    /// So many keys are throttled: what waits for them leaves within some days.
    throttled_keys: u32,
    pub(super) begins: Timestamp,
    /// Where a lane's day begins, and the hours are.
    pub(super) zone: TimeZone,
    pub(super) lanes: Vec<LanePlan>,
    pub(super) people: Vec<Recipient>,
    pub(super) incidents: Vec<(Timestamp, Incident)>,
    pub(super) hours: Hours,
    pub(super) calendar: Calendar,
}

/// Zones and Mondays; in the last three of these weeks the clock is changed.
const WEEKS: [(&str, &str); 5] = [
    ("Asia/Jakarta", "2026-11-23"),
    ("UTC", "2026-12-28"),
    ("Europe/Berlin", "2026-10-19"),
    ("America/New_York", "2027-03-08"),
    ("Australia/Lord_Howe", "2026-09-28"),
];

impl Plan {
    pub(super) fn of(seed: u64, events: u32) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let (zone_name, monday) = *dice.choice(&WEEKS).unwrap();
        let zone = TimeZone::get(zone_name).unwrap();
        let monday: Date = monday.parse().unwrap();
        let begins = monday.to_zoned(zone.clone()).unwrap().timestamp();
        let lanes = lanes(seed, events, monday);
        let person = |n| Recipient::person(&format!("62811{n:08}")).unwrap();
        let group = |n| Recipient::group(&format!("12036300000000{n:04}@g.us")).unwrap();
        let people =
            (0..persons(events)).map(|n| if n % 20 == 7 { group(n) } else { person(n) }).collect();
        let days = if dice.bool() { 0b111_1111 } else { 0b011_1111 };
        // Sometimes they begin in the hour that does not come, or comes twice.
        let from =
            if dice.u32(0..3) == 0 { 120 + dice.u16(0..4) * 15 } else { dice.u16(7..9) * 60 + 30 };
        let hours = Hours {
            days,
            from,
            to: dice.u16(18..22) * 60,
            zone: zone_name.to_owned(),
            holidays: None,
            otherwise: Otherwise::Wait,
        };
        let incidents = incidents(&mut dice, begins, events, lanes.len());
        let calendar = Calendar::of(monday, &zone, &hours);
        let throttled_keys = (events / 2500).clamp(2, 40);
        Self { seed, throttled_keys, begins, zone, lanes, people, incidents, hours, calendar }
    }

    pub(super) fn lane(&self, name: &str) -> usize {
        self.lanes.iter().position(|lane| lane.name == name).unwrap()
    }

    /// A message's terms, by chance.
    pub(super) fn ticket(&self, dice: &mut fastrand::Rng, now: Timestamp) -> Ticket {
        let share = dice.u32(0..100);
        let mut until = 0;
        let lane = self.lanes.iter().position(|lane| {
            until += lane.share;
            share < until
        });
        let lane = lane.unwrap_or(0);
        let class = match dice.u32(0..100) {
            0..62 => Class::Plain,
            62..76 => Class::Hours,
            76..80 => Class::HoursOrNever,
            80..84 => Class::Later,
            84..87 => Class::Throttled,
            87..90 => Class::Waiting,
            90..95 => Class::Grouped,
            _ => Class::Deduped,
        };
        // A few people of each lane know only that one; the others write to all.
        let to = match self.lanes[lane].warm_up {
            Some(_) => dice.usize(..25),
            None => dice.usize(..self.people.len()),
        };
        let key = dice.u32(0..40);
        // Of these, those of one key are for one person.
        let (lane, to, key) = match class {
            Class::Grouped => (key as usize % 3, key as usize % 4, key % 4),
            Class::Deduped => (key as usize % 3, key as usize % 4, key),
            Class::Throttled | Class::Waiting => (lane, to, key % self.throttled_keys),
            _ => (lane, to, key),
        };
        let is_plain = class == Class::Plain;
        let priority = match dice.u32(0..100) {
            0..8 if is_plain => Priority::High,
            8..16 if is_plain => Priority::Low,
            _ => Priority::Normal,
        };
        let later = i64::from(dice.u32(60..40_000));
        Ticket {
            lane,
            to,
            class,
            priority,
            resend: dice.u32(0..5) == 0,
            attempts_max: if dice.u32(0..10) == 0 { dice.u32(1..4) } else { u32::MAX },
            expires_s: (is_plain && dice.u32(0..6) == 0).then(|| dice.u64(600..20_000)),
            not_before: (class == Class::Later).then(|| plus(now, later * 1000)),
            made_at: now,
            key,
            has_instead: is_plain && dice.u32(0..20) == 0,
            parent: None,
        }
    }
}

fn incidents(
    dice: &mut fastrand::Rng,
    begins: Timestamp,
    events: u32,
    lanes: usize,
) -> Vec<(Timestamp, Incident)> {
    let mut all = Vec::new();
    let mut left = events;
    while 0 < left {
        let burst = dice.u32(1..16).min(left);
        left -= burst;
        all.push((dice.i64(0..WEEK_S * 1000), Incident::Events(burst)));
    }
    // The free lane is never in such trouble that its clock would stand still.
    let troubled = |dice: &mut fastrand::Rng| [0, 1, 3, lanes - 1][dice.usize(..4)];
    let mut spans = |many: usize,
                     longest_s: i64,
                     on: &dyn Fn(usize) -> Incident,
                     off: &dyn Fn(usize) -> Incident| {
        for _ in 0..dice.usize(1..=many) {
            let (lane, from) = (troubled(dice), dice.i64(0..WEEK_S * 1000));
            all.push((from, on(lane)));
            all.push((from + dice.i64(1000..longest_s * 1000), off(lane)));
        }
    };
    let fair = |lane| Incident::Weather(lane, Weather::Fair);
    for (weather, many, longest_s) in [
        (Weather::SessionGone, 4, 12 * 3600),
        (Weather::NetworkDown, 4, 3600),
        (Weather::TooFast, 4, 3600),
        (Weather::Storm, 4, 3 * 3600),
    ] {
        spans(many, longest_s, &|lane| Incident::Weather(lane, weather), &fair);
    }
    let restricted = |lane| Incident::Weather(lane, Weather::Restricted);
    spans(1, 24 * 3600, &restricted, &Incident::Resume);
    spans(3, 4 * 3600, &Incident::Pause, &Incident::Resume);
    spans(3, 600, &|_| Incident::DiskFull(true), &|_| Incident::DiskFull(false));
    for _ in 0..dice.usize(5..25) {
        let steps = if dice.bool() { 0 } else { dice.i64(1..12) };
        all.push((dice.i64(0..WEEK_S * 1000), Incident::Kill(steps)));
    }
    for _ in 0..dice.usize(0..4) {
        all.push((dice.i64(0..WEEK_S * 1000), Incident::Stop));
    }
    for n in 0..60 {
        all.push(((n + 1) * WEEK_S * 1000 / 60, Incident::Person));
    }
    for _ in 0..3 {
        all.push((dice.i64(0..WEEK_S * 1000), Incident::OptOut));
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(at, incident)| (plus(begins, at), incident)).collect()
}

fn plus(time: Timestamp, ms: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_millis(ms)).unwrap()
}
