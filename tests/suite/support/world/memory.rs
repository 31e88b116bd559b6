//! What does the world remember, and which promises does it watch?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::behave::Behave;
use super::{Asked, Seen};

pub(super) struct Inner {
    pub(super) began: Instant,
    pub(super) memory: Mutex<Memory>,
    /// Rings at every change of what is seen.
    pub(super) changed: watch::Sender<()>,
    /// Whether connections are accepted.
    pub(super) up: watch::Sender<bool>,
    pub(super) listening: watch::Sender<bool>,
    /// Whether those go on that are held.
    pub(super) let_go: watch::Sender<bool>,
    /// Ends the connections of this period of being up.
    pub(super) cut: Mutex<CancellationToken>,
}

pub(super) struct Memory {
    pub(super) seen: Seen,
    pub(super) always: Behave,
    pub(super) numbers: BTreeMap<String, Behave>,
    /// For one number, or for any; how many requests more; how.
    pub(super) next: Vec<(Option<String>, usize, Behave)>,
    pub(super) disconnected: BTreeSet<String>,
    pub(super) under_way: BTreeMap<String, usize>,
    pub(super) last: BTreeMap<String, u64>,
}

impl Memory {
    pub(super) fn begin(&mut self, asked: &Asked) -> Behave {
        let number = asked.number().to_owned();
        self.seen.asked.push(asked.clone());
        let under_way = self.under_way.entry(number.clone()).or_default();
        *under_way += 1;
        if 1 < *under_way {
            self.seen.faults.push(format!("two requests for {number} overlap"));
        }
        let instance = asked.body["instanceName"].as_str().unwrap_or_default();
        if self.disconnected.contains(instance) {
            return Behave::answer(400, r#"{"error":"Device is not connected"}"#);
        }
        let ordered = self
            .next
            .iter()
            .position(|(to, left, _)| 0 < *left && to.as_ref().is_none_or(|to| *to == number));
        if let Some(order) = ordered {
            self.next[order].1 -= 1;
            return self.next[order].2.clone();
        }
        self.numbers.get(&number).unwrap_or(&self.always).clone()
    }

    pub(super) fn dispatch(&mut self, asked: Asked) {
        let number = asked.number().to_owned();
        let place = asked.message().rsplit_once('#').and_then(|(_, n)| n.trim().parse().ok());
        if let Some(place) = place
            && let Some(last) = self.last.insert(number.clone(), place)
            && place <= last
        {
            self.seen.faults.push(format!("{number} got #{place} after #{last}"));
        }
        self.seen.dispatched.push(asked);
    }
}

impl Inner {
    pub(super) fn change<T>(&self, how: impl FnOnce(&mut Memory) -> T) -> T {
        let result = how(&mut self.memory.lock().unwrap());
        self.changed.send_replace(());
        result
    }
}

/// A request for a number that is being worked on, until it is answered or its client is gone.
pub(super) struct UnderWay {
    pub(super) inner: Arc<Inner>,
    pub(super) number: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.inner.change(|memory| {
            *memory.under_way.entry(self.number.clone()).or_insert(1) -= 1;
        });
    }
}
