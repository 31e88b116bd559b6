//! How far was a provider's own list of deliveries compared with what came?

use jiff::Timestamp;

/// What is remembered of one list of one source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reconciliation {
    /// The source's name.
    pub source: String,
    /// Which list of the provider's, as `repos/octo/shop/hooks/42` or `events`.
    pub place: String,
    /// All that was sent before is settled.
    pub watermark: Option<Timestamp>,
    /// When it was last looked at.
    pub at: Timestamp,
    /// What that look gave.
    pub last: Tally,
    /// What all looks gave.
    pub total: Tally,
    /// Why the last look did not come to its end.
    pub trouble: Option<String>,
}

impl Reconciliation {
    /// How the last look went, in one line for people.
    pub fn said(&self) -> String {
        let Tally { missed, taken, duplicates, failed, .. } = self.last;
        let at = self.at.round(jiff::Unit::Second).unwrap_or(self.at);
        match &self.trouble {
            Some(trouble) => format!("{trouble} ({at})"),
            None => format!(
                "ok: {missed} missed, {taken} taken in, {duplicates} had come, {failed} lost ({at})"
            ),
        }
    }
}

/// How much a look at a provider's list gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Entries of the list that were looked at.
    pub asked: u64,
    /// Those that the provider sent in vain.
    pub missed: u64,
    /// Those that were taken in: new events.
    pub taken: u64,
    /// Those that had come after all.
    pub duplicates: u64,
    /// Those that could not be had.
    pub failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.asked += more.asked;
        self.missed += more.missed;
        self.taken += more.taken;
        self.duplicates += more.duplicates;
        self.failed += more.failed;
    }
}
