//! How many may be connected at once? Enough for everybody, and never so many that the store, the
//! lanes and the other listener run out of file descriptors.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, getrlimit, setrlimit};

/// How many connections one listener holds, where the system allows so many files.
const SEATS_MAX: usize = 4_096;
/// How many files the program may have open, where the system knows no limit of its own.
const FILES_MAX: u64 = 65_536;
/// One listener takes this part of the files that may be open: there are two.
const PART_OF_FILES: u64 = 4;

/// The connections that a listener holds.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    all: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
    /// How many were sent away since the start.
    refused: u64,
}

/// One connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    address: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Seats {
    /// As many as the system's limit of open files leaves; that limit is raised as far as it goes.
    pub(super) fn of_this_machine() -> Self {
        let files = files_allowed();
        let seats = usize::try_from(files / PART_OF_FILES).unwrap_or(SEATS_MAX);
        Self::new(seats.clamp(1, SEATS_MAX))
    }

    fn new(all: usize) -> Self {
        Self { all, taken: Arc::default() }
    }

    /// A place for one more, unless all are taken, or half of them by this very address: one
    /// stranger alone cannot shut the door.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= self.all || own >= self.all.div_ceil(2) {
            taken.refused += 1;
            // More and more rarely, so that a flood does not fill the log.
            if taken.refused.is_power_of_two() {
                let (refused, connected) = (taken.refused, taken.all);
                tracing::warn!(client = %address, refused, connected, own, "too many connections");
            }
            return None;
        }
        taken.all += 1;
        taken.by_address.insert(address, own + 1);
        Some(Seat { address, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// The soft limit of open files, after it was raised to the hard one.
fn files_allowed() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(FILES_MAX).min(FILES_MAX);
    let now = limit.current.unwrap_or(FILES_MAX);
    if now >= most {
        return now;
    }
    limit.current = Some(most);
    if setrlimit(Resource::Nofile, limit).is_ok() { most } else { now }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Seats, files_allowed};

    #[test]
    fn one_address_leaves_half_of_the_seats_and_whoever_leaves_gives_one_back() {
        let [one, other]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse().unwrap());
        let seats = Seats::new(4);
        let first = seats.take(one).unwrap();
        let _second = seats.take(one).unwrap();
        assert!(seats.take(one).is_none());
        let others = [seats.take(other), seats.take(other)];
        assert!(others.iter().all(Option::is_some));
        assert!(seats.take("192.0.2.3".parse().unwrap()).is_none(), "all are taken");
        drop(others);
        drop(first);
        assert!(seats.take(one).is_some());
        assert_eq!(seats.taken.lock().unwrap().by_address.len(), 1);
    }

    #[test]
    fn the_seats_leave_most_files_to_others() {
        let seats = Seats::of_this_machine();
        assert!(seats.all >= 1 && seats.all as u64 <= files_allowed() / 4, "{seats:?}");
    }
}
