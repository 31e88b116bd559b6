//! What does a lane do in a day, as far as it counts?

use std::collections::HashMap;

use jiff::civil::Date;
use kabari::model::{Fate, Reason, Verdict};

/// What a lane did on each day.
#[derive(Default)]
pub(super) struct Days {
    attempts: HashMap<Date, u32>,
    first_contacts: HashMap<Date, u32>,
    /// What each message under way used up.
    spent: HashMap<usize, (Date, u32)>,
}

impl Days {
    /// A message is tried on a day with these caps.
    pub(super) fn counts(
        &mut self,
        n: usize,
        day: Date,
        (cap, first_cap): (u32, u32),
        is_stranger: bool,
    ) -> Option<String> {
        let attempts = self.attempts.entry(day).or_default();
        let first = self.first_contacts.entry(day).or_default();
        *attempts += 1;
        *first += u32::from(is_stranger);
        self.spent.insert(n, (day, u32::from(is_stranger)));
        if cap < *attempts {
            return Some(format!("the {attempts}th on {day}, of {cap}"));
        }
        (is_stranger && first_cap < *first)
            .then(|| format!("the {first}th stranger on {day}, of {first_cap}"))
    }

    /// What certainly did not go out used up nothing.
    pub(super) fn told(&mut self, n: usize, verdict: &Verdict) {
        let Some((day, first)) = self.spent.remove(&n) else { return };
        let went_out = match verdict.fate {
            Fate::Sent | Fate::Uncertain => true,
            Fate::Retry { .. } => matches!(verdict.reason, Some(Reason::Account | Reason::Rate)),
            Fate::Failed => verdict.reason == Some(Reason::Recipient),
        };
        if !went_out {
            *self.attempts.entry(day).or_default() -= 1;
            *self.first_contacts.entry(day).or_default() -= first;
        }
    }
}
