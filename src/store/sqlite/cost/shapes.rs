//! Which shapes can a backlog have, and who asks for it?

use jiff::Timestamp;

use super::counted::{again, at, sent, to};
use crate::model::{Group, Message, Priority, Reason, Rest, Terms, Throttle};
use crate::store::{Case, Claimed, Ended, Judge, Ruling};

/// What is asked for at once, as by a lane with so many under way.
pub(super) const AT_ONCE: usize = 16;
/// So many turns.
const TURNS: usize = 20;
/// So many where each turn looks at as many as it may.
const LONG_TURNS: usize = 3;

/// A shape of a backlog, and who asks for it.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) dress: fn(usize, Message) -> Message,
    pub(super) lane: &'static str,
    /// The second of the claims.
    pub(super) now: i64,
    pub(super) judge: fn(&Case<'_>) -> Ruling,
    /// Whether anything can go.
    pub(super) goes: bool,
    pub(super) turns: usize,
    /// How each attempt ends.
    pub(super) end: fn(Claimed) -> Ended,
}

pub(super) const SHAPES: &[Shape] = &[
    Shape { name: "each to a recipient of its own", ..PLAIN },
    Shape { name: "to ten recipients", dress: to_ten, ..PLAIN },
    Shape { name: "to one recipient", dress: to_one, ..PLAIN },
    Shape { name: "to ten recipients, all to be tried again", dress: to_ten, end: again, ..PLAIN },
    Shape { name: "half of them in other lanes", dress: in_lanes, ..PLAIN },
    Shape { name: "of three priorities", dress: of_three_priorities, ..PLAIN },
    Shape { name: "due by and by", dress: by_and_by, now: 1, ..PLAIN },
    Shape { name: "while the hours are closed", judge: until_morning, ..NONE },
    Shape {
        name: "to one recipient while the hours are closed",
        dress: to_one,
        judge: until_morning,
        ..NONE
    },
    Shape { name: "half of them held", dress: half_later, ..PLAIN },
    Shape {
        name: "to ten recipients, half of them held",
        dress: |n, it| to_ten(n, half_later(n / 10, it)),
        ..PLAIN
    },
    Shape {
        name: "to one recipient, half of them held",
        dress: |n, it| to_one(n, half_later(n, it)),
        ..PLAIN
    },
    Shape { name: "in the morning", goes: true, ..BACK },
    Shape {
        name: "to ten recipients in the morning",
        dress: |n, it| to_ten(n, later(n, it)),
        ..BACK
    },
    Shape {
        name: "to one recipient in the morning",
        dress: |n, it| to_one(n, later(n, it)),
        ..BACK
    },
    Shape { name: "half of them throttled", dress: throttled, ..PLAIN },
    Shape { name: "when the day's first contacts are used up", judge: tomorrow, ..NONE },
    Shape { name: "when all have expired", judge: expired, ..NONE },
    Shape { name: "when the day's cap is used up", judge: closed, ..NONE },
];

const PLAIN: Shape = Shape {
    name: "",
    dress: |_, message| message,
    lane: "lane",
    now: 0,
    judge: |_| Ruling::Go,
    goes: true,
    turns: TURNS,
    end: sent,
};

/// A turn looks at as many as it may and takes none.
const NONE: Shape = Shape { goes: false, turns: LONG_TURNS, ..PLAIN };

/// A turn brings back as many as it may; those of one recipient go when all of them are back.
const BACK: Shape = Shape { dress: later, now: MORNING, goes: false, turns: 1, ..PLAIN };

const MORNING: i64 = 50_000;

fn to_ten(n: usize, message: Message) -> Message {
    Message { recipient: Some(to(n % 10)), ..message }
}

fn to_one(_: usize, message: Message) -> Message {
    Message { recipient: Some(to(1)), ..message }
}

fn in_lanes(n: usize, message: Message) -> Message {
    let elsewhere = n % 2 == 1;
    let instance = if elsewhere { format!("lane-{:02}", n % 50) } else { message.instance };
    Message { instance, ..message }
}

pub(super) fn later(_: usize, message: Message) -> Message {
    let terms = Terms { not_before: Some(at(MORNING)), ..Terms::default() };
    Message { terms, ..message }
}

fn half_later(n: usize, message: Message) -> Message {
    if n.is_multiple_of(2) { message } else { later(n, message) }
}

fn of_three_priorities(n: usize, message: Message) -> Message {
    let terms = Terms { priority: Priority::ALL[n / 10 % 3], ..Terms::default() };
    Message { terms, ..to_ten(n, message) }
}

fn throttled(n: usize, message: Message) -> Message {
    let throttle =
        Throttle { key: "k".into(), limit: 3, per_s: 1, rest: Rest::Wait, template: String::new() };
    let message = to_ten(n / 2, message);
    if n.is_multiple_of(2) {
        return message;
    }
    Message { terms: Terms { throttle: Some(throttle), ..Terms::default() }, ..message }
}

/// How long a group waits for others, in seconds.
pub(super) const GROUPED_S: i64 = 60;

pub(super) fn in_a_group_of_its_own(n: usize, message: Message) -> Message {
    let (key, wait_s) = (n.to_string(), GROUPED_S.unsigned_abs());
    let group = Group { key, wait_s, interval_s: 0, max: 20, template: "{}".into() };
    Message { terms: Terms { group: Some(group), ..Terms::default() }, ..message }
}

fn by_and_by(n: usize, message: Message) -> Message {
    let due_at = if n.is_multiple_of(2) { at(0) } else { at(1000 + i64::try_from(n).unwrap()) };
    Message { due_at, ..message }
}

fn until_morning(_: &Case<'_>) -> Ruling {
    Ruling::Hold { until: at(MORNING), reason: Reason::Quiet, detail: String::new() }
}

fn tomorrow(_: &Case<'_>) -> Ruling {
    Ruling::Wait { until: at(MORNING) }
}

fn expired(_: &Case<'_>) -> Ruling {
    Ruling::Skip { reason: Reason::Expired, detail: String::new() }
}

fn closed(_: &Case<'_>) -> Ruling {
    Ruling::Close { until: at(MORNING) }
}

/// A lane with limits, which counts what goes on a day.
#[derive(Debug)]
pub(super) struct Rules(pub(super) fn(&Case<'_>) -> Ruling);

impl Judge for Rules {
    fn day(&self, _now: Timestamp) -> Option<i64> {
        Some(1)
    }

    fn ruling(&self, case: &Case<'_>) -> Ruling {
        self.0(case)
    }
}
