//! Are those asked again whom a limit holds, when it is another and only then?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;
use kabari::dispatch::{Cap, Caps, LaneSettings, Pace, People};
use kabari::model::{Hours, LaneWait, MessageId, Otherwise, Policy, Reason, Span, State, Terms};
use rusqlite::Connection;

use super::{ANNA, BUDI, PATIENCE, Running, Scene, event, lane_of, message, now};
use crate::support::world::INSTANCE;

const MANY: usize = 300;

/// What was written since it was asked last: changes of the queue's messages, and of the limits that a
/// lane knows.
pub(super) struct Ledger(Connection);

impl Ledger {
    pub(super) fn of(scene: &Scene) -> Self {
        let connection = Connection::open(scene.dir.path().join("kabari.db")).unwrap();
        let triggers = "
            CREATE TABLE ledger (what TEXT);
            CREATE TRIGGER ledger_of_messages AFTER UPDATE ON messages
            WHEN OLD.state = 'waiting' AND NEW.state = 'waiting' BEGIN
                INSERT INTO ledger VALUES ('message');
            END;
            CREATE TRIGGER ledger_of_limits AFTER UPDATE OF limits ON lanes
            WHEN OLD.limits IS NOT NEW.limits AND NEW.instance = 'jakarta_store' BEGIN
                INSERT INTO ledger VALUES ('limits');
            END;";
        connection.execute_batch(triggers).unwrap();
        Self(connection)
    }

    pub(super) fn news(&self) -> (i64, i64) {
        let count = |what: &str| {
            self.0
                .query_row("SELECT count(*) FROM ledger WHERE what = ?1", [what], |row| row.get(0))
                .unwrap()
        };
        let news = (count("message"), count("limits"));
        self.0.execute("DELETE FROM ledger", []).unwrap();
        news
    }
}

fn fast() -> LaneSettings {
    lane_of(1, Pace::parse("1000/s").unwrap())
}

pub(super) fn strangers_at_most(most: Cap) -> LaneSettings {
    LaneSettings { caps: Some(Caps { day: None, first_contacts: Some(most) }), ..fast() }
}

/// What the lane is known to wait for; noted just after those who wait are held.
async fn waits(running: &Running) -> Vec<LaneWait> {
    let known = async {
        while running.status().waits.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap();
    running.status().waits
}

#[tokio::test]
async fn a_start_with_the_limits_of_before_asks_nobody_and_one_with_others_moves_who_may_go() {
    let mut scene = Scene::new().await;
    scene.settings = strangers_at_most(Cap::At(1));
    let first = scene.tell(ANNA, &["#1"]).await;
    let mut strangers = Vec::new();
    for n in 0..MANY {
        strangers.extend(scene.tell(&format!("62855500{n:04}"), &["#1"]).await);
    }
    let running = scene.run();
    scene.until_sent(&first).await;
    scene.until_held(&strangers, Reason::Paced).await;
    let waits = waits(&running).await;
    running.stop().await;

    let ledger = Ledger::of(&scene);
    let known = scene.tell(ANNA, &["#2"]).await;
    let running = scene.run();
    scene.until_sent(&known).await;
    scene.let_time_pass().await;
    assert_eq!(running.status().waits, waits, "it is known that they wait");
    running.stop().await;
    let (messages, limits) = ledger.news();
    assert_eq!((messages, limits), (0, 0));

    scene.settings = strangers_at_most(Cap::At(3));
    let known = scene.tell(ANNA, &["#3"]).await;
    let running = scene.run();
    scene.until_sent(&known).await;
    scene.until_sent(&strangers[..2]).await;
    scene.let_time_pass().await;
    running.lanes.set_people(People::default());
    scene.let_time_pass().await;
    assert_eq!(running.status().waits, waits);
    running.stop().await;
    let (messages, limits) = ledger.news();
    // Who comes back is looked at again when it is its turn.
    assert!((2..9).contains(&messages), "{messages} of {MANY}");
    assert_eq!(limits, 2, "unknown and known again: a list that changes nothing of it asks nobody");
    assert_eq!(scene.message(strangers[2]).await.state, State::Waiting);
}

/// These days are closed in the file of this name.
pub(super) fn closed(file: &str, days: &[Date]) -> People {
    let days: BTreeSet<Date> = days.iter().copied().collect();
    People { holidays: BTreeMap::from([(file.to_owned(), days)]), ..People::default() }
}

/// Yesterday, today and tomorrow.
fn these_days() -> [Date; 3] {
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    [-1, 0, 1].map(|days| today.checked_add(days.days()).unwrap())
}

/// At any hour, but for the days of a file.
pub(super) async fn tell_but_on_holidays(scene: &Scene, file: &str, to: &str) -> MessageId {
    let event = event(now());
    let mut message = message(&event, INSTANCE, to, 0, "#1", Policy::default());
    let (zone, holidays) = ("UTC".to_owned(), Some(file.to_owned()));
    let (days, from, to, otherwise) = (0b111_1111, 0, 24 * 60, Otherwise::Wait);
    let hours = Some(Hours { days, from, to, zone, holidays, otherwise });
    message.terms = Terms { hours, ..Terms::default() };
    let id = message.id;
    scene.store.record(event, vec![message]).await.unwrap();
    id
}

#[tokio::test]
async fn a_day_that_is_no_holiday_any_more_lets_those_go_at_once_who_waited_for_its_end() {
    let mut scene = Scene::new().await;
    // Nothing but the reload wakes it.
    scene.timings.poll = PATIENCE * 10;
    let running = scene.run();
    running.lanes.set_people(closed("closed.txt", &these_days()));
    let ids = [ANNA, BUDI].map(|to| tell_but_on_holidays(&scene, "closed.txt", to));
    let ids = futures_util::future::join_all(ids).await;
    scene.until_held(&ids, Reason::Quiet).await;
    assert!(now() < scene.message(ids[0]).await.due_at);
    // A file that was renamed closes the same days for those who wait.
    let ledger = Ledger::of(&scene);
    running.lanes.set_people(closed("renamed.txt", &these_days()));
    scene.let_time_pass().await;
    assert_eq!(scene.world.seen().texts_to(ANNA), [""; 0]);
    assert_eq!(ledger.news(), (0, 2), "they were asked");
    running.lanes.set_people(closed("renamed.txt", &these_days()[2..]));
    scene.until_sent(&ids).await;
    assert_eq!(running.status().waits, []);
    running.stop().await;
}

#[tokio::test]
async fn while_many_are_asked_who_may_go_does_not_wait_for_them_and_overtakes_nobody() {
    let mut scene = Scene::new().await;
    // Nothing but the reload and the asking itself keep it awake.
    scene.timings.poll = PATIENCE * 10;
    let both = |other: &[Date]| {
        let mut people = closed("closed.txt", &these_days());
        people.holidays.extend(closed("other.txt", other).holidays);
        people
    };
    let running = scene.run();
    running.lanes.set_people(both(&these_days()));
    let mut ids = Vec::new();
    for n in 0..MANY {
        ids.push(tell_but_on_holidays(&scene, "closed.txt", &format!("62855500{n:04}")).await);
    }
    // Behind all of them in the order in which they are asked.
    let budi = tell_but_on_holidays(&scene, "other.txt", BUDI).await;
    ids.push(budi);
    scene.until_held(&ids, Reason::Quiet).await;
    running.stop().await;
    let later = scene.tell(BUDI, &["#2"]).await;
    let running = scene.run();
    running.lanes.set_people(both(&[]));
    scene.until_sent(&[budi]).await;
    scene.until_sent(&later).await;
    assert_eq!(scene.world.seen().texts_to(BUDI), ["#1", "#2"]);
    let all_asked = async || {
        let mut limits = None;
        while limits.is_none() {
            tokio::task::yield_now().await;
            limits = scene.store.lane(INSTANCE).await.unwrap().limits;
        }
        limits
    };
    let mut before = tokio::time::timeout(PATIENCE, all_asked()).await.unwrap();
    // After the first of these nothing is left that could wake it but the second.
    for days in [0, 1] {
        running.lanes.set_people(both(&these_days()[days..]));
        let of_this_reload = async {
            loop {
                let limits = all_asked().await;
                if limits != before {
                    return limits;
                }
            }
        };
        before = tokio::time::timeout(PATIENCE, of_this_reload).await.unwrap();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_day_that_became_a_holiday_keeps_those_who_come_and_those_who_wait() {
    let scene = Scene::new().await;
    let running = scene.run();
    assert!(running.lanes.pause(INSTANCE).await);
    // A claim may be on its way still.
    scene.let_time_pass().await;
    let waiting = tell_but_on_holidays(&scene, "closed.txt", ANNA).await;
    running.lanes.set_people(closed("closed.txt", &these_days()));
    assert!(running.lanes.resume(INSTANCE).await);
    let coming = tell_but_on_holidays(&scene, "closed.txt", BUDI).await;
    scene.until_held(&[waiting, coming], Reason::Quiet).await;
    assert_eq!(
        scene.world.seen().texts_to(ANNA).len() + scene.world.seen().texts_to(BUDI).len(),
        0
    );
    assert_eq!(waits(&running).await[0].reason, Reason::Quiet);
    running.stop().await;
}

#[tokio::test]
async fn a_raised_cap_of_the_day_lets_a_closed_lane_go_at_the_reload() {
    let mut scene = Scene::new().await;
    let caps = |day| Some(Caps { day: Some(day), first_contacts: Some(Cap::Off) });
    scene.settings = LaneSettings { caps: caps(Cap::At(1)), ..fast() };
    // Nothing but the reload wakes it.
    scene.timings.poll = PATIENCE * 10;
    let ids = scene.tell(ANNA, &["#1", "#2"]).await;
    let running = scene.run();
    scene.until_sent(&ids[..1]).await;
    scene.let_time_pass().await;
    assert!(waits(&running).await[0].whole);
    scene.settings.caps = caps(Cap::At(2));
    running.lanes.update(None, scene.lanes());
    scene.until_sent(&ids).await;
    running.stop().await;
}

#[tokio::test]
async fn a_shorter_gap_helps_who_waits_for_the_longer_one_at_the_reload_and_at_the_start() {
    let gap = |seconds| Some(Span(Duration::from_secs(seconds)));
    for restart in [false, true] {
        let mut scene = Scene::new().await;
        scene.settings = LaneSettings { gap: gap(3600), ..fast() };
        scene.timings.poll = PATIENCE * 10;
        let ids = scene.tell(ANNA, &["#1", "#2"]).await;
        let mut running = scene.run();
        scene.until_sent(&ids[..1]).await;
        scene.until_held(&ids[1..], Reason::Paced).await;
        scene.settings.gap = gap(0);
        if restart {
            running.stop().await;
            running = scene.run();
        } else {
            running.lanes.update(None, scene.lanes());
        }
        scene.until_sent(&ids).await;
        let sent = scene.message(ids[1]).await;
        assert_eq!((sent.reason, sent.detail), (None, None));
        running.stop().await;
    }
}
