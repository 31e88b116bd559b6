//! Does everything that people do with a store work with its secret, and say so without it?

use std::process::Command;

use kabari::model::{Event, EventId, Headers};
use kabari::store::{SqliteStore, Store};
use serde_json::Value;

use super::{ANNA, BUDI, ends, json, push, run, said, states, until};
use crate::process::RULES;
use crate::support::kabari::{Home, Kabari};
use crate::support::skip;
use crate::support::world::{TOKEN, World};

pub(super) const STORE_SECRET: &str = "0b54f8a1e3d94c17a5cf6b20d8e71f93";
const NEXT_SECRET: &str = "5f0c7d3be6a84192b8d3a0f1c2e49b76";

/// An installation with these secrets of its store, the one that is used first.
pub(super) fn home(world: &World, secrets: &[&str]) -> Home {
    let home = Home::new(&rules(secrets.len()))
        .variable("WACHAT_URL", &world.url())
        .variable("WACHAT_TOKEN", TOKEN);
    secrets
        .iter()
        .zip(1..)
        .fold(home, |home, (secret, n)| home.variable(&format!("SECRET_{n}"), secret))
}

fn rules(secrets: usize) -> String {
    let names: Vec<String> = (1..=secrets).map(|n| format!("\"${{SECRET_{n}}}\"")).collect();
    format!("store: {{ url: sqlite://kabari.db, secrets: [{}] }}\n{RULES}", names.join(", "))
}

/// Which of these stand legible in the store's files.
pub(super) fn legible<'t>(home: &Home, texts: &[&'t str]) -> Vec<&'t str> {
    let files: Vec<u8> = ["kabari.db", "kabari.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(home.path(name)).unwrap_or_default())
        .collect();
    let stands = |text: &&str| files.windows(text.len()).any(|part| part == text.as_bytes());
    texts.iter().filter(|text| stands(text)).copied().collect()
}

/// Waits until nothing is on its way.
async fn all_sent(home: &Home) {
    until(home, "all sent", |all| all.iter().all(|it| it.1 == "sent")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_reads_a_sealed_store_and_nothing_of_it_is_legible() {
    let world = World::start().await;
    let home = home(&world, &[STORE_SECRET, NEXT_SECRET]);
    let kabari = home.start().await;
    push(&kabari, ANNA, "Hello Anna Wijaya").await;
    push(&kabari, BUDI, "Hello Budi Santoso").await;
    all_sent(&home).await;
    let told = [ANNA, BUDI, "Wijaya", "Santoso", "81234567890", STORE_SECRET];
    assert_eq!(legible(&home, &told), [""; 0]);
    ends(&home, &["optout", "add", BUDI, "--note", "Budi Santoso rang"], 0);
    reads(&home);
    let page = kabari.page("/api/messages").await;
    assert!(page.json().to_string().contains("Anna Wijaya"), "{page:?}");
    assert_eq!(kabari.stop().await, Some(0));
    reads(&home);
    ends(&home, &["backup", home.path("copy.db").to_str().unwrap()], 0);
    let copy = format!("sqlite://{}", home.path("copy.db").display());
    let words = ["messages", "list", "--json", "--store", &copy, "--rules", "rules.yaml"];
    assert!(said(&tokio::task::block_in_place(|| home.say(&words, ""))).contains("Wijaya"));
    let purged = json(&home, &["purge", "--recipient", "+62 812-3456-7890"], 0);
    assert_eq!((&purged["messages"], &purged["events"]), (&1.into(), &1.into()), "{purged}");
    assert!(!ends(&home, &["export", "--full"], 0).contains(ANNA));
    assert_eq!(legible(&home, &told), [""; 0]);
    world.assert_clean();
}

/// What commands that look at the store say of it.
fn reads(home: &Home) {
    let listed = json(home, &["messages", "list", "--full", "--number", ANNA], 0);
    assert_eq!(listed[0]["request"]["number"], ANNA, "{listed}");
    let (message, event) = (text(&listed[0]["id"]), text(&listed[0]["event"]));
    assert!(ends(home, &["messages", "show", &message], 0).contains("Hello Anna Wijaya"));
    assert!(ends(home, &["events", "show", &event], 0).contains("Anna Wijaya"));
    assert!(ends(home, &["explain", "--event", &event], 0).contains("Hello Anna Wijaya"));
    assert!(ends(home, &["export", "--full"], 0).contains(ANNA));
    assert!(ends(home, &["optout", "list", "--full"], 0).contains(BUDI));
    let same = ends(home, &["diff", "rules.yaml"], 0);
    assert!(same.contains("2 events"), "{same}");
    let replayed = json(home, &["events", "replay", &event, "--dry-run"], 0);
    assert_eq!(replayed["new"], 0, "it is there already: {replayed}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_gets_a_secret_is_sealed_at_the_next_start_and_its_queue_goes_on() {
    let world = World::start().await;
    let home = home(&world, &[STORE_SECRET]);
    std::fs::write(home.path("rules.yaml"), RULES).unwrap();
    let kabari = home.start().await;
    push(&kabari, ANNA, "went before").await;
    all_sent(&home).await;
    assert_eq!(kabari.order("/api/lanes/one/pause").await.status, 200);
    push(&kabari, BUDI, "still to go").await;
    std::fs::write(home.path("rules.yaml"), rules(1)).unwrap();
    // It is in the file, and not yet in force.
    assert!(states(&home).contains(&("still to go".to_owned(), "waiting".to_owned())));
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(legible(&home, &[BUDI, "still to go"]).len(), 2);
    let kabari = home.start().await;
    assert_eq!(legible(&home, &[ANNA, BUDI, "still to go", "went before"]), [""; 0]);
    assert_eq!(kabari.order("/api/lanes/one/resume").await.status, 200);
    world.until("both are sent", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(kabari.stop().await, Some(0));
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_every_command_says_what_is_missing_and_one_can_follow_another() {
    let world = World::start().await;
    let home = home(&world, &[STORE_SECRET]);
    assert_eq!(home.start().await.stop().await, Some(0));
    let path = home.path("copy-of-nothing.db");
    let commands: [&[&str]; 7] = [
        &["messages", "list"],
        &["events", "list"],
        &["export"],
        &["optout", "list"],
        &["purge", "--recipient", ANNA],
        &["diff", "rules.yaml"],
        &["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
    ];
    let next = rules(1).replace("SECRET_1", "SECRET_2");
    let home = home.variable("SECRET_2", NEXT_SECRET);
    for (rules, missing) in [(RULES.to_owned(), "there is none"), (next, "not with")] {
        std::fs::write(home.path("rules.yaml"), rules).unwrap();
        for words in commands {
            let output = run(&home, words);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
            assert!(said.contains("is sealed with the secret") && said.contains(missing), "{said}");
            assert!(!said.contains(NEXT_SECRET), "{said}");
        }
    }
    let unset = rules(1).replace("SECRET_1", "UNSET");
    std::fs::write(home.path("rules.yaml"), unset).unwrap();
    let said = ends(&home, &["messages", "list"], 1);
    assert!(said.contains("there is none: set `store:") && said.contains("variable"), "{said}");
    ends(&home, &["backup", path.to_str().unwrap()], 0);
    // The new one and the one before, and then the new one alone.
    let both = rules(2).replace("SECRET_1", "SECRET_3").replace("SECRET_2", "SECRET_1");
    std::fs::write(home.path("rules.yaml"), both.replace("SECRET_3", "SECRET_2")).unwrap();
    assert_eq!(home.start().await.stop().await, Some(0));
    std::fs::write(home.path("rules.yaml"), rules(1).replace("SECRET_1", "SECRET_2")).unwrap();
    assert_eq!(home.start().await.stop().await, Some(0));
    ends(&home, &["messages", "list"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_command_makes_is_sealed_from_the_start() {
    let world = World::start().await;
    for words in [
        &["optout", "add", ANNA, "--note", "Anna Wijaya rang"][..],
        &["send", "--number", ANNA, "--message", "Anna Wijaya rang"],
    ] {
        let home = home(&world, &[STORE_SECRET]);
        ends(&home, words, 0);
        assert!(home.path("kabari.db").exists());
        assert_eq!(legible(&home, &[ANNA, "Wijaya", "81234567890"]), [""; 0], "{words:?}");
        assert!(ends(&home, &["optout", "list"], 0).len() > 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_forgotten_is_so_beside_rows_that_nobody_can_read_and_those_are_counted() {
    let world = World::start().await;
    let home = home(&world, &[STORE_SECRET]);
    let kabari = home.start().await;
    for (to, text) in [(ANNA, "first"), (BUDI, "second"), (ANNA, "third"), (BUDI, "fourth")] {
        push(&kabari, to, text).await;
    }
    all_sent(&home).await;
    assert_eq!(kabari.stop().await, Some(0));
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    // Anna's own is hers whatever it says; what an event or somebody else's says, nobody knows.
    raw.execute_batch(
        "UPDATE messages SET content = 'sealed:AAAA' WHERE seq < 3;
         UPDATE events SET content = x'73656100ff' WHERE seq = 2",
    )
    .unwrap();
    drop(raw);
    let shown = json(&home, &["purge", "--recipient", ANNA, "--dry-run"], 1);
    let done = json(&home, &["purge", "--recipient", ANNA], 1);
    for purged in [shown, done] {
        assert_eq!((&purged["messages"], &purged["events"]), (&2.into(), &2.into()), "{purged}");
        assert_eq!(purged["unreadable"], 2, "{purged}");
    }
    let again = ends(&home, &["purge", "--recipient", ANNA], 1);
    assert!(again.contains("2 rows cannot be read") && again.contains("0 messages"), "{again}");
    for told in ["81234567890", "89876543210", "second"] {
        assert!(!again.contains(told), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_made_anew_beside_itself_and_not_where_only_memory_may_be() {
    // Every other call would stop for it otherwise.
    let strace = ["-D", "-f", "--seccomp-bpf", "-e", "trace=openat"];
    let trial = Command::new("strace").args([&strace[..], &["true"]].concat()).output();
    if !trial.is_ok_and(|output| output.status.success()) {
        return skip("where a temporary file lies: strace is missing or may not trace");
    }
    let world = World::start().await;
    let home = home(&world, &[STORE_SECRET]);
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    let mut dice = fastrand::Rng::with_seed(3);
    // More than a connection holds in memory.
    for n in 1..=32 {
        let event = Event {
            id: EventId(uuid::Uuid::from_u128(n)),
            source: "github".to_owned(),
            kind: "push".to_owned(),
            provider_id: None,
            digest: None,
            received_at: kabari::clock::now(),
            headers: Headers::default(),
            body: std::iter::repeat_with(|| dice.u8(..)).take(1 << 20).collect(),
        };
        store.record(event, vec![]).await.unwrap();
    }
    drop(store);
    let trace = home.path("trace");
    let out = ["-o", trace.to_str().unwrap()];
    let home = home.under(&[&["strace"][..], &strace, &out].concat());
    let kabari = home.start().await;
    kabari.kill();
    let trace = std::fs::read_to_string(trace).unwrap();
    let temporary: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains("O_TMPFILE") || line.contains("etilqs"))
        .collect();
    let beside = home.path("kabari.db").parent().unwrap().display().to_string();
    assert!(
        !temporary.is_empty() && temporary.iter().all(|line| line.contains(&beside)),
        "{temporary:?}"
    );
}

/// A start that seals a store, while somebody reads it and is waited for.
async fn seals_beside_a_reader(world: &World) -> (Home, Kabari, rusqlite::Connection) {
    let home = home(world, &[STORE_SECRET]);
    std::fs::write(home.path("rules.yaml"), RULES).unwrap();
    let kabari = home.start().await;
    push(&kabari, ANNA, "went before").await;
    all_sent(&home).await;
    assert_eq!(kabari.stop().await, Some(0));
    std::fs::write(home.path("rules.yaml"), rules(1)).unwrap();
    let reader = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let serve =
        ["serve", "--rules", "rules.yaml", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let kabari = home.spawn(&serve);
    kabari.says(0, &["somebody reads the store"]).await;
    (home, kabari, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_while_a_store_is_being_sealed_holds_it_up_and_does_not_make_it_fail() {
    let world = World::start().await;
    let (home, kabari, reader) = seals_beside_a_reader(&world).await;
    reader.execute_batch("COMMIT").unwrap();
    kabari.says(0, &["kabari is ready"]).await;
    assert_eq!(kabari.stop().await, Some(0));
    assert_eq!(legible(&home, &[ANNA, "went before"]), [""; 0]);
    assert_eq!(states(&home), [("went before".to_owned(), "sent".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_seals_a_store_can_be_stopped_and_the_next_one_goes_on() {
    let world = World::start().await;
    let (home, kabari, reader) = seals_beside_a_reader(&world).await;
    let said = ends(&home, &["messages", "list"], 1);
    assert!(said.contains("just being sealed"), "{said}");
    assert_eq!(kabari.stop().await, Some(0));
    drop(reader);
    let kabari = home.start().await;
    assert_eq!(legible(&home, &[ANNA, "went before"]), [""; 0]);
    assert_eq!(states(&home), [("went before".to_owned(), "sent".to_owned())]);
    assert_eq!(kabari.stop().await, Some(0));
}
