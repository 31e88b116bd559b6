//! What does a lane do while Wachat, the session or the account is in trouble?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use kabari::dispatch::{Dispatcher, Observer, Pace};
use kabari::model::{Attempt, Message, Policy, Reason, State};
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use super::{ANNA, BUDI, CITRA, Scene, lane_of, now};
use crate::support::world::{Asked, Behave, INSTANCE, TOKEN};

#[tokio::test]
async fn what_wachat_asks_for_is_waited_for_in_seconds_and_as_a_date() {
    // A date is meant by the clock of whoever sent it.
    let date = Behave::too_fast("Sun, 06 Nov 1994 12:00:01 GMT")
        .header(header::DATE, "Sun, 06 Nov 1994 12:00:00 GMT");
    for after in [Behave::too_fast("1"), date] {
        let scene = Scene::new().await;
        scene.world.next(1, after.clone());
        let ids = scene.tell(ANNA, &["hello"]).await;
        let running = scene.run();
        scene.until_sent(&ids).await;
        let asked = scene.world.seen().asked;
        assert_eq!(asked.len(), 2);
        // The clock of the wait starts when the answer is read, after the request came.
        assert!(asked[0].at + Duration::from_secs(1) <= asked[1].at, "{after:?}: {asked:?}");
        running.stop().await;
    }
}

#[tokio::test]
async fn attempts_are_used_up_and_the_last_reason_is_kept() {
    let scene = Scene::new().await;
    scene.world.always(Behave::answer(503, r#"{"error":"maintenance"}"#));
    let policy = Policy { attempts_max: 3, ..Policy::default() };
    let ids = scene.record(INSTANCE, ANNA, &["#1"], policy).await;
    let running = scene.run();
    let failed = scene.until(ids[0], State::Failed).await;
    assert_eq!((failed.reason, failed.attempts), (Some(Reason::AttemptsUsedUp), 3));
    assert_eq!(failed.detail.as_deref(), Some("tried 3 times; the last one: server: maintenance"));
    running.stop().await;
}

#[tokio::test]
async fn a_lost_session_keeps_the_queue_and_it_drains_when_the_session_is_back() {
    let scene = Scene { settings: lane_of(3, Pace::OFF), ..Scene::new().await };
    scene.world.disconnect(INSTANCE);
    let mut ids = scene.tell(ANNA, &["#1", "#2", "#3"]).await;
    ids.extend(scene.tell(BUDI, &["#1", "#2"]).await);
    let running = scene.run();
    scene.world.until("some probes", |seen| 5 <= seen.asked.len()).await;
    assert_eq!(running.status().standing_still, Some(Reason::Session));
    scene.let_time_pass().await;
    scene.world.reconnect(INSTANCE);
    scene.until_sent(&ids).await;
    for id in ids {
        assert_eq!(scene.message(id).await.attempts, 1, "the lane's trouble costs no attempt");
    }
    assert_eq!(running.status().standing_still, None);
    assert_eq!(*scene.seen.lanes.lock().unwrap(), [Some(Reason::Session), None]);
    scene.world.assert_clean();
    running.stop().await;
}

#[tokio::test]
async fn while_wachat_cannot_be_reached_everything_waits() {
    let scene = Scene::new().await;
    scene.world.down().await;
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    running.until_standing_still(Reason::Network).await;
    scene.world.up().await;
    scene.until_sent(&ids).await;
    assert_eq!(scene.message(ids[0]).await.attempts, 1);
    scene.world.assert_clean();
    running.stop().await;
}

#[tokio::test]
async fn a_restricted_account_is_never_tried_by_itself_not_even_after_a_restart() {
    let scene = Scene::new().await;
    let restricted = Behave::answer(500, r#"{"error":"server returned error 463"}"#);
    scene.world.next_to(ANNA, 1, restricted);
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let others = scene.tell(BUDI, &["#1"]).await;
    for _ in 0..2 {
        let running = scene.run();
        scene.let_time_pass().await;
        assert_eq!(running.status().standing_still, Some(Reason::Account));
        assert_eq!(running.status().probe_at, None);
        let to_lane = |asked: &&Asked| asked.number() != CITRA;
        assert_eq!(scene.world.seen().asked.iter().filter(to_lane).count(), 1);
        running.stop().await;
    }
    let running = scene.run();
    assert!(running.lanes.resume(INSTANCE).await);
    scene.until_sent(&ids).await;
    scene.until_sent(&others).await;
    running.stop().await;
}

#[tokio::test]
async fn a_paused_lane_sends_nothing_until_it_is_resumed() {
    let scene = Scene::new().await;
    let running = scene.run();
    assert!(running.lanes.pause(INSTANCE).await && !running.lanes.pause("no_such_lane").await);
    let ids = scene.tell(ANNA, &["#1"]).await;
    scene.let_time_pass().await;
    assert_eq!(scene.message(ids[0]).await.state, State::Waiting);
    assert_eq!(running.status().standing_still, Some(Reason::ByHand));
    assert!(running.lanes.resume(INSTANCE).await);
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_token_stops_the_lane_until_a_reload_brings_the_right_one() {
    let mut scene = Scene { token: "old-token", ..Scene::new().await };
    scene.timings.probe_slow = Duration::from_secs(3600);
    let ids = scene.tell(ANNA, &["#1"]).await;
    let running = scene.run();
    running.until_standing_still(Reason::Auth).await;
    running.lanes.update(Some(scene.client(TOKEN)), scene.lanes());
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn after_a_restriction_nothing_goes_beside_the_message_that_met_it() {
    let mut scene = Scene::new().await;
    let restricted = Behave::answer(500, r#"{"error":"server returned error 463"}"#);
    scene.world.next_to(ANNA, 1, restricted);
    scene.tell(ANNA, &["#1"]).await;
    let running = scene.run();
    scene.world.until("the first", |seen| !seen.asked.is_empty()).await;
    running.stop().await;
    scene.tell(BUDI, &["#1"]).await;
    // Room for both, and still neither is tried.
    scene.settings.in_flight = Some(2);
    let running = scene.run();
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::Account));
    assert_eq!(scene.world.seen().texts_to(BUDI).len(), 0);
    running.stop().await;
}

#[tokio::test]
async fn not_now_rests_the_lane_and_another_message_tries_it() {
    let scene = Scene { settings: lane_of(1, Pace::OFF), ..Scene::new().await };
    scene.world.next(4, Behave::answer(503, r#"{"error":"maintenance"}"#));
    let mut ids = Vec::new();
    for to in [ANNA, BUDI, CITRA] {
        ids.extend(scene.tell(to, &["#1"]).await);
    }
    let running = scene.run();
    scene.until_sent(&ids).await;
    let asked = scene.world.seen().asked;
    assert_eq!(asked.len(), 7);
    // 5, 10, 20 and 40 s, a thousand times faster.
    for (n, gap_ms) in [5, 10, 20, 40].into_iter().enumerate() {
        assert!(asked[n].at + Duration::from_millis(gap_ms) <= asked[n + 1].at, "{n}: {asked:?}");
    }
    let first: Vec<&str> = asked[..3].iter().map(Asked::number).collect();
    assert_eq!(first, [ANNA, BUDI, CITRA], "the outage costs no single message all attempts");
    assert_eq!(running.status().standing_still, None);
    running.stop().await;
}

/// Panics at every attempt.
struct Clumsy;

impl Observer for Clumsy {
    fn attempt(&self, _: &Message, _: &Attempt, _: State) {
        panic!("clumsy");
    }

    fn lane(&self, _: &str, _: Option<Reason>) {}
}

#[tokio::test]
async fn what_was_sent_is_kept_although_an_observer_panics() {
    let scene = Scene::new().await;
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let (store, client) = (Arc::clone(&scene.store), scene.client(TOKEN));
    let dispatcher =
        Dispatcher::with_time(store, client, scene.lanes(), Arc::new(Clumsy), scene.timings, now);
    let stop = CancellationToken::new();
    let task = tokio::spawn(dispatcher.run(stop.clone()));
    scene.until_sent(&ids).await;
    stop.cancel();
    task.await.unwrap();
    assert_eq!(scene.world.seen().asked.len(), 2);
}

#[tokio::test]
async fn messages_of_an_instance_that_is_no_longer_configured_go_out() {
    let scene = Scene::new().await;
    let ids = scene.record("gone_store", ANNA, &["#1"], Policy::default()).await;
    let running = scene.run();
    scene.until_sent(&ids).await;
    running.lanes.update(Some(scene.client(TOKEN)), BTreeMap::new());
    let ids = scene.tell(ANNA, &["#2"]).await;
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn what_was_sent_is_kept_also_while_nothing_more_can_be_claimed() {
    let scene = Scene::new().await;
    scene.world.next(1, Behave::send().held());
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.world.until("the first request", |seen| !seen.asked.is_empty()).await;
    let raw = Connection::open(scene.dir.path().join("kabari.db")).unwrap();
    raw.execute_batch(
        "CREATE TRIGGER broken BEFORE UPDATE ON messages WHEN new.state = 'sending'
         BEGIN SELECT raise(ABORT, 'broken'); END",
    )
    .unwrap();
    scene.world.let_go();
    scene.until(ids[0], State::Sent).await;
    raw.execute_batch("DROP TRIGGER broken").unwrap();
    scene.until_sent(&ids).await;
    running.stop().await;
    assert_eq!(scene.world.seen().texts_to(ANNA), ["#1", "#2"]);
}
