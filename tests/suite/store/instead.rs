//! Does what is sent instead of a message take its place in line, and nobody else's?

use std::sync::Arc;

use kabari::model::{Instead, Message, MessageId, Priority, Reason, Recipient, State, Terms};
use kabari::store::{Case, Claim, Judge, Ruling};

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
