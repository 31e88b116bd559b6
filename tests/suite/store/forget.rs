//! Is somebody forgotten in steps that hold up nobody, and for good although one of them broke off?

use kabari::model::{Group, Message, State, Terms};
use kabari::store::{GatheredTo, Store};
use rusqlite::Connection;

use super::{ANN, Place, at, event, message, secrets, state_of};

/// Events of one message, of which a step takes off about a thousand.
const EVENTS: i64 = 3000;

/// A message that waits for others to join it.
fn grouped(n: u128) -> Message {
    let (key, template) = ("k".to_owned(), String::new());
    let group = Group { key, wait_s: 60, interval_s: 0, max: u32::MAX, template };
    let terms = Terms { group: Some(group), ..Terms::default() };
    Message { terms, ..message(n, ANN) }
}

#[tokio::test]
async fn a_message_that_was_very_many_events_is_cancelled_at_once_and_forgotten_in_steps() {
    let place = Place::quick_sqlite();
    let store = place.open_with(&secrets(&[])).unwrap();
    store.record(event(1), vec![grouped(1)]).await.unwrap();
    let raw = Connection::open(place.file()).unwrap();
    raw.execute(
        "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
         INSERT INTO gathered (message, n, event) SELECT 1, n, (SELECT id FROM events) FROM n",
        [EVENTS],
    )
    .unwrap();
    let number = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let left = || number("SELECT count(*) FROM gathered");
    assert_eq!(left(), EVENTS);
    raw.execute_batch(
        "CREATE TRIGGER pulled BEFORE DELETE ON gathered WHEN OLD.n = 500
         BEGIN SELECT RAISE(ABORT, 'the plug'); END",
    )
    .unwrap();
    assert!(store.purge(ANN, false, &mut |_| {}).await.is_err());
    assert!((500..1500).contains(&left()), "all but its last step is done: {}", left());
    // Of half of them nothing goes out, and nothing more joins them.
    assert_eq!(state_of(&store, 1, ANN).await, State::Cancelled);
    assert!(store.gatherings(at(1000), GatheredTo::default(), 9).await.unwrap().is_empty());
    store.record(event(2), vec![grouped(2)]).await.unwrap();
    assert_eq!(number("SELECT count(*) FROM messages WHERE state = 'waiting'"), 1);

    raw.execute_batch("DROP TRIGGER pulled").unwrap();
    let purged = store.purge(ANN, false, &mut |_| {}).await.unwrap();
    assert_eq!((purged.messages, purged.left, left()), (2, 0, 0));
    assert_eq!(number("SELECT count(*) FROM messages WHERE recipient IS NOT NULL"), 0);
    assert_eq!(number("SELECT count(*) FROM messages WHERE state <> 'cancelled'"), 0);
}
