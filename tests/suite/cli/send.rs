//! `kabari send`: is one message sent now, and is it known what became of it?

use kabari::model::State;

use super::{NUMBER, ROW, Row, Said, furnish, home_alone, run, world_and_home};
use crate::support::kabari::Home;
use crate::support::world::Behave;

const TEXT: [&str; 5] = ["send", "--number", "0812-3456-7890", "--message", "hello"];
const REFUSED: &str = r#"{"error":"The number 6281234567890 is not on WhatsApp"}"#;

fn send(home: &Home, more: &[&str]) -> Said {
    run(home, &[&TEXT[..], more].concat())
}

#[track_caller]
fn only_message(home: &Home) -> serde_json::Value {
    let mut rows = home.list(&["messages", "list"]);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_running_kabari_it_sends_by_itself_and_the_store_knows() {
    let (world, home) = world_and_home().await;
    let said = send(&home, &[]).is(0).says(&["sent to 62812••••7890", "not known to be delivered"]);
    assert!(!said.out.contains(NUMBER), "{said:#?}");
    assert_eq!(world.seen().asked.len(), 1);
    let row = only_message(&home);
    assert_eq!((&row["state"], &row["rule"]), (&"sent".into(), &"by hand".into()));
    assert_eq!(home.list(&["events", "list"])[0]["source"], "by hand");
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_kabari_sends_it_in_its_lane() {
    let (world, home) = world_and_home().await;
    let kabari = home.start().await;
    send(&home, &[]).is(0).says(&["handed to the running kabari", "sent to 62812••••7890"]);
    assert!(kabari.log().contains("to be sent by hand"));
    let media = ["send", "--number", NUMBER, "--type", "document", "--file-name", "a.pdf"];
    let url = ["--media-url", "https://files.example/a.pdf", "--instance", "ops"];
    run(&home, &[&media[..], &url[..]].concat()).is(0);
    let seen = world.seen();
    let body = &seen.asked[1].body;
    assert_eq!((&body["instanceName"], &body["fileName"]), (&"ops".into(), &"a.pdf".into()));
    world.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wachat_refuses_is_exit_1_and_a_row_with_or_without_a_running_kabari() {
    for running in [false, true] {
        let (world, home) = world_and_home().await;
        world.always(Behave::answer(400, REFUSED));
        let _kabari = if running { Some(home.start().await) } else { None };
        let said =
            send(&home, &[]).is(1).says(&["failed to 62812••••7890", "kabari messages show"]);
        assert!(!said.out.contains(NUMBER), "{said:#?}");
        let row = only_message(&home);
        assert_eq!((&row["state"], &row["attempts"]), (&"failed".into(), &1.into()));
        assert!(row["reason"].is_string(), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_message_to_the_number_goes_first() {
    let (world, home) = world_and_home().await;
    furnish(&home, &[Row { state: State::Waiting, ..ROW }]).await;
    send(&home, &[]).is(1).says(&["earlier message", "queue behind", "kabari serve"]);
    assert!(world.seen().asked.is_empty());
    let _kabari = home.start().await;
    world.until("both are sent", |seen| seen.dispatched.len() == 2).await;
    assert_eq!(world.seen().texts_to(NUMBER), ["message 1", "hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_wait_forever_for_a_running_kabari() {
    let (world, home) = world_and_home().await;
    world.always(Behave::hang());
    let _kabari = home.start().await;
    let said = send(&home, &["--wait", "0"]).is(1);
    assert!(said.out.contains("waiting to") || said.out.contains("sending to"), "{said:#?}");
}

#[test]
fn a_number_that_cannot_be_one_says_why_and_is_not_shown_whole() {
    let home = home_alone();
    for (number, remedy) in [
        ("12345", "calling code"),
        ("0812345678x9012", "extension"),
        ("628123456789012345", "digits"),
    ] {
        let said = run(&home, &["send", "--number", number, "--message", "hello"]).is(1);
        assert!(!said.err.contains(number), "{said:#?}");
        said.says(&["number", remedy]);
    }
    assert!(!home.path("kabari.db").exists() || home.list(&["messages", "list"]).is_empty());
}

#[test]
fn what_is_no_message_is_refused_before_anything_is_sent() {
    let home = home_alone();
    run(&home, &["send", "--number", NUMBER]).is(1).says(&["a text must say something"]);
    let media = ["send", "--number", NUMBER, "--media-url", "https://files.example/a"];
    run(&home, &media).is(2).says(&["--type"]);
}

#[test]
fn a_store_whose_owner_is_just_starting_is_left_alone() {
    let home = home_alone();
    let _lock = kabari::store::lock_lanes(&home.path("kabari.db")).unwrap();
    send(&home, &[]).is(1).says(&["just starting or stopping", &std::process::id().to_string()]);
}
