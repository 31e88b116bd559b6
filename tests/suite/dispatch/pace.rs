//! Is the pace kept?

use std::time::{Duration, Instant};

use kabari::dispatch::Pace;
use kabari::model::State;

use super::{ANNA, Scene, lane_of};

#[tokio::test]
async fn the_pace_is_kept() {
    let pace = Pace::parse("20/s").unwrap();
    let mut scene = Scene { settings: lane_of(4, pace), ..Scene::new().await };
    scene.settings.burst = Some(2);
    let mut all = Vec::new();
    for n in 0..8 {
        all.extend(scene.tell(&format!("62800000000{n}"), &["hello"]).await);
    }
    let began = Instant::now();
    let running = scene.run();
    scene.until_sent(&all).await;
    // Two at once, then one each 50 ms.
    assert!(Duration::from_millis(6 * 50) <= began.elapsed(), "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn the_pace_survives_a_restart() {
    let pace = Pace::parse("1/h").unwrap();
    let scene = Scene { settings: lane_of(1, pace), ..Scene::new().await };
    let running = scene.run();
    let first = scene.tell(ANNA, &["#1"]).await;
    scene.until_sent(&first).await;
    running.stop().await;
    let second = scene.tell(ANNA, &["#2"]).await;
    let running = scene.run();
    scene.let_time_pass().await;
    assert_eq!(scene.message(second[0]).await.state, State::Waiting);
    running.stop().await;
}
