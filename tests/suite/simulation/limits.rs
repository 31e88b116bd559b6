//! How much may a lane do, and when does it stand still? What is asked when it takes a message.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kabari::model::{Fate, Reason, Scope};

use super::asked::Round;
use super::judge::{Judge, Told, later};
use super::lanes::{LanePlan, Limits};
use super::plan::Class;

/// How long a number is left alone that is not on WhatsApp.
pub(super) const ABSENT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// So many uncertain attempts in a row are the lane's trouble.
const UNCERTAIN_MAX: u32 = 3;

/// What a lane did, and how it stands.
#[derive(Default)]
pub(super) struct LaneLog {
    /// As Wachat sees it.
    pub(super) under_way: HashSet<usize>,
    pub(super) recipients: HashSet<usize>,
    /// Until when the pace is used up, without chance's part.
    pub(super) paced_until: Option<Timestamp>,
    pub(super) attempts: HashMap<Date, u32>,
    pub(super) first_contacts: HashMap<Date, u32>,
    /// When each recipient was tried last, who was perhaps reached, and who is not on WhatsApp.
    tried: HashMap<usize, Timestamp>,
    pub(super) reached: HashSet<usize>,
    pub(super) absent: HashMap<usize, Timestamp>,
    /// Nothing may begin, in the running program and after a restart.
    pub(super) stands: Option<Reason>,
    stands_in_store: Option<Reason>,
    /// Since when it does for the store, and the spans in which it did.
    shut_since: Option<Timestamp>,
    shut: Vec<(Timestamp, Timestamp)>,
    /// Those in which its pace was used up, at least.
    paced: Vec<(Timestamp, Timestamp)>,
    pub(super) trouble: Option<Trouble>,
    /// How many attempts in a row may have arrived or not.
    uncertain: u32,
    /// When it took something last, or could for the first time.
    pub(super) busy_at: Option<Timestamp>,
    /// Those whom a limit held are asked again.
    pub(super) round: Option<Round>,
    /// By which limits all of them were asked last.
    pub(super) asked_by: Option<Limits>,
}

/// A lane is tried by one message alone, and less and less often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    reason: Reason,
    failures: u32,
    until: Timestamp,
}

impl Trouble {
    fn of(reason: Reason, failures: u32, asked: Duration, now: Timestamp) -> Self {
        let (first, longest) = match reason {
            Reason::Session => (30, 900),
            Reason::UncertainAnswers => (30, 3600),
            Reason::Network | Reason::Rate | Reason::Server => (5, 900),
            _ => (300, 300),
        };
        let rest = Duration::from_secs(longest.min(first << failures.min(20)));
        Self { reason, failures, until: later(now, rest.max(asked)) }
    }
}

impl LaneLog {
    /// What an answer means for the lane.
    pub(super) fn told(&mut self, told: Told, is_probe: bool, now: Timestamp) {
        let Told { fate, scope, reason } = told;
        if self.stands == Some(Reason::Account) {
            return;
        }
        let is_lane = scope == Scope::Lane;
        let is_restricted = is_lane && reason == Some(Reason::Account);
        if self.trouble.is_some() && !is_probe && !is_restricted {
            // The answer is to what began before.
            return;
        }
        self.uncertain = if fate == Fate::Uncertain { self.uncertain + 1 } else { 0 };
        if is_restricted {
            (self.stands, self.trouble) = (Some(Reason::Account), None);
            return;
        }
        let said = match fate {
            Fate::Retry { after } => reason
                .filter(|reason| is_lane || matches!(reason, Reason::Rate | Reason::Server))
                .map(|reason| (reason, after.unwrap_or_default())),
            _ => (UNCERTAIN_MAX <= self.uncertain)
                .then_some((Reason::UncertainAnswers, Duration::ZERO)),
        };
        self.trouble = match (self.trouble, said) {
            (None, None) => None,
            (None, Some((reason, asked))) => Some(Trouble::of(reason, 0, asked, now)),
            (Some(trouble), Some((reason, asked))) => {
                let failures = if reason == trouble.reason { trouble.failures + 1 } else { 0 };
                Some(Trouble::of(reason, failures, asked, now))
            }
            (Some(_), None) if matches!(fate, Fate::Sent | Fate::Failed) => None,
            (Some(trouble), None) => {
                Some(Trouble::of(trouble.reason, trouble.failures + 1, Duration::ZERO, now))
            }
        };
    }

    pub(super) fn shut(&mut self, reason: Option<Reason>, now: Timestamp) {
        self.stands_in_store = reason;
        match (reason, self.shut_since) {
            (Some(_), None) => self.shut_since = Some(now),
            (None, Some(since)) => {
                self.shut.push((since, now));
                self.shut_since = None;
            }
            _ => {}
        }
    }

    /// For how long at least it stood still in between, so that no message aged.
    pub(super) fn held_within(&self, from: Timestamp, now: Timestamp) -> SignedDuration {
        let open = self.shut_since.map(|since| (since, now));
        let paced = self.paced.iter().rev().take_while(|(_, until)| from < *until);
        let mut spans: Vec<_> = self.shut.iter().chain(paced).copied().chain(open).collect();
        spans.sort_unstable();
        let (mut held, mut counted_to) = (SignedDuration::ZERO, from);
        for (since, until) in spans {
            let until = until.min(now);
            held += until.duration_since(since.max(counted_to)).max(SignedDuration::ZERO);
            counted_to = counted_to.max(until);
        }
        held
    }

    /// Until when it stood still for the store.
    pub(super) fn stood_until(&self, now: Timestamp) -> Timestamp {
        let last = self.shut.last().map_or(Timestamp::MIN, |(_, until)| *until);
        if self.shut_since.is_some() && self.trouble.is_none() { now } else { last }
    }

    /// It goes on, whatever stopped it.
    pub(super) fn resumed(&mut self) {
        (self.stands, self.trouble, self.uncertain) = (None, None, 0);
    }

    /// What the next process knows.
    pub(super) fn crashed(&mut self) {
        self.under_way.clear();
        self.recipients.clear();
        self.resumed();
        (self.busy_at, self.round) = (None, None);
        match self.stands_in_store {
            Some(reason @ (Reason::ByHand | Reason::Account)) => self.stands = Some(reason),
            // One message may try it at once.
            Some(reason @ Reason::UncertainAnswers) => {
                self.trouble = Some(Trouble { reason, failures: 0, until: Timestamp::MIN });
            }
            _ => {}
        }
    }
}

impl Judge {
    /// What is wrong with the lane's taking message `n`.
    pub(super) fn beyond_limits(&mut self, n: usize, now: Timestamp) -> Vec<String> {
        let (lane, to) = (self.lives[n].ticket.lane, self.lives[n].ticket.to);
        self.lanes[lane].busy_at = Some(now);
        let all = [
            self.window(lane),
            self.pace(lane, now),
            self.caps(n, now),
            self.gap(lane, to, now),
            self.standing(lane, now),
            self.people(lane, to, now),
            self.time(n, lane, now),
        ];
        all.into_iter().flatten().collect()
    }

    fn window(&self, lane: usize) -> Option<String> {
        let many = self.lines.many_under_way(lane);
        let is_full = self.plan.lanes[lane].in_flight <= many;
        is_full.then(|| format!("{many} are under way already"))
    }

    /// Within any window of T at most rate × T + burst: one interval an attempt, `burst` ahead.
    fn pace(&mut self, lane: usize, now: Timestamp) -> Option<String> {
        let LanePlan { interval: Some(interval), burst, .. } = self.plan.lanes[lane] else {
            return None;
        };
        let log = &mut self.lanes[lane];
        let used_until = log.paced_until.unwrap_or(now).max(now);
        let until = later(used_until, interval);
        log.paced_until = Some(until);
        let goes_at = until.saturating_sub(interval * (burst - 1)).unwrap();
        if now < goes_at {
            log.paced.push((now, goes_at));
        }
        let ahead = interval * (burst - 1) + Duration::from_millis(1);
        (later(now, ahead) < used_until).then(|| {
            let too_soon = used_until.duration_since(later(now, ahead));
            format!("{too_soon:?} faster than the pace and its burst")
        })
    }

    fn caps(&mut self, n: usize, now: Timestamp) -> Option<String> {
        let (lane, to) = (self.lives[n].ticket.lane, self.lives[n].ticket.to);
        let day = self.day(now);
        let (cap, first_cap) = self.plan.lanes[lane].caps_on(day, self.limits)?;
        let is_first = self.is_stranger(lane, to);
        self.lives[n].spent = Some((day, u32::from(is_first)));
        let log = &mut self.lanes[lane];
        let attempts = log.attempts.entry(day).or_default();
        let first = log.first_contacts.entry(day).or_default();
        *attempts += 1;
        *first += u32::from(is_first);
        if cap < *attempts {
            return Some(format!("the {attempts}th on {day}, of {cap}"));
        }
        (is_first && first_cap < *first)
            .then(|| format!("the {first}th stranger on {day}, of {first_cap}"))
    }

    pub(super) fn day(&self, now: Timestamp) -> Date {
        self.plan.calendar.day(now)
    }

    /// Whether nobody knows of a message that may have got there.
    pub(super) fn is_stranger(&self, lane: usize, to: usize) -> bool {
        !self.lanes[lane].reached.contains(&to) && !self.plan.people[to].is_group()
    }

    fn gap(&mut self, lane: usize, to: usize, now: Timestamp) -> Option<String> {
        let until = self.gap_until(lane, to);
        self.lanes[lane].tried.insert(to, now);
        until.filter(|until| now < *until).map(|until| format!("to this person not before {until}"))
    }

    /// Until when nothing goes to the same recipient.
    pub(super) fn gap_until(&self, lane: usize, to: usize) -> Option<Timestamp> {
        self.gap_by(self.limits, lane, to)
    }

    /// The same by limits that are perhaps those of another process.
    pub(super) fn gap_by(&self, limits: Limits, lane: usize, to: usize) -> Option<Timestamp> {
        let gap = self.plan.lanes[lane].gap(limits)?;
        self.lanes[lane].tried.get(&to).map(|tried| later(*tried, gap))
    }

    fn standing(&self, lane: usize, now: Timestamp) -> Option<String> {
        let log = &self.lanes[lane];
        if let Some(reason) = log.stands {
            return Some(format!("the lane stands still: {}", reason.as_str()));
        }
        let trouble = log.trouble?;
        if now < trouble.until {
            return Some(format!("the lane is to be left alone: {trouble:?}"));
        }
        let many = self.lines.many_under_way(lane);
        (0 < many).then(|| format!("{many} are under way beside what tries the lane: {trouble:?}"))
    }

    fn people(&self, lane: usize, to: usize, now: Timestamp) -> Option<String> {
        if self.opted_out.contains(&to) {
            return Some("its recipient opted out".into());
        }
        let said = self.lanes[lane].absent.get(&to)?;
        (now.duration_since(*said) < ABSENT).then(|| "its recipient is not on WhatsApp".into())
    }

    fn time(&self, n: usize, lane: usize, now: Timestamp) -> Option<String> {
        let life = &self.lives[n];
        let ticket = &life.ticket;
        if now < life.not_before {
            return Some(format!("Wachat asked to wait until {}", life.not_before));
        }
        if ticket.not_before.is_some_and(|at| now < at) && !life.by_hand {
            return Some(format!("it was to go at {:?}", ticket.not_before));
        }
        if matches!(ticket.class, Class::Hours | Class::HoursOrNever)
            && !self.plan.calendar.is_open(now)
        {
            return Some("outside its hours".into());
        }
        // In the other lanes the clock stands still at times.
        let age = now.duration_since(life.made_at).as_secs();
        let limit = ticket.expires_s.filter(|_| self.plan.lanes[lane].never_held)?;
        let is_late = i64::try_from(limit).unwrap() <= age;
        is_late.then(|| format!("{age} s old, of no use after {limit} s"))
    }
}
