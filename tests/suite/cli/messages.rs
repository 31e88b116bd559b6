//! `kabari messages`: is it seen what goes out, and can a person set it right?

use kabari::model::State;
use serde_json::{Value, json};

use super::{NUMBER, ROW, Row, furnish, home_alone, run, world_and_home};
use crate::support::kabari::Home;

const GROUP: &str = "120363000000000000@g.us";

fn ids(home: &Home, words: &[&str]) -> Vec<String> {
    let rows = home.list(&[&["messages", "list"], words].concat());
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn state(home: &Home, row: Row) -> String {
    let said = run(home, &["messages", "show", &row.id(), "--json"]).is(0);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    shown["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_listed_as_promised_and_its_number_only_on_request() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    let mut rows = home.list(&["messages", "list"]);
    let promised = ["id", "event", "rule", "instance", "state", "reason", "attempts", "request"];
    let row = rows[0].as_object_mut().unwrap();
    let row: serde_json::Map<_, _> =
        promised.into_iter().map(|key| (key.to_owned(), row.remove(key).expect(key))).collect();
    let expected = json!({
        "id": ROW.id(), "event": ROW.event().to_string(), "rule": "pushed",
        "instance": "jakarta_store", "state": "sent", "reason": null, "attempts": 0,
        "request": {
            "instanceName": "jakarta_store", "number": "62812••••7890", "message": "message 1",
        },
    });
    assert_eq!(Value::Object(row), expected);
    let full = home.list(&["messages", "list", "--full"]);
    assert_eq!(full[0]["request"]["number"], NUMBER);
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn people_who_ask_for_whole_numbers_get_them_too() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    run(&home, &["messages", "list", "--full"]).is(0).says(&[NUMBER]);
    let event = ROW.event().to_string();
    run(&home, &["events", "show", &event, "--full"]).is(0).says(&[&format!("\t{NUMBER}\t")]);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_from_one_without_messages() {
    let home = home_alone();
    furnish(&home, &[ROW, Row { n: 2, rule: "of before", source: "old", ..ROW }]).await;
    for (words, meant) in [
        (&["messages", "retry", "--rule", "pushd"][..], "a rule `pushd`: did you mean `pushed`?"),
        (&["messages", "cancel", "--rule", "pushd", "--dry-run"], "a rule `pushd`"),
        (&["messages", "mark-sent", "--source", "githb"], "did you mean `github`?"),
        (&["messages", "retry", "--instance", "jakarta"], "a session `jakarta`"),
        (&["events", "replay", "--source", "nope"], "a source `nope`"),
        (&["events", "replay", "--source", "nope", "--yes", "--json"], "a source `nope`"),
    ] {
        let said = run(&home, words).is(1);
        assert!(said.out.is_empty(), "{said:#?}");
        said.says(&["neither the store nor the rule file has", meant]);
    }
    for words in [
        &["messages", "retry", "--rule", "paid"][..],
        &["messages", "retry", "--rule", "of before", "--source", "old"],
        &["messages", "cancel", "--instance", "jakarta_store"],
    ] {
        run(&home, words).is(0).says(&["done with 0 messages"]);
    }
    run(&home, &["events", "replay", "--source", "stripe"]).is(0).says(&["0 events"]);
}

#[tokio::test]
async fn programs_get_every_row_and_people_the_first_fifty() {
    let home = home_alone();
    let rows: Vec<_> = (1..=120).map(|n| Row { n, ..ROW }).collect();
    furnish(&home, &rows).await;
    let all = ids(&home, &[]);
    assert_eq!(all.len(), 120);
    assert_eq!(all[0], rows[119].id(), "newest first");
    assert_eq!(ids(&home, &["--limit", "3"]), all[..3]);
    assert_eq!(home.list(&["events", "list"]).len(), 120);
    let lines = |words: &[&str]| {
        let said = run(&home, &[&["messages", "list"], words].concat()).is(0);
        assert!(!said.out.contains(NUMBER), "{said:#?}");
        said.out.lines().map(|line| line.split('\t').count()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), [6; 50], "six columns, tabs between them, no header");
    assert_eq!(lines(&["--limit", "101"]), [6; 101]);
}

#[tokio::test]
async fn each_filter_keeps_what_it_says() {
    let home = home_alone();
    let failed = Row { n: 2, state: State::Failed, ..ROW };
    let paid = Row { n: 3, source: "stripe", rule: "paid", number: "6281300000001", ..ROW };
    let group = Row { n: 4, number: GROUP, ..ROW };
    furnish(&home, &[ROW, failed, paid, group]).await;
    assert_eq!(ids(&home, &["--state", "failed"]), [failed.id()]);
    assert_eq!(ids(&home, &["--rule", "paid"]), [paid.id()]);
    assert_eq!(ids(&home, &["--source", "stripe"]), [paid.id()]);
    assert_eq!(ids(&home, &["--source", "stripe", "--state", "failed"]), Vec::<String>::new());
    for written in ["0813-0000-0001", "+62 813 0000 0001", "6281300000001"] {
        assert_eq!(ids(&home, &["--number", written]), [paid.id()], "{written}");
    }
    assert_eq!(ids(&home, &["--number", GROUP]), [group.id()]);
    run(&home, &["messages", "list", "--state", "delivered"]).is(2).says(&["uncertain"]);
    run(&home, &["messages", "list", "--number", "12345"])
        .is(1)
        .says(&["--number", "calling code"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_is_shown_with_its_attempts_and_what_to_do_next() {
    let (_world, home) = world_and_home().await;
    run(&home, &["send", "--number", NUMBER, "--message", "hello"]).is(0);
    let id = ids(&home, &[]).remove(0);
    let said = run(&home, &["messages", "show", &id]).is(0);
    assert!(!said.out.contains(NUMBER), "{said:#?}");
    said.says(&["attempt   1 at ", "sent", "\"message\": \"hello\"", "kabari explain --event"]);
    run(&home, &["messages", "show", &id, "--full"]).is(0).says(&[NUMBER]);
    let said = run(&home, &["messages", "show", &id, "--json"]).is(0);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["history"][0]["fate"], "sent");
    let none = ROW.id();
    run(&home, &["messages", "show", &none]).is(1).says(&["no message", "kabari messages list"]);
}

#[tokio::test]
async fn a_person_moves_messages_where_nothing_runs() {
    let home = home_alone();
    let row = |n, state| Row { n, state, ..ROW };
    let [failed, uncertain, waiting, sent] = [
        row(1, State::Failed),
        row(2, State::Uncertain),
        row(3, State::Waiting),
        row(4, State::Sent),
    ];
    let [seen, other] = [row(5, State::Uncertain), row(6, State::Failed)];
    furnish(&home, &[failed, uncertain, waiting, sent, seen, other]).await;
    run(&home, &["messages", "retry", &failed.id()]).is(0).says(&["retry: done"]);
    run(&home, &["messages", "cancel", &uncertain.id(), &waiting.id()]).is(0);
    run(&home, &["messages", "mark-sent", &seen.id()]).is(0);
    let states = [failed, uncertain, waiting, seen].map(|row| state(&home, row));
    assert_eq!(states, ["waiting", "cancelled", "cancelled", "sent"]);
    let said = run(&home, &["messages", "cancel", &sent.id(), &failed.id()]).is(1);
    said.says(&["not possible, it is sent", "cancel: done"]);
    run(&home, &["messages", "retry", &row(9, State::Sent).id()]).is(1).says(&["no such message"]);
    std::fs::remove_file(home.path("rules.yaml")).unwrap();
    let said = run(&home, &["messages", "retry", &other.id()]).is(0);
    assert_eq!(said.err, "", "a store needs no rule file");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_was_not_rendered_it_is_said_that_a_retry_cannot_help_and_what_can() {
    let (_world, home) = world_and_home().await;
    let failed = Row { state: State::Failed, ..ROW };
    furnish(&home, &[failed]).await;
    let store = rusqlite::Connection::open(home.path("kabari.db")).unwrap();
    store.execute("UPDATE messages SET content = NULL, reason = 'render'", []).unwrap();
    drop(store);
    let replay = format!("kabari events replay {}", failed.event());
    let expected = ["nothing was rendered", replay.as_str()];
    let shown = run(&home, &["messages", "show", &failed.id()]).is(0).says(&expected);
    assert!(!shown.out.contains("retry"), "{shown:#?}");
    run(&home, &["messages", "retry", &failed.id()]).is(1).says(&expected);
    let _kabari = home.start().await;
    run(&home, &["messages", "retry", &failed.id()]).is(1).says(&expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_moves_messages_through_the_one_that_runs() {
    let (world, home) = world_and_home().await;
    let row = |n, state| Row { n, state, ..ROW };
    let [failed, seen, stopped] =
        [row(1, State::Failed), row(2, State::Uncertain), row(3, State::Uncertain)];
    furnish(&home, &[failed, seen, stopped]).await;
    let kabari = home.start().await;
    run(&home, &["messages", "mark-sent", &seen.id()]).is(0).says(&["mark-sent: done"]);
    run(&home, &["messages", "cancel", &stopped.id()]).is(0);
    run(&home, &["messages", "retry", &failed.id()]).is(0);
    world.until("the retried one arrives", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(world.seen().texts_to(NUMBER), ["message 1"]);
    assert_eq!([seen, stopped].map(|row| state(&home, row)), ["sent", "cancelled"]);
    run(&home, &["messages", "retry", &seen.id()]).is(1).says(&["not possible, it is sent"]);
    run(&home, &["messages", "retry", &row(9, State::Sent).id()]).is(1).says(&["no such message"]);
    assert_eq!(kabari.log().matches("moved by hand").count(), 3, "{}", kabari.log());
}
