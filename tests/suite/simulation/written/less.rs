//! `throttle`, `group` and `dedupe`: is only sent what its rule wants sent?

use kabari::model::{Reason, State};

use super::{ANNA, BUDI, Story, to};
use crate::support::world::{Behave, World};

const SEND: &str = "    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }\n";
const ALL: &str = "    send:\n      number: \"{{ event.to }}\"\n      message: |\n        \
                   {{ events | length }}:{% for one in events %} {{ one.event.text }}{% endfor %}\n";
const MINUTE: u64 = 60;

fn five_to_anna() -> Vec<(u64, String)> {
    let mut events: Vec<(u64, String)> =
        (1..=5).map(|n| (n * MINUTE, to(ANNA, &format!("#{n}")))).collect();
    events.push((6 * MINUTE, to(BUDI, "hello")));
    events
}

#[test]
fn the_rest_over_a_limit_waits_until_there_is_room_and_keeps_its_order() {
    let words = format!("    throttle: {{ limit: 2, per: 1h, rest: wait }}\n{SEND}");
    let told = Story { rule: &words, ..Story::default() }.with(&five_to_anna());
    assert_eq!(
        told.asked,
        [
            "Thu 18:01:00 1111 #1",
            "Thu 18:02:00 1111 #2",
            "Thu 18:06:00 2222 hello",
            "Thu 19:01:00 1111 #3",
            "Thu 19:02:00 1111 #4",
            "Thu 20:01:00 1111 #5",
        ]
    );
}

#[test]
fn the_rest_over_a_limit_is_skipped_and_the_next_hour_has_room_again() {
    let words = format!("    throttle: {{ limit: 2, per: 1h, rest: skip }}\n{SEND}");
    let mut events = five_to_anna();
    events.push((61 * MINUTE, to(ANNA, "later")));
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(
        told.asked,
        [
            "Thu 18:01:00 1111 #1",
            "Thu 18:02:00 1111 #2",
            "Thu 18:06:00 2222 hello",
            "Thu 19:01:00 1111 later",
        ]
    );
    let skipped = told.messages.iter().filter(|it| it.reason == Some(Reason::Throttled)).count();
    assert_eq!(skipped, 3);
}

#[test]
fn nothing_is_over_a_limit_because_the_clock_was_set_back_or_another_was_put_off() {
    let words = format!(
        "    throttle: {{ limit: 1, per: 1h, rest: skip }}\n    \
         delay_until: \"{{{{ event.until | default('0s') }}}}\"\n{SEND}"
    );
    let put_off = format!(r#"{{"to":"{ANNA}","text":"a","until":"20h"}}"#);
    let events = [
        (0, put_off),
        (60, to(ANNA, "b")),
        (120, to(ANNA, "one too many")),
        (600, to(ANNA, "c")),
        (660, to(ANNA, "another one too many")),
    ];
    let story = Story { rule: &words, sets: &[(300, -6 * 3600)], ..Story::default() };
    let told = story.with(&events);
    assert_eq!(told.asked[..2], ["Thu 18:01:00 1111 b", "Thu 12:10:00 1111 c"]);
    assert_eq!(told.asked.len(), 3, "{:?}", told.asked);
}

#[test]
fn the_rest_over_a_limit_becomes_one_message_that_tells_of_all() {
    let words = format!("    throttle: {{ limit: 2, per: 1h, rest: group }}\n{ALL}");
    let told = Story { rule: &words, ..Story::default() }.with(&five_to_anna());
    assert_eq!(
        told.asked,
        [
            "Thu 18:01:00 1111 1: #1",
            "Thu 18:02:00 1111 1: #2",
            "Thu 18:06:00 2222 1: hello",
            "Thu 19:01:00 1111 3: #3 #4 #5",
        ]
    );
}

#[test]
fn many_events_become_one_message_after_their_wait_and_later_ones_after_the_interval() {
    let words = format!("    group: {{ wait: 2m, interval: 10m, max: 3 }}\n{ALL}");
    let events = [
        (0, to(ANNA, "a")),
        (60, to(ANNA, "b")),
        // After the first group, before its interval is over.
        (180, to(ANNA, "c")),
        (600, to(ANNA, "d")),
        // A full one goes at once.
        (3600, to(BUDI, "e")),
        (3601, to(BUDI, "f")),
        (3602, to(BUDI, "g")),
    ];
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(
        told.asked,
        ["Thu 18:02:00 1111 2: a b", "Thu 18:12:00 1111 2: c d", "Thu 19:00:02 2222 3: e f g"]
    );
}

#[test]
fn a_group_whose_event_is_damaged_fails_alone() {
    let words = format!("    group: {{ wait: 2m }}\n{ALL}");
    let events = [(0, to(ANNA, "a")), (10, to(BUDI, "b")), (600, to(ANNA, "c"))];
    let harms = [(60, "UPDATE events SET content = x'01020304' WHERE seq = 1")];
    let told = Story { rule: &words, harms: &harms, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:10 2222 1: b", "Thu 18:12:00 1111 1: c"]);
    let first = &told.messages[0];
    assert_eq!((first.state, first.reason), (State::Failed, Some(Reason::Render)));
    let detail = first.detail.as_deref().unwrap();
    assert!(detail.contains("has broken content"), "{detail}");
}

#[test]
fn a_group_that_cannot_be_written_is_replaced_by_what_its_rule_says() {
    let words = "    group: { wait: 2m }\n    \
                 or: { number: \"6289999999999\", message: \"{{ events[0].event.text }} \
                 {{ event.text }}, instead\" }\n    \
                 send:\n      number: \"{{ event.to }}\"\n      message: \"{{ event.text }}\
                 {% if events | length > 1 %}{{ events[1].event.nothing.more }}{% endif %}\"\n";
    let events = [(0, to(ANNA, "a")), (10, to(ANNA, "b"))];
    let told = Story { rule: words, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:00 9999 a b, instead"]);
    let first = &told.messages[0];
    assert_eq!((first.state, first.reason), (State::Failed, Some(Reason::Render)));
    assert!(first.content.is_none(), "nothing of it could be sent");
}

#[test]
fn a_group_whose_number_is_not_there_is_replaced_by_what_tells_of_all_its_events() {
    let words = format!(
        "    group: {{ wait: 2m }}\n    or: {{ number: \"6289999999999\", message: \
         \"{{{{ events | length }}}} instead, to {{{{ event.text }}}}\" }}\n{ALL}"
    );
    let wachat =
        |world: &World| world.number(ANNA, Behave::answer(400, r#"{"error":"not registered"}"#));
    let events = [(0, to(ANNA, "a")), (10, to(ANNA, "b"))];
    let told = Story { rule: &words, wachat, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:00 1111 2: a b", "Thu 18:02:00 9999 2 instead, to b"]);
}

#[test]
fn a_group_may_look_into_a_table() {
    let words = "    group: { wait: 2m }\n    send:\n      number: \"{{ event.to }}\"\n      \
                 message: \"{{ events | length }} {{ event.text | lookup('teams.csv') }}\"\n";
    let files = [("teams.csv", "name,team\na,Alpha\nb,Beta\n")];
    let events = [(0, to(ANNA, "a")), (10, to(ANNA, "b"))];
    let told = Story { rule: words, files: &files, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:00 1111 2 Beta"]);
}

#[test]
fn in_a_group_no_key_comes_twice_and_none_that_was_in_it_comes_again() {
    let words = format!(
        "    dedupe: {{ key: \"{{{{ event.text }}}}\" }}\n    group: {{ wait: 2m }}\n{ALL}"
    );
    let texts = [(0, "a"), (10, "b"), (20, "b"), (30, "c"), (40, "a"), (600, "b"), (610, "d")];
    let events = texts.map(|(second, text)| (second, to(ANNA, text)));
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:00 1111 3: a b c", "Thu 18:12:10 1111 1: d"]);
    let doubles = told.messages.iter().filter(|it| it.reason == Some(Reason::Duplicate));
    assert_eq!(doubles.count(), 3);
}

#[test]
fn in_the_rest_over_a_limit_no_key_comes_twice_either() {
    let brakes = "    dedupe: { key: \"{{ event.text }}\" }\n    \
                  throttle: { limit: 1, per: 1h, rest: group }\n";
    let words = format!("{brakes}{ALL}");
    let texts = [(0, "a"), (60, "b"), (70, "c"), (80, "c"), (90, "a"), (8000, "c")];
    let events = texts.map(|(second, text)| (second, to(ANNA, text)));
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:00:00 1111 1: a", "Thu 19:00:00 1111 2: b c"]);
}

#[test]
fn a_limit_counts_the_messages_that_go_and_not_the_events_in_them() {
    let throttle = "    throttle: { limit: 2, per: 1h, rest: wait }\n";
    let words = format!("{throttle}    group: {{ wait: 2m, max: 5 }}\n{ALL}");
    let texts = [
        (0, "a"),
        (10, "b"),
        (20, "c"),
        (30, "d"),
        (300, "e"),
        // The third within an hour: it waits, and others join it meanwhile.
        (600, "f"),
        (700, "g"),
        (3750, "h"),
        // Full before its time, and still no third one within an hour.
        (3760, "i"),
        (3770, "j"),
        (3780, "k"),
        (3790, "l"),
    ];
    let events = texts.map(|(second, text)| (second, to(ANNA, text)));
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(
        told.asked,
        [
            "Thu 18:02:00 1111 4: a b c d",
            "Thu 18:07:00 1111 1: e",
            "Thu 19:02:00 1111 2: f g",
            "Thu 19:07:00 1111 5: h i j k l",
        ]
    );
}

#[test]
fn a_group_that_would_be_over_a_limit_is_skipped_and_no_other() {
    let throttle = "    throttle: { limit: 1, per: 1h, rest: skip }\n";
    let words = format!("{throttle}    group: {{ wait: 2m }}\n{ALL}");
    let texts = [(0, "a"), (10, "b"), (300, "c"), (3600, "d")];
    let events = texts.map(|(second, text)| (second, to(ANNA, text)));
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:02:00 1111 2: a b", "Thu 19:02:00 1111 1: d"]);
}

#[test]
fn in_a_storm_a_full_group_goes_at_once_and_the_others_one_in_each_interval() {
    let words = format!("    group: {{ wait: 1m, interval: 10m, max: 3 }}\n{ALL}");
    let events: Vec<_> = (0..9).map(|n| (n / 2 * 60 / 4, to(ANNA, &n.to_string()))).collect();
    let told = Story { rule: &words, ..Story::default() }.with(&events);
    assert_eq!(told.asked, ["Thu 18:00:15 1111 3: 0 1 2", "Thu 18:10:15 1111 6: 3 4 5 6 7 8"]);
}

#[test]
fn one_message_with_a_key_is_enough_across_events_and_days() {
    let words = format!("    dedupe: {{ key: \"{{{{ event.text }}}}\", within: 3d }}\n{SEND}");
    let day = 24 * 3600;
    let events = [
        (0, to(ANNA, "invoice 7")),
        (day, to(ANNA, "invoice 7")),
        (day, to(BUDI, "invoice 7")),
        (2 * day, to(ANNA, "invoice 8")),
        (3 * day, to(ANNA, "invoice 7")),
    ];
    let told = Story { rule: &words, hours: 24 * 4, ..Story::default() }.with(&events);
    assert_eq!(
        told.asked,
        [
            "Thu 18:00:00 1111 invoice 7",
            "Fri 18:00:00 2222 invoice 7",
            "Sat 18:00:00 1111 invoice 8",
            "Sun 18:00:00 1111 invoice 7",
        ]
    );
    let second = &told.messages[1];
    assert_eq!((second.state, second.reason), (State::Skipped, Some(Reason::Duplicate)));
}
