//! What would become of a message that is not recorded, as far as it can be known beforehand?

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Message, Reason, State};
use crate::store::{Case, Contact, Judge as _, Ruling, Today};

use super::Pace;
use super::people::People;
use super::settings::LaneSettings;
use super::turn::Turn;

/// The message as it would stand after the decisions that are taken when it is its turn: skipped,
/// waiting until its `due_at`, or as it was. What a lane allows today is not asked.
#[must_use]
pub fn foresee(message: Message, people: &Arc<People>, opted_out: bool, now: Timestamp) -> Message {
    let Some(recipient) = message.recipient.as_ref().filter(|_| message.state == State::Waiting)
    else {
        return message;
    };
    let later = message.terms.not_before.filter(|until| now < *until);
    let at = later.unwrap_or(now);
    let case = Case {
        now: at,
        recipient,
        terms: &message.terms,
        created_at: at,
        age: Duration::ZERO,
        attempts: 0,
        rule: &message.origin.rule,
        contact: Contact { reached: true, ..Contact::default() },
        opted_out,
        today: Today::default(),
    };
    let lane = LaneSettings { pace: Some(Pace::OFF), ..LaneSettings::default() };
    let stands = |state, reason, detail, due_at| Message {
        state,
        reason: Some(reason),
        detail: Some(detail),
        due_at,
        ..message.clone()
    };
    match Turn::of(&lane, Arc::clone(people), at, at).ruling(&case) {
        Ruling::Skip { reason, detail } => stands(State::Skipped, reason, detail, at),
        Ruling::Fail { reason, detail } => stands(State::Failed, reason, detail, at),
        Ruling::Hold { until, reason, detail } => stands(State::Waiting, reason, detail, until),
        Ruling::Go | Ruling::Wait { .. } | Ruling::Close { .. } => match later {
            Some(until) => {
                let detail = "its rule's `delay_until` says so".to_owned();
                stands(State::Waiting, Reason::Later, detail, until)
            }
            None => message,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::model::{Content, Event, EventId, Hours, Origin, Otherwise, Recipient, Terms};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// On a Friday, noon in UTC.
    fn seen(terms: Terms, people: People, opted_out: bool) -> Message {
        let now = at("2026-11-20T12:00:00Z");
        let event = Event::new(EventId(uuid::Uuid::nil()), "shop", "order", now, "{}");
        let origin = Origin { rule: "order".to_owned(), send: 0, element: 0 };
        let anna = Recipient::person("6281111111111").unwrap();
        let made = Message::waiting(&event, origin, "bali", anna, Content::text("hi"));
        foresee(Message { terms, ..made }, &Arc::new(people), opted_out, now)
    }

    #[test]
    fn who_opted_out_or_is_not_on_a_list_would_be_skipped() {
        let goes = seen(Terms::default(), People::default(), false);
        assert_eq!((goes.state, goes.reason), (State::Waiting, None));
        let strangers = People { allow: Some(BTreeSet::new()), ..People::default() };
        for (people, opted_out) in [(People::default(), true), (strangers, false)] {
            let told = seen(Terms::default(), people, opted_out);
            assert_eq!((told.state, told.reason), (State::Skipped, Some(Reason::OptedOut)));
        }
        // It would be made now: it is none of those that are kept for a start without `--only-to`.
        let tried_out = People { only_to: Some(BTreeSet::new()), ..People::default() };
        let told = seen(Terms::default(), tried_out, false);
        assert_eq!((told.state, told.reason), (State::Skipped, Some(Reason::TestMode)));
    }

    #[test]
    fn what_is_put_off_is_asked_for_its_hours_at_that_time() {
        let hours = Hours {
            days: 0b001_1111,
            from: 8 * 60,
            to: 20 * 60,
            zone: "UTC".to_owned(),
            holidays: None,
            otherwise: Otherwise::Wait,
        };
        for (not_before, due, reason) in [
            (None, "2026-11-20T12:00:00Z", None),
            (Some("2026-11-20T15:00:00Z"), "2026-11-20T15:00:00Z", Some(Reason::Later)),
            (Some("2026-11-21T15:00:00Z"), "2026-11-23T08:00:00Z", Some(Reason::Quiet)),
            (Some("9999-12-30T22:00:00Z"), "9999-12-30T22:00:00Z", None),
        ] {
            let not_before = not_before.map(at);
            let terms = Terms { hours: Some(hours.clone()), not_before, ..Terms::default() };
            let told = seen(terms, People::default(), false);
            if let Some(reason) = reason {
                assert_eq!((told.due_at, told.reason), (at(due), Some(reason)));
            } else {
                assert!(at(due) <= told.due_at, "{told:?}");
            }
        }
    }
}
