//! How do a message's terms lie in its row?

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::model::{Hours, Instead, Priority, Terms};
use crate::store::StoreError;
use crate::store::sqlite::row::micros;

/// The number of [`Priority::High`].
const HIGH: i64 = 0;
/// The number of [`Priority::Normal`].
const NORMAL: i64 = 1;
/// The number of [`Priority::Low`].
const LOW: i64 = 2;

/// A message's terms as its row has them.
pub(super) struct TermsRow {
    pub(super) priority: i64,
    /// Its lane's clock when it was made; NULL for one from before there was such a clock.
    pub(super) clock: Option<i64>,
    /// What is asked at every turn, as JSON.
    pub(super) kept: Option<String>,
    /// Out of line until then.
    pub(super) not_before_us: Option<i64>,
    /// What decides when it is recorded; empty for a message that comes from the store.
    pub(super) new: Terms,
}

/// What is asked at every turn.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<Hours>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    or: Vec<Instead>,
}

impl TermsRow {
    pub(super) fn of(terms: Terms) -> Result<Self, StoreError> {
        let kept =
            Kept { hours: terms.hours.clone(), expires_s: terms.expires_s, or: terms.or.clone() };
        let asks = kept.hours.is_some() || kept.expires_s.is_some() || !kept.or.is_empty();
        let kept = asks.then(|| serde_json::to_string(&kept)).transpose();
        Ok(Self {
            priority: match terms.priority {
                Priority::High => HIGH,
                Priority::Normal => NORMAL,
                Priority::Low => LOW,
            },
            clock: None,
            kept: kept.map_err(|error| StoreError::Broken(error.to_string()))?,
            not_before_us: terms.not_before.map(micros),
            new: terms,
        })
    }

    /// Takes it from a row in which `priority, clock, terms` begin at `first`.
    pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            priority: row.get(first)?,
            clock: row.get(first + 1)?,
            kept: row.get(first + 2)?,
            not_before_us: None,
            new: Terms::default(),
        })
    }

    /// What is asked again, and the priority. Terms that cannot be read ask nothing: better sent
    /// than lost.
    pub(super) fn asked(&self) -> Terms {
        self.asked_in(self.kept.as_deref())
    }

    /// The same of terms that are read elsewhere.
    pub(super) fn asked_in(&self, kept: Option<&str>) -> Terms {
        let kept = kept.and_then(|kept| serde_json::from_str::<Kept>(kept).ok());
        let Kept { hours, expires_s, or } = kept.unwrap_or_default();
        let priority = match self.priority {
            HIGH => Priority::High,
            NORMAL => Priority::Normal,
            _ => Priority::Low,
        };
        Terms { priority, hours, expires_s, or, ..Terms::default() }
    }
}
