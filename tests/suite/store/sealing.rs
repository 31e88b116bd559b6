//! How does a store that has been in use get its secret: whole, a step at a time, and with nobody who
//! writes or reads beside it as before?

use kabari::model::{Digest, Event, EventId, Recipient};
use kabari::store::{
    History, MessageFilter, OpenOptions, OptOut, Recorded, SqliteStore, Store, StoreError, Upkeep,
};
use rusqlite::Connection;

use super::sealed::{TOLD, goes_on, heard, legible, tell};
use super::{ANN, BEN, Place, all, at, claim_one, event, message, secrets};

#[tokio::test]
async fn what_was_there_before_the_secret_is_sealed_with_it_and_goes_on_as_it_was() {
    let place = Place::sqlite();
    let store = place.open();
    tell(&*store).await;
    let before = heard(&*store).await;
    drop(store);
    assert!(!legible(&place, &TOLD).is_empty());
    let store = place.open_with(&secrets(&[1])).unwrap();
    assert_eq!(legible(&place, &TOLD), [""; 0]);
    assert_eq!(heard(&store).await, before);
    goes_on(&store).await;
    assert_eq!(legible(&place, &TOLD), [""; 0]);
}

#[tokio::test]
async fn a_start_that_is_broken_off_while_it_seals_goes_on_where_it_was() {
    let place = Place::quick_sqlite();
    let store = place.open();
    for n in 1..=700 {
        store.record(event(n), vec![message(n, ANN)]).await.unwrap();
    }
    let before = all(&*store).await;
    drop(store);
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER pulled BEFORE UPDATE ON messages WHEN NEW.seq = 600
         BEGIN SELECT RAISE(ABORT, 'the plug'); END",
    )
    .unwrap();
    assert!(place.open_with(&secrets(&[1])).is_err());
    raw.execute_batch("DROP TRIGGER pulled").unwrap();
    // Some of it is sealed: others wait until all is.
    let options = || OpenOptions { secrets: secrets(&[1]), ..OpenOptions::default() };
    let said = SqliteStore::open_with(&place.file(), options()).err().unwrap().to_string();
    assert!(said.contains("kabari serve"), "{said}");
    // Nor is it read or copied by halves.
    let said = History::open(&place.file(), &secrets(&[1])).err().unwrap().to_string();
    assert!(said.contains("just being sealed") && said.contains("kabari serve"), "{said}");
    let (url, copy) = (place.url(), place.file().with_file_name("copy.db"));
    let said = kabari::store::backup(&url, &copy, &mut |_| {}).unwrap_err().to_string();
    assert!(said.contains("just being sealed") && !copy.exists(), "{said}");
    assert!(place.open_with(&secrets(&[2])).is_err());
    drop(raw);
    let store = place.open_with(&secrets(&[1])).unwrap();
    assert_eq!(all(&store).await, before);
    assert_eq!(legible(&place, &TOLD), [""; 0]);
    assert_eq!(claim_one(&store, 1).await.message.event.0.as_u128(), 1);
}

#[tokio::test]
async fn contacts_are_sealed_in_steps_however_many_there_are() {
    let place = Place::quick_sqlite();
    drop(place.open());
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)
         INSERT INTO contacts (instance, recipient, reached)
         SELECT instance, format('6281%08d', n), 1
         FROM n, (SELECT 'jakarta' AS instance UNION SELECT 'surabaya');
         CREATE TRIGGER pulled BEFORE UPDATE ON contacts
         WHEN OLD.instance = 'surabaya' AND OLD.recipient = '628100001400'
         BEGIN SELECT RAISE(ABORT, 'the plug'); END",
    )
    .unwrap();
    let legible = || number(&raw, "SELECT count(*) FROM contacts WHERE recipient GLOB '6281*'");
    assert!(place.open_with(&secrets(&[1])).is_err());
    assert!((100..=600).contains(&legible()), "all but its last step is done: {}", legible());
    raw.execute_batch("DROP TRIGGER pulled").unwrap();
    let store = place.open_with(&secrets(&[1])).unwrap();
    assert_eq!(legible(), 0);
    assert_eq!(number(&raw, "SELECT count(*) FROM contacts"), 3000);
    let purged = store.purge("628100000700", false, &mut |_| {}).await.unwrap();
    assert_eq!(purged.contacts, 2, "they are found again");
}

/// So much of everything by which messages are braked, and who opted out, that one step is not enough.
const MUCH: &str = "
    CREATE TABLE n AS WITH RECURSIVE n (n) AS
        (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500) SELECT n FROM n;
    INSERT INTO dedupe_keys (key, message, until)
        SELECT CAST(format('%016d', n) AS BLOB), 0, n FROM n;
    INSERT INTO dedupe_lost (message, key, until)
        SELECT n + 1000, CAST(format('%016d', n) AS BLOB), n FROM n;
    INSERT INTO throttle_slots (key, at, n) SELECT CAST(format('%016d', 7) AS BLOB), n, 0 FROM n;
    INSERT INTO gatherings (key, due_at, closed_at, template)
        SELECT randomblob(16), n, n, '{}' FROM n;
    INSERT INTO opt_outs (recipient, since, note) SELECT format('6281%08d', n), n, 'Siti' FROM n;
    INSERT INTO opt_outs (recipient, since) SELECT format('sha256:%064x', n), n FROM n;
    DROP TABLE n";

#[tokio::test]
async fn brakes_and_opt_outs_are_sealed_in_steps_however_many_there_are_and_wherever_it_breaks_off()
{
    let place = Place::quick_sqlite();
    let store = place.open();
    tell(&*store).await;
    let before = heard(&*store).await;
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(MUCH).unwrap();
    drop(store);
    let keys = |raw: &Connection, table: &str| {
        number(raw, &format!("SELECT count(DISTINCT key) FROM {table}"))
    };
    let tables = ["gatherings", "dedupe_keys", "dedupe_lost", "throttle_slots"];
    let distinct = tables.map(|table| keys(&raw, table));
    for (table, condition) in [
        ("gatherings", "length(OLD.key) = 16 AND OLD.due_at = 1400"),
        ("dedupe_lost", "length(OLD.key) = 16 AND OLD.until = 1400"),
        ("throttle_slots", "length(OLD.key) = 16 AND OLD.at = 1400"),
        ("dedupe_keys", "length(OLD.key) = 32 AND OLD.until = 1400"),
        ("throttle_slots", "length(OLD.key) = 32 AND OLD.at = 1400"),
        ("opt_outs", "OLD.recipient = '628100001400'"),
        ("opt_outs", "OLD.recipient GLOB 'sha256:0*578'"),
    ] {
        raw.execute_batch(&format!(
            "CREATE TRIGGER pulled BEFORE UPDATE ON {table} WHEN {condition}
             BEGIN SELECT RAISE(ABORT, 'the plug'); END"
        ))
        .unwrap();
        assert!(place.open_with(&secrets(&[1])).is_err(), "{table}: {condition}");
        raw.execute_batch("DROP TRIGGER pulled").unwrap();
    }
    let half = "SELECT count(*) FROM opt_outs WHERE recipient GLOB 'sha256:0*'";
    assert!((1..600).contains(&number(&raw, half)), "all but its last step is done");
    drop(raw);
    let store = place.open_with(&secrets(&[1])).unwrap();
    assert_eq!(legible(&place, &TOLD), [""; 0]);
    assert!(store.is_opted_out(&Recipient::person("628100000007").unwrap()).await.unwrap());
    let raw = Connection::open(place.file()).unwrap();
    let legible = "SELECT count(*) FROM opt_outs WHERE recipient NOT GLOB 'sealed:*'
                       AND recipient NOT GLOB 'sha256:sealed:*' OR note NOT GLOB 'sealed:*'";
    assert_eq!(number(&raw, legible), 0);
    assert_eq!(tables.map(|table| keys(&raw, table)), distinct, "each key has another");
    for table in tables {
        let odd = format!(
            "SELECT count(*) FROM {table} WHERE length(key) <> 16
                 OR CAST(key AS TEXT) GLOB '00000000000*'"
        );
        assert_eq!(number(&raw, &odd), 0, "{table}");
    }
    // As if nothing but what it was told had ever been in it.
    raw.execute_batch("DELETE FROM opt_outs WHERE since <= 1500").unwrap();
    assert_eq!(heard(&store).await, before);
    goes_on(&store).await;
}

/// What a store says of a number, asked from outside.
fn number(raw: &Connection, sql: &str) -> i64 {
    raw.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn when_it_is_sealed_the_index_of_ids_is_whole_and_nothing_is_left_to_the_first_commit() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let digest = |n: u128| Digest { bytes: n.to_be_bytes(), never_repeats: true };
    let batch = (1..=1300).map(|n| (Event { digest: Some(digest(n)), ..event(n) }, vec![]));
    store.record_batch(batch.collect()).await.unwrap();
    // At the end one without any.
    store.record(Event { provider_id: None, ..event(1301) }, vec![]).await.unwrap();
    drop(store);
    let store = place.open_with(&secrets(&[1])).unwrap();
    let raw = Connection::open(place.file()).unwrap();
    let left = "SELECT count(*) FROM events WHERE seq > (SELECT seq FROM event_keys_whole)";
    assert_eq!(number(&raw, left), 0);
    assert_eq!(number(&raw, "SELECT count(*) FROM event_keys"), 2600);
    for n in [1, 700, 1300] {
        let by_id = Event { id: event(5000).id, ..event(n) };
        let by_digest = Event { provider_id: None, digest: Some(digest(n)), ..event(5000) };
        for again in [by_id, by_digest] {
            let recorded = store.record(again, vec![]).await.unwrap();
            assert_eq!(recorded, Recorded::Duplicate { event: event(n).id });
        }
    }
    let new = store.record(event(5000), vec![]).await.unwrap();
    assert_eq!(new, Recorded::New { waiting: 0 });
}

/// What somebody hears who opened the store before it became another.
async fn hears(store: &SqliteStore) -> Vec<String> {
    let ben = Recipient::person(BEN).unwrap();
    let out = OptOut { recipient: ben.clone(), since: at(9), note: Some("Siti".to_owned()) };
    let said = [
        store.record(event(50), vec![message(50, BEN)]).await.err(),
        store.opt_out(out).await.err(),
        store.opt_in(&ben).await.err(),
        store.purge(ANN, false, &mut |_| {}).await.err(),
        store.messages(MessageFilter::default()).await.err(),
        store.event(EventId(uuid::Uuid::from_u128(1))).await.err(),
        store.is_opted_out(&ben).await.err(),
    ];
    said.into_iter().map(|error| error.expect("it is refused").to_string()).collect()
}

#[tokio::test]
async fn who_opened_a_store_before_it_got_its_secret_neither_writes_nor_reads_it_after_that() {
    let place = Place::sqlite();
    let before = SqliteStore::open(&place.file()).unwrap();
    before.record(event(1), vec![message(1, ANN)]).await.unwrap();
    assert_eq!(all(&before).await.len(), 1);
    let history = History::open(&place.file(), &secrets(&[])).unwrap();
    let first = place.open_with(&secrets(&[1])).unwrap();
    for said in hears(&before).await {
        assert!(said.contains("kabari.db was sealed, or its secret was changed"), "{said}");
    }
    assert!(history.event(EventId(uuid::Uuid::from_u128(1))).await.is_err());
    drop(before);
    assert_eq!(legible(&place, &TOLD), [""; 0]);
    assert_eq!(all(&first).await.len(), 1);
    drop(first);
    // Nor who opened it before it got another one.
    let options = OpenOptions { secrets: secrets(&[1]), ..OpenOptions::default() };
    let before = SqliteStore::open_with(&place.file(), options).unwrap();
    let second = place.open_with(&secrets(&[2, 1])).unwrap();
    hears(&before).await;
    second.record(event(2), vec![message(2, ANN)]).await.unwrap();
    assert_eq!(all(&second).await.len(), 2);
}

#[tokio::test]
async fn who_opened_a_store_before_it_got_its_secret_writes_nothing_while_it_is_being_sealed() {
    let place = Place::sqlite();
    let before = SqliteStore::open(&place.file()).unwrap();
    before.record(event(1), vec![message(1, ANN)]).await.unwrap();
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER pulled BEFORE UPDATE ON messages
         BEGIN SELECT RAISE(ABORT, 'the plug'); END",
    )
    .unwrap();
    assert!(place.open_with(&secrets(&[1])).is_err());
    hears(&before).await;
}

#[tokio::test]
async fn it_is_sealed_in_steps_that_a_few_large_bodies_fill() {
    let place = Place::quick_sqlite();
    let store = place.open();
    let mut dice = fastrand::Rng::with_seed(3);
    for n in 1..=30 {
        let body: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(1 << 20).collect();
        store.record(Event { body: body.into(), ..event(n) }, vec![]).await.unwrap();
    }
    drop(store);
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER pulled BEFORE UPDATE ON events WHEN NEW.seq = 20
         BEGIN SELECT RAISE(ABORT, 'the plug'); END",
    )
    .unwrap();
    assert!(place.open_with(&secrets(&[1])).is_err());
    let done = number(&raw, "SELECT events FROM unsealed");
    assert!((10..20).contains(&done), "{done} of 30 are sealed, in steps of some MiB");
    raw.execute_batch("DROP TRIGGER pulled").unwrap();
    drop(raw);
    let store = place.open_with(&secrets(&[1])).unwrap();
    let last = store.event(EventId(uuid::Uuid::from_u128(30))).await.unwrap().unwrap();
    assert_eq!(last.body.len(), 1 << 20);
}

#[tokio::test]
async fn that_a_store_is_half_sealed_cannot_be_claimed_from_outside() {
    let place = Place::sealed_sqlite();
    let store = place.open();
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    drop(store);
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        r#"INSERT INTO unsealed (messages, events) VALUES (0, 0);
           UPDATE messages SET content = '{"kind":"text","message":"pay me"}'"#,
    )
    .unwrap();
    let said = place.open_with(&secrets(&[1])).err().unwrap();
    assert!(matches!(&said, StoreError::Broken(said) if said.contains("from outside")), "{said}");
    raw.execute_batch("DELETE FROM unsealed").unwrap();
    drop(raw);
    let read = place.open().messages(MessageFilter::default()).await.unwrap();
    // The id is that which everybody else knows.
    let id = message(1, ANN).id.to_string();
    assert!(read.rows.is_empty() && read.unreadable.to_string().contains(&id), "{read:?}");
}
