//! Which secrets did senders offer in their handshakes, for a person to look at?
//!
//! Kept in memory alone, and never used: whoever reaches the address can offer one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::secret::Secret;

/// How many are kept of each source. The first ones stay: the sender's own is among them where the
/// webhook was set up before strangers found the address.
const OFFERS_MAX: usize = 8;

/// The secrets that were offered since the start, by source.
#[derive(Debug, Default)]
pub struct Offers(Mutex<BTreeMap<String, VecDeque<Offer>>>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The secret.
    pub secret: Secret,
    /// When it was offered last.
    pub at: Timestamp,
}

impl Offers {
    /// Keeps a secret that the sender of `source` offers. Of more than eight, the newest is the one
    /// that is replaced.
    pub fn keep(&self, source: &str, secret: &str, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let offers = all.entry(source.to_owned()).or_default();
        if let Some(known) = offers.iter_mut().find(|it| it.secret.equals(secret.as_bytes())) {
            known.at = at;
            return;
        }
        if offers.len() >= OFFERS_MAX {
            offers.pop_back();
        }
        offers.push_back(Offer { secret: Secret::new(secret), at });
    }

    /// What was offered to `source`, in the order in which it came.
    pub fn of(&self, source: &str) -> Vec<Offer> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(source).map(|offers| offers.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{OFFERS_MAX, Offers};

    #[test]
    fn strangers_neither_push_out_the_first_offer_nor_fill_the_memory() {
        let offers = Offers::default();
        for n in 0..100 {
            offers.keep("asana", &format!("offer {n}"), Timestamp::UNIX_EPOCH);
        }
        offers.keep("asana", "offer 0", Timestamp::UNIX_EPOCH);
        let kept = offers.of("asana");
        assert_eq!(kept.len(), OFFERS_MAX);
        assert!(kept[0].secret.equals(b"offer 0"));
        assert!(kept[OFFERS_MAX - 1].secret.equals(b"offer 99"));
        assert!(offers.of("notion").is_empty());
        assert!(!format!("{offers:?}").contains("offer 0"));
    }
}
