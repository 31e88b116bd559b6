//! `warm_up`: does a new account do a little more from step to step, and no more than that?

use kabari::model::State;

use super::{ANNA, Story, to};

/// Whoever is not known yet goes first, and leaves what remains of the day to the others.
const RULES: &str = "    match: { text: first }
    priority: high
    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }
  - name: again
    source: shop
    match: { text: again }
    send: { number: \"{{ event.to }}\", message: \"{{ event.text }}\" }
";

/// The weekdays, each with what Wachat was asked on it, and for how many people for the first time.
fn days(asked: &[String]) -> Vec<(&str, usize, usize)> {
    let mut days: Vec<(&str, usize, usize)> = Vec::new();
    for line in asked {
        let day = &line[..3];
        if days.last().is_none_or(|last| last.0 != day) {
            days.push((day, 0, 0));
            let again = days.len() == 1 || line[4..].starts_with("00:00:00 ");
            assert!(again, "it goes on at midnight: {line}");
        }
        let today = days.last_mut().unwrap();
        today.1 += 1;
        today.2 += usize::from(line.ends_with(" first"));
    }
    days
}

#[test]
fn a_new_account_does_more_from_step_to_step_until_it_may_do_what_is_written() {
    let lane = "{ pace: 10/s, jitter: 0s, gap: 0s, warm_up: 2026-11-19, caps: { day: 230, \
                first_contacts: 18 } }";
    let begins = "2026-11-19T09:00:00";
    let story = Story { rule: RULES, lane, begins, hours: 24 * 11 + 8, ..Story::default() };
    // More than there is room for, all of it on the first day.
    let stranger = |n: usize| to(&format!("62820000{n:04}"), "first");
    let mut events = vec![(0, to(ANNA, "first"))];
    events.extend((0..150).map(|n| (1, stranger(n))));
    events.extend((0..1200).map(|_| (2, to(ANNA, "again"))));
    let told = story.with(&events);
    assert_eq!(
        days(&told.asked),
        [
            // Three days.
            ("Thu", 20, 5),
            ("Fri", 20, 5),
            ("Sat", 20, 5),
            // Until a week is over.
            ("Sun", 50, 10),
            ("Mon", 50, 10),
            ("Tue", 50, 10),
            ("Wed", 50, 10),
            // Until eleven days are.
            ("Thu", 200, 15),
            ("Fri", 200, 15),
            ("Sat", 200, 15),
            ("Sun", 200, 15),
            // As the file says.
            ("Mon", 230, 18),
        ]
    );
    let waiting = told.messages.iter().filter(|it| it.state == State::Waiting).count();
    assert_eq!(told.asked.len() + waiting, events.len(), "the rest waits for the next day");
}
