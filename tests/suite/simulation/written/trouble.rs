//! A session that is gone, or an account that is restricted: does what waited meanwhile leave in
//! order and at pace when that is over?

use kabari::model::State;

use super::{Story, Told, to};
use crate::support::world::{Behave, World};

const RULE: &str = "    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }\n";

/// Three at a time, and then one a minute.
const LANE: &str = "{ pace: 1/min, burst: 3, jitter: 0s, gap: 0s, in_flight: 3, caps: { \
                    first_contacts: off } }";

const MINUTE: u64 = 60;

/// Three messages to each of three people, the next ones when all have theirs, so many seconds apart.
fn three_each(apart: u64) -> Vec<(u64, String)> {
    let number = |n: u64| format!("628100000000{}", n % 3);
    (0..9).map(|n| (n * apart, to(&number(n), &format!("#{}", 1 + n / 3)))).collect()
}

/// What was asked after the first `tried` attempts, and that all arrived.
fn drained(told: &Told, tried: usize) -> &[String] {
    let unsent: Vec<_> = told.messages.iter().filter(|it| it.state != State::Sent).collect();
    assert!(unsent.is_empty(), "{unsent:#?}");
    &told.asked[tried..]
}

#[test]
fn what_waited_for_a_session_leaves_at_pace_and_in_order_when_it_is_back() {
    let gone = |world: &World| {
        world.next(5, Behave::answer(400, r#"{"error":"Device is not connected"}"#));
    };
    let story = Story { rule: RULE, lane: LANE, wachat: gone, ..Story::default() };
    // They come while the lane stands still, but for the first.
    let told = story.with(&three_each(MINUTE));
    let tries: Vec<&str> = told.asked[..5].iter().map(|line| &line[..12]).collect();
    assert_eq!(
        tries,
        ["Thu 18:00:00", "Thu 18:00:30", "Thu 18:01:30", "Thu 18:03:30", "Thu 18:07:30"],
        "alone, and less and less often"
    );
    assert_eq!(
        drained(&told, 5),
        [
            // One tries the session, and the rest of the burst goes with its success.
            "Thu 18:15:30 0000 #1",
            "Thu 18:15:30 0001 #1",
            "Thu 18:15:30 0002 #1",
            "Thu 18:16:30 0000 #2",
            "Thu 18:17:30 0001 #2",
            "Thu 18:18:30 0002 #2",
            "Thu 18:19:30 0000 #3",
            "Thu 18:20:30 0001 #3",
            "Thu 18:21:30 0002 #3",
        ]
    );
}

#[test]
fn what_waited_for_a_restricted_account_leaves_at_pace_and_in_order_when_a_person_resumes_it() {
    let banned = |world: &World| {
        world.next(1, Behave::answer(500, r#"{"error":"server returned error 463"}"#));
    };
    let resumes = &[180 * MINUTE];
    let story = Story { rule: RULE, lane: LANE, wachat: banned, resumes, ..Story::default() };
    let told = story.with(&three_each(1));
    assert_eq!(told.asked[0], "Thu 18:00:00 0000 #1");
    assert_eq!(
        drained(&told, 1),
        [
            "Thu 21:00:00 0000 #1",
            "Thu 21:00:00 0001 #1",
            "Thu 21:00:00 0002 #1",
            "Thu 21:01:00 0000 #2",
            "Thu 21:02:00 0001 #2",
            "Thu 21:03:00 0002 #2",
            "Thu 21:04:00 0000 #3",
            "Thu 21:05:00 0001 #3",
            "Thu 21:06:00 0002 #3",
        ]
    );
}
