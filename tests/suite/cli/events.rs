//! `kabari events`: is it seen what came in?

use super::{NUMBER, ROW, Row, furnish, home_alone, run};

#[tokio::test]
async fn events_are_listed_newest_first_and_filtered() {
    let home = home_alone();
    let paid = Row { n: 2, source: "stripe", kind: "invoice.paid", rule: "paid", ..ROW };
    furnish(&home, &[ROW, paid, Row { n: 3, kind: "ping", ..ROW }]).await;
    let ids = |words: &[&str]| {
        let rows = home.list(&[&["events", "list"], words].concat());
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let id = |n| Row { n, ..ROW }.event().to_string();
    assert_eq!(ids(&[]), [id(3), id(2), id(1)]);
    assert_eq!(ids(&["--source", "github"]), [id(3), id(1)]);
    assert_eq!(ids(&["--kind", "invoice.paid"]), [id(2)]);
    assert_eq!(ids(&["--limit", "1"]), [id(3)]);
    let piped = run(&home, &["events", "list", "--source", "stripe"]).is(0);
    let line = format!("2026-01-02 03:04:05\t{}\tstripe\tinvoice.paid\t1\n", id(2));
    assert_eq!(piped.out, line, "tabs and no header to a pipe");
}

#[tokio::test]
async fn one_event_is_shown_with_its_body_and_messages_and_numbers_only_on_request() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    let id = ROW.event().to_string();
    let said = run(&home, &["events", "show", &id]).is(0);
    assert!(!said.out.contains("3456"), "{said:#?}");
    let said = said.says(&["refs/heads/main", "+62 8••••7890", "62812••••7890", "explain --event"]);
    assert!(said.out.contains(&ROW.id()));
    run(&home, &["events", "show", &id, "--full"]).is(0).says(&["+62 812-3456-7890"]);

    let read = |words: &[&str]| {
        let said = run(&home, &[&["events", "show", id.as_str(), "--json"], words].concat()).is(0);
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()
    };
    let masked = read(&[]);
    assert_eq!((&masked["id"], &masked["source"]), (&id.clone().into(), &"github".into()));
    assert_eq!(masked["messages"][0]["request"]["number"], "62812••••7890");
    assert!(masked["body"].is_null(), "a body is full of other people's data");
    let full = read(&["--full"]);
    assert_eq!(full["body"]["phone"], "+62 812-3456-7890");
    assert_eq!(full["messages"][0]["request"]["number"], NUMBER);
}

#[tokio::test]
async fn an_event_or_a_store_that_is_not_there_is_exit_1() {
    let home = home_alone();
    run(&home, &["events", "list"]).is(1).says(&["no store", "kabari serve"]);
    assert!(!home.path("kabari.db").exists(), "looking makes no store");
    furnish(&home, &[]).await;
    let id = ROW.event().to_string();
    run(&home, &["events", "show", &id]).is(1).says(&["no event", "kabari events list"]);
    run(&home, &["events", "show", "x"]).is(2);
}

#[tokio::test]
async fn a_strangers_kind_cannot_write_on_the_terminal() {
    let home = home_alone();
    furnish(&home, &[Row { kind: "a\u{1b}[2J\nb\tc", ..ROW }]).await;
    let said = run(&home, &["events", "list"]).is(0);
    assert_eq!(said.out.lines().count(), 1, "{said:#?}");
    assert_eq!(said.out.split('\t').count(), 5, "{said:#?}");
}
