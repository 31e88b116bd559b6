//! Are those asked again whom a wrong clock made wait, when it is right again?

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use kabari::dispatch::Cap;
use kabari::model::Reason;

use super::asked::{Ledger, closed, strangers_at_most, tell_but_on_holidays};
use super::{ANNA, Scene, now};

thread_local! {
    /// By how much the clock goes wrong.
    static WRONG: Cell<SignedDuration> = const { Cell::new(SignedDuration::ZERO) };
}

const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

fn wrong() -> Timestamp {
    now().checked_add(WRONG.get()).unwrap()
}

#[tokio::test]
async fn whom_a_clock_that_was_ahead_made_wait_is_asked_at_the_start_with_the_right_one() {
    let mut scene = Scene::new().await;
    scene.settings = strangers_at_most(Cap::At(2));
    scene.now = wrong;
    // It knew the limits before its clock went wrong.
    let first = scene.tell(ANNA, &["#1"]).await;
    let running = scene.run();
    scene.until_sent(&first).await;
    running.stop().await;
    WRONG.set(YEAR);
    let mut strangers = Vec::new();
    for n in 0..4 {
        strangers.extend(scene.tell(&format!("62855500{n:04}"), &["#1"]).await);
    }
    let running = scene.run();
    scene.until_sent(&strangers[..2]).await;
    scene.until_held(&strangers[2..], Reason::Paced).await;
    running.stop().await;
    WRONG.set(SignedDuration::ZERO);
    let running = scene.run();
    // Beside Anna there is room for one.
    scene.until_sent(&strangers[2..3]).await;
    scene.let_time_pass().await;
    running.stop().await;
    let due = scene.message(strangers[3]).await.due_at;
    assert!(due < wrong() + SignedDuration::from_hours(48), "{due}");

    let ledger = Ledger::of(&scene);
    let running = scene.run();
    scene.let_time_pass().await;
    running.stop().await;
    assert_eq!(ledger.news(), (0, 0), "they are not asked at the start after that");
}

#[tokio::test]
async fn a_lane_that_sees_its_clock_set_back_asks_whom_it_made_wait_and_seconds_are_no_matter() {
    let mut scene = Scene::new().await;
    scene.timings.poll = Duration::from_millis(20);
    scene.now = wrong;
    WRONG.set(YEAR);
    let running = scene.run();
    let this_day = |now: Timestamp| {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        closed("closed.txt", &[today, today.checked_add(1.days()).unwrap()])
    };
    running.lanes.set_people(this_day(wrong()));
    let waiting = tell_but_on_holidays(&scene, "closed.txt", ANNA).await;
    scene.until_held(&[waiting], Reason::Quiet).await;
    scene.let_time_pass().await;
    let ledger = Ledger::of(&scene);
    WRONG.set(YEAR - SignedDuration::from_secs(30));
    scene.let_time_pass().await;
    assert_eq!(ledger.news(), (0, 0));
    WRONG.set(SignedDuration::ZERO);
    scene.until_sent(&[waiting]).await;
    running.stop().await;
}
