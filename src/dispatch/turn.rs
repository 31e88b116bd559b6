//! It is a message's turn: does it go, wait, or not go at all?

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use crate::model::{Opening, Otherwise, Reason};
use crate::store::{Case, Judge, Ruling};

use super::Pace;
use super::caps::DayCaps;
use super::pace::later;
use super::people::People;
use super::settings::LaneSettings;

/// How long a number is taken as not on WhatsApp once Wachat has said so. Messages to such numbers
/// endanger the account.
const ABSENT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// When to look again at hours that never come.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The rules of one lane at one time.
#[derive(Debug)]
pub(super) struct Turn {
    people: Arc<People>,
    limits: Option<Limits>,
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
    pub(super) fn of(lane: &LaneSettings, people: Arc<People>, now: Timestamp) -> Self {
        let limits = (lane.pace() != Pace::OFF).then(|| {
            let local = now.to_zoned(people.zone.clone());
            let today = local.date();
            let tomorrow = local.tomorrow().and_then(|day| day.start_of_day());
            let tomorrow = tomorrow.as_ref().map_or_else(|_| later(now, NEVER), Zoned::timestamp);
            Limits { today, tomorrow, caps: lane.caps_on(today), gap: lane.gap() }
        });
        Self { people, limits }
    }

    /// Whether its recipient may be messaged at all.
    fn may_be_messaged(&self, case: &Case<'_>) -> Option<Ruling> {
        let skip = |reason, detail: &str| Some(Ruling::Skip { reason, detail: detail.to_owned() });
        let is_in = |list: &std::collections::BTreeSet<_>| list.contains(case.recipient);
        let people = &self.people;
        if people.only_to.as_ref().is_some_and(|list| !is_in(list)) {
            return skip(Reason::TestMode, "kabari runs with --only-to, for other numbers");
        }
        if case.opted_out || is_in(&people.deny) {
            return skip(Reason::OptedOut, "the recipient is on the list of those who opted out");
        }
        if people.allow.as_ref().is_some_and(|list| !is_in(list)) {
            return skip(Reason::OptedOut, "the recipient is not in the list `recipients.allow`");
        }
        let said = case.contact.absent_at.filter(|said| case.now < later(*said, ABSENT))?;
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
        let closed_days = hours.holidays.as_ref().and_then(|file| self.people.holidays.get(file));
        let is_holiday = |day| closed_days.is_some_and(|days| days.contains(&day));
        let until = match hours.opening(case.now, &is_holiday) {
            Opening::Now => return None,
            Opening::At(until) => until,
            Opening::Never => later(case.now, NEVER),
        };
        let (reason, detail) = (Reason::Quiet, "outside the rule's `hours`".to_owned());
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
        self.may_be_messaged(case)
            .or_else(|| self.is_the_time(case))
            .or_else(|| self.may_be_sent(case))
            .unwrap_or(Ruling::Go)
    }
}
