//! `kabari lanes`: is it seen which session stands still, and can a person stop one and let it go?

use serde_json::Value;

use super::{GITHUB_SECRET, ROW, Row, furnish, home_alone, run, world_and_home};
use crate::support::kabari::Home;
use crate::support::world::Behave;
use kabari::model::State;

fn stopped(home: &Home) -> Vec<(String, Option<String>)> {
    let text = |row: &Value, field: &str| row[field].as_str().map(ToOwned::to_owned);
    let rows = home.list(&["lanes", "list"]);
    rows.iter().map(|row| (text(row, "instance").unwrap(), text(row, "stopped"))).collect()
}

fn is(lane: &str, why: Option<&str>) -> (String, Option<String>) {
    (lane.to_owned(), why.map(ToOwned::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_kabari_pauses_a_lane_and_lets_it_go_on() {
    let (world, home) = world_and_home().await;
    let kabari = home.start().await;
    run(&home, &["lanes", "pause", "jakarta_store"]).is(0).says(&["jakarta_store stands still"]);
    let body = r#"{"sender":{"login":"ann"}}"#;
    kabari.post_github(GITHUB_SECRET, "push", "d-1", body).await.unwrap();
    assert_eq!(stopped(&home), [is("jakarta_store", Some("by hand"))]);
    assert!(world.seen().asked.is_empty());
    run(&home, &["lanes", "resume", "jakarta_store"]).is(0).says(&["jakarta_store goes on"]);
    world.until("the message", |seen| seen.dispatched.len() == 1).await;
    assert_eq!(stopped(&home), [is("jakarta_store", None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_gone_is_listed_with_wachats_words() {
    let (world, home) = world_and_home().await;
    world.always(Behave::answer(400, r#"{"error":"Connection Closed"}"#));
    let kabari = home.start().await;
    let body = r#"{"sender":{"login":"ann"}}"#;
    kabari.post_github(GITHUB_SECRET, "push", "d-1", body).await.unwrap();
    kabari.says(0, &["lane jakarta_store stands still: session"]).await;
    let why = "session: Connection Closed";
    assert_eq!(stopped(&home), [is("jakarta_store", Some(why))]);
    run(&home, &["lanes", "list"]).is(0).says(&["jakarta_store\t", why, "; tried again at "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_paused_while_nobody_runs_stands_still_at_the_next_start() {
    let (world, home) = world_and_home().await;
    furnish(&home, &[Row { state: State::Waiting, ..ROW }]).await;
    run(&home, &["lanes", "pause", "jakarta_store"]).is(0);
    assert_eq!(stopped(&home), [is("jakarta_store", Some("by hand"))]);
    let kabari = home.start().await;
    kabari.says(0, &["lane jakarta_store stands still: by hand"]).await;
    kabari.stop().await;
    assert!(world.seen().asked.is_empty());
    run(&home, &["lanes", "resume", "jakarta_store"]).is(0);
    let _kabari = home.start().await;
    world.until("the message", |seen| seen.dispatched.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lane_is_told_with_the_same_fields_and_how_many_wait_there() {
    let (_world, home) = world_and_home().await;
    furnish(&home, &[ROW, Row { n: 2, state: State::Waiting, ..ROW }]).await;
    let rules = std::fs::read_to_string(home.path("rules.yaml")).unwrap();
    let rules = rules.replace("instances: {", "instances: { bali: { pace: off },");
    std::fs::write(home.path("rules.yaml"), rules).unwrap();
    run(&home, &["lanes", "pause", "jakarta_store"]).is(0);
    let told = || {
        let lanes = home.list(&["lanes", "list"]);
        let fields =
            |lane: &Value| -> Vec<String> { lane.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(fields(&lanes[0]).len(), 8, "{lanes:?}");
        assert_eq!(fields(&lanes[0]), fields(&lanes[1]), "{lanes:?}");
        lanes.iter().map(|lane| lane["waiting"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(told(), [0, 1]);
    run(&home, &["lanes", "list"]).is(0).says(&["bali\tgoes\t0\t", "jakarta_store\tby hand\t1\t"]);
    let _kabari = home.start().await;
    assert_eq!(told(), [0, 1], "the same while it runs");
}

#[tokio::test]
async fn of_lanes_of_which_one_is_unknown_none_is_changed() {
    let home = home_alone();
    furnish(&home, &[ROW]).await;
    let said = run(&home, &["lanes", "pause", "jakarta_store", "bali"]);
    said.is(1).says(&["there is no lane `bali`; there are: jakarta_store"]);
    assert_eq!(stopped(&home), [is("jakarta_store", None)]);
}
