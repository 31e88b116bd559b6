//! What if the clock is changed to summer or to winter time? `hours` are what the clock on the wall shows
//! in their zone; what is said here is what it shows in Jakarta, where it is never changed.

use kabari::model::Reason;

use super::{ANNA, BUDI, STAFF, Story, to};

fn rule(hours: &str) -> String {
    format!(
        "    hours: {{ {hours}, timezone: Europe/Berlin }}\n    \
         send: {{ number: \"{{{{ event.to }}}}\", message: \"{{{{ event.text }}}}\" }}\n"
    )
}

fn asked(hours: &str, begins: &'static str, events: &[(u64, &str)]) -> Vec<String> {
    let words = rule(hours);
    let story = Story { rule: &words, begins, hours: 48, ..Story::default() };
    let people = [ANNA, BUDI, STAFF];
    let events: Vec<(u64, String)> =
        events.iter().zip(people).map(|((at, text), who)| (*at, to(who, text))).collect();
    story.with(&events).asked
}

const DAY: &str = "from: \"08:00\", to: \"20:00\"";
const NIGHT: &str = "from: \"02:30\", to: \"20:00\"";

#[test]
fn what_waits_over_the_night_of_the_change_goes_when_the_wall_shows_the_morning() {
    // In the evening in Berlin, half an hour after they have closed, and just before they open.
    let autumn = asked(DAY, "2026-10-25T01:30:00", &[(0, "winter"), (12 * 3600 + 1799, "too")]);
    assert_eq!(autumn, ["Sun 14:00:00 1111 winter", "Sun 14:00:00 2222 too"]);
    let spring = asked(DAY, "2027-03-28T02:30:00", &[(0, "summer"), (10 * 3600 + 1799, "too")]);
    assert_eq!(spring, ["Sun 13:00:00 1111 summer", "Sun 13:00:00 2222 too"]);
}

#[test]
fn hours_that_begin_in_the_hour_that_comes_twice_begin_with_the_first_and_go_on() {
    let events = [(0, "at midnight"), (3 * 3600 + 600, "02:10 again"), (21 * 3600, "20:00")];
    let told = asked(NIGHT, "2026-10-25T05:00:00", &events);
    assert_eq!(
        told,
        [
            "Sun 07:30:00 1111 at midnight",
            "Sun 08:10:00 2222 02:10 again",
            // They have closed, at eight by winter time.
            "Mon 08:30:00 9999 20:00",
        ]
    );
}

#[test]
fn hours_that_begin_in_the_hour_that_does_not_come_begin_as_much_later() {
    let events = [(0, "at midnight"), (2 * 3600 + 600, "03:10"), (19 * 3600, "20:00")];
    let told = asked(NIGHT, "2027-03-28T06:00:00", &events);
    assert_eq!(
        told,
        [
            "Sun 08:30:00 1111 at midnight",
            "Sun 08:30:00 2222 03:10",
            // They have closed, at eight by summer time.
            "Mon 07:30:00 9999 20:00",
        ]
    );
}

#[test]
fn what_comes_outside_and_is_to_be_skipped_is_skipped_by_the_clock_of_that_day() {
    let words = rule(&format!("{DAY}, else: skip"));
    // A second before eight in Berlin, by winter time; the next day there is summer time.
    let story = Story { rule: &words, begins: "2027-03-27T13:59:59", ..Story::default() };
    let day = 24 * 3600;
    let told = story.with(&[
        (0, to(ANNA, "a second too early")),
        (1, to(ANNA, "at eight")),
        (day - 3600, to(ANNA, "a second too early in summer")),
        (day - 3599, to(ANNA, "at eight in summer")),
    ]);
    assert_eq!(told.asked, ["Sat 14:00:00 1111 at eight", "Sun 13:00:00 1111 at eight in summer"]);
    let skipped: Vec<_> = told.messages.iter().map(|message| message.reason).collect();
    assert_eq!(skipped, [Some(Reason::Quiet), None, Some(Reason::Quiet), None]);
}
