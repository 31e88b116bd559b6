//! Does the `SQLite` file behave: private, its own, and whole when the disk is full?

use kabari::model::Event;
use kabari::store::{Address, Claim, OpenOptions, Recorded, SqliteStore, Store, StoreError};
use rusqlite::Connection;

use super::{ANN, BEN, Place, all, at, claim, event, message, numbers};

fn refusal(result: Result<SqliteStore, StoreError>) -> String {
    match result {
        Err(StoreError::Broken(said)) => said,
        Err(other) => panic!("refused as {other:?}"),
        Ok(_) => panic!("opened"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_companions_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    let store = place.open();
    store.record(event(1), vec![]).await.unwrap();
    let mut seen = 0;
    for entry in place.file().parent().unwrap().read_dir().unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its log and its index");
}

#[tokio::test]
async fn a_store_that_was_closed_is_one_file_with_all_that_is_in_it() {
    let place = Place::sqlite();
    let store = place.open();
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    assert_eq!(all(&*store).await.len(), 1);
    drop(store);
    let names = place.file().parent().unwrap().read_dir().unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["kabari.db"]);
    assert_eq!(all(&*place.open()).await.len(), 1);
}

#[tokio::test]
async fn the_file_is_written_ahead() {
    let place = Place::sqlite();
    drop(place.open());
    let raw = Connection::open(place.file()).unwrap();
    let mode: String = raw.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::sqlite();
    drop(place.open());
    let raw = Connection::open(place.file()).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let said = refusal(SqliteStore::open(&place.file()));
    assert!(said.contains("newer kabari") && said.contains("--store"), "{said}");
    let version: i64 = raw.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let place = Place::sqlite();
    let raw = Connection::open(place.file()).unwrap();
    for version in [0, 1, 5] {
        raw.execute_batch("CREATE TABLE IF NOT EXISTS recipes (name TEXT)").unwrap();
        raw.pragma_update(None, "user_version", version).unwrap();
        let said = refusal(SqliteStore::open(&place.file()));
        assert!(said.contains("another program"), "{said}");
    }
    let mode: String = raw.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");

    std::fs::write(place.file().with_extension("txt"), "not a database at all".repeat(99)).unwrap();
    let said = refusal(SqliteStore::open(&place.file().with_extension("txt")));
    assert!(said.contains("not a SQLite database"), "{said}");
}

#[test]
fn a_store_that_is_only_looked_at_is_not_made() {
    let place = Place::sqlite();
    let url = Address::plain(format!("sqlite://{}", place.file().display()));
    let said = kabari::store::open_existing(&url).err().unwrap().to_string();
    assert!(said.contains("there is no store at"), "{said}");
    assert!(!place.file().exists());
    drop(kabari::store::open(&url).unwrap());
    assert!(kabari::store::open_existing(&url).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let place = Place::sqlite();
    let said = SqliteStore::open(&place.file().join("kabari.db")).err().unwrap().to_string();
    assert!(said.contains("kabari.db") && said.contains("folder"), "{said}");
}

/// An event whose body does not compress to less than so many bytes.
fn big(n: u128, bytes: usize) -> Event {
    let mut dice = fastrand::Rng::with_seed(7);
    let body: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(bytes).collect();
    Event { body: body.into(), ..event(n) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_whole_events_and_goes_on_when_there_is_room() {
    let place = Place::sqlite();
    let options = OpenOptions { page_count_max: Some(60), ..OpenOptions::default() };
    let store = SqliteStore::open_with(&place.file(), options).unwrap();
    let mut kept = 0;
    let error = loop {
        let n = kept + 1;
        match store.record(big(n, 20_000), vec![message(n, ANN)]).await {
            Ok(recorded) => assert_eq!(recorded, Recorded::New { waiting: 1 }),
            Err(error) => break error,
        }
        kept = n;
        assert!(kept < 100, "the limit is not there");
    };
    assert!(matches!(&error, StoreError::Unavailable(said) if said.contains("room")), "{error:?}");
    assert!(kept > 3);
    let refused = kept + 1;

    // Many at once: those that fit are kept, the others are refused, each as a whole.
    let mut small = 0;
    let tries =
        (200..240).map(|n| store.record(big(n, if n % 2 == 0 { 10 } else { 90_000 }), vec![]));
    for (n, tried) in (200..).zip(futures_util::future::join_all(tries).await) {
        match tried {
            Ok(_) => small += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                assert!(store.event(event(n).id).await.unwrap().is_none());
            }
        }
    }
    assert!(small < 40);
    assert!(store.event(event(refused).id).await.unwrap().is_none(), "no half of it");
    assert_eq!(all(&store).await.len() as u128, kept);

    store.set_page_count_max(None).await.unwrap();
    let again = store.record(big(refused, 20_000), vec![message(refused, ANN)]).await.unwrap();
    assert_eq!(again, Recorded::New { waiting: 1 });
    drop(store);
    let raw = Connection::open(place.file()).unwrap();
    let check: String = raw.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert_eq!(all(&*place.open()).await.len() as u128, refused);
}

#[tokio::test]
async fn a_file_held_by_another_program_is_unavailable_and_then_works_again() {
    let place = Place::sqlite();
    let store = place.open();
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.record(event(1), vec![]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.events(kabari::store::EventFilter::default()).await.unwrap().rows.is_empty());
    raw.execute_batch("ROLLBACK").unwrap();
    store.record(event(1), vec![]).await.unwrap();
}

#[tokio::test]
async fn what_lanes_ask_for_comes_from_indexes() {
    let place = Place::sqlite();
    drop(place.open());
    let raw = Connection::open(place.file()).unwrap();
    let plan = |sql: &str| -> String {
        let mut query = raw.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = query.query_map([], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let due = plan(
        "SELECT seq FROM messages WHERE state = 'waiting' AND head = 1 AND instance = 'x' \
         AND priority = 1 AND due_at <= 5 ORDER BY due_at, seq LIMIT 3",
    );
    assert!(due.contains("COVERING INDEX messages_due") && !due.contains("TEMP B-TREE"), "{due}");
    let next = plan(
        "SELECT seq FROM messages WHERE state = 'waiting' AND head = 0 AND held = 0 \
         AND instance = 'x' AND recipient = 'y' ORDER BY priority, seq LIMIT 1",
    );
    assert!(next.contains("messages_behind") && !next.contains("TEMP B-TREE"), "{next}");
    let back = plan(
        "SELECT seq FROM messages WHERE state = 'waiting' AND held = 1 AND instance = 'x' \
         AND due_at <= 5 ORDER BY due_at, seq LIMIT 3",
    );
    assert!(back.contains("COVERING INDEX messages_held") && !back.contains("TEMP"), "{back}");
    let head = plan("SELECT 1 FROM messages WHERE head = 1 AND instance = 'x' AND recipient = 'y'");
    assert!(head.contains("messages_heads"), "{head}");
    let failed = plan(
        "SELECT id FROM messages WHERE state <> 'sent' AND state = 'failed' \
         ORDER BY seq DESC LIMIT 9",
    );
    assert!(failed.contains("messages_by_state") && !failed.contains("TEMP"), "{failed}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_keeps_no_other_from_being_sent() {
    let place = Place::sqlite();
    let store = place.open();
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    store.record(event(2), vec![message(2, BEN)]).await.unwrap();
    let raw = Connection::open(place.file()).unwrap();
    raw.execute("UPDATE messages SET content = '{' WHERE recipient = ?1", [ANN]).unwrap();
    let one = store.claim(Claim::new("jakarta", 1, at(0))).await.unwrap();
    assert!(one.taken.is_empty() && one.more, "there is room for the one behind it");
    assert_eq!(numbers(&claim(&*store, 0, 1).await), [2]);
}
