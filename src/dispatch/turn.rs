//! It is a message's turn: does it go, wait, or not go at all?

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use crate::model::{LaneWait, Opening, Origin, Otherwise, Reason};
use crate::store::{Case, Claim, Judge, Ruling};

use super::Pace;
use super::caps::DayCaps;
use super::pace::{Beat, later};
use super::people::People;
use super::settings::LaneSettings;

/// How long a number is taken as not on WhatsApp once Wachat has said so. Messages to such numbers
/// endanger the account.
const ABSENT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// What is said of a message that was there before the program began with `--only-to`.
const KEPT: &str = "it was there before, and is kept for a start without";
/// When to look again at what never comes, as hours that are on no day.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The rules of one lane at one time.
#[derive(Debug)]
pub(super) struct Turn {
    people: Arc<People>,
    /// When the program began.
    begun: Timestamp,
    limits: Option<Limits>,
    /// What it made wait, by the words for it; the soonest of each.
    waits: Mutex<BTreeMap<String, LaneWait>>,
}

/// What a lane with a pace allows today.
#[derive(Debug)]
struct Limits {
    today: Date,
    tomorrow: Timestamp,
    caps: DayCaps,
    gap: Duration,
}

impl Turn {
    /// `begun` is when the program began.
    pub(super) fn of(
        lane: &LaneSettings,
        people: Arc<People>,
        begun: Timestamp,
        now: Timestamp,
    ) -> Self {
        let limits = (lane.pace() != Pace::OFF).then(|| {
            let local = now.to_zoned(people.zone.clone());
            let today = local.date();
            let tomorrow = local.tomorrow().and_then(|day| day.start_of_day());
            let tomorrow = tomorrow.as_ref().map_or_else(|_| later(now, NEVER), Zoned::timestamp);
            Limits { today, tomorrow, caps: lane.caps_on(today), gap: lane.gap() }
        });
        Self { people, begun, limits, waits: Mutex::default() }
    }

    /// What a lane with these settings asks the store for at this time; or when its pace, which is used
    /// up until `paced_until`, lets it ask.
    pub(super) fn claim(
        self: &Arc<Self>,
        (instance, lane): (&str, &LaneSettings),
        room: usize,
        paced_until: Option<Timestamp>,
        now: Timestamp,
        dice: impl FnMut() -> f64,
    ) -> Result<Claim, Timestamp> {
        let judge = Arc::clone(self) as Arc<dyn Judge>;
        let mut claim = Claim { judge, ..Claim::new(instance, room, now) };
        if let Some(beat) = Beat::of(lane.pace(), lane.burst(), lane.jitter()) {
            claim.paced_until = beat.tokens(paced_until, now, room, dice);
            (claim.limit, claim.pace_ahead) = (claim.paced_until.len(), beat.ahead());
            if claim.limit == 0 {
                return Err(beat.next(paced_until, now));
            }
        }
        Ok(claim)
    }

    /// What it made wait, by the words for it.
    pub(super) fn waits(&self) -> BTreeMap<String, LaneWait> {
        std::mem::take(&mut *self.waits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, ruling: &Ruling) {
        let wait = match ruling {
            Ruling::Hold { until, reason, detail } => {
                LaneWait { until: *until, reason: *reason, detail: detail.clone(), whole: false }
            }
            Ruling::Close { until } => {
                let detail = "the day's messages are used up (`caps.day`)".to_owned();
                LaneWait { until: *until, reason: Reason::Paced, detail, whole: true }
            }
            _ => return,
        };
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let soonest = waits.entry(wait.detail.clone()).or_insert_with(|| wait.clone());
        soonest.until = soonest.until.min(wait.until);
    }

    /// Whether its recipient may be messaged at all.
    fn may_be_messaged(&self, case: &Case<'_>) -> Option<Ruling> {
        if let Some((reason, detail)) = self.people.bar(case.recipient, case.opted_out) {
            // Whoever tries things out over a queue does not mean what was promised before.
            if reason == Reason::TestMode && case.created_at < self.begun {
                let (until, detail) = (later(case.now, NEVER), format!("{detail}; {KEPT}"));
                return Some(Ruling::Hold { until, reason, detail });
            }
            return Some(Ruling::Skip { reason, detail: detail.to_owned() });
        }
        if self.people.watching.contains(case.rule) {
            let detail = "its rule only watches now (`mode: shadow`), and it is kept".to_owned();
            let until = later(case.now, NEVER);
            return Some(Ruling::Hold { until, reason: Reason::Shadow, detail });
        }
        let said = case.contact.absent_at.filter(|said| case.now < later(*said, ABSENT));
        // Whoever sends by hand knows better.
        let said = said.filter(|_| case.rule != Origin::BY_HAND)?;
        let detail = format!(
            "not tried: on {} Wachat said that this number is not on WhatsApp; retry by hand if it \
             is now",
            said.strftime("%Y-%m-%d")
        );
        Some(Ruling::Fail { reason: Reason::Recipient, detail })
    }

    /// Whether its time is over, or has not come.
    fn is_the_time(&self, case: &Case<'_>) -> Option<Ruling> {
        if let Some(limit) = case.terms.expires_s.filter(|limit| *limit <= case.age.as_secs()) {
            let detail = format!("of no use after {limit} s");
            return Some(Ruling::Skip { reason: Reason::Expired, detail });
        }
        let hours = case.terms.hours.as_ref()?;
        let is_holiday =
            |day| hours.holidays.as_ref().is_some_and(|file| self.people.is_holiday(file, day));
        let (until, detail) = match hours.opening(case.now, &is_holiday) {
            Opening::Now => return None,
            Opening::At(until) => (until, "outside the rule's `hours`"),
            Opening::Never => {
                (later(case.now, NEVER), "the rule's `hours` do not come within a year")
            }
        };
        let (reason, detail) = (Reason::Quiet, detail.to_owned());
        Some(match hours.otherwise {
            Otherwise::Wait => Ruling::Hold { until, reason, detail },
            Otherwise::Skip => Ruling::Skip { reason, detail },
        })
    }

    /// Whether the lane may do it now.
    fn may_be_sent(&self, case: &Case<'_>) -> Option<Ruling> {
        let limits = self.limits.as_ref()?;
        let used_up = |cap: Option<u64>, used| cap.is_some_and(|cap| cap <= used);
        if used_up(limits.caps.attempts, case.today.attempts) {
            return Some(Ruling::Close { until: limits.tomorrow });
        }
        let is_first = !case.contact.reached && !case.recipient.is_group();
        if is_first && used_up(limits.caps.first_contacts, case.today.first_contacts) {
            let detail = "the day's first contacts are used up: a WhatsApp account that writes to \
                          too many strangers is restricted";
            let (until, detail) = (limits.tomorrow, detail.to_owned());
            return Some(Ruling::Hold { until, reason: Reason::Paced, detail });
        }
        // A clock that was set back must not keep anybody waiting.
        let tried_at = case.contact.tried_at.filter(|tried| *tried <= case.now)?;
        let until = later(tried_at, limits.gap);
        (case.now < until).then_some(Ruling::Wait { until })
    }
}

impl Judge for Turn {
    fn day(&self, _now: Timestamp) -> Option<i64> {
        let limits = self.limits.as_ref()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        Some(i64::from(epoch.until(limits.today).map_or(0, |span| span.get_days())))
    }

    fn ruling(&self, case: &Case<'_>) -> Ruling {
        let ruling = self
            .may_be_messaged(case)
            .or_else(|| self.is_the_time(case))
            .or_else(|| self.may_be_sent(case))
            .unwrap_or(Ruling::Go);
        self.note(&ruling);
        ruling
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::model::{Hours, Recipient, Span, Terms};
    use crate::store::{Contact, Today};

    use super::super::caps::{Cap, Caps};
    use super::*;

    /// A Friday, noon in UTC.
    fn noon() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn anna() -> Recipient {
        Recipient::person("6281111111111").unwrap()
    }

    fn ruling(people: People, lane: &LaneSettings, how: impl FnOnce(&mut Case<'_>)) -> Ruling {
        let (anna, terms) = (anna(), Terms::default());
        let mut case = Case {
            now: noon(),
            recipient: &anna,
            terms: &terms,
            created_at: noon(),
            age: Duration::ZERO,
            attempts: 0,
            rule: "paid",
            contact: Contact { reached: true, ..Contact::default() },
            opted_out: false,
            today: Today::default(),
        };
        how(&mut case);
        let turn = Turn::of(lane, Arc::new(people), noon(), noon());
        assert_eq!(turn.day(noon()).is_some(), lane.pace() != Pace::OFF);
        turn.ruling(&case)
    }

    fn reason(ruling: &Ruling) -> Option<Reason> {
        match ruling {
            Ruling::Skip { reason, .. } | Ruling::Fail { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    #[test]
    fn lists_say_who_gets_nothing() {
        let only = |recipient: Recipient| Some(BTreeSet::from([recipient]));
        let other = || Recipient::person("6282222222222").unwrap();
        let lane = LaneSettings::default();
        for (people, expected) in [
            (People::default(), None),
            (People { only_to: only(anna()), ..People::default() }, None),
            (People { only_to: only(other()), ..People::default() }, Some(Reason::TestMode)),
            (People { allow: only(anna()), ..People::default() }, None),
            (People { allow: only(other()), ..People::default() }, Some(Reason::OptedOut)),
            (People { deny: [anna()].into(), ..People::default() }, Some(Reason::OptedOut)),
        ] {
            assert_eq!(reason(&ruling(people, &lane, |_| {})), expected);
        }
        let before =
            ruling(People { only_to: only(other()), ..People::default() }, &lane, |case| {
                case.created_at = noon() - jiff::SignedDuration::from_secs(1);
            });
        assert!(matches!(before, Ruling::Hold { reason: Reason::TestMode, .. }), "{before:?}");
        let opted_out = ruling(People::default(), &lane, |case| case.opted_out = true);
        assert_eq!(reason(&opted_out), Some(Reason::OptedOut));
    }

    #[test]
    fn a_number_that_is_not_on_whatsapp_is_left_alone_for_a_month() {
        for (days, expected) in
            [(0, Some(Reason::Recipient)), (29, Some(Reason::Recipient)), (30, None)]
        {
            let said = noon() - jiff::SignedDuration::from_hours(24 * days);
            let told = ruling(People::default(), &LaneSettings::default(), |case| {
                case.contact.absent_at = Some(said);
            });
            assert_eq!(reason(&told), expected, "{days}");
        }
    }

    #[test]
    fn what_is_of_no_use_any_more_is_skipped() {
        let terms = Terms { expires_s: Some(60), ..Terms::default() };
        for (age_s, expected) in [(59, None), (60, Some(Reason::Expired))] {
            let (anna, terms) = (anna(), &terms);
            let case = Case {
                now: noon(),
                recipient: &anna,
                terms,
                created_at: noon(),
                age: Duration::from_secs(age_s),
                attempts: 3,
                rule: "paid",
                contact: Contact { reached: true, ..Contact::default() },
                opted_out: false,
                today: Today::default(),
            };
            let turn = Turn::of(&LaneSettings::default(), Arc::default(), noon(), noon());
            assert_eq!(reason(&turn.ruling(&case)), expected);
        }
    }

    #[test]
    fn outside_of_its_hours_a_message_waits_or_is_skipped_and_holidays_count() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let rules = |days, otherwise| {
            let (zone, holidays) = ("UTC".to_owned(), Some("h.txt".to_owned()));
            let hours = Hours { days, from: 8 * 60, to: 20 * 60, zone, holidays, otherwise };
            Terms { hours: Some(hours), ..Terms::default() }
        };
        let ask = |terms: &Terms, people: People| {
            let anna = anna();
            let case = Case {
                now: noon(),
                recipient: &anna,
                terms,
                created_at: noon(),
                age: Duration::ZERO,
                attempts: 0,
                rule: "paid",
                contact: Contact { reached: true, ..Contact::default() },
                opted_out: false,
                today: Today::default(),
            };
            Turn::of(&LaneSettings::default(), Arc::new(people), noon(), noon()).ruling(&case)
        };
        assert_eq!(ask(&rules(0b111_1111, Otherwise::Wait), People::default()), Ruling::Go);
        let skipped = ask(&rules(0b110_0000, Otherwise::Skip), People::default());
        assert_eq!(reason(&skipped), Some(Reason::Quiet));
        // A file that is not named any more may have another name now.
        for (files, is_closed) in [
            (&[("h.txt", 20)][..], true),
            (&[("h.txt", 21), ("other.txt", 20)], false),
            (&[("new.txt", 21), ("other.txt", 20)], true),
            (&[("new.txt", 21)], false),
        ] {
            let days = |(file, day): &(&str, i8)| {
                ((*file).to_owned(), BTreeSet::from([jiff::civil::date(2026, 11, *day)]))
            };
            let people =
                People { holidays: files.iter().map(days).collect(), ..Default::default() };
            let told = ask(&rules(0b111_1111, Otherwise::Wait), people);
            let waits =
                matches!(told, Ruling::Hold { until, .. } if at("2026-11-21T08:00:00Z") <= until);
            assert_eq!(waits, is_closed, "{files:?}: {told:?}");
        }
    }

    #[test]
    fn caps_close_the_lane_for_the_day_or_keep_strangers_waiting() {
        let jakarta = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
        let people = || People { zone: jakarta.clone(), ..People::default() };
        let midnight: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let caps = Some(Caps { day: Some(Cap::At(5)), first_contacts: Some(Cap::At(1)) });
        let lane = LaneSettings { caps, ..LaneSettings::default() };
        let used = |attempts, first_contacts| {
            move |case: &mut Case<'_>| case.today = Today { attempts, first_contacts }
        };
        assert_eq!(ruling(people(), &lane, used(4, 1)), Ruling::Go);
        assert_eq!(ruling(people(), &lane, used(5, 0)), Ruling::Close { until: midnight });
        let stranger = ruling(people(), &lane, |case| {
            used(4, 1)(case);
            case.contact.reached = false;
        });
        assert!(
            matches!(stranger, Ruling::Hold { until, reason: Reason::Paced, .. } if until == midnight)
        );
        let off = LaneSettings { pace: Some(Pace::OFF), ..lane };
        assert_eq!(ruling(people(), &off, used(5, 1)), Ruling::Go, "`pace: off` lifts all limits");
    }

    #[test]
    fn one_recipient_is_left_in_peace_for_a_moment() {
        let lane = LaneSettings { gap: Some(Span(Duration::from_secs(30))), ..Default::default() };
        let after = |seconds| {
            ruling(People::default(), &lane, move |case| {
                case.contact.tried_at = Some(noon() - jiff::SignedDuration::from_secs(seconds));
            })
        };
        assert_eq!(after(29), Ruling::Wait { until: later(noon(), Duration::from_secs(1)) });
        assert_eq!(after(30), Ruling::Go);
        assert_eq!(after(-3600), Ruling::Go, "the clock was set back");
    }
}
