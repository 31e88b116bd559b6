//! How long is a message held, and how does it come back?

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{Group, Reason, State, Terms};
use kabari::store::{AskedTo, Case, Claim, Judge, MessageFilter, Moved, Ruling, Settlement, Store};
use rusqlite::Connection;

use super::terms::{Told, judged, record, told, with_terms};
use super::{ANN, BEN, Place, all, at, claim, ended, message, numbers, settle};

pub(super) async fn what_waits_for_the_end_of_time_can_be_read_and_cancelled(place: &Place) {
    let store = place.open();
    let later = Terms { not_before: Some(Timestamp::MAX), ..Terms::default() };
    let (key, template) = ("one".to_owned(), "{}".to_owned());
    let group = Group { key, wait_s: u64::MAX, interval_s: u64::MAX, max: 9, template };
    let grouped = Terms { group: Some(group), ..Terms::default() };
    record(&*store, with_terms(1, 0, ANN, later)).await;
    record(&*store, with_terms(2, 0, BEN, grouped)).await;
    for (n, to) in [(3, "6283333333"), (4, "6284444444")] {
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
    }
    let judge = told(|case| {
        let (until, reason, detail) = (Timestamp::MAX, Reason::Quiet, "why".to_owned());
        let waits = case.recipient.expose() == "6283333333";
        if waits { Ruling::Wait { until } } else { Ruling::Hold { until, reason, detail } }
    });
    assert_eq!(numbers(&judged(&*store, 0, 9, &judge).await.taken), [0; 0]);
    let listed = store.messages(MessageFilter::default()).await.unwrap();
    assert_eq!((listed.rows.len(), listed.unreadable.count), (4, 0));
    for message in listed.rows {
        assert_eq!(message.due_at.to_string(), "9999-12-30T22:00:00Z");
        let moved = store.move_by_hand(message.id, State::Cancelled, at(1)).await.unwrap();
        assert_eq!(moved, Moved::Done);
    }
}

/// Everybody waits until second 1000 for this reason.
fn holds(reason: Reason) -> Arc<Told> {
    told(move |_: &Case<'_>| Ruling::Hold { until: at(1000), reason, detail: "why".to_owned() })
}

/// How many steps it took until all were looked at.
async fn ask_again(store: &dyn Store, second: i64) -> usize {
    let mut claim = Claim::new("jakarta", 0, at(second));
    for steps in 1..=1000 {
        claim.asked_to = store.ask_again(claim.clone(), None).await.unwrap();
        if claim.asked_to.is_none() {
            return steps;
        }
    }
    panic!("there is always more to ask")
}

pub(super) async fn whom_a_limit_held_comes_back_to_the_old_place_when_asked_again(place: &Place) {
    let store = place.open();
    let later = || Terms { not_before: Some(at(500)), ..Terms::default() };
    record(&*store, with_terms(1, 0, ANN, later())).await;
    record(&*store, with_terms(2, 0, ANN, Terms::default())).await;
    record(&*store, with_terms(3, 1, BEN, Terms::default())).await;
    assert_eq!(numbers(&judged(&*store, 2, 9, &holds(Reason::Quiet)).await.taken), [0; 0]);
    for (n, to) in [(4, ANN), (5, BEN)] {
        record(&*store, with_terms(n, 3, to, Terms::default())).await;
    }
    assert_eq!(numbers(&claim(&*store, 3, 9).await), [4, 5], "they are out of line");
    assert_eq!(ask_again(&*store, 4).await, 1);
    let due: Vec<_> = all(&*store).await.iter().map(|message| message.due_at).collect();
    assert_eq!(due[..3], [at(500), at(0), at(1)], "what is to go later stays so");
    assert_eq!(numbers(&claim(&*store, 4, 9).await), [0; 0], "never two at once");
}

pub(super) async fn whoever_is_asked_again_is_so_in_steps_and_none_is_overtaken(place: &Place) {
    const MANY: u128 = 700;
    let store = place.open();
    for n in 1..=MANY {
        let to = if n % 2 == 0 { ANN } else { BEN };
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
    }
    let quiet = holds(Reason::Quiet);
    while judged(&*store, 1, 9, &quiet).await.more {}
    record(&*store, with_terms(MANY + 1, 2, ANN, Terms::default())).await;
    assert_eq!(ask_again(&*store, 3).await, 3);
    for n in 0..3 {
        let mut taken = claim(&*store, 3, 9).await;
        assert_eq!(numbers(&taken), [2 * n + 1, 2 * n + 2]);
        for claimed in taken.drain(..) {
            settle(&*store, claimed, State::Sent).await;
        }
    }
}

/// One step: how far it came.
async fn step(
    store: &dyn Store,
    second: i64,
    judge: &Arc<Told>,
    from: Option<AskedTo>,
) -> Option<AskedTo> {
    let judge = Arc::clone(judge) as Arc<dyn Judge>;
    let claim = Claim { judge, asked_to: from, ..Claim::new("jakarta", 0, at(second)) };
    store.ask_again(claim, Some("new limits".to_owned())).await.unwrap()
}

async fn ask_all(store: &dyn Store, second: i64, judge: &Arc<Told>) {
    let mut from = None;
    while let Some(to) = step(store, second, judge, from).await {
        from = Some(to);
    }
}

/// Each of so many waits for this reason until second 1000, for a recipient of its own.
async fn many_held(store: &dyn Store, many: u128, reason: Reason) {
    for n in 1..=many {
        let to = format!("62811{n:06}");
        record(store, with_terms(n, 0, &to, Terms::default())).await;
    }
    let holds = holds(reason);
    while judged(store, 1, 9, &holds).await.more {}
}

pub(super) async fn who_is_held_still_stays_where_it_is_when_asked_again(place: &Place) {
    let store = place.open();
    many_held(&*store, 3, Reason::Quiet).await;
    let until = |of: [i64; 3]| {
        told(move |case: &Case<'_>| {
            let n = case.recipient.expose().bytes().last().unwrap() - b'1';
            let (until, detail) = (at(of[usize::from(n)]), "why".to_owned());
            Ruling::Hold { until, reason: Reason::Quiet, detail }
        })
    };
    let due = async || all(&*store).await.iter().map(|it| it.due_at).collect::<Vec<_>>();
    ask_all(&*store, 2, &until([1000, 500, 2000])).await;
    assert_eq!(due().await, [at(1000), at(500), at(1000)], "asked at the sooner of the two times");
    let counted = until([1000, 500, 1000]);
    ask_all(&*store, 3, &counted).await;
    assert_eq!(counted.today.lock().unwrap().len(), 3, "each is asked once");
    ask_all(&*store, 4, &holds(Reason::TestMode)).await;
    let reasons: Vec<_> = all(&*store).await.iter().map(|message| message.reason).collect();
    assert_eq!(reasons, [Some(Reason::TestMode); 3], "and says why it waits now");
    let ages: Vec<_> = counted.today.lock().unwrap().iter().map(|(.., age)| *age).collect();
    assert_eq!(ages, [Duration::from_secs(1); 3], "it does not age");
    assert_eq!(numbers(&claim(&*store, 499, 9).await), [0; 0]);
    assert_eq!(numbers(&claim(&*store, 500, 9).await), [2]);
}

pub(super) async fn by_which_limits_all_were_asked_is_known_when_the_last_was(place: &Place) {
    let store = place.open();
    many_held(&*store, 300, Reason::Quiet).await;
    let limits = async || store.lane("jakarta").await.unwrap().limits;
    let quiet = holds(Reason::Quiet);
    assert_eq!(limits().await, None);
    ask_all(&*store, 2, &quiet).await;
    assert_eq!(limits().await.as_deref(), Some("new limits"));
    let from = step(&*store, 3, &quiet, None).await;
    assert!(from.is_some());
    assert_eq!(limits().await, None, "a crash here asks again");
    assert_eq!(step(&*store, 3, &quiet, from).await, None);
    assert_eq!(limits().await.as_deref(), Some("new limits"));
    let waits = store.lane("jakarta").await.unwrap().waits;
    let told: Vec<_> = waits.iter().map(|it| (it.until, it.reason, it.detail.as_str())).collect();
    assert_eq!(told, [(at(1000), Reason::Quiet, "why")]);
    // Somebody with other limits made one wait.
    record(&*store, with_terms(301, 3, ANN, Terms::default())).await;
    let judge = Arc::clone(&quiet) as Arc<dyn Judge>;
    let one = Claim { judge, ..Claim::new("jakarta", 1, at(4)) };
    assert!(store.claim_one(message(301, ANN).id, one).await.unwrap().taken.is_empty());
    assert_eq!(limits().await, None);
}

pub(super) async fn while_they_are_asked_again_the_lane_goes_on_and_overtakes_nobody(
    place: &Place,
) {
    let store = place.open();
    many_held(&*store, 300, Reason::Quiet).await;
    record(&*store, with_terms(301, 1, ANN, Terms::default())).await;
    judged(&*store, 1, 9, &holds(Reason::Quiet)).await;
    record(&*store, with_terms(302, 2, ANN, Terms::default())).await;
    record(&*store, with_terms(303, 2, BEN, Terms::default())).await;
    // Nobody but the first three hundred is held any longer.
    let judge = told(|case: &Case<'_>| match case.recipient.expose() {
        ANN | BEN => Ruling::Go,
        _ => Ruling::Hold { until: at(1000), reason: Reason::Quiet, detail: "why".to_owned() },
    });
    let asked_to = step(&*store, 3, &judge, None).await;
    assert!(asked_to.is_some(), "she was not asked so far");
    let judge = Arc::clone(&judge) as Arc<dyn Judge>;
    let claim = Claim { judge, asked_to, ..Claim::new("jakarta", 9, at(3)) };
    let mut taken = numbers(&store.claim(claim).await.unwrap().taken);
    taken.sort_unstable();
    assert_eq!(taken, [301, 303]);
}

pub(super) async fn a_cap_lets_no_more_come_back_than_it_has_room_for(place: &Place) {
    let store = place.open();
    many_held(&*store, 600, Reason::Paced).await;
    for n in 601..=602 {
        record(&*store, with_terms(n, 1, "62811000001", Terms::default())).await;
    }
    judged(&*store, 1, 9, &holds(Reason::Paced)).await;
    judged(&*store, 1, 9, &holds(Reason::Paced)).await;
    let judge = told(|case: &Case<'_>| {
        let (until, detail) = (at(1000), "why".to_owned());
        let is_room = case.today.first_contacts < 2;
        let held = Ruling::Hold { until, reason: Reason::Paced, detail };
        if is_room { Ruling::Go } else { held }
    });
    ask_all(&*store, 2, &judge).await;
    let back = all(&*store).await.iter().filter(|it| it.due_at <= at(2)).count();
    assert_eq!(back, 4, "two strangers, one of them with three messages");
    assert_eq!(numbers(&judged(&*store, 2, 9, &judge).await.taken), [1, 2]);
}

pub(super) async fn what_was_sent_meanwhile_is_no_second_time_among_those_who_came_back(
    place: &Place,
) {
    const DAY: i64 = 86_400;
    // The days end in between, seen from the start.
    let midnight = DAY - at(0).as_second().rem_euclid(DAY);
    for (place, next_step, is_next_day) in
        [(place, 3, false), (&Place::quick_sqlite(), midnight, true)]
    {
        let store = place.open();
        for n in 1..=600 {
            let to = format!("62811{n:06}");
            record(&*store, with_terms(n, 0, &to, Terms::default())).await;
        }
        let strangers_at_most = |most: u64| {
            told(move |case: &Case<'_>| {
                let (until, detail) = (at(9 * DAY), "why".to_owned());
                let held = Ruling::Hold { until, reason: Reason::Paced, detail };
                if case.today.first_contacts < most { Ruling::Go } else { held }
            })
        };
        while judged(&*store, 1, 9, &strangers_at_most(0)).await.more {}
        let judge = strangers_at_most(300);
        let mut asked_to = step(&*store, 2, &judge, None).await;
        let back = async || all(&*store).await.iter().filter(|it| it.due_at == at(0)).count();
        assert_eq!(back().await, 256);
        for claimed in judged(&*store, 2, 600, &judge).await.taken {
            settle(&*store, claimed, State::Sent).await;
        }
        while asked_to.is_some() {
            asked_to = step(&*store, next_step, &judge, asked_to).await;
        }
        let expected = if is_next_day { 256 + 300 } else { 300 };
        assert_eq!(back().await, expected, "the next day: {is_next_day}");
    }
}

pub(super) async fn a_claim_that_asks_whom_it_would_overtake_goes_no_further_than_others(
    place: &Place,
) {
    const OF_EACH: u128 = 150;
    let store = place.open();
    let to = |n: u128| format!("62811{:06}", n % 3);
    for n in 0..3 * OF_EACH {
        record(&*store, with_terms(n, 0, &to(n), Terms::default())).await;
    }
    while judged(&*store, 1, 9, &holds(Reason::Quiet)).await.more {}
    for n in 900..903 {
        record(&*store, with_terms(n, 2, &to(n), Terms::default())).await;
    }
    let judge = told(|case: &Case<'_>| {
        let (until, detail) = (at(1000), "why".to_owned());
        let held = Ruling::Hold { until, reason: Reason::Quiet, detail };
        if case.created_at < at(2) { held } else { Ruling::Go }
    });
    let asked_to = Some(AskedTo::default());
    for (taken, more) in [(vec![900, 901], true), (vec![902], false)] {
        let judge = Arc::clone(&judge) as Arc<dyn Judge>;
        let claim = Claim { judge, asked_to, ..Claim::new("jakarta", 9, at(3)) };
        let claims = store.claim(claim).await.unwrap();
        assert_eq!((numbers(&claims.taken), claims.more), (taken, more));
    }
}

pub(super) async fn when_anybody_was_made_to_wait_last_is_known_and_costs_no_claim_a_write(
    place: &Place,
) {
    let store = place.open();
    let raw = Connection::open(place.file()).unwrap();
    let triggers = "CREATE TABLE ledger (what TEXT);
        CREATE TRIGGER made AFTER INSERT ON lanes BEGIN INSERT INTO ledger VALUES ('x'); END;
        CREATE TRIGGER changed AFTER UPDATE ON lanes BEGIN INSERT INTO ledger VALUES ('x'); END;";
    raw.execute_batch(triggers).unwrap();
    let writes = || raw.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap();
    for (n, second, noted, count) in [(1, 1, 1, 1), (2, 30, 1, 1), (3, 61, 61, 2), (4, 62, 61, 2)] {
        let to = format!("62811{n:06}");
        record(&*store, with_terms(n, 0, &to, Terms::default())).await;
        judged(&*store, second, 9, &holds(Reason::Quiet)).await;
        let known = store.lane("jakarta").await.unwrap().asked_at;
        assert_eq!((known, writes()), (Some(at(noted)), count), "at {second}");
    }
    record(&*store, with_terms(5, 0, ANN, Terms::default())).await;
    assert_eq!(numbers(&claim(&*store, 200, 9).await), [5]);
    assert_eq!(writes(), 2, "it made nobody wait");
    ask_all(&*store, 50, &holds(Reason::Quiet)).await;
    assert_eq!(store.lane("jakarta").await.unwrap().asked_at, Some(at(50)), "all by this clock");
}

pub(super) async fn whoever_waits_for_a_gap_is_looked_at_again_and_a_retry_is_not(place: &Place) {
    let store = place.open();
    record(&*store, with_terms(1, 0, BEN, Terms::default())).await;
    let mut taken = claim(&*store, 0, 9).await;
    let taken = taken.remove(0);
    let ended = ended(&taken.message, State::Waiting);
    let settlement = Settlement { due_at: Some(at(900)), ..ended };
    assert!(store.settle(taken.lease, settlement).await.unwrap());
    record(&*store, with_terms(2, 0, ANN, Terms::default())).await;
    let waits = told(|_: &Case<'_>| Ruling::Wait { until: at(1000) });
    assert_eq!(numbers(&judged(&*store, 1, 9, &waits).await.taken), [0; 0]);
    let waiting = all(&*store).await.remove(1);
    assert_eq!((waiting.due_at, waiting.reason), (at(1000), Some(Reason::Paced)));
    assert!(waiting.detail.is_some_and(|detail| detail.contains("`gap`")));
    assert_eq!(ask_again(&*store, 2).await, 1);
    assert_eq!(numbers(&claim(&*store, 2, 9).await), [2]);
    assert_eq!(numbers(&claim(&*store, 900, 9).await), [1]);
}

pub(super) async fn a_lane_that_goes_before_its_time_ages_its_messages_from_then_on(place: &Place) {
    let store = place.open();
    for (n, to) in [(1, ANN), (2, BEN)] {
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
    }
    let closes = told(|_: &Case<'_>| Ruling::Close { until: at(1000) });
    assert_eq!(judged(&*store, 10, 9, &closes).await.closed_until, Some(at(1000)));
    let goes = told(|_: &Case<'_>| Ruling::Go);
    assert_eq!(numbers(&judged(&*store, 30, 1, &goes).await.taken), [1]);
    assert_eq!(numbers(&judged(&*store, 70, 1, &goes).await.taken), [2]);
    let ages: Vec<_> = goes.today.lock().unwrap().iter().map(|(.., age)| age.as_secs()).collect();
    assert_eq!(ages, [10, 50], "20 s of them it was held");
}

pub(super) async fn who_comes_back_ages_from_then_on_and_who_is_due_anyway_keeps_its_time(
    place: &Place,
) {
    let store = place.open();
    many_held(&*store, 1, Reason::Quiet).await;
    ask_again(&*store, 1001).await;
    assert_eq!(all(&*store).await[0].due_at, at(1000));
    ask_again(&*store, 600).await;
    let goes = told(|_: &Case<'_>| Ruling::Go);
    assert_eq!(numbers(&judged(&*store, 605, 9, &goes).await.taken), [1]);
    let age = goes.today.lock().unwrap()[0].2;
    assert_eq!(age, Duration::from_secs(6), "1 s before it was held, 5 s after");
}
