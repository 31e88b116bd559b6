//! What if the clock is set while messages wait to be tried again, or for their time?

use super::{ANNA, BUDI, STAFF, Story, to};
use crate::support::world::{Behave, World};

const RULE: &str = "    delay_until: \"{{ event.due | default('') }}\"\n    \
                    hours: { from: \"08:00\", to: \"20:00\" }\n    \
                    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }\n";

fn story(wachat: fn(&World), begins: &'static str, sets: &'static [(u64, i64)]) -> Story<'static> {
    Story { rule: RULE, wachat, begins, sets, hours: 30, ..Story::default() }
}

/// Anna's first attempt is to be made again after five minutes.
fn anna_later(world: &World) {
    world.next_to(ANNA, 1, Behave::too_fast("300"));
}

fn events() -> [(u64, String); 3] {
    let due = |to: &str, due: &str| {
        serde_json::json!({"to": to, "text": format!("due {due}"), "due": due}).to_string()
    };
    [(0, to(ANNA, "again")), (1, due(BUDI, "2h")), (2, due(STAFF, "2026-11-19 19:30"))]
}

#[test]
fn set_back_it_makes_what_was_to_be_tried_again_wait_for_as_long_and_holds_keep_to_the_wall() {
    let told = story(anna_later, "2026-11-19T12:00:00", &[(60, -3600)]).with(&events());
    assert_eq!(
        told.asked,
        [
            "Thu 12:00:00 1111 again",
            // An hour and five minutes later: the clock shows what it showed.
            "Thu 12:05:00 1111 again",
            "Thu 14:00:01 2222 due 2h",
            "Thu 19:30:00 9999 due 2026-11-19 19:30",
        ]
    );
}

#[test]
fn set_forward_it_makes_nobody_wait_and_sends_nothing_twice_or_outside_of_its_hours() {
    let told = story(anna_later, "2026-11-19T12:00:00", &[(60, 3600)]).with(&events());
    assert_eq!(
        told.asked,
        [
            "Thu 12:00:00 1111 again",
            // The five minutes that Wachat asked for have passed all the same.
            "Thu 13:05:00 1111 again",
            "Thu 14:00:01 2222 due 2h",
            "Thu 19:30:00 9999 due 2026-11-19 19:30",
        ]
    );
}

#[test]
fn set_back_over_the_closing_time_it_lets_those_go_who_waited_and_forward_again_nothing_at_night() {
    let told = story(|_| {}, "2026-11-19T19:59:50", &[(600, -3600), (1200, 7200)]).with(&[
        (0, to(ANNA, "in time")),
        (60, to(BUDI, "too late")),
        // The wall shows a time before eight again.
        (660, to(ANNA, "in time once more")),
        (1260, to(ANNA, "too late again")),
    ]);
    assert_eq!(
        told.asked,
        [
            "Thu 19:59:50 1111 in time",
            // Now he is not.
            "Thu 19:09:50 2222 too late",
            "Thu 19:10:50 1111 in time once more",
            "Fri 08:00:00 1111 too late again",
        ]
    );
}
