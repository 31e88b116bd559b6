//! Does a store with a secret keep to itself what it was told, and give back all of it?

use kabari::model::{
    Digest, Event, EventId, Group, Instead, Message, MessageId, Reason, Recipient, State, Terms,
};
use kabari::secret::Secrets;
use kabari::store::{
    Case, GatheredTo, Gathering, History, MessageFilter, Moved, OpenOptions, OptOut, Outcome,
    Reconciliation, Recorded, Ruling, Shut, SqliteStore, Store, StoreError, Tally, Upkeep,
};
use rusqlite::Connection;

use super::terms::{judged, told};
use super::{ANN, BEN, Place, all, at, claim, claim_one, ended, event, message, secrets, settle};

/// What nobody is to read in the files.
pub(super) const TOLD: [&str; 10] = [
    "6281234567890",
    "6289876543210",
    "message 1",
    // With a space: four letters alone are found by chance in what is sealed, once in some hundred runs.
    "Siti Rahayu",
    "invoice-of-siti",
    "in Wachat's words",
    "asked on the phone",
    "QR code expired",
    "GitHub's own words",
    "digest of Siti ",
];

/// What is signed of the n-th event.
fn digest(n: u128) -> Digest {
    let mut bytes = *b"digest of Siti .";
    bytes[15] = u8::try_from(n).unwrap();
    Digest { bytes, never_repeats: true }
}

/// Tells a store of everything that it can be told of.
pub(super) async fn tell(store: &dyn Store) {
    let told = |n: u128| Event {
        headers: [("x-name".to_owned(), "Siti Rahayu".to_owned())].into_iter().collect(),
        body: bytes::Bytes::from(format!(
            r#"{{"n":{n},"customer":"Siti Rahayu","phone":"{ANN}"}}"#
        )),
        digest: Some(digest(n)),
        ..event(n)
    };
    let content = message(1, ANN).content.map(|content| kabari::model::Content {
        media_url: Some("https://shop.example/invoice-of-siti.pdf".to_owned()),
        file_name: Some("invoice-of-siti.pdf".to_owned()),
        ..content
    });
    let instead = Instead {
        id: MessageId::derive(EventId(uuid::Uuid::from_u128(1)), "paid", 1, 0, BEN),
        instance: "jakarta".to_owned(),
        send: 1,
        recipient: Recipient::person(BEN).unwrap(),
        content: content.clone().unwrap(),
    };
    let first = Message {
        content,
        terms: Terms { or: vec![instead], ..Terms::default() },
        ..message(1, ANN)
    };
    store.record(told(1), vec![first]).await.unwrap();
    let failed = claim_one(store, 1).await;
    assert!(settle(store, failed, State::Failed).await, "and Ben gets a message instead");
    let sent = claim_one(store, 2).await;
    assert!(settle(store, sent, State::Sent).await);
    store.record(told(2), vec![message(2, BEN)]).await.unwrap();
    let uncertain = claim_one(store, 3).await;
    assert!(settle(store, uncertain, State::Uncertain).await);
    let dedupe = kabari::model::Dedupe { key: format!("paid by {ANN}"), within_s: 9000 };
    for n in [3, 4] {
        let terms = Terms { dedupe: Some(dedupe.clone()), ..Terms::default() };
        store.record(told(n), vec![Message { terms, ..message(n, ANN) }]).await.unwrap();
    }
    for n in [5, 6] {
        let template = format!(r#"{{"number":"{BEN}","message":"Siti Rahayu"}}"#);
        let key = format!("of {BEN}");
        let group = Group { key, wait_s: 60, interval_s: 300, max: 9, template };
        let terms = Terms { group: Some(group), ..Terms::default() };
        store.record(told(n), vec![Message { terms, ..message(n, BEN) }]).await.unwrap();
    }
    let unmade = Message { detail: Some("Siti has no number".to_owned()), ..super::unmade(7) };
    store.record(told(7), vec![unmade]).await.unwrap();
    let gone = OptOut {
        recipient: Recipient::person("6281111111111").unwrap(),
        since: at(4),
        note: Some("Siti asked on the phone".to_owned()),
    };
    store.opt_out(gone).await.unwrap();
    let (reason, detail) = (Reason::Session, "QR code expired for Siti".to_owned());
    store.shut_lane("bali", Some(Shut { reason, detail, since: at(4) }), at(4)).await.unwrap();
    let known = Reconciliation {
        source: "shop".to_owned(),
        place: "hooks/42".to_owned(),
        watermark: None,
        at: at(4),
        last: Tally::default(),
        total: Tally::default(),
        trouble: Some("GitHub's own words about Siti".to_owned()),
    };
    store.keep_reconciliation(known).await.unwrap();
}

/// All that a store says of it, in the words of a debugger.
pub(super) async fn heard(store: &dyn Store) -> String {
    let mut said = vec![format!("{:?}", all(store).await)];
    for message in all(store).await {
        said.push(format!("{:?}", store.message(message.id).await.unwrap()));
    }
    for n in 1..=7 {
        let id = EventId(uuid::Uuid::from_u128(n));
        said.push(format!("{:?}", store.event(id).await.unwrap()));
        said.push(format!("{:?}", store.joined(id).await.unwrap()));
    }
    said.push(format!("{:?}", store.opt_outs().await.unwrap()));
    said.push(format!("{:?}", store.lane("bali").await.unwrap()));
    for due in store.gatherings(at(900), GatheredTo::default(), 9).await.unwrap() {
        // Where it stands is nobody's concern but the store's.
        said.push(format!("{:?}", Gathering { at: GatheredTo::default(), ..due }));
    }
    said.push(format!("{:?}", store.reconciliations().await.unwrap()));
    said.join("\n")
}

/// What of this stands in the store's files as it is, or as a digest or an id that follows from it.
pub(super) fn legible(place: &Place, told: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    for entry in place.file().parent().unwrap().read_dir().unwrap() {
        files.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let stands = |bytes: &[u8]| files.windows(bytes.len()).any(|part| part == bytes);
    let mut found: Vec<String> =
        told.iter().filter(|text| stands(text.as_bytes())).map(|&text| text.to_owned()).collect();
    for (n, number) in [(1, ANN), (2, BEN), (3, ANN), (4, ANN), (5, BEN)] {
        let id = message(n, number).id.0;
        if stands(id.as_bytes()) || stands(id.to_string().as_bytes()) {
            found.push(format!("the id of message {n}"));
        }
    }
    found
}

#[tokio::test]
async fn nothing_that_it_was_told_is_legible_in_the_files_and_all_of_it_comes_back() {
    let (plain, sealed) = (Place::sqlite(), Place::sealed_sqlite());
    let (one, other) = (plain.open(), sealed.open());
    tell(&*one).await;
    tell(&*other).await;
    assert_eq!(heard(&*one).await, heard(&*other).await);
    let found = legible(&plain, &TOLD);
    // What is compressed may be cut anywhere.
    assert!(found.len() > TOLD.len(), "the search finds what is there: {found:?}");
    assert_eq!(legible(&sealed, &TOLD), [""; 0]);
    drop(other);
    assert_eq!(legible(&sealed, &TOLD), [""; 0], "nor in the file alone");
}

/// Who is known is known, and what was in line goes, once.
pub(super) async fn goes_on(store: &SqliteStore) {
    let ann = Recipient::person("6281111111111").unwrap();
    assert!(store.is_opted_out(&ann).await.unwrap());
    let number = Some(BEN.to_owned());
    let to_ben = MessageFilter { number, ..MessageFilter::default() };
    assert_eq!(store.messages(to_ben).await.unwrap().rows.len(), 3);
    assert!(matches!(
        store.record(event(1), vec![message(1, ANN)]).await.unwrap(),
        Recorded::Duplicate { .. }
    ));
    let by_digest = Event { provider_id: None, digest: Some(digest(2)), ..event(20) };
    assert!(matches!(
        store.record(by_digest, vec![]).await.unwrap(),
        Recorded::Duplicate { event } if event.0.as_u128() == 2
    ));
    assert_eq!(store.add_messages(vec![message(2, BEN)]).await.unwrap(), 0, "it is there");
    // The key is still taken, and the group still open.
    let dedupe = kabari::model::Dedupe { key: format!("paid by {ANN}"), within_s: 9000 };
    let terms = Terms { dedupe: Some(dedupe), ..Terms::default() };
    store.record(event(8), vec![Message { terms, ..message(8, ANN) }]).await.unwrap();
    let (again, _) = store.message(message(8, ANN).id).await.unwrap().unwrap();
    assert_eq!((again.state, again.reason), (State::Skipped, Some(Reason::Duplicate)));
    assert!(again.detail.unwrap().contains(&message(3, ANN).id.to_string()));
    let group = Group {
        key: format!("of {BEN}"),
        wait_s: 60,
        interval_s: 300,
        max: 9,
        template: String::new(),
    };
    let terms = Terms { group: Some(group), ..Terms::default() };
    store.record(event(9), vec![Message { terms, ..message(9, BEN) }]).await.unwrap();
    let due = store.gatherings(at(900), GatheredTo::default(), 9).await.unwrap();
    assert_eq!(due[0].events.len(), 3);
    let filled = Outcome::Made(message(5, BEN).content.unwrap());
    assert!(store.close_gathering(&due[0], filled, None, at(900)).await.unwrap());
    // An older message of the same person comes before a new one.
    store.record(event(10), vec![message(10, ANN)]).await.unwrap();
    assert_eq!(
        store.move_by_hand(message(1, ANN).id, State::Waiting, at(900)).await.unwrap(),
        Moved::Done
    );
    let mut gone = Vec::new();
    for second in 901..905 {
        for one in claim(store, second, 9).await {
            gone.push((one.message.event.0.as_u128(), one.message.origin.send));
            assert!(settle(store, one, State::Sent).await);
        }
    }
    assert_eq!(gone, [(1, 0), (5, 0), (3, 0), (10, 0)]);
}

#[tokio::test]
async fn without_its_secret_a_store_is_refused_and_says_what_is_missing() {
    let place = Place::sealed_sqlite();
    tell(&*place.open()).await;
    for wrong in [Secrets::default(), secrets(&[2]), secrets(&[2, 3])] {
        let refused = [
            place.open_with(&wrong).err(),
            SqliteStore::open_with(
                &place.file(),
                OpenOptions { secrets: wrong.clone(), ..OpenOptions::default() },
            )
            .err(),
            History::open(&place.file(), &wrong).err(),
        ];
        for said in refused.map(|refused| refused.expect("it is refused").to_string()) {
            assert!(
                said.contains("is sealed with the secret") && said.contains("`store:"),
                "{said}"
            );
            assert!(!said.contains("00000"), "{said}");
        }
    }
    assert!(heard(&*place.open()).await.contains("Siti"), "and nothing was changed by that");
}

#[tokio::test]
async fn a_secret_follows_another_and_the_one_before_can_go() {
    let place = Place::sealed_sqlite();
    tell(&*place.open()).await;
    let before = heard(&*place.open()).await;
    // Who only reads changes nothing, whichever secret is the first.
    let options = OpenOptions { secrets: secrets(&[2, 1]), ..OpenOptions::default() };
    drop(SqliteStore::open_with(&place.file(), options).unwrap());
    assert!(place.open_with(&secrets(&[2])).is_err());
    drop(place.open_with(&secrets(&[2, 1])).unwrap());
    assert!(place.open_with(&secrets(&[1])).is_err(), "its time is over");
    let store = place.open_with(&secrets(&[2])).unwrap();
    assert_eq!(heard(&store).await, before);
    goes_on(&store).await;
    assert_eq!(legible(&place, &TOLD), [""; 0]);
    drop(store);
    let raw = Connection::open(place.file()).unwrap();
    let keys: i64 = raw.query_row("SELECT count(*) FROM seals", [], |row| row.get(0)).unwrap();
    assert_eq!(keys, 3, "what came since is sealed with a key of its own");
}

#[tokio::test]
async fn a_value_opens_at_its_own_place_alone() {
    // What a change in the file does to the first message, and to the second.
    let changes = [
        "UPDATE messages SET content = (SELECT content FROM messages AS other WHERE other.seq = 3 - messages.seq)",
        "UPDATE messages SET recipient = iif(seq = 1, (SELECT recipient FROM messages WHERE seq = 2), 'x')",
        "UPDATE messages SET content = '{\"kind\":\"text\",\"message\":\"pay me\"}'",
        "UPDATE messages SET recipient = '6281111111'",
        "UPDATE messages SET terms = content",
        "UPDATE messages SET id = randomblob(16)",
    ];
    for change in changes {
        let place = Place::sealed_sqlite();
        let store = place.open();
        store.record(event(1), vec![message(1, ANN)]).await.unwrap();
        store.record(event(2), vec![message(2, BEN)]).await.unwrap();
        let raw = Connection::open(place.file()).unwrap();
        raw.execute_batch(&format!("DROP INDEX messages_heads; {change}")).unwrap();
        let read = store.messages(MessageFilter::default()).await.unwrap();
        assert!(read.rows.iter().all(|it| it.event != event(1).id), "{change}: {read:?}");
        assert_eq!(read.rows.len() as u64 + read.unreadable.count, 2, "{change}");
        let said = format!("{:?}", read.unreadable);
        for told in ["6281", "6289", "pay me", "message 1", "message 2"] {
            assert!(!said.contains(told), "{change}: {said}");
        }
        let claimed = super::numbers(&claim(&*store, 1, 9).await);
        assert!(!claimed.contains(&1), "{change}: it is not sent");
    }
    let place = Place::sealed_sqlite();
    let store = place.open();
    for n in [1, 2] {
        store.record(event(n), vec![message(n, ANN)]).await.unwrap();
    }
    let first = claim_one(&*store, 1).await;
    let said = ended(&first.message, State::Uncertain);
    assert!(store.settle(first.lease, said).await.unwrap());
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "UPDATE events SET content = (SELECT content FROM events AS other WHERE other.seq = 3 - events.seq);
         UPDATE attempts SET claim = 7;",
    )
    .unwrap();
    let id = EventId(uuid::Uuid::from_u128(1));
    assert!(matches!(store.event(id).await, Err(StoreError::Broken(_))));
    let id = message(1, ANN).id;
    assert!(matches!(store.message(id).await, Err(StoreError::Broken(_))));
}

#[tokio::test]
async fn what_is_told_to_people_alone_and_does_not_open_stops_no_work() {
    let place = Place::sealed_sqlite();
    let store = place.open();
    for (n, to) in [(1, ANN), (2, BEN)] {
        store.record(event(n), vec![message(n, to)]).await.unwrap();
    }
    let holds = told(|case: &Case<'_>| {
        let (until, detail) = (at(9), format!("until 9 for {}", case.recipient.expose()));
        Ruling::Hold { until, reason: Reason::Quiet, detail }
    });
    judged(&*store, 1, 9, &holds).await;
    let shut = Shut { reason: Reason::Account, detail: "463".into(), since: at(3) };
    store.shut_lane("jakarta", Some(shut), at(3)).await.unwrap();
    let looked = Reconciliation {
        source: "shop".into(),
        place: "events".into(),
        watermark: Some(at(1)),
        at: at(2),
        last: Tally::default(),
        total: Tally::default(),
        trouble: Some("GitHub's own words".into()),
    };
    store.keep_reconciliation(looked).await.unwrap();
    let raw = Connection::open(place.file()).unwrap();
    raw.execute_batch(
        "UPDATE messages SET detail = 'sealed:damaged' WHERE seq = 1;
         UPDATE lanes SET shut_detail = 'sealed:damaged';
         UPDATE reconciliations SET trouble = 'sealed:damaged';",
    )
    .unwrap();
    let memory = store.lane("jakarta").await.unwrap();
    let waits: Vec<_> = memory.waits.iter().map(|wait| wait.detail.as_str()).collect();
    assert_eq!(waits, [format!("until 9 for {BEN}")]);
    let Shut { reason, detail, .. } = memory.shut.unwrap();
    assert!(reason == Reason::Account && detail.contains("cannot be opened"), "{detail}");
    let trouble = store.reconciliations().await.unwrap().remove(0).trouble;
    assert!(trouble.unwrap().contains("cannot be opened"), "it did not go well");
}

#[tokio::test]
async fn a_person_who_was_forgotten_leaves_no_digest_that_can_be_tried() {
    for first_plain in [true, false] {
        let place = Place::sealed_sqlite();
        let store = if first_plain {
            SqliteStore::open(&place.file()).unwrap()
        } else {
            place.open_with(&secrets(&[1])).unwrap()
        };
        let recipient = Recipient::person(ANN).unwrap();
        let out = OptOut { recipient: recipient.clone(), since: at(0), note: None };
        store.record(event(1), vec![message(1, ANN)]).await.unwrap();
        store.opt_out(out).await.unwrap();
        let purged = store.purge(ANN, false, &mut |_| {}).await.unwrap();
        assert_eq!((purged.messages, purged.opted_out), (1, true));
        drop(store);
        let store = place.open_with(&secrets(&[1])).unwrap();
        assert!(store.is_opted_out(&recipient).await.unwrap());
        assert!(store.opt_outs().await.unwrap()[0].is_forgotten());
        let mut digest = sha2::Sha256::default();
        sha2::Digest::update(&mut digest, b"kabari opt-out\0");
        sha2::Digest::update(&mut digest, ANN.as_bytes());
        let digest = hex::encode(sha2::Digest::finalize(digest));
        assert_eq!(legible(&place, &[ANN, &digest]), [""; 0]);
        store.record(event(2), vec![message(2, ANN)]).await.unwrap();
        assert!(store.opt_in(&recipient).await.unwrap());
        assert!(!store.is_opted_out(&recipient).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_taken_for_the_store_while_it_is_open_has_the_same_keys_or_is_refused() {
    let (place, other) = (Place::sealed_sqlite(), Place::sealed_sqlite());
    let store = place.open();
    store.record(event(1), vec![message(1, ANN)]).await.unwrap();
    let copy = place.file().with_file_name("copy.db");
    let url = format!("sqlite://{}", place.file().display());
    kabari::store::backup(&url, &copy, &mut |_| {}).unwrap();
    drop(other.open());
    let replace = |by: &std::path::Path| {
        for ending in ["db-wal", "db-shm"] {
            drop(std::fs::remove_file(place.file().with_extension(ending)));
        }
        std::fs::rename(by, place.file()).unwrap();
    };
    replace(&other.file());
    let refused = store.record(event(2), vec![message(2, ANN)]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    replace(&copy);
    store.record(event(2), vec![message(2, ANN)]).await.unwrap();
    assert_eq!(all(&*store).await.len(), 2);
}
