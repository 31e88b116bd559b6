//! Does what is sent instead of a message take its place in line, and nobody else's?

use std::sync::Arc;

use kabari::model::{
    Content, Group, Instead, Message, MessageId, Priority, Reason, Recipient, State, Terms,
};
use kabari::store::{Case, Claim, GatheredTo, Gathering, Judge, Outcome, Ruling, Store};

use super::terms::{judged, record, told, with_terms};
use super::{ANN, BEN, Place, all, at, claim, message, numbers, settle};

fn in_stead_of(n: u128, to: &str) -> Terms {
    let message = message(n, to);
    let instead = Instead {
        id: MessageId::derive(message.event, "paid", Instead::SEND, 0, to),
        send: Instead::SEND,
        instance: message.instance,
        recipient: Recipient::person(to).unwrap(),
        content: message.content.unwrap(),
    };
    Terms { or: vec![instead], ..Terms::default() }
}

fn fail() -> Ruling {
    Ruling::Fail { reason: Reason::Recipient, detail: "not there".to_owned() }
}

pub(super) async fn what_replaces_a_message_stands_behind_those_who_waited(place: &Place) {
    let store = place.open();
    record(&*store, with_terms(1, 0, ANN, in_stead_of(1, ANN))).await;
    record(&*store, with_terms(2, 0, ANN, Terms::default())).await;
    let first = message(1, ANN).id;
    let asked = Arc::clone(&store);
    let is_first = move |case: &Case<'_>| !case.terms.or.is_empty();
    let judge = told(move |case| if is_first(case) { fail() } else { Ruling::Go });
    let claims = judged(&*asked, 0, 9, &judge).await;
    assert_eq!(numbers(&claims.taken), [2], "who waited goes first");
    assert_eq!(store.message(first).await.unwrap().unwrap().0.state, State::Failed);
    let second = claims.taken.into_iter().next().unwrap();
    settle(&*store, second, State::Sent).await;
    let taken = claim(&*store, 1, 9).await;
    assert_eq!(numbers(&taken), [1]);
    assert_ne!(taken[0].message.id, first, "what is sent instead");
}

pub(super) async fn who_lost_the_place_in_line_while_others_were_decided_is_not_taken(
    place: &Place,
) {
    let rulings = [
        Ruling::Go,
        Ruling::Skip { reason: Reason::OptedOut, detail: "why".to_owned() },
        Ruling::Hold { until: at(50), reason: Reason::Quiet, detail: "why".to_owned() },
    ];
    for (number, ruling) in (0..).zip(rulings) {
        for is_followed in [false, true] {
            let base = number * 100 + u128::from(is_followed) * 50;
            one_takes_the_place_of_another(place, base, &ruling, is_followed).await;
        }
    }
}

/// The first one fails, and what is sent in its stead goes before somebody whose turn it is too.
async fn one_takes_the_place_of_another(
    place: &Place,
    base: u128,
    ruling: &Ruling,
    is_followed: bool,
) {
    let store = place.open();
    let low = || Terms { priority: Priority::Low, ..Terms::default() };
    record(&*store, with_terms(base + 1, 0, ANN, in_stead_of(base + 1, BEN))).await;
    record(&*store, with_terms(base + 2, 0, BEN, low())).await;
    if is_followed {
        record(&*store, with_terms(base + 3, 0, BEN, low())).await;
    }
    let ruling = ruling.clone();
    let judge = told(move |case| match (case.recipient.expose(), case.terms.priority) {
        (ANN, _) => fail(),
        (_, Priority::Low) => ruling.clone(),
        _ => Ruling::Go,
    });
    let judge: Arc<dyn Judge> = judge;
    let both = Claim { judge, ..Claim::new("jakarta", 2, at(0)) };
    let taken = store.claim(both).await.unwrap().taken;
    assert_eq!(numbers(&taken), [base + 1], "what is sent instead, and nothing beside it");
    for claimed in taken {
        assert!(settle(&*store, claimed, State::Sent).await);
    }
    let mut left: Vec<u128> = Vec::new();
    for second in 100..110 {
        for claimed in claim(&*store, second, 1).await {
            left.push(claimed.message.event.0.as_u128() - base);
            assert!(settle(&*store, claimed, State::Sent).await);
        }
    }
    assert!(left.is_sorted(), "{left:?}");
    let waiting = |message: &Message| message.state == State::Waiting;
    assert!(!all(&*store).await.iter().any(waiting), "nothing is stuck");
}

/// A group of one event, whose message is due at 60 and cannot be made.
async fn a_broken_group(store: &dyn Store) -> (Gathering, Outcome) {
    let (key, template) = ("k".into(), "{}".into());
    let group = Group { key, wait_s: 60, interval_s: 0, max: 9, template };
    let terms = Terms { group: Some(group), ..in_stead_of(1, BEN) };
    record(store, with_terms(1, 0, ANN, terms)).await;
    let due = store.gatherings(at(60), GatheredTo::default(), 9).await.unwrap().remove(0);
    (due, Outcome::Unmade { reason: Reason::Render, detail: "why".into() })
}

pub(super) async fn what_is_sent_instead_of_a_group_was_promised_with_it_and_is_fresh(
    place: &Place,
) {
    let store = place.open();
    let (due, unmade) = a_broken_group(&*store).await;
    let words = Content::text("of all events".to_owned());
    let or = in_stead_of(1, BEN).or.into_iter().map(|it| Instead { content: words.clone(), ..it });
    let or = Some(or.collect());
    assert!(store.close_gathering(&due, unmade, or, at(60)).await.unwrap());
    let instead = claim(&*store, 70, 9).await.remove(0);
    assert_eq!(instead.message.content, Some(words));
    assert_eq!(instead.message.created_at, at(0), "before whoever tries things out began to");
    assert_eq!(instead.age.as_secs(), 10);
}

pub(super) async fn a_group_fails_also_if_nobody_can_read_what_is_sent_instead(place: &Place) {
    let store = place.open();
    let (due, unmade) = a_broken_group(&*store).await;
    let raw = rusqlite::Connection::open(place.file()).unwrap();
    raw.execute("UPDATE messages SET terms = substr(terms, 1, 30)", []).unwrap();
    let or = Some(in_stead_of(1, BEN).or);
    assert!(store.close_gathering(&due, unmade, or, at(60)).await.unwrap());
    let state = raw.query_row("SELECT state FROM messages", [], |row| row.get::<_, String>(0));
    assert_eq!(state.unwrap(), "failed");
    assert_eq!(store.next_gathering().await.unwrap(), None);
}
