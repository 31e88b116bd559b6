//! `hours`, `expires`, `priority` and `delay_until`: does a message go when its rule says?

use kabari::model::{Reason, State};

use super::{ANNA, BUDI, STAFF, Story, to};
use crate::support::world::Behave;

const SEND: &str = "    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }\n";

fn rule(words: &str) -> String {
    format!("{words}{SEND}")
}

#[test]
fn outside_of_its_hours_a_message_waits_for_the_next_morning_that_is_no_holiday() {
    let words = rule(
        "    hours: { days: mon-fri, from: \"08:00\", to: \"17:00\", holidays: closed.txt, else: wait }\n",
    );
    let files = [("closed.txt", "2026-11-20 a Friday\n2026-11-24 a Tuesday\n")];
    // A Thursday, one minute before they close.
    let begins = "2026-11-19T16:59:00";
    let story = Story { rule: &words, files: &files, begins, hours: 24 * 7, ..Story::default() };
    let day = 24 * 3600;
    let told = story.with(&[
        (0, to(ANNA, "in time")),
        (59, to(ANNA, "just in time")),
        (60, to(ANNA, "too late")),
        (day - 3600, to(BUDI, "on a holiday")),
        (5 * day, to(BUDI, "the minute before they close")),
    ]);
    assert_eq!(
        told.asked,
        [
            "Thu 16:59:00 1111 in time",
            "Thu 16:59:59 1111 just in time",
            "Mon 08:00:00 1111 too late",
            "Mon 08:00:00 2222 on a holiday",
            "Wed 08:00:00 2222 the minute before they close",
        ]
    );
}

#[test]
fn hours_are_those_of_their_own_zone_and_what_comes_outside_can_be_skipped() {
    let words = rule(
        "    hours: { from: \"08:00\", to: \"20:00\", timezone: Europe/Berlin, else: skip }\n",
    );
    // In Berlin it is five hours earlier until the night to Sunday, and then six.
    let story =
        Story { rule: &words, begins: "2026-10-24T12:59:59", hours: 48, ..Story::default() };
    let day = 24 * 3600;
    let told = story.with(&[
        (0, to(ANNA, "a second too early")),
        (1, to(ANNA, "at eight")),
        (day + 1, to(ANNA, "an hour too early in winter")),
        (day + 3601, to(ANNA, "at eight in winter")),
    ]);
    assert_eq!(told.asked, ["Sat 13:00:00 1111 at eight", "Sun 14:00:00 1111 at eight in winter"]);
    let skipped: Vec<_> = told.messages.iter().map(|message| message.reason).collect();
    assert_eq!(skipped, [Some(Reason::Quiet), None, Some(Reason::Quiet), None]);
}

#[test]
fn what_waited_for_the_morning_leaves_in_order_and_at_pace() {
    let words = rule("    hours: { from: \"08:00\", to: \"17:00\" }\n    expires: 1h\n");
    let lane = "{ pace: 1/min, burst: 2, jitter: 0s, gap: 0s, caps: { first_contacts: off } }";
    let story = Story { rule: &words, lane, ..Story::default() };
    let people: Vec<(u64, String)> =
        (0..6).map(|n| (n, to(&format!("628100000000{n}"), &format!("#{n}")))).collect();
    let told = story.with(&people);
    // The clock of `expires` stands still while hours and pace hold them.
    assert_eq!(
        told.asked,
        [
            "Fri 08:00:00 0000 #0",
            "Fri 08:00:00 0001 #1",
            "Fri 08:01:00 0002 #2",
            "Fri 08:02:00 0003 #3",
            "Fri 08:03:00 0004 #4",
            "Fri 08:04:00 0005 #5",
        ]
    );
}

#[test]
fn what_is_of_no_use_any_more_is_skipped_when_it_was_not_kabari_that_held_it() {
    let words = rule("    expires: 10m\n");
    let wachat = |world: &crate::support::world::World| {
        world.number(ANNA, Behave::answer(500, "media upload failed on all hosts"));
    };
    let story = Story { rule: &words, wachat, ..Story::default() };
    let told = story.with(&[(0, to(ANNA, "stale")), (1, to(BUDI, "fresh"))]);
    let stale = &told.messages[0];
    assert_eq!((stale.state, stale.reason), (State::Skipped, Some(Reason::Expired)));
    let tried: Vec<&String> = told.asked.iter().filter(|line| line.contains("stale")).collect();
    assert!((3..30).contains(&tried.len()), "{tried:?}");
    assert!(tried.last().unwrap().as_str() < "Thu 18:10:00", "{tried:?}");
    assert_eq!(told.messages[1].state, State::Sent);
}

#[test]
fn who_has_priority_goes_first_of_those_who_wait_also_to_the_same_person() {
    // The word stands in the rule: two files would be two rules.
    let high = "    match: { text: [{ prefix: \"high\" }] }\n    priority: high\n";
    let more = format!("  - name: high\n    source: shop\n{high}{SEND}");
    let low = "    match: { text: [{ prefix: \"low\" }] }\n    priority: low\n";
    let words = format!("{low}{SEND}{more}");
    let lane = "{ pace: 1/min, burst: 1, jitter: 0s, gap: 0s, caps: { first_contacts: off } }";
    let story = Story { rule: &words, lane, ..Story::default() };
    let told = story.with(&[
        (0, to(STAFF, "low and alone")),
        (1, to(ANNA, "low to Anna")),
        (2, to(BUDI, "low to Budi")),
        (3, to(BUDI, "high to Budi")),
        (4, to(ANNA, "high to Anna")),
    ]);
    assert_eq!(
        told.asked,
        [
            "Thu 18:00:00 9999 low and alone",
            "Thu 18:01:00 2222 high to Budi",
            "Thu 18:02:00 1111 high to Anna",
            "Thu 18:03:00 1111 low to Anna",
            "Thu 18:04:00 2222 low to Budi",
        ]
    );
}

#[test]
fn a_lane_says_when_it_closes_for_the_day_and_when_it_opens_again() {
    let lane = "{ pace: 60/min, jitter: 0s, gap: 0s, caps: { day: 2, first_contacts: off } }";
    let story = Story { rule: SEND, lane, asks: &[1, 5, 7], hours: 24, ..Story::default() };
    let told = story.with(&[(0, to(ANNA, "a")), (1, to(ANNA, "b")), (2, to(ANNA, "c"))]);
    assert_eq!(told.asked, ["Thu 18:00:00 1111 a", "Thu 18:00:01 1111 b", "Fri 00:00:00 1111 c"]);
    assert_eq!(
        told.said,
        [
            "Thu 18:00:02 lane free is closed until 2026-11-19T17:00:00Z: the day's messages are \
             used up (`caps.day`)",
            "Fri 00:00:00 lane free is open again; until now: the day's messages are used up \
             (`caps.day`)",
        ]
    );
    for (hour, closed) in told.waits.iter().zip([true, true, false]) {
        assert_eq!(hour.iter().any(|wait| wait.whole), closed, "{hour:?}");
    }
}

#[test]
fn strangers_beyond_the_day_s_and_what_waits_for_its_hours_are_told_of_once() {
    let words = rule("    hours: { from: \"08:00\", to: \"20:00\" }\n");
    let lane = "{ pace: 60/min, jitter: 0s, gap: 0s, caps: { first_contacts: 1 } }";
    let begins = "2026-11-19T19:30:00";
    let asks = &[1, 5, 13];
    let story = Story { rule: &words, lane, begins, asks, hours: 24, ..Story::default() };
    let told = story.with(&[
        (0, to(ANNA, "a")),
        (1, to(BUDI, "stranger")),
        (2, to(STAFF, "another")),
        (3, to(ANNA, "b")),
        (3600, to(ANNA, "too late")),
        (3601, to(ANNA, "so is this")),
    ]);
    let strangers = "the day's first contacts are used up: a WhatsApp account that writes to too \
                     many strangers is restricted";
    let at_night = "outside the rule's `hours`";
    assert_eq!(
        told.said[..4],
        [
            format!(
                "Thu 19:30:01 some messages of lane free wait until 2026-11-19T17:00:00Z: {strangers}"
            ),
            format!(
                "Thu 20:30:00 some messages of lane free wait until 2026-11-20T01:00:00Z: {at_night}"
            ),
            format!("Fri 00:00:00 what waited in lane free goes on; until now: {strangers}"),
            format!("Fri 08:00:00 what waited in lane free goes on; until now: {at_night}"),
        ],
        "{:#?}",
        told.said
    );
    let held: Vec<usize> = told.waits.iter().map(Vec::len).collect();
    assert_eq!(held, [2, 1, 1], "{:?}", told.waits);
}

#[test]
fn what_is_delayed_goes_at_its_time_or_when_the_hours_open_after_it() {
    let words = rule(
        "    delay_until: \"{{ event.due }}\"\n    hours: { from: \"08:00\", to: \"20:00\" }\n",
    );
    let story = Story { rule: &words, begins: "2026-11-19T09:00:00", ..Story::default() };
    let due = |text: &str, due: &str| {
        serde_json::json!({"to": ANNA, "text": text, "due": due}).to_string()
    };
    let told = story.with(&[
        (0, due("in the afternoon", "2026-11-19 15:30")),
        (1, due("at night", "2026-11-20T03:00:00+07:00")),
        (2, due("after a while", "90m")),
        (3, due("in the past", "2026-11-18 12:00")),
    ]);
    assert_eq!(
        told.asked,
        [
            "Thu 09:00:03 1111 in the past",
            "Thu 10:30:02 1111 after a while",
            "Thu 15:30:00 1111 in the afternoon",
            "Fri 08:00:00 1111 at night",
        ]
    );
}
