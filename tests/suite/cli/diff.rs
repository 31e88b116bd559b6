//! `kabari diff`: are the messages told that another rule file would make?

use jiff::{SignedDuration, Timestamp};
use kabari::model::{Event, EventId};
use kabari::store::{SqliteStore, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{GITHUB_SECRET, RULES, Said, home_alone, run};
use crate::support::kabari::Home;

/// The n-th event: a push by somebody, so many hours ago.
async fn push(store: &SqliteStore, n: u128, login: &str, hours: i64) {
    let received_at = Timestamp::now() - SignedDuration::from_hours(hours);
    let event = Event {
        provider_id: Some(format!("d-{n}")),
        ..Event::new(
            EventId(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + n)),
            "github",
            "push",
            received_at,
            json!({ "sender": { "login": login } }).to_string(),
        )
    };
    store.record(event, Vec::new()).await.unwrap();
}

/// Four pushes: two today, one of the day before yesterday, and one of last month, with another
/// rule file beside.
async fn furnished(new: &str) -> Home {
    let home = home_alone();
    std::fs::write(home.path("new.yaml"), new).unwrap();
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for (n, login, hours) in [(1, "old", 720), (2, "ann", 50), (3, "bea", 5), (4, "cleo", 1)] {
        push(&store, n, login, hours).await;
    }
    home
}

fn caption_changed() -> String {
    RULES.replace("}} pushed", "}} has pushed")
}

/// One more rule for pushes, and the old one only for ann.
fn rules_changed() -> String {
    let only =
        RULES.replace("    kind: push\n", "    kind: push\n    match: { sender.login: ann }\n");
    format!(
        "{only}  - name: copied\n    source: github\n    kind: push\n    send: {{ number: \"0812-3456-7891\", \
         message: \"copy for {{{{ event.sender.login }}}}\" }}\n"
    )
}

#[tokio::test]
async fn a_changed_caption_is_shown_word_by_word_and_counted() {
    let home = furnished(&caption_changed()).await;
    let said = run(&home, &["diff", "new.yaml", "--since", "3d"]).is(1);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("~ pushed   github push → 62812••••7890   "), "{said:#?}");
    assert!(lines[0].ends_with("01930000-0000-7000-8000-000000000004"), "{said:#?}");
    assert_eq!(lines[1], "    message   cleo {+has +}pushed");
    assert_eq!(lines[3], "    message   bea {+has +}pushed");
    assert_eq!(lines[5], "    message   ann {+has +}pushed");
    let end = "\npushed\t0\t0\t3\n\n+0 −0 ~3   3 events of the last 3 d\n";
    assert!(said.out.ends_with(end), "{said:#?}");
    run(&home, &["diff", "new.yaml"]).is(1).says(&["2 events of the last 24 h", "~2"]);
    run(&home, &["diff", "new.yaml", "--since", "60d", "--limit", "1"]).is(1).says(&["1 event "]);
    run(&home, &["diff", "new.yaml", "--source", "stripe"]).is(0).says(&["+0 −0 ~0   0 events"]);
}

#[tokio::test]
async fn added_and_lost_messages_are_told_and_the_same_file_has_none() {
    let home = furnished(&rules_changed()).await;
    let said = run(&home, &["diff", "rules.yaml", "new.yaml", "--since", "3d", "--json"]).is(1);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let counts = [&told["events"], &told["added"], &told["lost"], &told["changed"]];
    assert_eq!(counts, [3, 3, 2, 0].map(|n| json!(n)).each_ref());
    assert_eq!(told["rules"]["pushed"], json!({ "added": 0, "lost": 2, "changed": 0 }));
    let differences = told["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 5);
    assert_eq!(differences[0]["what"], "lost");
    assert_eq!(differences[0]["request"]["message"], "cleo pushed");
    assert_eq!(differences[1]["request"]["number"], "62812••••7891");
    let same: Value =
        serde_json::from_str(&run(&home, &["diff", "rules.yaml", "--json"]).is(0).out).unwrap();
    assert_eq!((&same["differences"], &same["events"]), (&json!([]), &json!(2)));
    let full = run(&home, &["diff", "new.yaml", "--full"]).is(1);
    full.says(&["+ copied", "→ 6281234567891", "copy for bea", "- pushed", "+2 −2 ~0"]);
}

#[tokio::test]
async fn a_rule_of_another_name_and_another_number_are_changes() {
    let renamed = RULES.replace("name: pushed", "name: push-notice");
    let home = furnished(&renamed).await;
    let said = run(&home, &["diff", "new.yaml"]).is(1);
    said.says(&["rule      pushed → push-notice", "+0 −0 ~2"]);
    std::fs::write(home.path("new.yaml"), RULES.replace("0812-3456-7890", "0812-9999-7890"))
        .unwrap();
    let said = run(&home, &["diff", "new.yaml"]).is(1);
    said.says(&["number    62812••••7890 → 62812••••7890 (in what is hidden: --full)", "~2"]);
}

#[tokio::test]
async fn only_a_few_of_many_are_shown_and_all_are_counted() {
    let home = furnished(&caption_changed()).await;
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for n in 10..610 {
        push(&store, n, "dot", 0).await;
    }
    drop(store);
    let said = run(&home, &["diff", "new.yaml"]).is(1);
    assert_eq!(said.out.matches("~ pushed").count(), 3);
    said.says(&["… and 599 more like these (--all shows them)", "~602   602 events"]);
    let said = run(&home, &["diff", "new.yaml", "--all"]).is(1);
    assert_eq!(said.out.matches("~ pushed").count(), 602);
}

#[tokio::test]
async fn a_long_run_has_a_bar_on_a_terminal_and_nowhere_else() {
    let slow = "{% for a in range(90) %}{% for b in range(90) %}{% endfor %}{% endfor %}";
    let home =
        furnished(&caption_changed().replace("message: \"", &format!("message: \"{slow}"))).await;
    let store = SqliteStore::open(&home.path("kabari.db")).unwrap();
    for n in 10..250 {
        push(&store, n, "dot", 0).await;
    }
    drop(store);
    let said = run(&home, &["diff", "new.yaml"]).is(1);
    assert!(!format!("{said:?}").contains(" left"), "{said:#?}");
    let Some(shown) = home.on_terminal("diff new.yaml") else { return };
    assert!(
        shown.contains('█') && shown.contains(" events, ") && shown.contains(" left"),
        "{shown}"
    );
    assert!(shown.contains("~242   242 events"), "the bar is out of the way: {shown}");
}

#[tokio::test]
async fn the_store_of_a_running_server_is_read_and_left_as_it_is() {
    let home = furnished(&caption_changed()).await;
    let kabari = home.start().await;
    let body = r#"{"sender":{"login":"live"}}"#;
    let answer = kabari.post_github(GITHUB_SECRET, "push", "live-1", body).await.unwrap();
    assert_eq!(answer.status, 200);
    let said = run(&home, &["diff", "new.yaml", "--limit", "1"]).is(1);
    said.says(&["live {+has +}pushed", "1 event "]);
    let answer = kabari.post_github(GITHUB_SECRET, "push", "live-2", body).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(kabari.stop().await, Some(0));
    let before = std::fs::read(home.path("kabari.db")).unwrap();
    run(&home, &["diff", "new.yaml"]).is(1);
    assert!(before == std::fs::read(home.path("kabari.db")).unwrap(), "nothing was written");
}

#[test]
fn without_a_store_the_built_in_events_can_be_replayed() {
    let home = home_alone();
    std::fs::write(home.path("new.yaml"), caption_changed()).unwrap();
    let none = run(&home, &["diff", "new.yaml"]).is(1);
    none.says(&["there is no store at", "--samples replays built-in events"]);
    assert!(!home.path("kabari.db").exists(), "it makes no store");
    let said = run(&home, &["diff", "new.yaml", "--samples"]).is(1);
    said.says(&["{+has +}pushed", "~1", "events that are built in"]);
    run(&home, &["diff", "rules.yaml", "--samples"]).is(0);
}

#[test]
fn wrong_words_and_wrong_files_are_refused() {
    let home = home_alone();
    run(&home, &["diff"]).is(2);
    run(&home, &["diff", "a.yaml", "b.yaml", "c.yaml"]).is(2);
    run(&home, &["diff", "a.yaml", "--since", "yesterday"]).is(2).says(&["is not a time span"]);
    std::fs::write(home.path("bad.yaml"), "rulez: []\n").unwrap();
    run(&home, &["diff", "bad.yaml"]).is(1).says(&["unknown key `rulez`"]);
    std::fs::write(home.path("kabari.db"), "no database, but long enough to be one").unwrap();
    let said: Said = run(&home, &["diff", "rules.yaml"]).is(1);
    said.says(&["kabari.db", "--store"]);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_named_and_all_others_are_compared() {
    let home = furnished(&caption_changed()).await;
    let raw = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    // The newest; and one that came before the time that is asked for.
    raw.execute_batch("UPDATE events SET content = x'01' WHERE seq IN (1, 4)").unwrap();
    let broken = "1 row cannot be read: damaged, or changed from outside (the first: event \
                  01930000-0000-7000-8000-000000000004 ";
    let said = run(&home, &["diff", "new.yaml", "--since", "3d"]).is(1);
    let end = "+0 −0 ~2   2 events of the last 3 d";
    said.says(&["bea {+has +}pushed", "ann {+has +}pushed", end, broken]);
    // It is no difference, and no agreement either.
    run(&home, &["diff", "rules.yaml", "--since", "3d"]).is(1).says(&["+0 −0 ~0", broken]);
    raw.execute_batch("UPDATE events SET content = x'01'").unwrap();
    run(&home, &["diff", "rules.yaml", "--since", "3d"]).is(1).says(&["3 rows cannot be read"]);
}
