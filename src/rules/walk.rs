//! Where does a path lead in an event, and do several paths agree on the way?
//!
//! The semantics are those of EventBridge. The joined path decides: `{"a.b": 1}` and
//! `{"a": {"b": 1}}` both have `a.b`. Of a list, any element may answer, but paths that go through
//! the same list must find their answers in the same element. `exists: false` holds where nothing
//! is found in the elements that the other paths chose; alone, where nothing is found in any.

use std::sync::Arc;

use super::test::Test;
use crate::expr::{Node, Value};

/// The alternatives of one path. One of them has to hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// The joined path.
    pub(super) path: Arc<str>,
    pub(super) tests: Arc<[Test]>,
}

impl Wanted {
    /// Whether it is content when nothing is there.
    pub(super) fn takes_nothing(&self) -> bool {
        self.tests.contains(&Test::Missing)
    }
}

/// A path on its way: what is wanted at its end, and what of it is still to go.
#[derive(Clone, Copy)]
struct Walker<'p> {
    wanted: &'p Wanted,
    rest: &'p str,
}

/// How a value answers a group of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Not.
    No,
    /// There is nothing, and nothing is what they want.
    Nothing,
    /// They are content, at least one of them with a value.
    Yes,
}

/// Whether the body has all that is wanted.
pub(super) fn holds(body: Node<'_>, all: &[Wanted]) -> bool {
    if all.is_empty() {
        return true;
    }
    let group: Vec<Walker<'_>> =
        all.iter().map(|wanted| Walker { wanted, rest: &wanted.path }).collect();
    answer(body, &group) != Answer::No
}

/// Calls `see` with every value at `path`, lists opened.
pub(super) fn values<'b>(body: Node<'b>, path: &str, see: &mut impl FnMut(Node<'b>)) {
    if body.value() == Value::List {
        for element in body.elements() {
            values(element, path, see);
        }
    } else if path.is_empty() {
        see(body);
    } else {
        routes(body, path, &mut |child, rest| values(child, rest, see));
    }
}

fn answer(node: Node<'_>, group: &[Walker<'_>]) -> Answer {
    match node.value() {
        Value::List => of_list(node, group),
        value => {
            let (arrived, further): (Vec<Walker<'_>>, Vec<Walker<'_>>) =
                group.iter().partition(|walker| walker.rest.is_empty());
            let mut content =
                arrived.iter().all(|it| it.wanted.tests.iter().any(|test| test.holds(&value)));
            let mut found = !arrived.is_empty();
            if content && !further.is_empty() {
                let rest =
                    if value == Value::Map { of_map(node, &further) } else { of_nothing(&further) };
                content = rest != Answer::No;
                found |= rest == Answer::Yes;
            }
            both(content, found)
        }
    }
}

fn both(content: bool, found: bool) -> Answer {
    match (content, found) {
        (false, _) => Answer::No,
        (true, false) => Answer::Nothing,
        (true, true) => Answer::Yes,
    }
}

fn of_nothing(group: &[Walker<'_>]) -> Answer {
    both(group.iter().all(|walker| walker.wanted.takes_nothing()), false)
}

fn of_list(node: Node<'_>, group: &[Walker<'_>]) -> Answer {
    let mut nothing_at_all = of_nothing(group) != Answer::No;
    for element in node.elements() {
        match answer(element, group) {
            Answer::Yes => return Answer::Yes,
            Answer::Nothing => {}
            Answer::No => nothing_at_all = false,
        }
    }
    both(nothing_at_all, false)
}

/// The paths that enter the same member go on together; each group answers for itself.
fn of_map(node: Node<'_>, group: &[Walker<'_>]) -> Answer {
    let mut waiting = group.to_vec();
    let mut found = false;
    while let Some(first) = waiting.first().copied() {
        let mut doors = Vec::new();
        routes(node, first.rest, &mut |child, rest| {
            doors.push((child, rest));
        });
        match doors.as_slice() {
            [] => {
                if !first.wanted.takes_nothing() {
                    return Answer::No;
                }
                waiting.remove(0);
            }
            [(child, rest)] => {
                let behind = rest.len() + usize::from(!rest.is_empty());
                let name = &first.rest[..first.rest.len() - behind];
                let mut together = Vec::new();
                waiting.retain(|walker| match after(walker.rest, name) {
                    Some(rest) if only_door(node, walker.rest) => {
                        together.push(Walker { rest, ..*walker });
                        false
                    }
                    _ => true,
                });
                match answer(*child, &together) {
                    Answer::No => return Answer::No,
                    Answer::Nothing => {}
                    Answer::Yes => found = true,
                }
            }
            // `{"a": {"b": 1}, "a.b": 2}` has two values at `a.b`; any of them may answer.
            several => {
                let answers =
                    several.iter().map(|(child, rest)| answer(*child, &[Walker { rest, ..first }]));
                let answers: Vec<Answer> = answers.collect();
                if answers.contains(&Answer::Yes) {
                    found = true;
                } else if answers.contains(&Answer::No) {
                    return Answer::No;
                }
                waiting.remove(0);
            }
        }
    }
    both(true, found)
}

fn only_door(node: Node<'_>, path: &str) -> bool {
    let mut doors = 0;
    routes(node, path, &mut |_, _| doors += 1);
    doors == 1
}

/// Calls `enter` with each member whose name begins `path`, and with what of the path is left.
fn routes<'b, 'p>(node: Node<'b>, path: &'p str, enter: &mut impl FnMut(Node<'b>, &'p str)) {
    let mut seen: Vec<usize> = Vec::new();
    // From the end: of two members of one name, the last counts.
    for (name, child) in node.entries().rev() {
        if let Some(rest) = after(path, name)
            && !seen.contains(&name.len())
        {
            seen.push(name.len());
            enter(child, rest);
        }
    }
}

/// What is left of `path` behind the member `name`.
fn after<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}
