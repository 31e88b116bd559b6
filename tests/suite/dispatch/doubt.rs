//! What if Wachat answers nothing clear? A few messages are uncertain, and not the whole queue.

use std::time::Duration;

use kabari::dispatch::Pace;
use kabari::model::{OnUncertain, Reason, State};

use super::{ANNA, BUDI, Scene, lane_of, patient};
use crate::support::world::{Behave, INSTANCE};

/// A message to each of so many people, in the order of their numbers.
async fn crowd(scene: &Scene, people: std::ops::Range<u32>) -> Vec<kabari::model::MessageId> {
    let mut ids = Vec::new();
    for n in people {
        ids.extend(scene.tell(&format!("62877{n:07}"), &["hello"]).await);
    }
    ids
}

async fn count(scene: &Scene, ids: &[kabari::model::MessageId], state: State) -> usize {
    let mut count = 0;
    for id in ids {
        count += usize::from(scene.message(*id).await.state == state);
    }
    count
}

/// How many requests came for the lane that is tested.
fn asked(scene: &Scene) -> usize {
    scene.world.seen().texts_asked("hello")
}

fn bad_gateway() -> Behave {
    Behave::answer(502, "<html><h1>502 Bad Gateway</h1></html>")
}

#[tokio::test]
async fn a_wachat_that_answers_nothing_clear_makes_a_few_messages_uncertain_and_not_the_queue() {
    let scene = Scene::new().await;
    scene.world.always(bad_gateway());
    let ids = crowd(&scene, 0..40).await;
    let running = scene.run();
    scene.world.until("three and some probes", |seen| 6 <= seen.asked.len()).await;
    let status = running.status();
    assert_eq!(status.standing_still, Some(Reason::UncertainAnswers));
    let said = status.detail.unwrap();
    assert!(said.contains("in a row may or may not have been sent"), "{said}");
    assert!(said.contains("server: HTTP 502") || said.contains("502"), "{said}");
    assert!(status.probe_at.is_some());
    scene.world.always(Behave::send());
    for id in &ids {
        scene.until_one_of(*id, &[State::Sent, State::Uncertain]).await;
    }
    let asked = scene.world.seen().asked;
    let unclear = count(&scene, &ids, State::Uncertain).await;
    assert!((6..=9).contains(&unclear), "{unclear}");
    // 30, 60 and 120 s, a thousand times faster.
    for (n, gap_ms) in [(2, 30), (3, 60), (4, 120)] {
        assert!(asked[n].at + Duration::from_millis(gap_ms) <= asked[n + 1].at, "{n}: {asked:?}");
    }
    assert_eq!(running.status().standing_still, None);
    let told = scene.seen.lanes.lock().unwrap().clone();
    assert_eq!(told, [Some(Reason::UncertainAnswers), None]);
    running.stop().await;
}

#[tokio::test]
async fn however_they_came_three_in_a_row_stop_the_lane_until_a_person_resumes_it() {
    let mut scene = Scene::new().await;
    scene.timings.probe_first = Duration::from_secs(3600);
    scene.timings.probe_costly_max = Duration::from_secs(3600);
    for unclear in [Behave::close(), Behave::answer(500, ""), Behave::page()] {
        scene.world.next(1, unclear);
    }
    let ids = crowd(&scene, 0..6).await;
    let running = scene.run();
    scene.until(ids[2], State::Uncertain).await;
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::UncertainAnswers));
    assert_eq!(asked(&scene), 3);
    assert_eq!(count(&scene, &ids, State::Waiting).await, 3);
    assert!(running.lanes.resume(INSTANCE).await);
    scene.until_sent(&ids[3..]).await;
    running.stop().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_believed_whichever_way_it_went() {
    for (status, part) in [
        (200, r#"{"success":true,"mess"#),
        // The rest may have denied it.
        (200, ""),
        (400, r#"{"error":"Connection Clos"#),
        (401, ""),
    ] {
        let scene = Scene::new().await;
        scene.world.next(1, Behave::cut(status, part));
        let ids = scene.tell(ANNA, &["hello", "after"]).await;
        let running = scene.run();
        let uncertain = scene.until(ids[0], State::Uncertain).await;
        assert_eq!(uncertain.reason, Some(Reason::NoAnswer));
        let said = uncertain.detail.unwrap();
        assert!(said.contains(&format!("the answer {status} broke off")), "{said}");
        scene.until_sent(&ids[1..]).await;
        assert_eq!(*scene.seen.lanes.lock().unwrap(), []);
        running.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_clear_begins_the_count_anew() {
    let scene = Scene::new().await;
    for clear in [Behave::send(), Behave::answer(400, r#"{"error":"unsupported media"}"#)] {
        scene.world.next(2, bad_gateway());
        scene.world.next(1, clear);
    }
    scene.world.next(2, bad_gateway());
    let ids = crowd(&scene, 0..9).await;
    let running = scene.run();
    scene.until_sent(&ids[8..]).await;
    assert_eq!(count(&scene, &ids, State::Uncertain).await, 6);
    assert_eq!(*scene.seen.lanes.lock().unwrap(), []);
    running.stop().await;
}

#[tokio::test]
async fn what_is_sent_again_when_uncertain_stops_its_lane_too() {
    let mut scene = Scene::new().await;
    scene.timings.probe_first = Duration::from_secs(3600);
    scene.timings.probe_costly_max = Duration::from_secs(3600);
    scene.world.always(Behave::close().dispatching());
    let policy = patient(OnUncertain::Resend);
    scene.record(INSTANCE, ANNA, &["hello"], policy).await;
    scene.record(INSTANCE, BUDI, &["hello"], policy).await;
    let running = scene.run();
    scene.world.until("three attempts", |seen| 3 <= seen.asked.len()).await;
    scene.world.always(Behave::send());
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::UncertainAnswers));
    assert_eq!(asked(&scene), 3, "nobody gets it again and again");
    running.stop().await;
}

#[tokio::test]
async fn after_a_restart_one_message_tries_a_lane_whose_answers_were_uncertain() {
    let mut scene = Scene { settings: lane_of(3, Pace::OFF), ..Scene::new().await };
    scene.timings.probe_first = Duration::from_secs(3600);
    scene.timings.probe_costly_max = Duration::from_secs(3600);
    scene.world.always(bad_gateway());
    let ids = crowd(&scene, 0..9).await;
    let running = scene.run();
    for id in &ids[..3] {
        scene.until(*id, State::Uncertain).await;
    }
    running.stop().await;
    assert_eq!(asked(&scene), 3);
    let running = scene.run();
    scene.until(ids[3], State::Uncertain).await;
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::UncertainAnswers));
    assert_eq!(asked(&scene), 4, "one, although three had room");
    running.stop().await;
    scene.world.always(Behave::send());
    let running = scene.run();
    scene.until_sent(&ids[4..]).await;
    assert_eq!(running.status().standing_still, None);
    running.stop().await;
}
