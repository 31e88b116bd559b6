//! Who may be messaged at all, and on which days? Lists that a reload swaps.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::{Reason, Recipient};

/// So many numbers are named, masked, where it is said who alone is messaged.
const SHOWN: usize = 5;

/// Who may be messaged, and when nobody is.
#[derive(Clone, Debug)]
pub struct People {
    /// Where a lane's day begins.
    pub zone: TimeZone,
    /// Nobody gets anything, and what waits is kept (`defaults.mode: shadow`).
    pub shadow: bool,
    /// The rules of which nobody gets anything (`mode: shadow`); what they made before is kept.
    pub watching: BTreeSet<String>,
    /// If given, nobody else gets anything.
    pub only_to: Option<BTreeSet<Recipient>>,
    /// If given, whoever is not in it gets nothing.
    pub allow: Option<BTreeSet<Recipient>>,
    /// Whoever is in it gets nothing.
    pub deny: BTreeSet<Recipient>,
    /// The closed days, by the file as rules name it.
    pub holidays: BTreeMap<String, BTreeSet<Date>>,
}

/// Everybody, on every day.
impl Default for People {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            shadow: false,
            watching: BTreeSet::new(),
            only_to: None,
            allow: None,
            deny: BTreeSet::new(),
            holidays: BTreeMap::new(),
        }
    }
}

impl People {
    /// Who alone is messaged, or that nobody is, in words for people; `None` where everybody may be.
    pub fn restriction(&self) -> Option<String> {
        if self.shadow {
            return Some("nothing goes out (`defaults.mode: shadow`)".to_owned());
        }
        let only = self.only_to.as_ref()?;
        let shown: Vec<String> = only.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = match only.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!("sent only to {}{more} (`--only-to`)", shown.join(", ")))
    }

    /// Whether this file closes the day. A message that was made when its rule named another file, which
    /// was renamed since or is elsewhere seen from here, keeps to all that are named now: it rather
    /// waits for a day than goes on a holiday.
    pub(super) fn is_holiday(&self, file: &str, day: Date) -> bool {
        match self.holidays.get(file) {
            Some(days) => days.contains(&day),
            None => self.holidays.values().any(|days| days.contains(&day)),
        }
    }

    /// Why this recipient is not to be messaged, if so.
    pub(super) fn bar(
        &self,
        recipient: &Recipient,
        opted_out: bool,
    ) -> Option<(Reason, &'static str)> {
        if self.only_to.as_ref().is_some_and(|list| !list.contains(recipient)) {
            return Some((Reason::TestMode, "kabari runs with --only-to, for other numbers"));
        }
        if opted_out || self.deny.contains(recipient) {
            let detail = "the recipient is on the list of those who opted out";
            return Some((Reason::OptedOut, detail));
        }
        if self.allow.as_ref().is_some_and(|list| !list.contains(recipient)) {
            let detail = "the recipient is not in the list `recipients.allow`";
            return Some((Reason::OptedOut, detail));
        }
        None
    }
}
