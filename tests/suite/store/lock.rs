//! Does one process at a time own the lanes?

use kabari::store::{StoreError, lock_lanes, owner};

use super::Place;

#[test]
fn a_second_owner_is_refused_and_told_who_has_it() {
    let place = Place::sqlite();
    assert!(owner(&place.file()).is_none());
    let lock = lock_lanes(&place.file()).unwrap();
    lock.announce("http://127.0.0.1:9090").unwrap();

    let StoreError::InUse(said) = lock_lanes(&place.file()).unwrap_err() else { panic!() };
    let pid = std::process::id();
    for part in [&format!("process {pid}"), "http://127.0.0.1:9090", "kabari.db", "--store"] {
        assert!(said.contains(part), "{said}");
    }
    let found = owner(&place.file()).unwrap();
    assert_eq!((found.pid, found.admin.as_deref()), (pid, Some("http://127.0.0.1:9090")));
}

#[test]
fn a_lock_that_was_given_back_can_be_taken_and_names_nobody() {
    let place = Place::sqlite();
    let lock = lock_lanes(&place.file()).unwrap();
    lock.announce("http://127.0.0.1:9090/a/long/address").unwrap();
    drop(lock);
    assert!(owner(&place.file()).is_none(), "what is written stays, the lock does not");

    let lock = lock_lanes(&place.file()).unwrap();
    assert_eq!(owner(&place.file()).unwrap().admin, None, "not yet up");
    lock.announce("http://[::1]:1").unwrap();
    assert_eq!(owner(&place.file()).unwrap().admin.as_deref(), Some("http://[::1]:1"));
}

#[cfg(unix)]
#[test]
fn each_owner_leaves_another_key_which_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::sqlite();
    let mut lock_file = place.file();
    lock_file.as_mut_os_string().push(".lock");
    std::fs::write(&lock_file, "").unwrap();
    let mode = || std::fs::metadata(&lock_file).unwrap().permissions().mode() & 0o777;
    let mut keys = Vec::new();
    for _ in 0..2 {
        std::fs::set_permissions(&lock_file, PermissionsExt::from_mode(0o644)).unwrap();
        let lock = lock_lanes(&place.file()).unwrap();
        assert!(owner(&place.file()).unwrap().key.is_none(), "there is nothing to be let into");
        lock.announce("http://127.0.0.1:9090").unwrap();
        let key = owner(&place.file()).unwrap().key.unwrap();
        assert!(key.equals(lock.key().expose().as_bytes()));
        assert_eq!((key.expose().len(), mode()), (64, 0o600));
        assert!(!format!("{:?} {lock:?}", owner(&place.file())).contains(key.expose()));
        keys.push(key.expose().to_owned());
    }
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn asking_who_owns_it_never_keeps_an_owner_out() {
    let place = Place::sqlite();
    drop(lock_lanes(&place.file()).unwrap());
    let file = place.file();
    let asking = std::thread::spawn(move || (0..2000).filter(|_| owner(&file).is_some()).count());
    for _ in 0..50 {
        drop(lock_lanes(&place.file()).unwrap());
    }
    asking.join().unwrap();
}
