//! `or`: does what is sent instead keep to what its rule says?

use kabari::model::{Reason, State};

use super::{ANNA, BUDI, STAFF, Story, to};
use crate::support::world::{Behave, World};

const OR: &str = "    or: { number: \"6289999999999\", message: \"{{ event.text }}, instead\" }\n    \
                  send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }\n";

fn rule(words: &str) -> String {
    format!("{words}{OR}")
}

/// The number is not on WhatsApp.
fn anna_is_not_there(world: &World) {
    world.number(ANNA, Behave::answer(400, r#"{"error":"number not registered"}"#));
}

#[test]
fn what_is_sent_instead_waits_for_the_hours_too() {
    let words = rule("    hours: { from: \"08:00\", to: \"20:00\" }\n");
    // Wachat speaks of the number after they have closed, and another event has nobody to go to.
    let wachat = |world: &World| {
        anna_is_not_there(world);
        world.next_to(ANNA, 1, Behave::answer(500, "media upload failed on all hosts"));
    };
    let begins = "2026-11-19T19:59:59";
    let story = Story { rule: &words, wachat, begins, ..Story::default() };
    let told = story.with(&[(0, to(ANNA, "a")), (7 * 3600, r#"{"text":"b"}"#.to_owned())]);
    assert_eq!(told.asked[..2], ["Thu 19:59:59 1111 a", "Fri 08:00:00 1111 a"], "{:?}", told.asked);
    let mut rest = told.asked[2..].to_vec();
    rest.sort();
    assert_eq!(rest, ["Fri 08:00:00 9999 a, instead", "Fri 08:00:00 9999 b, instead"]);
}

#[test]
fn what_is_sent_instead_of_what_failed_at_closing_time_waits_for_the_morning() {
    let words = rule("    hours: { from: \"08:00\", to: \"20:00\" }\n");
    let wachat = anna_is_not_there;
    let lane = "{ pace: 1/min, burst: 1, jitter: 0s, gap: 0s }";
    let begins = "2026-11-19T19:59:30";
    let story = Story { rule: &words, wachat, begins, lane, ..Story::default() };
    let told = story.with(&[(0, to(ANNA, "a"))]);
    assert_eq!(told.asked, ["Thu 19:59:30 1111 a", "Fri 08:00:00 9999 a, instead"]);
}

#[test]
fn what_is_sent_instead_is_of_no_more_use_than_its_rule_says() {
    let words = rule("    expires: 10m\n");
    let wachat = |world: &World| {
        anna_is_not_there(world);
        world.number(STAFF, Behave::answer(500, "media upload failed on all hosts"));
    };
    let story = Story { rule: &words, wachat, ..Story::default() };
    let told = story.with(&[(0, to(ANNA, "a")), (3600, r#"{"text":"b"}"#.to_owned())]);
    let instead: Vec<_> = told.messages.iter().filter(|it| it.origin.send != 0).collect();
    assert_eq!(instead.len(), 2);
    for message in instead {
        assert_eq!((message.state, message.reason), (State::Skipped, Some(Reason::Expired)));
    }
}

#[test]
fn what_is_sent_instead_has_the_priority_of_its_rule() {
    let plain = "  - name: plain\n    source: shop\n    match: { plain: [{ exists: true }] }\n    \
                 send: { number: \"{{ event.plain }}\", message: \"{{ event.text }}\" }\n";
    let words = rule("    match: { to: [{ exists: true }] }\n    priority: high\n") + plain;
    let lane = "{ pace: 1/min, burst: 1, jitter: 0s, gap: 0s, caps: { first_contacts: off } }";
    let story = Story { rule: &words, lane, wachat: anna_is_not_there, ..Story::default() };
    let told = story.with(&[
        (0, to(ANNA, "a")),
        (1, format!(r#"{{"plain":"{BUDI}","text":"plain"}}"#)),
        (2, r#"{"to":"nobody","text":"b"}"#.to_owned()),
    ]);
    assert_eq!(
        told.asked,
        [
            "Thu 18:00:00 1111 a",
            "Thu 18:01:00 9999 a, instead",
            "Thu 18:02:00 9999 b, instead",
            "Thu 18:03:00 2222 plain",
        ]
    );
}

#[test]
fn what_is_sent_instead_of_what_nobody_can_get_goes_when_that_was_to_go() {
    let words = rule("    delay_until: \"{{ event.due }}\"\n");
    let story = Story { rule: &words, wachat: anna_is_not_there, ..Story::default() };
    let told = story.with(&[
        (0, r#"{"text":"b","due":"2h"}"#.to_owned()),
        (1, format!(r#"{{"to":"{ANNA}","text":"a","due":"3h"}}"#)),
    ]);
    assert_eq!(
        told.asked,
        ["Thu 20:00:00 9999 b, instead", "Thu 21:00:01 1111 a", "Thu 21:00:01 9999 a, instead"]
    );
}
