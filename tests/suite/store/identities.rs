//! Does memory hold the newest ids alone, and does a start read no more than those?

use kabari::model::Event;
use kabari::store::Recorded;
use rusqlite::Connection;

use super::{Place, at, event};

/// What memory holds of ids is what the index does not have yet.
#[tokio::test]
async fn memory_holds_only_the_newest_ids_and_the_index_all_others() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let raw = Connection::open(place.file()).unwrap();
    for part in 1..=45_u128 {
        let batch = (0..1_000).map(|n| {
            (Event { received_at: at(0), body: "1".into(), ..event(part * 1_000 + n) }, vec![])
        });
        store.record_batch(batch.collect()).await.unwrap();
        let indexed: u128 = raw
            .query_row("SELECT count(*) FROM event_keys", [], |row| row.get::<_, i64>(0))
            .unwrap()
            .try_into()
            .unwrap();
        // The limit, and what comes while that many move.
        assert!(part * 1_000 - indexed < 16_384 + 3 * 1_000, "{part}: {indexed}");
    }
    for known in [1_000, 20_000, 45_999] {
        let again = Event { id: event(99_999).id, received_at: at(0), ..event(known) };
        let recorded = store.record(again, vec![]).await.unwrap();
        assert!(matches!(recorded, Recorded::Duplicate { .. }), "{known}");
    }
}

/// A start reads what is behind the mark.
#[tokio::test]
async fn the_mark_of_the_index_follows_also_events_without_an_id() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let raw = Connection::open(place.file()).unwrap();
    let behind = || -> i64 {
        let sql = "SELECT count(*) FROM events WHERE seq > (SELECT seq FROM event_keys_whole)";
        raw.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let record = async |part: u128, every: u128| {
        let one = |n: u128| {
            let provider_id = Some(n.to_string()).filter(|_| n.is_multiple_of(every));
            (Event { provider_id, body: "1".into(), ..event(n) }, vec![])
        };
        let batch = (part * 1_000..(part + 1) * 1_000).map(one);
        store.record_batch(batch.collect()).await.unwrap();
    };
    for part in 1..=40 {
        record(part, 1_000_000).await;
        assert!(behind() < 16_384 + 2_000, "{part}: {}", behind());
    }
    // With few that have one.
    for part in 41..=80 {
        record(part, 100).await;
        assert!(behind() < 2 * 16_384, "{part}: {}", behind());
    }
    drop(store);
    let store = place.open();
    for n in [41_000, 60_000, 80_900] {
        let again = Event { provider_id: Some(n.to_string()), ..event(99_999) };
        let recorded = store.record(again, vec![]).await.unwrap();
        assert_eq!(recorded, Recorded::Duplicate { event: event(n).id });
    }
}
