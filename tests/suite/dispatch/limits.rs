//! Are the limits kept that keep an account from being restricted?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kabari::dispatch::{Cap, Caps, LaneSettings, Pace, People};
use kabari::model::{MessageId, Policy, Reason, Recipient, Span, State};

use super::{ANNA, BUDI, CITRA, Scene, lane_of, now};
use crate::support::world::{Behave, INSTANCE};

/// A stranger.
const DEWI: &str = "6284444444444";

fn fast() -> LaneSettings {
    lane_of(1, Pace::parse("1000/s").unwrap())
}

#[tokio::test]
async fn a_day_s_attempts_are_capped_also_over_a_restart() {
    let mut scene = Scene::new().await;
    let caps = Caps { day: Some(Cap::At(2)), first_contacts: Some(Cap::Off) };
    scene.settings = LaneSettings { caps: Some(caps), ..fast() };
    let ids = scene.tell(ANNA, &["#1", "#2", "#3"]).await;
    for _ in 0..2 {
        let running = scene.run();
        scene.until_sent(&ids[..2]).await;
        scene.let_time_pass().await;
        assert_eq!(scene.message(ids[2]).await.state, State::Waiting);
        running.stop().await;
    }
    scene.settings.caps = Some(Caps { day: Some(Cap::Off), ..caps });
    let running = scene.run();
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_sent_uses_up_nothing_of_the_day() {
    for (trouble, probes) in [
        (Behave::answer(400, r#"{"error":"Connection Closed"}"#), 8),
        (Behave::answer(503, r#"{"error":"maintenance"}"#), 8),
        (Behave::answer(401, r#"{"error":"Unauthorized"}"#), 3),
    ] {
        let mut scene = Scene::new().await;
        let caps = Caps { day: Some(Cap::At(3)), first_contacts: Some(Cap::At(2)) };
        scene.settings = LaneSettings { caps: Some(caps), ..fast() };
        scene.world.next(probes, trouble);
        let mut ids = scene.tell(ANNA, &["#1", "#2"]).await;
        ids.extend(scene.tell(BUDI, &["#1"]).await);
        let running = scene.run();
        scene.until_sent(&ids).await;
        let beyond = scene.tell(ANNA, &["#3"]).await;
        scene.let_time_pass().await;
        assert_eq!(scene.message(beyond[0]).await.state, State::Waiting);
        running.stop().await;
    }
}

#[tokio::test]
async fn what_may_have_gone_out_is_counted_as_if_it_had() {
    let mut scene = Scene::new().await;
    let caps = Caps { day: Some(Cap::At(2)), first_contacts: Some(Cap::Off) };
    scene.settings = LaneSettings { caps: Some(caps), ..fast() };
    scene.world.next(2, Behave::close());
    let ids = scene.tell(ANNA, &["#1", "#2", "#3"]).await;
    let running = scene.run();
    scene.until(ids[1], State::Uncertain).await;
    scene.let_time_pass().await;
    assert_eq!(scene.message(ids[2]).await.state, State::Waiting);
    running.stop().await;
}

#[tokio::test]
async fn strangers_beyond_their_cap_wait_and_people_who_were_messaged_before_do_not() {
    let mut scene = Scene::new().await;
    let caps = Caps { day: None, first_contacts: Some(Cap::At(1)) };
    scene.settings = LaneSettings { caps: Some(caps), ..fast() };
    let running = scene.run();
    let first = scene.tell(ANNA, &["#1"]).await;
    scene.until_sent(&first).await;
    let stranger = scene.tell(BUDI, &["#1"]).await;
    let known = scene.tell(ANNA, &["#2", "#3"]).await;
    scene.until_sent(&known).await;
    let waiting = scene.message(stranger[0]).await;
    assert_eq!((waiting.state, waiting.reason), (State::Waiting, Some(Reason::Paced)));
    assert_eq!(waiting.attempts, 0);
    running.stop().await;
}

/// Three who wait for tomorrow, since the day's first contacts are used up by a fourth.
async fn strangers(scene: &mut Scene) -> Vec<MessageId> {
    let caps = Caps { day: None, first_contacts: Some(Cap::At(1)) };
    scene.settings = LaneSettings { caps: Some(caps), ..fast() };
    let mut ids = scene.tell(ANNA, &["#1"]).await;
    for (to, text) in [(BUDI, "#1"), (DEWI, "#2"), (BUDI, "#3")] {
        ids.extend(scene.tell(to, &[text]).await);
    }
    ids
}

async fn until_held(scene: &Scene, ids: &[MessageId]) {
    scene.until_held(ids, Reason::Paced).await;
}

/// The texts to these strangers, in the order in which they were asked for.
fn texts(scene: &Scene) -> Vec<String> {
    let asked = scene.world.seen().asked;
    let of = asked.iter().filter(|asked| [BUDI, DEWI].contains(&asked.number()));
    of.map(|asked| asked.message().to_owned()).collect()
}

#[tokio::test]
async fn a_reload_asks_those_again_that_a_limit_held_before_anybody_who_came_later() {
    let mut scene = Scene::new().await;
    let ids = strangers(&mut scene).await;
    let running = scene.run();
    until_held(&scene, &ids[1..]).await;
    // A list that changes nothing of it lets nobody go.
    running.lanes.set_people(People::default());
    scene.let_time_pass().await;
    assert_eq!(texts(&scene), [""; 0]);
    assert!(running.lanes.pause(INSTANCE).await);
    let later = scene.tell(BUDI, &["#4"]).await;
    scene.settings.caps = Some(Caps { day: None, first_contacts: Some(Cap::Off) });
    running.lanes.update(None, scene.lanes());
    assert!(running.lanes.resume(INSTANCE).await);
    scene.until_sent(&ids).await;
    scene.until_sent(&later).await;
    assert_eq!(texts(&scene), ["#1", "#2", "#3", "#4"]);
    assert_eq!(running.status().waits.len(), 0, "nobody waits any more");
    running.stop().await;
}

#[tokio::test]
async fn a_start_asks_those_again_that_a_limit_held() {
    let mut scene = Scene::new().await;
    let ids = strangers(&mut scene).await;
    let running = scene.run();
    until_held(&scene, &ids[1..]).await;
    running.stop().await;
    let later = scene.tell(BUDI, &["#4"]).await;
    scene.settings.caps = Some(Caps { day: None, first_contacts: Some(Cap::Off) });
    let running = scene.run();
    scene.until_sent(&later).await;
    scene.until_sent(&ids).await;
    assert_eq!(texts(&scene), ["#1", "#2", "#3", "#4"]);
    running.stop().await;
}

#[tokio::test]
async fn one_recipient_is_left_in_peace_while_others_get_theirs() {
    let mut scene = Scene::new().await;
    let gap = |gap| LaneSettings { gap: Some(Span(gap)), ..fast() };
    scene.settings = gap(Duration::from_secs(3600));
    let began = Instant::now();
    let anna = scene.tell(ANNA, &["#1", "#2"]).await;
    let budi = scene.tell(BUDI, &["#1"]).await;
    let running = scene.run();
    scene.until_sent(&anna[..1]).await;
    scene.until_sent(&budi).await;
    scene.let_time_pass().await;
    let asked: Vec<String> =
        scene.world.seen().asked.iter().map(|asked| asked.number().to_owned()).collect();
    assert_eq!(asked, [ANNA, BUDI, CITRA], "the last shows that time has passed");
    let shorter = Duration::from_millis(800);
    let lanes = BTreeMap::from([(INSTANCE.to_owned(), gap(shorter))]);
    running.lanes.update(None, lanes);
    scene.until_sent(&anna).await;
    // It counts from when the first was taken, in microseconds.
    assert!(shorter <= began.elapsed() + Duration::from_millis(1));
    running.stop().await;
}

#[tokio::test]
async fn a_number_that_is_not_on_whatsapp_is_not_tried_again() {
    let scene = Scene::new().await;
    scene.world.number(ANNA, Behave::deny("not on whatsapp"));
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    for id in &ids {
        let failed = scene.until(*id, State::Failed).await;
        assert_eq!(failed.reason, Some(Reason::Recipient));
    }
    assert_eq!(scene.world.seen().asked.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn nobody_but_the_given_number_is_messaged() {
    let scene = Scene::new().await;
    let running = scene.run();
    let only_to = Recipient::person(ANNA).map(|anna| [anna].into());
    running.lanes.set_people(People { only_to, ..People::default() });
    let anna = scene.tell(ANNA, &["#1"]).await;
    let budi = scene.tell(BUDI, &["#1"]).await;
    scene.until_sent(&anna).await;
    let skipped = scene.until(budi[0], State::Skipped).await;
    assert_eq!(skipped.reason, Some(Reason::TestMode));
    assert_eq!(scene.world.seen().texts_to(BUDI).len(), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_pause_survives_a_restart() {
    let scene = Scene::new().await;
    let running = scene.run();
    assert!(running.lanes.pause(INSTANCE).await);
    running.stop().await;
    let ids = scene.tell(ANNA, &["#1"]).await;
    let running = scene.run();
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::ByHand));
    assert_eq!(scene.message(ids[0]).await.state, State::Waiting);
    assert!(running.lanes.resume(INSTANCE).await);
    scene.until_sent(&ids).await;
    running.stop().await;
    let ids = scene.tell(CITRA, &["#1"]).await;
    let running = scene.run();
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn a_restriction_is_remembered_although_its_message_is_gone() {
    let scene = Scene::new().await;
    let restricted = Behave::answer(500, r#"{"error":"server returned error 463"}"#);
    scene.world.next_to(ANNA, 1, restricted);
    let ids = scene.tell(ANNA, &["#1"]).await;
    let running = scene.run();
    scene.until_held(&ids, Reason::Account).await;
    running.stop().await;
    scene.store.move_by_hand(ids[0], State::Cancelled, now()).await.unwrap();
    let ids = scene.record(INSTANCE, BUDI, &["#1"], Policy::default()).await;
    let running = scene.run();
    scene.let_time_pass().await;
    assert_eq!(running.status().standing_still, Some(Reason::Account));
    assert_eq!(scene.message(ids[0]).await.state, State::Waiting);
    running.stop().await;
}
