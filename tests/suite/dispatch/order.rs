//! Who waits for whom, and who is held up by nobody?

use std::time::{Duration, Instant};

use kabari::dispatch::Pace;
use kabari::model::{OnUncertain, Policy, Reason, State};

use super::{ANNA, BUDI, CITRA, PATIENCE, Scene, event, lane_of, message, now, patient};
use crate::support::world::{Behave, INSTANCE};

#[tokio::test]
async fn each_recipient_gets_its_messages_in_order_while_three_are_under_way() {
    let scene = Scene { settings: lane_of(3, Pace::OFF), ..Scene::new().await };
    scene.world.number(BUDI, Behave::send().slowly(Duration::from_millis(3)));
    let running = scene.run();
    let mut all = Vec::new();
    for round in 0..10 {
        let texts = [format!("#{}", 2 * round), format!("#{}", 2 * round + 1)];
        for to in [ANNA, BUDI, CITRA] {
            all.extend(scene.tell(to, &[&texts[0], &texts[1]]).await);
        }
    }
    scene.until_sent(&all).await;
    let seen = scene.world.seen();
    for to in [ANNA, BUDI, CITRA] {
        let expected: Vec<String> = (0..20).map(|n| format!("#{n}")).collect();
        assert_eq!(seen.texts_to(to), expected);
    }
    assert_eq!(seen.asked.len(), 60);
    scene.world.assert_clean();
    running.stop().await;
}

#[tokio::test]
async fn a_recipient_that_waits_for_a_retry_blocks_only_itself() {
    let scene = Scene::new().await;
    scene.world.number(ANNA, Behave::answer(503, "{}"));
    let policy = patient(OnUncertain::Hold);
    let anna = scene.record(INSTANCE, ANNA, &["#1", "#2"], policy).await;
    let budi = scene.record(INSTANCE, BUDI, &["#1", "#2", "#3"], policy).await;
    let running = scene.run();
    scene.until_sent(&budi).await;
    assert_eq!(scene.world.seen().texts_to(ANNA).len(), 0);
    assert_eq!(scene.message(anna[1]).await.attempts, 0, "the second waits for the first");
    scene.world.number(ANNA, Behave::send());
    scene.until_sent(&anna).await;
    scene.world.assert_clean();
    running.stop().await;
}

#[tokio::test]
async fn an_uncertain_message_is_held_and_blocks_nobody() {
    let scene = Scene::new().await;
    scene.world.next(1, Behave::close().dispatching());
    scene.world.next(1, Behave::answer(504, "<html>"));
    let ids = scene.tell(ANNA, &["#1", "#2", "#3"]).await;
    let running = scene.run();
    let lost = scene.until(ids[0], State::Uncertain).await;
    assert_eq!((lost.reason, lost.attempts), (Some(Reason::NoAnswer), 1));
    scene.until(ids[1], State::Uncertain).await;
    scene.until_sent(&ids[2..]).await;
    scene.let_time_pass().await;
    let texts: Vec<String> =
        scene.world.seen().asked.iter().map(|asked| asked.message().to_owned()).collect();
    assert_eq!(texts, ["#1", "#2", "#3", "tick"]);
    running.stop().await;
}

#[tokio::test]
async fn an_uncertain_message_is_sent_again_if_its_rule_says_so() {
    let scene = Scene::new().await;
    scene.world.next(2, Behave::close());
    let ids = scene.record(INSTANCE, ANNA, &["#1"], patient(OnUncertain::Resend)).await;
    let running = scene.run();
    let sent = scene.until(ids[0], State::Sent).await;
    assert_eq!(sent.attempts, 3);
    let told: Vec<_> =
        scene.seen.attempts.lock().unwrap().iter().map(|(_, n, state)| (*n, *state)).collect();
    assert_eq!(told, [(1, State::Waiting), (2, State::Waiting), (3, State::Sent)]);
    running.stop().await;
}

#[tokio::test]
async fn a_settlement_in_the_future_is_kept_to_while_the_lane_is_idle() {
    let scene = Scene::new().await;
    let began = Instant::now();
    let event = event(now());
    let mut later = message(&event, INSTANCE, ANNA, 0, "#1", Policy::default());
    later.due_at = event.received_at + jiff::SignedDuration::from_millis(300);
    let id = later.id;
    scene.store.record(event, vec![later]).await.unwrap();
    let running = scene.run();
    scene.until_sent(&[id]).await;
    // The store keeps microseconds.
    assert!(Duration::from_millis(299) <= began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20), "it does not wait for the poll");
    running.stop().await;
}

#[tokio::test]
async fn a_session_that_no_file_names_has_its_lane_as_soon_as_a_message_comes_for_it() {
    let mut scene = Scene::new().await;
    // Nothing but what comes wakes anybody.
    scene.timings.poll = PATIENCE * 10;
    let running = scene.run();
    scene.let_time_pass().await;
    for name in ["third_store", "fourth_store"] {
        scene.record(name, ANNA, &["#1"], Policy::default()).await;
        let is_there = async {
            while running.lanes.status().iter().all(|lane| lane.instance != name) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, is_there).await.unwrap();
    }
    running.stop().await;
}
