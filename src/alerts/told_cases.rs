//! When is there a post? A story for each.

use super::super::Timings;
use super::*;
use crate::model::{DiskTrouble, LaneTrouble};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + s).unwrap()
}

fn lane(reason: Reason, since: i64) -> Needs {
    let trouble = LaneTrouble { reason, detail: "gone".into(), since: at(since) };
    Needs { lanes: BTreeMap::from([("shop".to_owned(), trouble)]), ..Needs::default() }
}

fn failed(count: u64) -> Needs {
    Needs { failed: BTreeMap::from([(Reason::Media, count)]), ..Needs::default() }
}

/// What is posted at this time, if anything; told if so.
fn look(told: &mut Told, needs: Needs, s: i64) -> Option<(AlertKind, String)> {
    match told.decide(needs, at(s), HOUR, &Timings::default()) {
        Decision::Tell(alert) => {
            let said = (alert.kind, alert.text());
            told.was_told(*alert, at(s));
            Some(said)
        }
        Decision::Nothing | Decision::Later(_) => None,
    }
}

fn kind(told: &mut Told, needs: Needs, s: i64) -> Option<AlertKind> {
    look(told, needs, s).map(|(kind, _)| kind)
}

#[test]
fn what_lasts_is_told_repeated_and_its_end_is_told() {
    let mut told = Told::default();
    assert_eq!(kind(&mut told, Needs::default(), 0), None);
    let (first, text) = look(&mut told, lane(Reason::Session, 5), 10).unwrap();
    assert_eq!(first, AlertKind::New);
    assert!(
        text.starts_with("shop has sent nothing since 2027-01-15 08:00 UTC: session"),
        "{text}"
    );
    assert!(text.ends_with("(connect it again at Wachat; it goes on by itself)"), "{text}");
    assert_eq!(kind(&mut told, lane(Reason::Session, 5), 1000), None);
    assert_eq!(kind(&mut told, lane(Reason::Session, 5), 3611), Some(AlertKind::Repeat));
    assert_eq!(kind(&mut told, Needs::default(), 4000), Some(AlertKind::Clear));
    assert_eq!(kind(&mut told, Needs::default(), 9000), None, "once");
}

#[test]
fn a_thousand_failures_make_one_post_and_a_burst_one_a_minute() {
    let mut told = Told::default();
    look(&mut told, failed(7), 0);
    let (_, text) = look(&mut told, failed(1007), 10).unwrap();
    assert!(text.starts_with("1000 messages failed: media"), "{text}");
    let posts = (11..190)
        .filter(|s| kind(&mut told, failed(1008 + u64::try_from(*s).unwrap()), *s).is_some());
    assert_eq!(posts.collect::<Vec<_>>(), [70, 130]);
    assert_eq!(kind(&mut told, failed(1300), 9000), Some(AlertKind::New));
    assert_eq!(kind(&mut told, failed(1300), 99_000), None, "what failed does not last");
}

#[test]
fn what_failed_before_anybody_listened_is_no_news_and_what_lasts_is() {
    let mut told = Told::default();
    assert_eq!(kind(&mut told, failed(300), 0), None);
    let mut told = Told::default();
    let uncertain = Needs { uncertain: 2, ..failed(300) };
    let (_, text) = look(&mut told, uncertain, 0).unwrap();
    assert!(text.starts_with("2 messages are uncertain"), "{text}");
    assert!(!text.contains("failed"), "{text}");
}

#[test]
fn what_a_person_dealt_with_can_come_again() {
    let mut told = Told::default();
    look(&mut told, failed(0), 0);
    assert!(kind(&mut told, failed(1), 100).is_some());
    assert!(kind(&mut told, failed(0), 200).is_none());
    assert!(kind(&mut told, failed(1), 300).is_some());
}

#[test]
fn a_stumble_that_passes_is_not_worth_a_post() {
    let mut told = Told::default();
    assert_eq!(kind(&mut told, lane(Reason::Network, 0), 60), None);
    assert_eq!(kind(&mut told, Needs::default(), 70), None);
    assert_eq!(kind(&mut told, lane(Reason::Network, 100), 221), Some(AlertKind::New));
    let (worse, text) = look(&mut told, lane(Reason::Account, 221), 300).unwrap();
    assert_eq!(worse, AlertKind::New);
    assert!(text.contains("kabari lanes resume"), "{text}");
}

#[test]
fn a_lane_that_flaps_within_a_minute_is_told_once() {
    let mut told = Told::default();
    assert!(kind(&mut told, lane(Reason::Session, 0), 0).is_some());
    assert_eq!(kind(&mut told, Needs::default(), 20), None, "too soon to say that all is well");
    assert_eq!(kind(&mut told, lane(Reason::Session, 30), 40), None);
    assert_eq!(kind(&mut told, lane(Reason::Session, 30), 400), None);
}

#[test]
fn a_restart_tells_nothing_twice_and_tells_what_happened_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.json");
    let mut told = Told::read(&file);
    look(&mut told, lane(Reason::Session, 0), 0);
    told.keep(&file).unwrap();
    let mut told = Told::read(&file);
    assert_eq!(kind(&mut told, lane(Reason::Session, 0), 100), None);
    let mut told = Told::read(&file);
    assert_eq!(
        kind(&mut told, Needs { uncertain: 1, ..Needs::default() }, 100),
        Some(AlertKind::New)
    );
    let mut told = Told::read(&file);
    assert_eq!(kind(&mut told, Needs::default(), 100), Some(AlertKind::Clear));
    std::fs::write(&file, "{broken").unwrap();
    assert!(!Told::read(&file).begun);
}

#[test]
fn a_store_that_is_away_is_told_and_makes_no_old_failure_new() {
    let mut told = Told::default();
    look(&mut told, failed(9), 0);
    let away = Needs { store: Some("disk full".into()), ..Needs::default() };
    let (_, text) = look(&mut told, away.clone(), 10).unwrap();
    assert!(text.contains("disk full"), "{text}");
    assert_eq!(kind(&mut told, away, 100), None);
    assert_eq!(kind(&mut told, failed(9), 200), Some(AlertKind::Clear));
}

#[test]
fn a_disk_that_fills_up_is_told_early_again_when_it_is_urgent_and_when_there_is_room() {
    let mut told = Told::default();
    look(&mut told, Needs::default(), 0);
    let disk = |urgent, left: &str| Needs {
        disk: Some(DiskTrouble { urgent, detail: format!("low: {left} MiB are left") }),
        ..Needs::default()
    };
    let (_, text) = look(&mut told, disk(false, "900"), 100).unwrap();
    assert_eq!(text, "The disk is low: 900 MiB are left");
    assert_eq!(kind(&mut told, disk(false, "800"), 200), None, "no news");
    assert_eq!(kind(&mut told, disk(true, "99"), 300), Some(AlertKind::New));
    assert_eq!(kind(&mut told, disk(false, "101"), 400), None, "no news");
    assert_eq!(kind(&mut told, Needs::default(), 500), Some(AlertKind::Clear));
}

#[test]
fn a_clock_set_back_silences_nothing() {
    let mut told = Told::default();
    look(&mut told, lane(Reason::Session, 0), 7200);
    assert_eq!(kind(&mut told, failed(1), 0), Some(AlertKind::New));
}

#[test]
fn another_address_learns_what_lasts() {
    let hook = |url: &str| {
        let yaml = format!("{{ url: \"{url}\" }}");
        serde_yaml::from_str::<super::super::AlertSettings>(&yaml).unwrap().hook().unwrap()
    };
    let mut told = Told::default();
    told.goes_to(&hook("https://ntfy.sh/a"));
    look(&mut told, lane(Reason::Session, 0), 0);
    told.goes_to(&hook("https://ntfy.sh/a"));
    assert_eq!(kind(&mut told, lane(Reason::Session, 0), 10), None);
    told.goes_to(&hook("https://ntfy.sh/b"));
    assert_eq!(kind(&mut told, lane(Reason::Session, 0), 11), Some(AlertKind::New));
}

#[test]
fn the_store_of_a_post_is_never_forgotten_by_a_failed_one() {
    let mut told = Told::default();
    look(&mut told, failed(0), 0);
    let Decision::Tell(lost) = told.decide(failed(3), at(100), HOUR, &Timings::default()) else {
        panic!("nothing to tell");
    };
    drop(lost);
    let (_, text) = look(&mut told, failed(5), 101).unwrap();
    assert!(text.starts_with("5 messages failed"), "{text}");
}
