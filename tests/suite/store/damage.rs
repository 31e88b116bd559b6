//! Does a store whose log was damaged by a crash open, with everything before the damage?

use kabari::store::{SqliteStore, Store};

use super::{ANN, Place, event, message};

/// Events in the log, each a commit.
const EVENTS: u128 = 24;

/// What a process that died left behind: the file, and its log with all commits.
fn left_behind() -> (Vec<u8>, Vec<u8>) {
    let place = Place::sqlite();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = SqliteStore::open(&place.file()).unwrap();
    for n in 1..=EVENTS {
        runtime.block_on(store.record(event(n), vec![message(n, ANN)])).unwrap();
    }
    // Before it is closed.
    (std::fs::read(place.file()).unwrap(), std::fs::read(log_of(&place)).unwrap())
}

fn log_of(place: &Place) -> std::path::PathBuf {
    place.file().with_extension("db-wal")
}

/// Opens a store with this log, and says how many of the first events it has, with their messages.
fn survivors(file: &[u8], log: &[u8]) -> u128 {
    let place = Place::sqlite();
    std::fs::write(place.file(), file).unwrap();
    std::fs::write(log_of(&place), log).unwrap();
    let store = place.open();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        store.recover(super::at(0)).await.unwrap();
        let mut there = Vec::new();
        for n in 1..=EVENTS {
            let is_there = store.event(event(n).id).await.unwrap().is_some();
            let sent = store.message(message(n, ANN).id).await.unwrap();
            assert_eq!(is_there, sent.is_some(), "event {n} is there by halves");
            there.push(is_there);
        }
        let first = there.iter().take_while(|is_there| **is_there).count();
        assert!(there[first..].iter().all(|is_there| !is_there), "a hole in {there:?}");
        // And it goes on.
        store.record(event(99), vec![message(99, ANN)]).await.unwrap();
        first as u128
    })
}

#[test]
fn a_log_that_breaks_off_or_is_garbled_costs_only_what_is_after_it() {
    // While the log is being written nothing has gone into the file: the file is as it was made.
    let (file, log) = left_behind();
    assert_eq!(survivors(&file, &log), EVENTS);
    let mut dice = fastrand::Rng::with_seed(5);
    let mut before = EVENTS;
    // From the end to the beginning: the earlier the damage, the less is left, and never a hole.
    for part in (1..=12).rev() {
        let at = log.len() * part / 12 - dice.usize(1..2000);
        let cut = survivors(&file, &log[..at]);
        let mut garbled = log.clone();
        garbled[at] ^= 0x40;
        let left = survivors(&file, &garbled);
        assert_eq!(cut, left, "cut and garbled at {at} of {}", log.len());
        assert!(left <= before, "{left} after {before}");
        // In the last page of the last commit.
        assert!(part < 12 || left == EVENTS - 1, "{left}");
        before = left;
    }
    assert!(survivors(&file, &[]) == 0 && before < EVENTS / 2);
}
