//! Which keys of senders are known, and which are wanted? From the listener, which never waits for
//! one, to whoever fetches them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::verify::{Keys, NoKey};

/// How many addresses may be wanted at once: who only knows a sender's hosts cannot make us ask for
/// more.
const WANTED_MAX: usize = 16;

/// The keys that were fetched so far, and the addresses of those that are wanted.
pub struct KeyRing {
    keys: ArcSwap<Keys>,
    wanted: Mutex<BTreeSet<String>>,
    bell: Box<dyn Fn() + Send + Sync>,
}

impl KeyRing {
    /// An empty one, which rings when a key is wanted.
    pub fn new(bell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { keys: ArcSwap::default(), wanted: Mutex::default(), bell: Box::new(bell) }
    }

    /// The keys that are known now.
    pub fn keys(&self) -> Arc<Keys> {
        self.keys.load_full()
    }

    /// Notes that the key at this address is wanted; it is one at which a sender has keys.
    pub fn want(&self, address: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < WANTED_MAX && wanted.insert(address.to_owned()) {
            (self.bell)();
        }
    }

    /// The addresses that are wanted. They stay so until they are let go.
    pub fn wanted(&self) -> Vec<String> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Keeps what was fetched from an address just now. There is one who fetches.
    ///
    /// # Errors
    /// When it is no key, or none that counts now.
    pub fn keep(&self, address: &str, text: &str, now: Timestamp) -> Result<(), NoKey> {
        self.keys.store(Arc::new(self.keys.load().with(address, text, now)?));
        Ok(())
    }

    /// The sender has no key at this address any more.
    pub fn forget(&self, address: &str) {
        self.keys.store(Arc::new(self.keys.load().without(address)));
    }

    /// An address is wanted no more, until somebody asks again.
    pub fn let_go(&self, address: &str) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{KeyRing, WANTED_MAX};

    #[test]
    fn it_rings_once_for_an_address_and_wants_no_more_than_it_can_hold() {
        let heard = Arc::new(AtomicUsize::new(0));
        let bell = Arc::clone(&heard);
        let ring = KeyRing::new(move || {
            bell.fetch_add(1, Ordering::SeqCst);
        });
        ring.want("https://a.example/1");
        ring.want("https://a.example/1");
        assert_eq!((ring.wanted().len(), heard.load(Ordering::SeqCst)), (1, 1));
        for number in 0..100 {
            ring.want(&format!("https://a.example/{number}"));
        }
        assert_eq!((ring.wanted().len(), heard.load(Ordering::SeqCst)), (WANTED_MAX, WANTED_MAX));
        ring.let_go("https://a.example/1");
        assert_eq!(ring.wanted().len(), WANTED_MAX - 1);
    }
}
