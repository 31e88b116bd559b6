//! What becomes of the attempts under way when a lane stops?

use std::sync::Arc;
use std::time::Duration;

use kabari::model::{Reason, State};
use kabari::store::SqliteStore;

use super::{ANNA, Scene};
use crate::support::world::Behave;

#[tokio::test]
async fn stopping_lets_the_attempt_end_and_begins_no_other() {
    let scene = Scene::new().await;
    scene.world.next(1, Behave::send().held());
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.world.until("the first request", |seen| !seen.asked.is_empty()).await;
    running.stop.cancel();
    scene.world.let_go();
    running.stop().await;
    assert_eq!(scene.message(ids[0]).await.state, State::Sent);
    assert_eq!(scene.message(ids[1]).await.state, State::Waiting);
    let running = scene.run();
    scene.until_sent(&ids).await;
    assert_eq!(scene.world.seen().asked.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn an_attempt_that_does_not_end_is_left_behind_and_uncertain_after_the_restart() {
    let mut scene = Scene::new().await;
    scene.timings.stop_max = Duration::from_millis(30);
    scene.world.next(1, Behave::hang().dispatching());
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.world.until("the first request", |seen| !seen.dispatched.is_empty()).await;
    running.stop().await;
    assert_eq!(scene.message(ids[0]).await.state, State::Sending);
    // As after a crash: another process opens the file.
    scene.store = Arc::new(SqliteStore::open(&scene.dir.path().join("kabari.db")).unwrap());
    let running = scene.run();
    let left = scene.until(ids[0], State::Uncertain).await;
    assert_eq!(left.reason, Some(Reason::Interrupted));
    scene.until_sent(&ids[1..]).await;
    assert_eq!(scene.world.seen().texts_to(ANNA), ["#1", "#2"]);
    running.stop().await;
}
