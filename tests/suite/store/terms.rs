//! What decides whether a message goes now, later or not at all?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kabari::model::{
    Dedupe, Message, MessageId, Priority, Reason, Recipient, Rest, Scope, State, Terms, Throttle,
};
use kabari::store::{Case, Claim, Claims, Judge, OptOut, Recorded, Ruling, Shut, Store, Today};

use super::{
    ANN, BEN, Place, all, at, claim, claim_one, ended, event, message, numbers, record_for, settle,
    state_of,
};

/// Decides as it is told, and notes what it was asked.
pub(super) struct Told {
    rule: Box<dyn Fn(&Case<'_>) -> Ruling + Send + Sync>,
    pub(super) today: Mutex<Vec<(Today, bool, Duration)>>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

impl Judge for Told {
    fn day(&self, now: Timestamp) -> Option<i64> {
        Some(now.as_second() / 86_400)
    }

    fn ruling(&self, case: &Case<'_>) -> Ruling {
        self.today.lock().unwrap().push((case.today, case.contact.reached, case.age));
        (self.rule)(case)
    }
}

pub(super) fn told(rule: impl Fn(&Case<'_>) -> Ruling + Send + Sync + 'static) -> Arc<Told> {
    Arc::new(Told { rule: Box::new(rule), today: Mutex::default() })
}

pub(super) async fn judged(
    store: &dyn Store,
    second: i64,
    limit: usize,
    judge: &Arc<Told>,
) -> Claims {
    let judge = Arc::clone(judge) as Arc<dyn Judge>;
    store.claim(Claim { judge, ..Claim::new("jakarta", limit, at(second)) }).await.unwrap()
}

/// Message `n`, made at this second, with these terms.
pub(super) fn with_terms(n: u128, second: i64, to: &str, terms: Terms) -> Message {
    let (created_at, due_at) = (at(second), at(second));
    Message { created_at, due_at, terms, ..message(n, to) }
}

pub(super) async fn record(store: &dyn Store, message: Message) -> usize {
    let event = event(message.event.0.as_u128());
    match store.record(event, vec![message]).await.unwrap() {
        Recorded::New { waiting } => waiting,
        Recorded::Duplicate { .. } => panic!("the event is new"),
    }
}

fn once(key: &str, within_s: u64) -> Terms {
    Terms { dedupe: Some(Dedupe { key: key.into(), within_s }), ..Terms::default() }
}

fn at_most(limit: u32, per_s: u64, rest: Rest) -> Terms {
    let (key, template) = ("all".into(), String::new());
    Terms { throttle: Some(Throttle { key, limit, per_s, rest, template }), ..Terms::default() }
}

fn of_priority(priority: Priority) -> Terms {
    Terms { priority, ..Terms::default() }
}

pub(super) async fn a_key_is_held_by_what_was_or_may_be_sent_and_by_nothing_else(place: &Place) {
    for (state, is_held) in [
        (State::Sent, true),
        (State::Waiting, true),
        (State::Uncertain, true),
        (State::Failed, false),
    ] {
        let store = Place::quick_sqlite();
        let store = store.open();
        record(&*store, with_terms(1, 0, ANN, once("a", 100))).await;
        let first = claim_one(&*store, 0).await;
        settle(&*store, first, state).await;
        assert_eq!(record(&*store, with_terms(2, 5, ANN, once("a", 100))).await == 0, is_held);
        let second = store.message(message(2, ANN).id).await.unwrap().unwrap().0;
        let expected = if is_held { State::Skipped } else { State::Waiting };
        assert_eq!(second.state, expected, "after {state:?}");
        assert_eq!(second.reason, is_held.then_some(Reason::Duplicate));
    }
    let store = place.open();
    record(&*store, with_terms(1, 0, ANN, once("a", 100))).await;
    store.move_by_hand(message(1, ANN).id, State::Cancelled, at(1)).await.unwrap();
    assert_eq!(record(&*store, with_terms(2, 5, ANN, once("a", 100))).await, 1);
    drop(store);
    let store = place.open();
    assert_eq!(record(&*store, with_terms(3, 6, ANN, once("a", 100))).await, 0, "after a restart");
}

pub(super) async fn a_key_is_of_one_rule_one_send_and_one_recipient_and_for_a_time(place: &Place) {
    let store = place.open();
    let same = || with_terms(1, 0, ANN, once("a", 100));
    assert_eq!(record(&*store, same()).await, 1);
    let mut others = [
        with_terms(2, 1, BEN, once("a", 100)),
        with_terms(3, 1, ANN, once("b", 100)),
        with_terms(4, 1, ANN, once("a", 100)),
        with_terms(5, 1, ANN, once("a", 100)),
    ];
    others[2].origin.rule = "other".into();
    others[3].origin.send = 1;
    for other in others {
        assert_eq!(record(&*store, other).await, 1);
    }
    assert_eq!(record(&*store, with_terms(6, 99, ANN, once("a", 100))).await, 0);
    assert_eq!(record(&*store, with_terms(7, 100, ANN, once("a", 100))).await, 1);
}

pub(super) async fn of_those_over_a_limit_the_rest_waits_for_its_turn(place: &Place) {
    let store = place.open();
    for n in 1..=5_u128 {
        let to = format!("62812000000{n}");
        let terms = at_most(2, 60, Rest::Wait);
        record(&*store, with_terms(n, i64::try_from(n).unwrap(), &to, terms)).await;
    }
    assert_eq!(numbers(&claim(&*store, 9, 9).await), [1, 2]);
    assert_eq!(numbers(&claim(&*store, 60, 9).await), [0; 0]);
    assert_eq!(store.lanes().await.unwrap()[0].next_due, Some(at(61)));
    assert_eq!(numbers(&claim(&*store, 61, 9).await), [3]);
    assert_eq!(numbers(&claim(&*store, 62, 9).await), [4]);
    assert_eq!(numbers(&claim(&*store, 121, 9).await), [5]);
}

pub(super) async fn of_those_over_a_limit_the_rest_is_skipped_if_its_rule_says_so(place: &Place) {
    let store = place.open();
    for (n, second, waiting) in [(1, 0, 1), (2, 30, 0), (3, 59, 0), (4, 60, 1), (5, 61, 0)] {
        let made = with_terms(n, second, ANN, at_most(1, 60, Rest::Skip));
        assert_eq!(record(&*store, made).await, waiting, "{n}");
    }
    let second = store.message(message(2, ANN).id).await.unwrap().unwrap().0;
    assert_eq!((second.state, second.reason), (State::Skipped, Some(Reason::Throttled)));
}

pub(super) async fn a_higher_priority_goes_first_also_for_one_recipient(place: &Place) {
    let store = place.open();
    for (n, to, priority) in [
        (1, ANN, Priority::Low),
        (2, ANN, Priority::Normal),
        (3, BEN, Priority::Normal),
        (4, ANN, Priority::High),
    ] {
        record(&*store, with_terms(n, 0, to, of_priority(priority))).await;
    }
    let mut order = Vec::new();
    while let Some(claimed) = claim(&*store, 9, 1).await.pop() {
        order.push(claimed.message.event.0.as_u128());
        settle(&*store, claimed, State::Sent).await;
    }
    assert_eq!(order, [4, 2, 3, 1]);
    record(&*store, with_terms(5, 0, ANN, of_priority(Priority::Low))).await;
    record(&*store, with_terms(6, 0, ANN, of_priority(Priority::Normal))).await;
    assert_eq!(numbers(&claim(&*store, 9, 1).await), [6]);
}

pub(super) async fn what_is_to_go_later_holds_up_nobody_and_then_takes_its_place(place: &Place) {
    let store = place.open();
    let later = Terms { not_before: Some(at(100)), ..Terms::default() };
    record(&*store, with_terms(1, 0, ANN, later)).await;
    for n in 2..=4 {
        record(&*store, with_terms(n, 0, ANN, Terms::default())).await;
    }
    let second = claim_one(&*store, 99).await;
    assert_eq!(second.message.event, event(2).id);
    assert_eq!(numbers(&claim(&*store, 200, 9).await), [0; 0], "never two at once");
    settle(&*store, second, State::Sent).await;
    let first = claim_one(&*store, 200).await;
    assert_eq!(first.message.event, event(1).id, "its time has come, and it is the oldest");
    settle(&*store, first, State::Sent).await;
    assert_eq!(numbers(&claim(&*store, 200, 9).await), [3]);
}

pub(super) async fn the_judge_decides_about_each_and_the_next_one_moves_up(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN, "6283333333", "6284444444", ANN]).await;
    let detail = || "why".to_owned();
    let judge = told(move |case| match case.recipient.expose() {
        ANN => Ruling::Skip { reason: Reason::OptedOut, detail: detail() },
        BEN => Ruling::Fail { reason: Reason::Recipient, detail: detail() },
        "6283333333" => Ruling::Wait { until: at(50) },
        _ => Ruling::Go,
    });
    assert_eq!(numbers(&judged(&*store, 0, 9, &judge).await.taken), [4]);
    let states: Vec<State> = all(&*store).await.iter().map(|message| message.state).collect();
    let expected = [State::Skipped, State::Failed, State::Waiting, State::Sending, State::Skipped];
    assert_eq!(states, expected);
    assert_eq!(numbers(&claim(&*store, 49, 9).await), [0; 0]);
    assert_eq!(numbers(&claim(&*store, 50, 9).await), [3]);
}

pub(super) async fn what_is_held_comes_back_in_order_however_many_there_are(place: &Place) {
    let store = place.open();
    let messages: Vec<Message> = (0..700_u32)
        .map(|element| {
            let to = format!("6281{:07}", element % 350);
            let mut made = message(1, &to);
            made.origin.element = element;
            made.id = MessageId::derive(made.event, "paid", 0, element, &to);
            made
        })
        .collect();
    store.record(event(1), messages).await.unwrap();
    let night = told(|case| {
        let (reason, detail) = (Reason::Quiet, String::new());
        if case.now < at(100) {
            Ruling::Hold { until: at(100), reason, detail }
        } else {
            Ruling::Go
        }
    });
    while judged(&*store, 1, 9, &night).await.more {}
    assert!(all(&*store).await.iter().all(|message| message.reason == Some(Reason::Quiet)));
    // One that comes in the morning and is first in the queue does not overtake those of the night.
    let newest = Message { created_at: at(100), due_at: at(50), ..message(2, "62810000349") };
    store.record(event(2), vec![newest]).await.unwrap();
    let mut last = std::collections::HashMap::new();
    let mut sent = 0;
    while sent < 701 {
        let claims = judged(&*store, 101, 50, &night).await;
        assert!(!claims.taken.is_empty() || claims.more, "after {sent}");
        for claimed in claims.taken {
            let to = claimed.message.recipient.clone().unwrap().expose().to_owned();
            let place = (claimed.message.event, claimed.message.origin.element);
            let before = last.insert(to, place);
            assert!(before < Some(place), "{before:?} {place:?}");
            settle(&*store, claimed, State::Sent).await;
            sent += 1;
        }
    }
}

pub(super) async fn a_closed_lane_gives_nothing_and_its_messages_do_not_age(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, BEN]).await;
    let judge = told(|case| match case.today.attempts {
        0 => Ruling::Go,
        _ if case.now < at(1000) => Ruling::Close { until: at(1000) },
        _ => Ruling::Go,
    });
    let claims = judged(&*store, 10, 9, &judge).await;
    assert_eq!((numbers(&claims.taken), claims.closed_until), (vec![1], Some(at(1000))));
    let claims = judged(&*store, 500, 9, &judge).await;
    assert_eq!((claims.taken.len(), claims.closed_until), (0, Some(at(1000))));
    let claimed = judged(&*store, 1005, 9, &judge).await.taken;
    assert_eq!(claimed[0].age, Duration::from_secs(15));
}

pub(super) async fn a_message_does_not_age_while_it_is_held_or_its_lane_stands_still(
    place: &Place,
) {
    let store = place.open();
    record_for(&*store, &[ANN]).await;
    let hold = told(|_| {
        let (reason, detail) = (Reason::Quiet, String::new());
        Ruling::Hold { until: at(500), reason, detail }
    });
    assert!(judged(&*store, 10, 9, &hold).await.taken.is_empty());
    // The lane's clock goes on from the release, which is when somebody claims.
    let shut = Shut { reason: Reason::ByHand, detail: String::new(), since: at(520) };
    let claimed = claim_one(&*store, 510).await;
    assert_eq!(claimed.age, Duration::from_secs(10));
    settle(&*store, claimed, State::Waiting).await;
    store.shut_lane("jakarta", Some(shut), at(520)).await.unwrap();
    // Made while the lane stands still: its clock has not begun.
    record(&*store, with_terms(7, 600, BEN, Terms::default())).await;
    store.shut_lane("jakarta", None, at(900)).await.unwrap();
    let mut claimed = claim(&*store, 907, 9).await;
    claimed.sort_by_key(|claimed| claimed.message.created_at);
    let ages: Vec<u64> = claimed.iter().map(|claimed| claimed.age.as_secs()).collect();
    assert_eq!(ages, [27, 7]);
}

pub(super) async fn the_day_s_attempts_and_first_contacts_survive_reopening(place: &Place) {
    let judge = told(|_| Ruling::Go);
    for (n, to, state) in [
        (1, ANN, State::Sent),
        (2, ANN, State::Sent),
        (3, BEN, State::Failed),
        (4, BEN, State::Sent),
        (5, BEN, State::Sent),
    ] {
        let store = place.open();
        record(&*store, with_terms(n, 0, to, Terms::default())).await;
        let claimed = judged(&*store, 1, 1, &judge).await.taken.remove(0);
        let mut settlement = ended(&claimed.message, state);
        settlement.attempt.verdict.reason = settlement.reason.map(|_| Reason::BadRequest);
        store.settle(claimed.lease, settlement).await.unwrap();
    }
    let asked = judge.today.lock().unwrap().clone();
    let counted: Vec<_> = asked
        .iter()
        .map(|(today, reached, _)| (today.attempts, today.first_contacts, *reached))
        .collect();
    // Nobody was reached by an attempt that failed.
    let expected = [(0, 0, false), (1, 1, true), (2, 1, false), (3, 2, false), (4, 3, true)];
    assert_eq!(counted, expected);
    // Another day begins with nothing.
    let store = place.open();
    record(&*store, with_terms(9, 0, ANN, Terms::default())).await;
    judged(&*store, 86_400, 1, &judge).await;
    assert_eq!(judge.today.lock().unwrap().last().unwrap().0, Today::default());
}

/// When each number that was asked of was found not to be on `WhatsApp`.
type Absences = Arc<Mutex<Vec<Option<Timestamp>>>>;

/// A judge that lets everybody wait, and what it was told of numbers that are not on `WhatsApp`.
fn asks_who_is_absent() -> (Arc<Told>, Absences) {
    let absent = Absences::default();
    let seen = Arc::clone(&absent);
    let judge = told(move |case| {
        seen.lock().unwrap().push(case.contact.absent_at);
        Ruling::Wait { until: at(50) }
    });
    (judge, absent)
}

pub(super) async fn a_number_that_is_not_on_whatsapp_is_remembered_until_a_person_tries_it_again(
    place: &Place,
) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN]).await;
    let first = claim_one(&*store, 0).await;
    settle(&*store, first, State::Failed).await;
    let (judge, absent) = asks_who_is_absent();
    judged(&*store, 2, 9, &judge).await;
    store.move_by_hand(message(1, ANN).id, State::Waiting, at(3)).await.unwrap();
    judged(&*store, 60, 9, &judge).await;
    assert_eq!(*absent.lock().unwrap(), [Some(at(1)), None]);
}

pub(super) async fn a_number_is_left_alone_for_whatever_reason_a_users_line_names(place: &Place) {
    let store = place.open();
    record_for(&*store, &[ANN, ANN]).await;
    let first = claim_one(&*store, 0).await;
    let mut settlement = ended(&first.message, State::Failed);
    let verdict = &mut settlement.attempt.verdict;
    (verdict.reason, verdict.scope) = (Some(Reason::BadRequest), Scope::Recipient);
    assert!(store.settle(first.lease, settlement).await.unwrap());
    let (judge, absent) = asks_who_is_absent();
    judged(&*store, 2, 9, &judge).await;
    assert_eq!(*absent.lock().unwrap(), [Some(at(1))]);
}

pub(super) async fn why_a_lane_stands_still_survives_reopening(place: &Place) {
    let shut = Shut { reason: Reason::Account, detail: "463".into(), since: at(3) };
    place.open().shut_lane("jakarta", Some(shut.clone()), at(3)).await.unwrap();
    let memory = place.open().lane("jakarta").await.unwrap();
    assert_eq!(memory.shut, Some(shut));
    place.open().shut_lane("jakarta", None, at(9)).await.unwrap();
    assert_eq!(place.open().lane("jakarta").await.unwrap().shut, None);
    assert_eq!(place.open().lane("bali").await.unwrap().shut, None);
}

pub(super) async fn who_opted_out_is_known_until_taken_off_the_list(place: &Place) {
    let recipient = Recipient::person(ANN).unwrap();
    let opt_out =
        OptOut { recipient: recipient.clone(), since: at(0), note: Some("asked us".into()) };
    {
        let store = place.open();
        assert!(store.opt_out(opt_out.clone()).await.unwrap());
        assert!(!store.opt_out(opt_out.clone()).await.unwrap());
    }
    let store = place.open();
    assert_eq!(store.opt_outs().await.unwrap(), [opt_out]);
    record_for(&*store, &[ANN, BEN]).await;
    let judge = told(|case| {
        let (reason, detail) = (Reason::OptedOut, String::new());
        if case.opted_out { Ruling::Skip { reason, detail } } else { Ruling::Go }
    });
    assert_eq!(numbers(&judged(&*store, 0, 9, &judge).await.taken), [2]);
    assert_eq!(state_of(&*store, 1, ANN).await, State::Skipped);
    assert!(store.opt_in(&recipient).await.unwrap());
    assert!(!store.opt_in(&recipient).await.unwrap());
    assert_eq!(store.opt_outs().await.unwrap(), []);
}
